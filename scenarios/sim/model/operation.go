package model

// Protocol is what an operation is called by.
type Protocol string

// The protocols.
const (
	HTTP    Protocol = "http"    // operation "METHOD /route"
	GRPC    Protocol = "grpc"    // operation "package.Service/Method"
	SQL     Protocol = "sql"     // operation "VERB collection"
	Redis   Protocol = "redis"   // operation "VERB"
	Message Protocol = "message" // operation "process topic"
)

// Operation is one thing that a service can be asked to do. Its steps run one after the other on one
// worker of the replica that was chosen.
type Operation struct {
	Name     string   `yaml:"name"`               // http: "METHOD /route/{id}", grpc: package.Service/Method, sql: "VERB table", redis: VERB, message: "process topic"
	Protocol Protocol `yaml:"protocol,omitempty"` // default by the service's kind: http, sql, redis
	Query    string   `yaml:"query,omitempty"`    // SQL: the statement's text with placeholders
	Path     string   `yaml:"path,omitempty"`     // HTTP: an example of url.path, {id} as in Line; default the route
	Unlogged bool     `yaml:"unlogged,omitempty"` // no request log lines (health checks)
	Steps    []Step   `yaml:"steps,omitempty"`    // one after the other
}

// Step is one step of an operation; exactly one of its first fields is set.
type Step struct {
	Work     *Work     `yaml:"work,omitempty"`     // keeps the replica busy
	Call     *Call     `yaml:"call,omitempty"`     // asks a dependency
	Parallel []Step    `yaml:"parallel,omitempty"` // all at once; the step ends with the last
	Cached   *Cached   `yaml:"cached,omitempty"`   // looks into a cache of the service
	Locked   *Locked   `yaml:"locked,omitempty"`   // holds a lock of the service
	Publish  *Publish  `yaml:"publish,omitempty"`  // puts a message on a topic
	Log      *Line     `yaml:"log,omitempty"`      // writes a line
	Fail     *Fail     `yaml:"fail,omitempty"`     // ends the operation with an error
	Span     *SpanStep `yaml:"span,omitempty"`     // an internal span around steps

	// Share is the probability that the step is run at all, default 1.
	Share float64 `yaml:"share,omitempty"`
	// Flag runs the step only while the feature flag is on ("!name": off).
	Flag string `yaml:"flag,omitempty"`
}

// Work keeps the replica busy, or waiting for a disk or another device.
type Work struct {
	Time Dist `yaml:"time"` // how long: 5ms, exp(mean), lognormal(median, 99th percentile), uniform(least, most) or erlang(k, mean)
	// CPU is the share of Time that needs a core, default 1; the rest passes without one.
	CPU   *float64 `yaml:"cpu,omitempty"`
	Alloc Bytes    `yaml:"alloc,omitempty"` // garbage beyond Memory.Alloc
}

// Call asks another service and waits for its answer.
type Call struct {
	Service   string `yaml:"service"`            // a dependency of this service
	Operation string `yaml:"operation"`          // of that service
	Times     int    `yaml:"times,omitempty"`    // one after the other, default 1
	Optional  bool   `yaml:"optional,omitempty"` // goes on without it when it fails
	// Fallback runs when an optional call failed.
	Fallback []Step `yaml:"fallback,omitempty"`
	// Async does not wait for the answer; the call goes on after the operation has ended.
	Async bool `yaml:"async,omitempty"`
}

// Cached runs Miss when the entry is not there, and fills it when that succeeds. Get, if any, is the call
// that looks it up on a cache service; Set the one that fills it.
type Cached struct {
	Cache string `yaml:"cache"` // a cache of this service
	Get   *Call  `yaml:"get,omitempty"`
	Set   *Call  `yaml:"set,omitempty"`
	Miss  []Step `yaml:"miss"` // gets what is not there
}

// Locked runs steps while holding one of a service's locks, first come first served.
type Locked struct {
	Lock  string `yaml:"lock"`  // a lock of this service
	Steps []Step `yaml:"steps"` // run while it is held
}

// Publish puts a message on a topic, on a random partition.
type Publish struct {
	Topic string `yaml:"topic"`
}

// Fail ends the operation with an error.
type Fail struct {
	Share  float64 `yaml:"share"`            // of requests that reach the step
	Reason Reason  `yaml:"reason,omitempty"` // timeout, unavailable, rejected, internal (default) or invalid: the caller's mistake
	Status int     `yaml:"status,omitempty"` // HTTP status, default by Reason: 504, 503, 503, 500 or 400
	Error  string  `yaml:"error"`            // text of the error
}

// SpanStep puts an internal span around steps.
type SpanStep struct {
	Name  string `yaml:"name"`
	Steps []Step `yaml:"steps"`
}

// Reason is why a call failed, as retries and status codes see it.
type Reason string

// The reasons. A caller passes on what it cannot repair: a timeout as 504 or DEADLINE_EXCEEDED, what was
// refused or unavailable as 503, what was invalid with the status that it got (by gRPC INVALID_ARGUMENT, and 400 for
// what gRPC or a database found invalid), the rest as 500. A call whose refusal is no refusal of the caller's is optional.
const (
	Timeout     Reason = "timeout"     // no answer in time
	Unavailable Reason = "unavailable" // no ready replica, connection refused or reset, pool exhausted, breaker open
	Rejected    Reason = "rejected"    // the queue was full
	Internal    Reason = "internal"
	Invalid     Reason = "invalid" // the caller's mistake: 4xx, never retried
	Cancelled   Reason = "cancelled"
)
