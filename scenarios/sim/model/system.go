// Package model is the vocabulary of system.yaml: a request-driven system as it runs when nothing is
// wrong, with the innocent events of its day. What is broken is a list of [Fault]s, which live elsewhere,
// with the answer key.
//
// The package only reads and checks; firedrill/scenarios/sim runs the system. A value that is left out
// has the default that its comment names. Times are offsets from the recording's start.
package model

// Version is the only version of system.yaml so far.
const Version = 1

// System is what system.yaml says.
type System struct {
	Version   int    `yaml:"version"`
	Namespace string `yaml:"namespace"`         // Kubernetes namespace of the services
	Cluster   string `yaml:"cluster"`           // name of the cluster, a label of every series
	Scrape    Dur    `yaml:"scrape,omitempty"`  // scrape interval, default 15s
	Tracing   Traces `yaml:"tracing,omitempty"` // which traces are kept
	Network   Net    `yaml:"network,omitempty"` // between pods

	Nodes    []Node      `yaml:"nodes"`            // machines; a service's pods are spread over those that it may use
	Services []Service   `yaml:"services"`         // all of them in the catalogue of scenario.yaml
	Topics   []Topic     `yaml:"topics,omitempty"` // of services of kind broker
	Clients  []Client    `yaml:"clients"`          // where the requests come from
	Events   []Event     `yaml:"events,omitempty"` // innocent ones: what is broken is in answer.yaml
	Rules    []RuleGroup `yaml:"rules,omitempty"`  // recording and alerting rules that Prometheus evaluates
}

// Traces says which traces are kept. Head sampling decides when a trace begins; tail sampling, if any of
// its fields is set, keeps what it selects of the traces that head sampling let through.
type Traces struct {
	Head   float64 `yaml:"head,omitempty"`   // share of traces begun, default 1
	Errors bool    `yaml:"errors,omitempty"` // tail: keep every trace with an error
	Slower Dur     `yaml:"slower,omitempty"` // tail: keep every trace whose root takes at least so long
	Rest   float64 `yaml:"rest,omitempty"`   // tail: share kept of the others
}

// Net is the network between pods: the time of one way.
type Net struct {
	Zone  Dist `yaml:"zone,omitempty"`  // within a zone, default lognormal(150us, 600us)
	Cross Dist `yaml:"cross,omitempty"` // between zones, default lognormal(600us, 2ms)
}

// Node is one machine of the cluster.
type Node struct {
	Name   string  `yaml:"name"`
	Zone   string  `yaml:"zone"` // availability zone; Net says what calls between two cost
	Cores  float64 `yaml:"cores"`
	Memory Bytes   `yaml:"memory"`
	// Neighbour is what pods outside the namespace use, in cores; the node's own metrics show it.
	Neighbour float64 `yaml:"neighbour,omitempty"`
}

// Kind is what a service is to its callers: it decides metrics, log lines and span attributes.
type Kind string

// The kinds of services.
const (
	App      Kind = "app"      // our own code, instrumented with OpenTelemetry
	Gateway  Kind = "gateway"  // a reverse proxy (access log, no code of ours)
	Database Kind = "database" // PostgreSQL-like: connections, locks, slow query log; no spans of its own
	Cache    Kind = "cache"    // Redis-like; no spans of its own
	Broker   Kind = "broker"   // Kafka-like: topics live on it; no operations
	External Kind = "external" // of another company: no metrics, logs or spans of its own
)

// Runtime is what a service's processes run on: it decides garbage collection, runtime metrics and the
// wording of errors.
type Runtime string

// The runtimes.
const (
	Go     Runtime = "go"
	JVM    Runtime = "jvm"
	Node20 Runtime = "node"
	Python Runtime = "python"
	Native Runtime = "native"
)

