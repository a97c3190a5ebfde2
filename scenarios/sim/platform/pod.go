package platform

import (
	"math"

	"firedrill/scenarios/sim/des"
)

// PodConfig is what a workload's pod template says, and how its process behaves. Each pod has one container.
type PodConfig struct {
	CPURequest, CPULimit       float64 // Cores; a limit of 0 is none.
	MemoryRequest, MemoryLimit int64   // Bytes; a limit of 0 is none.
	Runtime                    Runtime
	// StartUp is the time from the start of the process until it serves. nil is one second.
	StartUp des.Dist
	// ReadinessDelay is the readiness probe's initialDelaySeconds, counted from when the process serves.
	ReadinessDelay des.Time
	// PreStop is how long a pod that is to end goes on as if nothing were, while callers learn of it.
	PreStop des.Time
	// RestartedAt is the annotation that kubectl rollout restart sets: another value makes another revision.
	RestartedAt des.Time
}

// State is where a pod is in its life.
type State int

// Pending has no container yet. Starting, Ready and NotReady have a running one. Waiting is between two containers
// (kube-state-metrics' reason CrashLoopBackOff). Terminating runs until it is drained. Gone is the end.
const (
	Pending State = iota
	Starting
	Ready
	NotReady
	Waiting
	Terminating
	Gone
)

// String returns the name of the state.
func (s State) String() string {
	return [...]string{"Pending", "Starting", "Ready", "NotReady", "Waiting", "Terminating", "Gone"}[s]
}

// Termination is why a container ended. Reason is Kubernetes' word: OOMKilled, Error or Completed.
type Termination struct {
	Reason   string
	ExitCode int
	At       des.Time
}

// The kubelet's defaults.
const (
	probePeriod      = 10 * des.Second
	failureThreshold = 3
	gracePeriod      = 30 * des.Second
	backOffFirst     = 10 * des.Second
	backOffMost      = 5 * des.Minute
	backOffReset     = 10 * des.Minute // A container that has run that long starts over.
	containerCreate  = des.Second      // Detecting a dead container and creating the next.
	drainPoll        = des.Second
)

// Pod is one replica.
type Pod struct {
	cluster  *Cluster
	workload *Workload
	node     *Node
	config   PodConfig
	name     string
	owner    string
	version  string
	revision string
	ip       string
	ordinal  int
	rand     *des.Rand
	created  des.Time

	state        State
	epoch        int // Counts changes after which pending timers are void.
	readyChanged des.Time
	process      *process

	restarts    int
	termination Termination
	waiting     des.Time // How long the latest failure has the pod wait.
	backOff     des.Time // How long the next one will.
	restartedAt des.Time

	readyFailures, liveFailures int
	scraped                     scrape
}

// process is the running container.
type process struct {
	id      string
	started des.Time
	cpu     *cpu
	memory  *memory
}

// Name, IP and ContainerID are as the kubelet reports them; the id is empty while no container runs.
func (p *Pod) Name() string { return p.name }
func (p *Pod) IP() string   { return p.ip }
func (p *Pod) ContainerID() string {
	if p.process == nil {
		return ""
	}
	return p.process.id
}

// Workload, Node, Owner (the replica set or stateful set), Version and Config say what the pod is a part of. Node is
// nil while the pod fits nowhere.
func (p *Pod) Workload() *Workload { return p.workload }
func (p *Pod) Node() *Node         { return p.node }
func (p *Pod) Owner() string       { return p.owner }
func (p *Pod) Version() string     { return p.version }
func (p *Pod) Config() PodConfig   { return p.config }

// State is where the pod is in its life, and Running tells whether it has a process.
func (p *Pod) State() State  { return p.state }
func (p *Pod) Running() bool { return p.process != nil }

// Created is when the pod was made, Started when its present process began (0 without one); both are negative for
// those that ran before the simulation.
func (p *Pod) Created() des.Time { return p.created }
func (p *Pod) Started() des.Time {
	if p.process == nil {
		return 0
	}
	return p.process.started
}

// WaitingReason is Kubernetes' word for why no container runs: ContainerCreating or CrashLoopBackOff. It is empty
// while one runs, and for a pod that fits on no node.
func (p *Pod) WaitingReason() string {
	switch {
	case p.process != nil || p.node == nil:
		return ""
	case p.state == Waiting && p.waiting > 0:
		return "CrashLoopBackOff"
	}
	return "ContainerCreating"
}

// Restarts counts the containers that have been replaced. LastTermination is the latest end; its Reason is empty if
// there was none.
func (p *Pod) Restarts() int                { return p.restarts }
func (p *Pod) LastTermination() Termination { return p.termination }

// Run has a thread of the pod use that much CPU time (at least 1 ns) and then calls done. How long that takes depends
// on all else that runs. Work given to a pod without a process is lost.
func (p *Pod) Run(demand des.Time, done des.Handler, arg uint64) {
	if p.process != nil {
		p.process.cpu.run(demand, done, arg)
	}
}

// Hold takes memory that stays reachable until Release gives it back; call them with the same bytes, in one process.
func (p *Pod) Hold(bytes int64) { p.memory((*memory).hold, bytes) }

// Release gives back what Hold took. With a garbage collector it becomes garbage.
func (p *Pod) Release(bytes int64) { p.memory((*memory).release, bytes) }

// Alloc takes memory that is garbage at once: it costs collections.
func (p *Pod) Alloc(bytes int64) { p.memory((*memory).alloc, bytes) }

// Leak takes memory that stays reachable as long as the process runs.
func (p *Pod) Leak(bytes int64) { p.memory((*memory).leak, bytes) }

func (p *Pod) memory(f func(*memory, int64), bytes int64) {
	if p.process != nil {
		f(p.process.memory, bytes)
	}
}

// CPU returns the counters of the present container, zero without one.
func (p *Pod) CPU() CPUStats {
	if p.process == nil {
		return CPUStats{}
	}
	return p.process.cpu.stats()
}

// Memory returns the memory of the present container, zero without one.
func (p *Pod) Memory() MemoryStats {
	if p.process == nil {
		return MemoryStats{}
	}
	return p.process.memory.stats()
}

// Runnable returns the number of threads that run or wait to run.
func (p *Pod) Runnable() int {
	if p.process == nil {
		return 0
	}
	return p.process.cpu.runnable()
}

// Procs returns the most threads that run at once: what a Go process reports as GOMAXPROCS.
func (p *Pod) Procs() int {
	if p.process == nil {
		return 0
	}
	return p.process.cpu.procs
}

// Crash ends the process from within: a panic, an exit. Kubernetes restarts it.
func (p *Pod) Crash(exitCode int) {
	if p.process != nil {
		p.die(Termination{Reason: "Error", ExitCode: exitCode})
	}
}

// procs is the most threads that the runtime lets run at once.
func (p *Pod) procs() int {
	cores := max(1, int(p.node.Cores))
	switch r := p.config.Runtime; {
	case r.Procs > 0:
		return r.Procs
	case r.Kind == NodeJS || r.Kind == Python:
		return 1
	case r.Kind == JVM && p.config.CPULimit > 0:
		return min(cores, int(math.Ceil(p.config.CPULimit)))
	default:
		return cores
	}
}
