package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// Events carry the generation of the pooled struct that they were meant for and what they are: those for a
// former user of the struct are recognised and ignored.
const eventBits = 3

func event(generation uint64, kind uint64) uint64 { return generation<<eventBits | kind }

// Events of a request.
const (
	requestArrives uint64 = iota
	requestCancelled
)

type phase uint8

const (
	travelling phase = iota
	queued
	running
)

// request is one request on its way to a replica and there. It is made when it is sent, so that a
// cancellation can follow it.
type request struct {
	flow       *Flow
	generation uint64
	prev, next *request // in its replica's queue or among those running

	replica *Replica
	op      *Operation
	effects *effects
	from    *Replica
	client  *Client
	caller  int
	// attempt is whom to answer, if it still is of that generation.
	attempt           *attempt
	attemptGeneration uint64
	conn              *conn
	deadline          des.Time
	trace             Trace
	arrived, started  des.Time
	phase             phase
	// gone: the caller has given up. stop: so no further step is begun.
	gone, stop bool
	// detached: it is no request but an asynchronous call's own life.
	detached bool
	held     int64
	message  *member // the partition's worker, for a message
	poison   bool
	strands  []*strand
}

func (f *Flow) newRequest() *request {
	if n := len(f.freeRequests); n > 0 {
		r := f.freeRequests[n-1]
		f.freeRequests = f.freeRequests[:n-1]
		return r
	}
	return &request{flow: f}
}

func (f *Flow) freeRequest(r *request) {
	*r = request{flow: f, generation: r.generation + 1, strands: r.strands[:0]}
	f.freeRequests = append(f.freeRequests, r)
}

// Handle receives the request's events.
func (r *request) Handle(arg uint64) {
	if arg>>eventBits != r.generation {
		return
	}
	if arg&(1<<eventBits-1) == requestArrives {
		r.arrive()
	} else {
		r.cancel()
	}
}

// arrive is the moment at which the request reaches its replica.
func (r *request) arrive() {
	f, p := r.flow, r.replica
	if p.dead {
		r.respond(f.refused)
		f.freeRequest(r)
		return
	}
	r.arrived = f.Kernel.Now()
	r.trace = p.inbound(r.trace)
	r.effects = p.effect(r.op, r.caller)
	p.Begun++
	if r.conn != nil {
		p.Connections.Idle--
		p.Connections.Active++
	}
	switch {
	case r.stop:
		r.refuse(f.cancelled)
	case p.Workers == 0 || p.InFlight < p.Workers:
		r.start()
	case p.Queue == 0 || p.Queued < p.Queue || r.message != nil:
		r.phase = queued
		p.queue.push(r)
		p.Queued++
	default:
		p.Refused++
		failure := f.own(r.op, situationFull)
		f.happened(Incident{Kind: QueueFull, Replica: p, Operation: r.op, Trace: r.trace, Failure: failure})
		r.refuse(failure)
	}
}

// refuse ends a request that got no worker.
func (r *request) refuse(failure *Failure) {
	now := r.flow.Kernel.Now()
	r.started = now
	r.finish(failure)
}

// start gives the request a worker.
func (r *request) start() {
	f, p := r.flow, r.replica
	r.phase = running
	r.started = f.Kernel.Now()
	p.running.push(r)
	p.InFlight++
	r.held = p.perRequest
	p.hold(r.held)
	s := f.newStrand(r, nil, r.trace.Span)
	if r.poison {
		s.failure = f.poisoned(r.op)
		f.logged(Entry{Kind: LogError, Replica: p, Operation: r.op, Trace: r.trace, Failure: s.failure})
		s.push(frame{})
	} else {
		s.push(frame{steps: r.op.steps})
	}
	if r.effects.wait != nil {
		s.sleep(r.effects.wait.Sample(p.work))
		return
	}
	s.run()
}