// Service is one workload: replicas of the same container.
type Service struct {
	Name     string   `yaml:"name"`              // in the catalogue, in the labels job and service_name, and in traces
	Kind     Kind     `yaml:"kind,omitempty"`    // default app
	Runtime  Runtime  `yaml:"runtime,omitempty"` // default go for app, native otherwise
	Version  string   `yaml:"version"`
	Replicas int      `yaml:"replicas"`        // pods
	Nodes    []string `yaml:"nodes,omitempty"` // where its pods may run, default all
	// Behind names the service whose callers reach these pods too, as those of a canary do that stands behind the
	// same Kubernetes Service. Both have the same operations, and flags are of both. The telemetry is under that
	// service's name; pods, deployment, version and parameters are its own.
	Behind  string `yaml:"behind,omitempty"`
	CPU     CPU    `yaml:"cpu"`
	Memory  Memory `yaml:"memory"`
	Startup Dur    `yaml:"startup,omitempty"` // from container start to ready, default 8s

	// Workers is how many requests a replica serves at once, Queue how many more may wait; beyond them a
	// request is refused at once. 0 is unlimited.
	Workers int `yaml:"workers,omitempty"`
	Queue   int `yaml:"queue,omitempty"`

	// OnCancel is what a replica does with a request whose caller has gone, default stop: what waits is
	// dropped and the next step is not begun. "finish": it serves it to the end, for nobody, and heeds no
	// deadline of its caller.
	OnCancel string `yaml:"on_cancel,omitempty"`
	// CancelledUncounted leaves requests whose caller has gone out of the server's duration histogram,
	// as interceptors that return early do.
	CancelledUncounted bool `yaml:"cancelled_uncounted,omitempty"`

	Autoscale    *Autoscale   `yaml:"autoscale,omitempty"`
	Logs         Logs         `yaml:"logs,omitempty"`
	Histograms   string       `yaml:"histograms,omitempty"` // classic (default), native or both
	Buckets      []float64    `yaml:"buckets,omitempty"`    // of classic histograms in seconds, default those of the conventions
	Caches       []LocalCache `yaml:"caches,omitempty"`
	Locks        []Lock       `yaml:"locks,omitempty"`
	Dependencies []Dependency `yaml:"dependencies,omitempty"`
	Operations   []Operation  `yaml:"operations,omitempty"`
	// MaxConnections bounds the connections that all callers of a database have together; 0 is unlimited.
	MaxConnections int `yaml:"max_connections,omitempty"`
}

// Front is the name under which callers and telemetry know the service: Behind, or its own.
func (s *Service) Front() string {
	if s.Behind != "" {
		return s.Behind
	}
	return s.Name
}

// CPU is in cores, as Kubernetes writes them (500m, 2).
type CPU struct {
	Request Cores `yaml:"request"`         // its share when the node is busy
	Limit   Cores `yaml:"limit,omitempty"` // 0: none
	Idle    Cores `yaml:"idle,omitempty"`  // used without any request: runtimes, agents, default 5m
}

// Memory of one replica.
type Memory struct {
	Request    Bytes `yaml:"request"`               // what the node sets aside for it
	Limit      Bytes `yaml:"limit,omitempty"`       // 0: none; reached, the container is killed
	Base       Bytes `yaml:"base"`                  // outside the heap: code, buffers
	Live       Bytes `yaml:"live,omitempty"`        // heap that is always in use
	Heap       Bytes `yaml:"heap,omitempty"`        // largest heap of a JVM, default 60 % of the limit
	PerRequest Bytes `yaml:"per_request,omitempty"` // held from a request's begin to its end
	Alloc      Bytes `yaml:"alloc,omitempty"`       // garbage that a request makes, default 256Ki
}

// Autoscale is a HorizontalPodAutoscaler on CPU.
type Autoscale struct {
	Min    int     `yaml:"min"`    // replicas
	Max    int     `yaml:"max"`    // replicas
	Target float64 `yaml:"target"` // share of the CPU request, such as 0.7
}

// Logs says what a service writes.
type Logs struct {
	Format string `yaml:"format,omitempty"` // json, pino, logfmt, logback, python, klog, nginx, envoy or postgres; default json
	// Requests is the share of successful requests that are logged, default 0; failed ones always are.
	Requests float64 `yaml:"requests,omitempty"`
	// NoTraceIDs leaves trace ids out of lines and metadata.
	NoTraceIDs bool `yaml:"no_trace_ids,omitempty"`
	// Slow is from when on a database logs a statement.
	Slow Dur `yaml:"slow,omitempty"`
	// Idle lines are written at random moments whatever the traffic.
	Idle []IdleLine `yaml:"idle,omitempty"`
}

