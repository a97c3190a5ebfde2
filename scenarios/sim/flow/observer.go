package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// Observer is told what happens, in order of simulated time, at that time. The structs that it gets, and
// what their pointers lead to save for the entities of the Flow and *Failure, are used again after the
// call: copy what is kept. An observer must not change anything. [Nop] observes nothing.
type Observer interface {
	// Handled: a server has ended a request, or a consumer a message. Brokers are silent: see Published.
	Handled(*Handled)
	// Attempted: a client inside the system has got its answer, or given up. Producers are left out: see Published.
	Attempted(*Attempt)
	// Spanned: a step with a span of its own has ended.
	Spanned(*Span)
	// Published: a message has been written to a topic, or could not be.
	Published(*Publication)
	// Waited: a request has waited for a lock, a cache entry that another one fills, or a connection.
	Waited(*Wait)
	// Logged: a replica writes a line.
	Logged(*Entry)
	// Happened: something rare that instrumentation reports.
	Happened(*Incident)
	// Answered: a client outside the system has got its answer, or given up.
	Answered(*Answer)
}

// Nop is an Observer that does nothing; embed it to observe a part.
type Nop struct{}

// Handled does nothing.
func (Nop) Handled(*Handled) {}

// Attempted does nothing.
func (Nop) Attempted(*Attempt) {}

// Spanned does nothing.
func (Nop) Spanned(*Span) {}

// Published does nothing.
func (Nop) Published(*Publication) {}

// Waited does nothing.
func (Nop) Waited(*Wait) {}

// Logged does nothing.
func (Nop) Logged(*Entry) {}

// Happened does nothing.
func (Nop) Happened(*Incident) {}

// Answered does nothing.
func (Nop) Answered(*Answer) {}

// TraceID and SpanID are as in W3C Trace Context.
type (
	TraceID [16]byte
	SpanID  [8]byte
)

// Trace is the place of something in a trace. Services of kind app make spans; what calls through others
// (gateways, data stores) is the child of the nearest app's span. The zero Trace is of no trace.
type Trace struct {
	ID     TraceID
	Span   SpanID // of the thing itself
	Parent SpanID // zero at the root
	// Sampled is the head decision, taken where the trace begins.
	Sampled bool
}

// Failure is why something failed, as the one who tells it words it. Failures are immutable and shared;
// nil is success.
type Failure struct {
	Reason model.Reason
	// Status is an HTTP status or a gRPC code, by the protocol of the operation; 0 where there was no
	// response (HTTP) or the protocol has no numbers. A success is 200 and 0 (OK).
	Status int
	// Code is the SQLSTATE of a database's error, else empty.
	Code string
	// Type is the class of the error in the runtime's words, as error.type and stack traces have it.
	Type string
	// Text is the error's message in the runtime's words.
	Text string
}

// Handled is a request as its server saw it. For Message it is one try of one message.
type Handled struct {
	Replica   *Replica
	Operation *Operation
	// From is the calling replica, Client the client outside; both are nil for a message.
	From   *Replica
	Client *Client
	Trace  Trace
	// Arrived is when it came to the replica, Started when it got a worker (as Ended when it never did).
	Arrived, Started, Ended des.Time
	Failure                 *Failure
	// CallerGone: the caller had given up before the end. Uncounted is model.Service.CancelledUncounted
	// for those, else false.
	CallerGone, Uncounted bool
	// Killed: the container died under it. No instrumentation had the time to report it.
	Killed bool
	// Message is set for protocol Message.
	Message *Delivery
}

// Delivery is one try of a message by a consumer.
type Delivery struct {
	Topic     *Topic
	Group     *Group
	Partition int
	Offset    int64
	Try       int // from 1
	Published des.Time
	Producer  Trace // zero for messages from outside
}

// Attempt is one try of a call, as the client saw it. One that timed out ends at its time-out, while the
// server may work on.
type Attempt struct {
	Dependency *Dependency // whose Replica is the caller
	Operation  *Operation  // of the target
	Server     *Replica    // nil when no replica was chosen
	Trace      Trace
	// Caller is the operation that calls.
	Caller *Operation
	// Started is when the attempt began, Sent when it had a connection, Ended when the answer was read.
	Started, Sent, Ended des.Time
	Number               int  // from 1
	Hedge                bool // the second one of a hedged call
	Failure              *Failure
	// NotSent: it failed before anything was sent (breaker, pool, no endpoint).
	NotSent bool
}