// done is called when the last step has ended.
func (r *request) done(failure *Failure) {
	f, p := r.flow, r.replica
	p.running.remove(r)
	if r.detached {
		f.freeRequest(r)
		return
	}
	if failure == nil && r.effects.fail > 0 && p.choose.Bool(r.effects.fail) {
		failure = f.own(r.op, situationBug)
		f.logged(Entry{Kind: LogError, Replica: p, Operation: r.op, Trace: r.trace, Failure: failure})
	}
	p.InFlight--
	p.release(r.held, p.garbage)
	if r.effects.leak > 0 {
		p.leakBytes(int64(r.effects.leak))
	}
	r.finish(failure)
	p.next()
}

// next gives workers that are free to requests that wait.
func (p *Replica) next() {
	for p.queue.head != nil && !p.dead && (p.Workers == 0 || p.InFlight < p.Workers) {
		r := p.queue.head
		p.queue.remove(r)
		p.Queued--
		r.start()
	}
}

// finish tells everybody about the end, and lets go of the request.
func (r *request) finish(failure *Failure) {
	f, p := r.flow, r.replica
	if r.gone && r.stop {
		failure = f.own(r.op, situationCancelled)
	}
	r.report(failure, false)
	if r.conn != nil {
		r.conn.answered(p)
	}
	if r.message != nil {
		r.message.handled(failure)
	} else {
		r.respond(failure)
	}
	f.freeRequest(r)
}

// report tells the observer of the request's end, and writes its lines.
func (r *request) report(failure *Failure, killed bool) {
	f, p := r.flow, r.replica
	h := &f.handled
	*h = Handled{
		Replica: p, Operation: r.op, From: r.from, Client: r.client, Trace: r.trace,
		Arrived: r.arrived, Started: r.started, Ended: f.Kernel.Now(), Failure: failure,
		CallerGone: r.gone, Uncounted: r.gone && p.Service.Model.CancelledUncounted, Killed: killed,
	}
	if r.message != nil {
		h.Message = &r.message.delivery
	}
	if r.op.hidden {
		return
	}
	f.observer.Handled(h)
	service := p.Service.Model
	if killed || service.Kind == model.External {
		return
	}
	e := Entry{Replica: p, Operation: r.op, Trace: r.trace, Handled: h, Failure: failure}
	if service.Kind == model.Database {
		if failure != nil {
			e.Kind = LogStatement
			f.logged(e)
		}
		if slow := des.Time(service.Logs.Slow); slow > 0 && h.Ended-h.Started >= slow {
			e.Kind = LogSlow
			f.logged(e)
		}
		return
	}
	if !r.op.Model.Unlogged && (failure != nil || p.logShare > 0 && p.lines.Bool(p.logShare)) {
		e.Kind = LogRequest
		f.logged(e)
	}
}

// respond sends the answer to whoever still waits for it.
func (r *request) respond(failure *Failure) {
	a := r.attempt
	if a == nil || a.generation != r.attemptGeneration {
		return
	}
	a.reply = failure
	f := r.flow
	f.Kernel.After(f.oneWay(a.dep, r.replica), a, event(a.generation, attemptAnswered))
}

// cancel is the moment at which the replica learns that the caller has given up.
func (r *request) cancel() {
	r.gone = true
	if r.replica.Service.Model.OnCancel != "stop" {
		return
	}
	r.stop = true
	switch r.phase {
	case queued:
		r.replica.queue.remove(r)
		r.replica.Queued--
		r.refuse(r.flow.cancelled)
	case running:
		r.interrupt()
	}
}

// interrupt ends what the request waits for.
func (r *request) interrupt() {
	f, generation := r.flow, r.generation
	mine := len(f.scratch)
	f.scratch = append(f.scratch, r.strands...)
	for i := mine; i < mine+len(r.strands); i++ {
		s := f.scratch[i]
		if r.generation != generation {
			break
		}
		if s.req == r {
			s.interrupt()
		}
	}
	f.scratch = f.scratch[:mine]
}

// die is the end of a request whose container is gone.
func (r *request) die(reset *Failure) {
	f := r.flow
	for len(r.strands) > 0 {
		r.strands[len(r.strands)-1].abort()
	}
	if r.detached {
		f.freeRequest(r)
		return
	}
	if r.phase == queued {
		r.started = f.Kernel.Now()
	}
	r.report(reset, true)
	if r.message != nil {
		r.message.lost()
	} else {
		r.respond(reset)
	}
	f.freeRequest(r)
}