// IdleLine is a line that comes now and then: a health check, a timer, a harmless warning.
type IdleLine struct {
	Line  `yaml:",inline"`
	Every Dur `yaml:"every"` // mean time between two, per replica
	From  Dur `yaml:"from,omitempty"`
	Until Dur `yaml:"until,omitempty"` // 0: to the end
}

// Line is what a log line says. "{n}" in Message and values stands for a random number, "{ms}" for a
// random duration in milliseconds, "{id}" for a random id; the same placeholder has the same value within a line.
type Line struct {
	Level   string            `yaml:"level,omitempty"`  // debug, info (default), warn or error
	Logger  string            `yaml:"logger,omitempty"` // where formats have one, default the service's own
	Message string            `yaml:"message"`          // "{n}" is a random number, "{ms}" random milliseconds, "{id}" a random id
	Fields  map[string]string `yaml:"fields,omitempty"` // keys and values, with the same placeholders
}

// LocalCache is a cache whose entries a step reads; where they live (in a process or on a cache service)
// is for the steps to say.
type LocalCache struct {
	Name   string  `yaml:"name"`             // by which cached steps and faults know it
	Shared bool    `yaml:"shared,omitempty"` // one for all replicas, else each has its own
	Keys   int     `yaml:"keys"`             // how many there are
	Skew   float64 `yaml:"skew,omitempty"`   // exponent of the Zipf law by which keys are asked for, 0: all alike
	TTL    Dur     `yaml:"ttl"`              // how long an entry is good
	Jitter float64 `yaml:"jitter,omitempty"` // share of the TTL by which an entry may expire earlier, at random
	// SingleFlight lets one request per replica fill a missing entry while others wait for it.
	SingleFlight bool `yaml:"single_flight,omitempty"`
	// Cold begins with an empty cache, five minutes before the recording; else it is full then, with ages spread evenly.
	Cold bool `yaml:"cold,omitempty"`
}

// Lock is a set of exclusive locks of a database, such as rows.
type Lock struct {
	Name string `yaml:"name"` // by which locked steps know it
	Keys int    `yaml:"keys"` // how many different ones are asked for
}

// Dependency is how a service calls another: a client with its own settings.
type Dependency struct {
	Service string `yaml:"service"`           // the one that is called
	Timeout Dur    `yaml:"timeout,omitempty"` // of one attempt, 0: none
	// Deadline bounds all attempts together, 0: none. What is left of a caller's own deadline bounds both,
	// unless NoPropagation is set.
	Deadline      Dur      `yaml:"deadline,omitempty"`
	NoPropagation bool     `yaml:"no_propagation,omitempty"` // a caller's deadline does not bound these calls
	Retry         *Retry   `yaml:"retry,omitempty"`          // default: one attempt
	Hedge         *Hedge   `yaml:"hedge,omitempty"`          // default: none
	Breaker       *Breaker `yaml:"breaker,omitempty"`        // default: none
	Pool          *Pool    `yaml:"pool,omitempty"`           // default: connections without a bound
	Balance       string   `yaml:"balance,omitempty"`        // round_robin (default), random or least (of requests in flight)
}

// Retry repeats attempts that failed for a reason in On.
type Retry struct {
	Attempts   int      `yaml:"attempts"`              // in all, the first included
	Backoff    Dur      `yaml:"backoff"`               // before the second; doubles
	MaxBackoff Dur      `yaml:"max_backoff,omitempty"` // the longest, 0: it doubles on
	Jitter     string   `yaml:"jitter,omitempty"`      // full (default), equal or none
	On         []string `yaml:"on,omitempty"`          // timeout, unavailable, rejected, internal; default the first three
	// Budget bounds retries to this share of requests (a token bucket as gRPC's and Finagle's), 0: none.
	Budget float64 `yaml:"budget,omitempty"`
}

// Hedge sends a second attempt when the first has not answered; the faster answer counts.
type Hedge struct {
	After Dur `yaml:"after"` // from when the first attempt was sent
}

// Breaker stops calling for a while when too many calls fail. Every replica of the caller has its own.
type Breaker struct {
	Window   Dur     `yaml:"window"`   // in which calls are counted
	Requests int     `yaml:"requests"` // fewest in the window
	Ratio    float64 `yaml:"ratio"`    // of failures that opens it
	Open     Dur     `yaml:"open"`     // then one request may try
}

