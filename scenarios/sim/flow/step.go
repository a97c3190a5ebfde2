package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// step is a model.Step with everything looked up.
type step struct {
	kind  stepKind
	share float64 // 1: always
	flag  *bool   // nil: none
	off   bool    // the flag has to be off
	steps []step  // parallel, miss, locked, span; fallback of a call

	time  des.Dist // work
	cpu   float64
	alloc int64

	dependency int // call
	target     *Operation
	call       *model.Call
	index      int // of the cache or the lock
	get, set   *step
	topic      *Topic
	line       *model.Line
	fail       *Failure
	name       string
}

type stepKind uint8

const (
	stepWork stepKind = iota
	stepCall
	stepParallel
	stepCached
	stepLocked
	stepPublish
	stepLog
	stepFail
	stepSpan
)

// role is what an answer is for.
type role uint8

const (
	roleStep role = iota
	roleGet
	roleSet
	rolePublish
)

// execute begins a step; it leaves s.waiting set if the step takes time.
func (s *strand) execute(st *step) {
	f, p := s.flow, s.req.replica
	if st.flag != nil && *st.flag == st.off || st.share < 1 && !p.choose.Bool(st.share) {
		return
	}
	switch st.kind {
	case stepWork:
		s.compute(st)
	case stepCall:
		if st.call.Async {
			f.detach(s, st)
			return
		}
		s.remaining = max(1, st.call.Times)
		s.begin(st, st, roleStep)
	case stepParallel:
		s.fork(st)
	case stepCached:
		s.key = int32(p.Caches[st.index].zipf.Sample(p.choose))
		s.step = st
		if st.get != nil {
			s.begin(st, st.get, roleGet)
			return
		}
		s.lookUp(st)
	case stepLocked:
		s.lock(st)
	case stepPublish:
		s.publish(st)
	case stepLog:
		f.logged(Entry{Kind: LogStep, Replica: p, Operation: s.req.op, Trace: s.trace(), Line: st.line, Seed: p.lines.Uint64()})
	case stepFail:
		if p.choose.Bool(st.cpu) {
			s.failure = st.fail
			f.logged(Entry{Kind: LogError, Replica: p, Operation: s.req.op, Trace: s.trace(), Failure: st.fail})
		}
	case stepSpan:
		outer := s.span
		if p.traces {
			s.span = p.newSpan()
		}
		s.push(frame{steps: st.steps, kind: inSpan, step: st, outer: outer, began: f.Kernel.Now()})
	}
}

// trace is the request's, or that of the span step that the strand is in.
func (s *strand) trace() Trace {
	t := s.req.trace
	if t.Span != s.span {
		t.Parent, t.Span = t.Span, s.span
	}
	return t
}

// compute begins a work step: first its share of CPU, then the rest.
func (s *strand) compute(st *step) {
	p, e := s.req.replica, s.req.effects
	t := float64(st.time.Sample(p.work)) * e.time
	cpu := des.FromFloat(t * st.cpu * e.cpu)
	s.sleepAfter = des.FromFloat(t * (1 - st.cpu))
	if st.alloc > 0 {
		p.alloc(st.alloc)
	}
	switch {
	case cpu > 0:
		s.waiting = forTime
		p.compute(cpu, s, event(s.generation, strandComputed))
	case s.sleepAfter > 0:
		d := s.sleepAfter
		s.sleepAfter = 0
		s.sleep(d)
	}
}

// fork begins the branches of a parallel step.
func (s *strand) fork(st *step) {
	if len(st.steps) == 0 {
		return
	}
	s.children = len(st.steps)
	s.waiting = forStrands
	for i := range st.steps {
		b := s.flow.newStrand(s.req, s, s.span)
		b.push(frame{steps: st.steps[i : i+1]})
		b.run()
	}
}

// begin starts a call; for is the step that it belongs to.
func (s *strand) begin(of, st *step, as role) {
	s.step, s.role = of, as
	s.waiting = forCall
	s.flow.startCall(s, s.req.replica.dependency(st), st.target)
}

// called is the answer to a call.
func (s *strand) called(failure *Failure) {
	st := s.step
	s.call = nil
	s.waiting = forNothing
	switch s.role {
	case roleStep:
		s.answered(st, failure)
	case roleGet:
		if failure != nil {
			s.logCall(st.get, failure, true)
			s.miss(st)
		} else {
			s.lookUp(st)
		}
	case roleSet:
		if failure == nil {
			s.frames[len(s.frames)-1].next = stored
		} else {
			s.logCall(st.set, failure, true)
		}
	case rolePublish:
		s.failure = failure
	}
	if s.waiting == forNothing && !s.inside {
		s.run()
	}
}

// answered is the answer to a call step.
func (s *strand) answered(st *step, failure *Failure) {
	if failure == nil {
		if s.remaining--; s.remaining > 0 && !s.req.stop {
			s.begin(st, st, roleStep)
		}
		return
	}
	if s.req.stop {
		return
	}
	s.logCall(st, failure, st.call.Optional)
	if !st.call.Optional {
		s.failure = s.flow.passOn(s.req.op, failure)
		return
	}
	if len(st.steps) > 0 {
		s.push(frame{steps: st.steps})
	}
}

// logCall writes the line about a call that failed. Data stores do not write such lines.
func (s *strand) logCall(st *step, failure *Failure, optional bool) {
	p := s.req.replica
	if kind := p.Service.Model.Kind; s.req.stop || kind != model.App && kind != model.Gateway {
		return
	}
	s.flow.logged(Entry{
		Kind: LogError, Replica: p, Operation: s.req.op, Trace: s.trace(), Failure: failure,
		Dependency: p.dependency(st), Target: st.target, Optional: optional,
	})
}

// leave is the end of a frame.
func (s *strand) leave(f *frame) {
	switch f.kind {
	case inSpan:
		t := s.trace()
		s.span = f.outer
		t.Parent = f.outer
		w := &s.flow.spanned
		*w = Span{
			Replica: s.req.replica, Operation: s.req.op, Name: f.step.name, Trace: t,
			Started: f.began, Ended: s.flow.Kernel.Now(), Failure: s.failure,
		}
		s.flow.observer.Spanned(w)
	case inLock:
		f.queue.release()
	case inMiss, inStore:
		s.missed(f)
	}
}

// detach lets an asynchronous call live on its own.
func (f *Flow) detach(s *strand, st *step) {
	p := s.req.replica
	r := f.newRequest()
	r.replica, r.op, r.trace, r.effects = p, s.req.op, s.req.trace, s.req.effects
	r.deadline, r.detached, r.phase = des.Never, true, running
	p.running.push(r)
	d := f.newStrand(r, nil, s.span)
	d.push(frame{steps: st.steps[:0]})
	d.remaining = max(1, st.call.Times)
	d.inside = true
	d.begin(st, st, roleStep)
	d.inside = false
	if d.waiting == forNothing {
		d.run()
	}
}
