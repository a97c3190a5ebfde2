// Package platform simulates what a Kubernetes cluster does to processes: it shares the CPU of nodes, throttles,
// collects garbage, kills what takes too much memory, restarts, probes, rolls out and scales. What the processes are
// for is the business of its callers, who run CPU work and hold memory in pods and listen to the life cycle:
//
//	c := platform.NewCluster(&kernel, seed)
//	c.AddNode(platform.NodeConfig{Name: "node-1", Zone: "eu-1a", Cores: 8, Memory: 32 << 30})
//	c.Listen(platform.Listener{
//		Started: func(p *platform.Pod) { ... },                        // Make a server for the new process.
//		Killed:  func(p *platform.Pod, t platform.Termination) { ... }, // Its requests are lost.
//	})
//	w := c.AddWorkload(platform.WorkloadConfig{
//		Name: "checkout", Namespace: "shop", Replicas: 3, Version: "1.4.2", Age: 26 * des.Hour,
//		Drained: func(p *platform.Pod) bool { ... },                   // No requests are in flight.
//		Pod: platform.PodConfig{
//			CPURequest: 0.5, CPULimit: 1, MemoryRequest: 256 << 20, MemoryLimit: 512 << 20,
//			Runtime: platform.Runtime{Kind: platform.Go, Base: 40 << 20, Live: 60 << 20},
//			StartUp: des.LogNormal(2*des.Second, 6*des.Second),
//		},
//	})
//	w.Autoscale(platform.AutoscalerConfig{Min: 3, Max: 10, Target: 70})
//
//	// A request at one of w.Endpoints():
//	pod.Hold(200 << 10)
//	pod.Alloc(900 << 10)
//	pod.Run(3*des.Millisecond, request, stage) // Later: request.Handle(stage), then pod.Release(200 << 10).
//
//	// Faults:
//	w.Rollout("1.4.3", nil)
//	node.SetNeighbour(6, 4)
//	pod.Leak(64 << 10)
//	pod.Crash(2)
//
// # CPU
//
// The n runnable threads of a pod advance at the same rate, min(1, cores/n): processor sharing. The cores are what the
// node grants (see Node) and the runtime lets run (see Runtime.Procs). With a CPU limit, a pod that has used limit x
// 100 ms within a period of 100 ms stops until the next, as the kernel's bandwidth control has it; the 5 ms slices in
// which the kernel hands quota to CPUs are left out. A pause for garbage collection is CPU work too: a throttled or
// crowded pod pauses longer.
//
// # Time
//
// All effects are events of the kernel. Pods added by AddWorkload are ready when it returns; everything later takes the
// time it takes in a cluster. Calls to Listener come from within Rollout, Run and the like only through later events,
// but for Crash, Delete of a pod without a process, and AddWorkload itself.
//
// Nothing is safe for concurrent use. Randomness comes from one stream a workload and one a pod, so that a change to
// one workload leaves the others alone.
package platform