// Pool is a connection pool, per replica.
type Pool struct {
	Size int `yaml:"size"`           // connections
	Wait Dur `yaml:"wait,omitempty"` // how long a request waits for a connection, before Timeout begins; 0: within Timeout
}

// Topic is a partitioned log of messages on a broker.
type Topic struct {
	Name       string     `yaml:"name"`
	Broker     string     `yaml:"broker"`     // a service of kind broker
	Partitions int        `yaml:"partitions"` // each in order, for one replica of a group
	Consumers  []Consumer `yaml:"consumers"`  // groups; each gets all messages
}

// Consumer is a group: the replicas of a service share the partitions and work on each in order.
type Consumer struct {
	Group     string `yaml:"group"`
	Service   string `yaml:"service"`   // that works on the messages
	Operation string `yaml:"operation"` // of it, of protocol message
	// Attempts is how often a message is tried before it is given up, 0: for ever.
	Attempts   int    `yaml:"attempts,omitempty"`
	Backoff    Dur    `yaml:"backoff,omitempty"`     // between tries, default 1s, doubles to 30s
	DeadLetter string `yaml:"dead_letter,omitempty"` // topic that gets what was given up
}

// Client is an open-loop source of requests outside the cluster: it does not wait for answers before it
// sends more.
type Client struct {
	Name    string  `yaml:"name"`
	Service string  `yaml:"service"`           // the one that it calls
	Rate    float64 `yaml:"rate"`              // mean requests per second, those at 12:00 UTC if there is a daily rhythm
	Daily   float64 `yaml:"daily,omitempty"`   // amplitude of the daily rhythm as a share of the rate, highest at 14:00 UTC
	Noise   float64 `yaml:"noise,omitempty"`   // slow random swing as a share of the rate, default 0.05, or none if Periodic
	Bursts  []Burst `yaml:"bursts,omitempty"`  // times of more, or of less
	Mix     []Route `yaml:"mix"`               // operations by weight
	Timeout Dur     `yaml:"timeout,omitempty"` // default 30s
	Retry   *Retry  `yaml:"retry,omitempty"`
	// Periodic sends at even distances instead of at random ones, as a job or a probe does.
	Periodic bool `yaml:"periodic,omitempty"`
	// First is when a periodic client sends for the first time, as a cron schedule has it; default anywhere within a period.
	First Dur `yaml:"first,omitempty"`
}

// Burst multiplies a client's rate for a while.
type Burst struct {
	At     Dur     `yaml:"at"`     // from the recording's start
	For    Dur     `yaml:"for"`    // how long
	Factor float64 `yaml:"factor"` // of the rate
}

// Route is one operation's share of a client's requests.
type Route struct {
	Operation string  `yaml:"operation"` // of the client's service
	Weight    float64 `yaml:"weight"`    // against the sum of all weights
}

// Event is something that people or timers do to the system. All of it is known to the change log, and
// most of it is harmless.
type Event struct {
	At      Dur    `yaml:"at"`                 // from the recording's start
	Kind    string `yaml:"kind"`               // deploy, config, flag, scale or restart
	Service string `yaml:"service"`            // whose it is
	Version string `yaml:"version,omitempty"`  // deploy: the new version, rolled out pod by pod
	Replica int    `yaml:"replicas,omitempty"` // scale: how many from then on
	Flag    string `yaml:"flag,omitempty"`     // flag: its name; from then on it is on, or off if Off is set
	Off     bool   `yaml:"off,omitempty"`
	// Set changes parameters for good, in the words of Fault.Set.
	Set []Setting `yaml:"set,omitempty"`
	Log *Line     `yaml:"log,omitempty"` // what each pod of the service writes
}

// RuleGroup is a group of Prometheus rules.
type RuleGroup struct {
	Name     string `yaml:"name"`
	Interval Dur    `yaml:"interval,omitempty"` // default 30s
	Rules    []Rule `yaml:"rules"`
}

// Rule is a recording rule or an alerting rule, as in Prometheus' rule files.
type Rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         Dur               `yaml:"for,omitempty"`
	KeepFiring  Dur               `yaml:"keep_firing_for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}
