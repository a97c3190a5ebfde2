package flow

import "firedrill/scenarios/sim/des"

// Events of an attempt.
const (
	attemptAnswered uint64 = iota
	attemptTimedOut
	attemptPoolTimedOut
	attemptConnected
	attemptLost
	attemptRefused
)

// refusal is how long it takes until a connection is refused for want of endpoints: the caller's own node does so.
var refusal = des.LogNormal(90*des.Microsecond, 300*des.Microsecond)

// lost is when Linux gives up connecting to what never answers (tcp_syn_retries 6).
const lostAfter = 127 * des.Second

type attempt struct {
	flow              *Flow
	generation        uint64
	call              *call
	dep               *Dependency
	number            int
	hedge             bool
	trace             Trace
	started           des.Time
	sent              des.Time
	until             des.Time // when it times out
	sentYet           bool
	server            *Replica
	slot              int
	request           *request
	requestGeneration uint64
	conn              *conn
	reply             *Failure
	prev, next        *attempt // of those that wait for a connection
	waits             bool
	trial             bool // of a half-open breaker
}

func (f *Flow) newAttempt() *attempt {
	if n := len(f.freeAttempts); n > 0 {
		a := f.freeAttempts[n-1]
		f.freeAttempts = f.freeAttempts[:n-1]
		return a
	}
	return &attempt{flow: f}
}

// Handle receives the attempt's events.
func (a *attempt) Handle(arg uint64) {
	if arg>>eventBits != a.generation {
		return
	}
	switch arg & (1<<eventBits - 1) {
	case attemptAnswered:
		failure := a.reply
		if failure != nil {
			failure = a.answer(failure)
		}
		a.end(failure, false)
	case attemptTimedOut:
		a.end(a.fails(situationTimeout), true)
	case attemptPoolTimedOut:
		if !a.waits {
			return
		}
		a.dep.Pool.Timeouts++
		failure := a.fails(situationPool)
		a.tell(PoolTimeout, failure)
		a.end(failure, true)
	case attemptConnected:
		a.transmit()
	case attemptRefused:
		a.end(a.fails(situationRefused), false)
	case attemptLost:
		a.end(a.fails(situationLost), true)
	}
}

// send begins an attempt of a call. It returns nil if that has ended already.
func (c *call) send(hedge bool) *attempt {
	f, d := c.flow, c.dep
	a := f.newAttempt()
	a.call, a.dep, a.number, a.hedge = c, d, c.attempts, hedge
	if hedge {
		c.second = a
	} else {
		c.first = a
	}
	a.started = f.Kernel.Now()
	a.until = c.deadline
	a.trace = d.outbound(c)
	d.Attempts++
	generation := a.generation
	if !d.admit(a) {
		a.end(a.fails(situationBreaker), false)
		return nil
	}
	if d.poolWait == 0 && d.timeout > 0 {
		a.until = min(a.until, a.started.Add(d.timeout))
		a.arm()
	} else if a.until != des.Never {
		a.arm()
	}
	if d.pool == nil {
		a.transmit()
	} else {
		d.pool.acquire(a)
	}
	if a.generation != generation {
		return nil
	}
	return a
}

// refuse ends the attempt in a moment, since there is nobody to send it to.
func (a *attempt) refuse() {
	a.flow.Kernel.After(refusal.Sample(a.dep.rand), a, event(a.generation, attemptRefused))
}

func (a *attempt) arm() { a.flow.Kernel.At(a.until, a, event(a.generation, attemptTimedOut)) }

// connected is called when the attempt has a connection of the pool.
func (a *attempt) connected(cost des.Time) {
	if d := a.dep; d.poolWait > 0 && d.timeout > 0 {
		if end := a.flow.Kernel.Now().Add(d.timeout); end < a.until {
			a.until = end
			a.arm()
		}
	}
	if cost > 0 {
		a.flow.Kernel.After(cost, a, event(a.generation, attemptConnected))
		return
	}
	a.transmit()
}