// Span is an internal span of a model.SpanStep.
type Span struct {
	Replica        *Replica
	Operation      *Operation
	Name           string
	Trace          Trace
	Started, Ended des.Time
	Failure        *Failure
}

// Publication is a message as its producer saw it.
type Publication struct {
	Replica        *Replica // the producer; nil for messages from outside, and for what a group gave up
	Operation      *Operation
	Topic          *Topic
	Broker         *Replica // nil when none could be reached
	Partition      int
	Offset         int64 // -1 when it was not written
	Trace          Trace
	Started, Ended des.Time
	Failure        *Failure
}

// WaitKind is what a request waited for.
type WaitKind uint8

// The waits.
const (
	WaitLock  WaitKind = iota // model.Locked
	WaitCache                 // another request of the replica fills the entry (single flight)
	WaitPool                  // a connection of a pool
)

// Wait has ended, with what was waited for or without.
type Wait struct {
	Replica        *Replica
	Operation      *Operation
	Kind           WaitKind
	Name           string // of the lock, the cache or the dependency
	Key            int    // of the lock or the cache
	Trace          Trace  // of the request, or of the span step that it is in
	Started, Ended des.Time
}

// EntryKind is what a log line is about.
type EntryKind uint8

// The kinds of log lines.
const (
	// LogRequest: a request was served (access log). Handled is set.
	LogRequest EntryKind = iota
	// LogError: an operation goes without the answer of a call, or fails for it, or fails by itself.
	// Failure is set, and Dependency and Target if it was a call (of a broker, Target is no operation that
	// system.yaml has); Handled is not.
	LogError
	// LogStep, LogIdle and LogEvent: Line is set, as system.yaml has it.
	LogStep
	LogIdle
	LogEvent
	// LogSlow: a database reports a slow statement. Handled is set.
	LogSlow
	// LogStatement: a database reports that a statement failed. Handled is set.
	LogStatement
)

// Entry is a line to be written.
type Entry struct {
	Kind       EntryKind
	Time       des.Time
	Replica    *Replica
	Operation  *Operation // nil for LogIdle and LogEvent
	Trace      Trace      // zero outside of requests
	Line       *model.Line
	Handled    *Handled
	Failure    *Failure
	Dependency *Dependency
	Target     *Operation
	// Optional: the operation goes on without what failed.
	Optional bool
	// Seed is for the placeholders of Line.
	Seed uint64
}

// IncidentKind is a rare occurrence that a client library, a server or a broker reports.
type IncidentKind uint8

// The incidents.
const (
	Retrying        IncidentKind = iota // an attempt failed and another will follow after Wait
	RetryExhausted                      // all attempts of a call failed
	RetryDenied                         // a retry was called for, but the budget is spent
	BreakerOpened                       // calls fail at once from now on
	BreakerHalfOpen                     // one call may try
	BreakerClosed                       // calls go out again
	PoolTimeout                         // no connection came free in time
	QueueFull                           // a request was refused
	ConnectionsFull                     // a database refused a connection
	ReplicaLost                         // a container died with Count requests in flight
	Rebalanced                          // a group's partitions were dealt anew
	MessageRetrying                     // a message failed and is tried again after Wait
	MessageDropped                      // a group gave a message up (to DeadLetter, if any)
)

// String is the kind in snake case, as labels and fields have it.
func (k IncidentKind) String() string {
	return [...]string{"retrying", "retry_exhausted", "retry_denied", "breaker_opened", "breaker_half_open",
		"breaker_closed", "pool_timeout", "queue_full", "connections_full", "replica_lost", "rebalanced",
		"message_retrying", "message_dropped"}[k]
}

// Incident is something rare. Replica is where it shows: the caller for what clients report, the server
// for QueueFull, ConnectionsFull and ReplicaLost, the consumer for messages.
type Incident struct {
	Kind       IncidentKind
	Time       des.Time
	Replica    *Replica
	Operation  *Operation  // the one being worked on, if any
	Dependency *Dependency // of what clients report
	Target     *Operation  // what was to be called
	Trace      Trace
	Failure    *Failure
	Attempt    int      // how many have been made
	Wait       des.Time // until the next
	Count      int
	Group      *Group
	Message    *Delivery
}

// Answer is a request as a client outside the system saw it, all attempts together.
type Answer struct {
	Client         *Client
	Operation      *Operation
	Started, Ended des.Time
	Attempts       int
	Failure        *Failure
}
