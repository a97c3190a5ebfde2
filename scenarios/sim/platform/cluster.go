package platform

import (
	"fmt"

	"firedrill/scenarios/sim/des"
)

// EndpointDelay is the time from a pod's becoming ready or not until callers know: the kubelet's report, the
// EndpointSlice controller and kube-proxy.
const EndpointDelay = des.Second

// Cluster is a set of nodes and the workloads on them.
type Cluster struct {
	kernel    *des.Kernel
	seed      uint64
	nodes     []*Node
	workloads []*Workload
	pods      []*Pod // Without those that are gone.
	listeners []Listener
}

// Listener is told of the life cycle. Fields may be nil. The calls come from within the simulation's events, in the
// order of Cluster.Listen.
type Listener struct {
	// Started: a container has been created and its process begins, not ready yet. Each restart starts anew.
	Started func(*Pod)
	// Ready and NotReady: the readiness condition has changed, and endpoints will follow. A pod that is not ready goes
	// on serving what reaches it. NotReady is also called before Killed and Terminating if the pod was ready.
	Ready, NotReady func(*Pod)
	// Terminating: the process has been told to end (SIGTERM) and should finish its requests and take no new ones.
	Terminating func(*Pod)
	// Killed: the process is gone, and all its work and memory with it: no handler given to Run is called any more.
	Killed func(*Pod, Termination)
	// Removed: the pod does not exist any more.
	Removed func(*Pod)
	// Endpoints: Workload.Endpoints has changed.
	Endpoints func(*Workload)
	// Collected: a pause for garbage collection has ended.
	Collected func(*Pod, GCEvent)
}

// GCEvent is one pause: how long, and the heap used before and after in bytes.
type GCEvent struct {
	Kind          Collection
	Pause         des.Time
	Before, After int64
}

// NewCluster returns an empty cluster. All its random decisions come from streams of seed.
func NewCluster(k *des.Kernel, seed uint64) *Cluster {
	return &Cluster{kernel: k, seed: seed}
}

// Listen adds a listener. Add them before the workloads, whose first pods start at once.
func (c *Cluster) Listen(l Listener) { c.listeners = append(c.listeners, l) }

// AddNode adds a machine.
func (c *Cluster) AddNode(config NodeConfig) *Node {
	n := &Node{NodeConfig: config, kernel: c.kernel, number: len(c.nodes), cores: config.Cores, last: c.kernel.Now()}
	n.IP = fmt.Sprintf("10.0.%d.%d", n.number/200, 10+n.number%200)
	c.nodes = append(c.nodes, n)
	return n
}

// AddWorkload adds a workload with its pods, which are ready at once: they have been running for Age. It panics if
// they do not fit on the nodes.
func (c *Cluster) AddWorkload(config WorkloadConfig) *Workload {
	w := newWorkload(c, config)
	c.workloads = append(c.workloads, w)
	for range config.Replicas {
		p := w.create()
		if !p.bind() {
			panic(fmt.Sprintf("platform: pod %s fits on none of the nodes it may use", p.Name()))
		}
		p.resume()
	}
	w.syncEndpoints()
	return w
}

// Nodes, Workloads and Pods return what there is, in the order of creation; pods that are gone are left out.
func (c *Cluster) Nodes() []*Node         { return c.nodes }
func (c *Cluster) Workloads() []*Workload { return c.workloads }
func (c *Cluster) Pods() []*Pod           { return c.pods }

func (c *Cluster) each(f func(*Listener)) {
	for i := range c.listeners {
		f(&c.listeners[i])
	}
}

// place finds a node for a pod: among the allowed ones on which its requests fit, the zone with the fewest pods of the
// workload, there the node with the fewest, then the one with the most CPU not requested.
func (c *Cluster) place(w *Workload, config *PodConfig) *Node {
	var best *Node
	var bestRank [3]float64
	for _, n := range c.nodes {
		if !n.fits(config) || !allowed(w.config.Nodes, n.Name) || !allowed(w.config.Zones, n.Zone) {
			continue
		}
		var zone, node float64
		for _, p := range w.pods {
			if p.node != nil && p.node.Zone == n.Zone {
				zone++
			}
			if p.node == n {
				node++
			}
		}
		rank := [3]float64{zone, node, (n.requestedCPU + config.CPURequest) / n.Cores}
		if best == nil || before(rank, bestRank) {
			best, bestRank = n, rank
		}
	}
	return best
}

func before(a, b [3]float64) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func allowed(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return len(names) == 0
}

// retry schedules pods that have waited for room.
func (c *Cluster) retry() {
	for _, p := range c.pods {
		if p.state == Pending && p.node == nil {
			p.schedule()
		}
	}
}
