package flow

import "firedrill/scenarios/sim/des"

// Events of a strand.
const (
	strandComputed uint64 = iota // the CPU part of a work step is done
	strandSlept
)

type waiting uint8

const (
	forNothing waiting = iota
	forTime
	forCall
	forLock
	forEntry
	forStrands
)

// strand runs steps of one request, one after the other. A request has one, and one more for each branch
// of a parallel step.
type strand struct {
	flow       *Flow
	generation uint64
	req        *request
	parent     *strand
	children   int
	frames     []frame
	span       SpanID // that of the request, or of the span step that it is in
	failure    *Failure
	branch     *Failure // of the first parallel branch that failed
	waiting    waiting
	inside     bool // run is on the stack: whoever ends the waiting leaves the going on to it
	since      des.Time

	sleepAfter des.Time // wait part of a work step
	call       *call
	role       role
	step       *step
	remaining  int
	key        int32
	turn       *keyQueue // of a lock
	flight     *flight
	nextWaiter *strand
}

// frame is a list of steps that a strand is in.
type frame struct {
	steps []step
	next  int
	kind  frameKind
	step  *step
	key   int32
	queue *keyQueue // of the lock held
	led   *flight   // that this strand leads
	outer SpanID
	began des.Time
}

type frameKind uint8

const (
	plain frameKind = iota
	inSpan
	inLock
	inMiss
	inStore // after a miss, while Cached.Set is under way
)

func (f *Flow) newStrand(r *request, parent *strand, span SpanID) *strand {
	var s *strand
	if n := len(f.freeStrands); n > 0 {
		s = f.freeStrands[n-1]
		f.freeStrands = f.freeStrands[:n-1]
	} else {
		s = &strand{flow: f}
	}
	s.req, s.parent, s.span = r, parent, span
	r.strands = append(r.strands, s)
	return s
}

func (s *strand) free() {
	all := s.req.strands
	for i, other := range all {
		if other == s {
			copy(all[i:], all[i+1:])
			s.req.strands = all[:len(all)-1]
			break
		}
	}
	f := s.flow
	*s = strand{flow: f, generation: s.generation + 1, frames: s.frames[:0]}
	f.freeStrands = append(f.freeStrands, s)
}

func (s *strand) push(f frame) { s.frames = append(s.frames, f) }

// Handle receives the strand's events.
func (s *strand) Handle(arg uint64) {
	if arg>>eventBits != s.generation {
		return
	}
	if arg&(1<<eventBits-1) == strandComputed && s.sleepAfter > 0 {
		d := s.sleepAfter
		s.sleepAfter = 0
		s.sleep(d)
		return
	}
	s.wake()
}

func (s *strand) sleep(d des.Time) {
	s.waiting = forTime
	s.flow.Kernel.After(d, s, event(s.generation, strandSlept))
}

// wake goes on after waiting.
func (s *strand) wake() {
	s.waiting = forNothing
	if !s.inside {
		s.run()
	}
}

// run executes steps until one has to wait.
func (s *strand) run() {
	s.inside = true
	for s.waiting == forNothing {
		if s.req.stop && s.failure == nil {
			s.failure = s.flow.cancelled
		}
		top := &s.frames[len(s.frames)-1]
		if s.failure == nil && top.next < len(top.steps) {
			st := &top.steps[top.next]
			top.next++
			s.execute(st)
			continue
		}
		left := *top
		s.frames = s.frames[:len(s.frames)-1]
		s.leave(&left)
		if len(s.frames) == 0 && s.waiting == forNothing {
			s.end()
			return
		}
	}
	s.inside = false
}

// end is the end of the strand's last step.
func (s *strand) end() {
	r, parent, failure := s.req, s.parent, s.failure
	s.free()
	if parent == nil {
		r.done(failure)
		return
	}
	parent.joined(failure)
}

func (s *strand) joined(failure *Failure) {
	if s.branch == nil {
		s.branch = failure
	}
	if s.children--; s.children > 0 {
		return
	}
	s.failure, s.branch = s.branch, nil
	s.wake()
}

// interrupt ends a wait, since the request is not wanted any more. Work goes on to the end of its step.
func (s *strand) interrupt() {
	switch s.waiting {
	case forCall:
		c := s.call
		c.abandon(true)
		s.called(s.flow.cancelled)
	case forLock:
		s.turn.forget(s)
		s.waited(WaitLock)
		s.wake()
	case forEntry:
		s.flight.forget(s)
		s.waited(WaitCache)
		s.wake()
	}
}

// abort is the end of a strand whose container is gone: nothing more is done or told.
func (s *strand) abort() {
	switch s.waiting {
	case forCall:
		s.call.abandon(false)
	case forLock:
		s.turn.forget(s)
	case forEntry:
		s.flight.forget(s)
	}
	for i := len(s.frames) - 1; i >= 0; i-- {
		switch f := &s.frames[i]; f.kind {
		case inLock:
			f.queue.release()
		case inMiss, inStore:
			if f.led != nil {
				f.led.land(f.key)
			}
		}
	}
	s.free()
}