// transmit sends the request to a replica.
func (a *attempt) transmit() {
	f, d, c := a.flow, a.dep, a.call
	a.sent, a.sentYet = f.Kernel.Now(), true
	server := (*Replica)(nil)
	if a.conn != nil {
		server = a.conn.server
	}
	if server == nil {
		server = d.choose(c)
	}
	if server == nil {
		a.sentYet = false
		a.refuse()
		return
	}
	a.server = server
	a.slot = server.slot
	d.InFlight++
	d.count(server.slot, 1)
	if server.netLoss > 0 && d.rand.Bool(server.netLoss) {
		if a.until == des.Never {
			f.Kernel.After(lostAfter, a, event(a.generation, attemptLost))
		}
		return
	}
	r := f.newRequest()
	r.replica, r.op = server, server.Service.serving(c.target)
	r.attempt, r.attemptGeneration = a, a.generation
	r.trace, r.deadline = a.trace, a.until
	r.caller = d.caller
	if d.Replica != nil {
		r.from = d.Replica
	} else {
		r.client, r.deadline = c.client, des.Never
	}
	if server.Service.Model.OnCancel != "stop" {
		r.deadline = des.Never
	}
	if a.conn != nil && a.conn.server != nil {
		r.conn = a.conn
		a.conn.busy = true
	}
	a.request, a.requestGeneration = r, r.generation
	way := f.oneWay(d, server)
	if server.netWait != nil {
		way = way.Add(server.netWait.Sample(d.rand))
	}
	f.Kernel.After(way, r, event(r.generation, requestArrives))
}

// end is the attempt's end; gaveUp says that its request may still be under way.
func (a *attempt) end(failure *Failure, gaveUp bool) {
	d, c := a.dep, a.call
	d.record(failure, a.trial)
	a.report(failure)
	a.letGo(gaveUp)
	c.answered(a, failure)
	a.free()
}

// abandon ends an attempt whose answer nobody wants.
func (a *attempt) abandon(tell bool) {
	if tell {
		a.report(a.fails(situationCancelled))
	}
	a.dep.forgetTrial(a.trial)
	a.letGo(true)
	a.free()
}

// letGo gives back what the attempt holds, and tells the server if it does not wait for its answer.
func (a *attempt) letGo(gaveUp bool) {
	f, d := a.flow, a.dep
	if a.waits {
		d.pool.forget(a)
	}
	if a.server == nil {
		if a.conn != nil {
			d.pool.close(a.conn)
		}
		return
	}
	d.InFlight--
	d.count(a.slot, -1)
	if gaveUp && a.request != nil && a.request.generation == a.requestGeneration && !a.server.dead {
		f.Kernel.After(f.oneWay(d, a.server), a.request, event(a.requestGeneration, requestCancelled))
	}
	if a.conn == nil {
		return
	}
	if gaveUp && !d.multiplexed || a.conn.lost {
		d.pool.close(a.conn)
	} else {
		d.pool.release(a.conn)
	}
}

// fails words what went wrong with the attempt.
func (a *attempt) fails(what situation) *Failure {
	return a.flow.fails(what, a.dep, a.call.target, a.server, nil)
}

// answer words a failure that came back.
func (a *attempt) answer(failure *Failure) *Failure {
	switch failure {
	case a.flow.refused:
		return a.fails(situationRefused)
	case a.flow.reset:
		return a.fails(situationReset)
	}
	return a.flow.fails(situationStatus, a.dep, a.call.target, nil, failure)
}

func (a *attempt) free() {
	f := a.flow
	*a = attempt{flow: f, generation: a.generation + 1}
	f.freeAttempts = append(f.freeAttempts, a)
}

// report tells the observer of the attempt's end.
func (a *attempt) report(failure *Failure) {
	d := a.dep
	if d.Replica == nil || a.call.partition >= 0 {
		return
	}
	t := &a.flow.attempted
	*t = Attempt{
		Dependency: d, Operation: a.call.target, Server: a.server, Trace: a.trace, Caller: a.call.caller(),
		Started: a.started, Sent: a.sent, Ended: a.flow.Kernel.Now(), Number: a.number, Hedge: a.hedge,
		Failure: failure, NotSent: !a.sentYet,
	}
	if !a.sentYet {
		t.Sent = t.Ended
	}
	a.flow.observer.Attempted(t)
}

func (a *attempt) tell(kind IncidentKind, failure *Failure) {
	a.call.tell(Incident{
		Kind: kind, Replica: a.dep.Replica, Operation: a.call.caller(), Dependency: a.dep, Target: a.call.target,
		Trace: a.trace, Failure: failure, Attempt: a.number,
	})
}
