package model

// Fault changes parameters of the running system from one moment on.
type Fault struct {
	At    Dur `yaml:"at"`              // from the recording's start
	Until Dur `yaml:"until,omitempty"` // 0: to the end; then everything is as before
	// Ramp is how long numbers take from their old value to the new one, in a straight line.
	Ramp Dur `yaml:"ramp,omitempty"`
	// Flap switches the fault on and off: Period is one turn, Duty the share of it that it is on.
	Flap *Flap `yaml:"flap,omitempty"`
	// Only narrows it to a part of the service.
	Only *Only     `yaml:"only,omitempty"`
	Set  []Setting `yaml:"set"` // parameters and their new values
}

// Flap is a square wave.
type Flap struct {
	Period Dur     `yaml:"period"` // one turn, which begins with the fault on
	Duty   float64 `yaml:"duty"`   // share of the turn that it is on, above 0 and below 1
}

// Only selects a part: what matches all fields that are set.
type Only struct {
	Replicas   int      `yaml:"replicas,omitempty"`   // the first n in order of their names
	Zone       string   `yaml:"zone,omitempty"`       // pods on nodes of the zone
	Node       string   `yaml:"node,omitempty"`       // pods on the node
	Version    string   `yaml:"version,omitempty"`    // pods of the version
	Operations []string `yaml:"operations,omitempty"` // of the service; for work.*, error and leak
	Callers    []string `yaml:"callers,omitempty"`    // services or clients; for work.*, error and leak
}

// Setting gives a parameter of a service, a node or a client a new value: To in the parameter's own
// notation, or Times as a multiple of the old value.
type Setting struct {
	Service   string    `yaml:"service,omitempty"` // whose parameter it is; or node, client or topic
	Node      string    `yaml:"node,omitempty"`
	Client    string    `yaml:"client,omitempty"`
	Topic     string    `yaml:"topic,omitempty"`
	Parameter Parameter `yaml:"parameter"` // docs/scenario-authoring.md lists them
	// Name is which dependency (by service), cache or lock the parameter is of.
	Name  string  `yaml:"name,omitempty"`
	To    string  `yaml:"to,omitempty" jsonschema:"oneof_type=string;number"` // the new value, in the parameter's notation
	Times float64 `yaml:"times,omitempty"`                                    // or so many times the old one; not of what is 0 without it
}

// Parameter names something that can change while the system runs.
type Parameter string

// The parameters. Those of dependencies, caches and locks also need Setting.Name. Only.Operations and
// Only.Callers apply to work.*, error and leak alone.
const (
	WorkTime    Parameter = "work.time"  // multiple of every work step's time, a number
	WorkCPU     Parameter = "work.cpu"   // multiple of the CPU that work needs; its time grows by as much
	WorkWait    Parameter = "work.wait"  // added to every operation without CPU, a Dist
	ErrorShare  Parameter = "error"      // share of requests that fail with an internal error
	LeakRequest Parameter = "leak"       // bytes that each request leaves behind
	LeakRate    Parameter = "leak.rate"  // bytes per second
	AllocBytes  Parameter = "alloc"      // garbage per request, bytes
	Workers     Parameter = "workers"    // per replica
	QueueSize   Parameter = "queue"      // per replica
	CPULimit    Parameter = "cpu.limit"  // cores
	MemLimit    Parameter = "mem.limit"  // bytes
	IdleCPU     Parameter = "cpu.idle"   // cores
	Unready     Parameter = "unready"    // 1: the readiness probe fails
	Kill        Parameter = "kill"       // 1: the container is killed at once, and restarts
	Buckets     Parameter = "buckets"    // of classic histograms: seconds, separated by spaces; a pod takes them when it starts
	NetworkWait Parameter = "net.wait"   // added to every call that arrives, a Dist
	NetworkLoss Parameter = "net.loss"   // share of calls that arrive nowhere
	Connections Parameter = "conns.max"  // MaxConnections of a database
	LogShare    Parameter = "log.share"  // Logs.Requests
	TraceShare  Parameter = "trace.head" // Traces.Head, for traces begun by the service

	DepTimeout  Parameter = "dependency.timeout"  // a duration
	DepDeadline Parameter = "dependency.deadline" // a duration
	DepAttempts Parameter = "dependency.attempts" // a number
	DepBackoff  Parameter = "dependency.backoff"  // a duration
	DepBudget   Parameter = "dependency.budget"   // a share
	DepPool     Parameter = "dependency.pool"     // connections
	DepHedge    Parameter = "dependency.hedge"    // a duration

	CacheTTL   Parameter = "cache.ttl"   // a duration
	CacheFlush Parameter = "cache.flush" // 1: every entry expires at once; entries filled later expire TTL after their filling
	CacheAlign Parameter = "cache.align" // 1: every entry gets the same expiry, one TTL from now

	NodeNeighbour Parameter = "neighbour"  // cores wanted by pods outside the namespace
	NodeCores     Parameter = "cores"      // of a node
	ClientRate    Parameter = "rate"       // requests per second
	Poison        Parameter = "poison"     // n: puts n messages on the topic's first partition that every consumer fails on
	Produce       Parameter = "produce"    // messages per second from outside, on all partitions
	PartitionSkew Parameter = "partitions" // share of messages that go to the first partition
)
