package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// Events of a call.
const (
	callBackedOff uint64 = iota
	callHedges
)

// call asks a dependency, with as many attempts as it takes. Its asker is a strand, or a client outside.
type call struct {
	flow       *Flow
	generation uint64
	dep        *Dependency
	target     *Operation
	strand     *strand
	client     *Client
	started    des.Time
	deadline   des.Time
	attempts   int // begun, hedges not counted
	first      *attempt
	second     *attempt // the hedge
	partition  int      // of a publication, else -1
	topic      *Topic
	span       SpanID // of a publication
}

func (f *Flow) newCall() *call {
	if n := len(f.freeCalls); n > 0 {
		c := f.freeCalls[n-1]
		f.freeCalls = f.freeCalls[:n-1]
		return c
	}
	return &call{flow: f}
}

func (c *call) free() {
	f := c.flow
	*c = call{flow: f, generation: c.generation + 1}
	f.freeCalls = append(f.freeCalls, c)
}

// Handle receives the call's events.
func (c *call) Handle(arg uint64) {
	if arg>>eventBits != c.generation {
		return
	}
	switch arg & (1<<eventBits - 1) {
	case callBackedOff:
		c.dep.Retries++
		c.try()
	case callHedges:
		if a := c.first; a != nil && c.second == nil && c.flow.Kernel.Now()-a.started >= c.dep.hedge {
			c.dep.Hedges++
			c.send(true)
		}
	}
}

// startCall begins a call of a strand.
func (f *Flow) startCall(s *strand, d *Dependency, target *Operation) {
	c := f.newCall()
	s.call = c
	c.dep, c.target, c.strand, c.partition = d, target, s, -1
	c.start(s.req.deadline)
}

// start begins the first attempt. inherited is the deadline of the request that the call is made for.
func (c *call) start(inherited des.Time) {
	d, now := c.dep, c.flow.Kernel.Now()
	d.Calls++
	d.deposit()
	c.started, c.deadline = now, des.Never
	if d.deadline > 0 {
		c.deadline = now.Add(d.deadline)
	}
	if !d.Model.NoPropagation {
		c.deadline = min(c.deadline, inherited)
	}
	if c.deadline <= now {
		c.end(c.flow.fails(situationTimeout, d, c.target, nil, nil))
		return
	}
	c.try()
}

// try begins an attempt, and plans its hedge.
func (c *call) try() {
	c.attempts++
	generation := c.generation
	a := c.send(false)
	if c.generation != generation || a == nil {
		return
	}
	if c.dep.hedge > 0 {
		c.flow.Kernel.After(c.dep.hedge, c, event(c.generation, callHedges))
	}
}

// answered is the end of one attempt.
func (c *call) answered(a *attempt, failure *Failure) {
	if a == c.first {
		c.first = c.second
	}
	c.second = nil
	if failure == nil {
		if c.first != nil {
			c.first.abandon(true)
			c.first = nil
		}
		c.end(nil)
		return
	}
	if c.first != nil {
		return // The other one may still succeed.
	}
	f, d := c.flow, c.dep
	if d.attempts <= 1 {
		c.end(failure)
		return
	}
	if !d.retries(failure) {
		c.end(failure)
		return
	}
	incident := Incident{
		Kind: Retrying, Replica: d.Replica, Operation: c.caller(), Dependency: d, Target: c.target,
		Trace: c.trace(), Failure: failure, Attempt: c.attempts,
	}
	wait := d.backOff(c.attempts)
	switch {
	case c.attempts >= d.attempts || f.Kernel.Now().Add(wait) >= c.deadline:
		d.Exhausted++
		incident.Kind = RetryExhausted
		c.tell(incident)
		c.end(failure)
	case !d.withdraw():
		d.RetriesDenied++
		incident.Kind = RetryDenied
		c.tell(incident)
		c.end(failure)
	default:
		incident.Wait = wait
		c.tell(incident)
		f.Kernel.After(wait, c, event(c.generation, callBackedOff))
	}
}

// tell passes on what the observer is told of clients inside the system.
func (c *call) tell(i Incident) {
	if c.dep.Replica != nil {
		c.flow.happened(i)
	}
}

// end gives the answer to whoever asked.
func (c *call) end(failure *Failure) {
	s, client := c.strand, c.client
	switch {
	case c.partition >= 0:
		c.flow.published(c, failure)
	case client != nil:
		client.answered(c, failure)
	}
	c.free()
	if s != nil {
		s.called(failure)
	}
}

// abandon ends the call without an answer; tell whether observers hear of it.
func (c *call) abandon(tell bool) {
	if c.second != nil {
		c.second.abandon(tell)
	}
	if c.first != nil {
		c.first.abandon(tell)
	}
	c.free()
}

func (c *call) caller() *Operation {
	if c.strand == nil {
		return nil
	}
	return c.strand.req.op
}

// trace is the context that the call is made in.
func (c *call) trace() Trace {
	if c.strand == nil {
		return Trace{}
	}
	return c.strand.trace()
}

// retries tells whether the retry policy covers a failure. An open breaker is not knocked at again.
func (d *Dependency) retries(failure *Failure) bool {
	return d.retryOn[reasonIndex(failure.Reason)] && failure.Type != breakerType
}

// backOff is the time before the attempt after n have failed.
func (d *Dependency) backOff(n int) des.Time {
	r := d.retry
	wait := d.backoff
	for i := 1; i < n && wait < des.Time(r.MaxBackoff); i++ {
		wait = wait.Add(wait)
	}
	wait = min(wait, des.Time(r.MaxBackoff))
	switch r.Jitter {
	case "full":
		return des.FromFloat(float64(wait) * d.rand.Float64())
	case "equal":
		return wait/2 + des.FromFloat(float64(wait/2)*d.rand.Float64())
	}
	return wait
}

// bucketSize is how many retries a full budget allows at once, as gRPC's maxTokens usually does.
const bucketSize = 10

// deposit puts a call's share into the retry budget.
func (d *Dependency) deposit() {
	if d.budget > 0 {
		d.tokens = min(bucketSize, d.tokens+d.budget)
	}
}

// withdraw takes a retry out of the budget, if it has one left.
func (d *Dependency) withdraw() bool {
	if d.budget <= 0 {
		return true
	}
	if d.tokens < 1 {
		return false
	}
	d.tokens--
	return true
}

var reasons = []model.Reason{model.Timeout, model.Unavailable, model.Rejected, model.Internal, model.Invalid, model.Cancelled}

func reasonIndex(r model.Reason) int {
	for i, x := range reasons {
		if x == r {
			return i
		}
	}
	return len(reasons) - 1
}
