package telemetry

import (
	"time"

	"firedrill/scenarios/sim/telemetry/logformat"
)

// Whether a trace is in the recording is known only after its spans have ended and a tail sampler has decided. Lines
// and exemplars that name a trace wait for that: one that was dropped would be a link to nowhere.
const (
	// holdFor is how long they wait.
	holdFor = 3 * time.Minute
	// rememberFor is how long a recorded trace is remembered at least; what goes on later, as consumers that lag do,
	// records it anew.
	rememberFor = 10 * time.Minute
)

// recorded is a set of traces that forgets, so that it stays small however long a recording is.
type recorded struct {
	recent, older map[TraceID]struct{}
	since         int64 // ns, from when on recent is
}

func newRecorded() recorded { return recorded{recent: map[TraceID]struct{}{}} }

// add notes a span of a trace that ended at the time at.
func (r *recorded) add(id TraceID, at int64) {
	if at-r.since > int64(rememberFor) {
		r.older, r.recent, r.since = r.recent, map[TraceID]struct{}{}, at
	}
	r.recent[id] = struct{}{}
}

func (r *recorded) has(id TraceID) bool {
	if _, ok := r.recent[id]; ok {
		return true
	}
	_, ok := r.older[id]
	return ok
}

// heldLine is a line that waits.
type heldLine struct {
	stream *Stream
	at     int64
	event  logformat.Event
}

// release writes what has waited long enough at the time now: exemplars of recorded traces, and lines, without their
// ids if their trace was dropped.
func (o *output) release(now int64) error {
	due := now - int64(holdFor)
	n := 0
	for ; n < len(o.lines) && o.lines[n].at <= due; n++ {
		l := &o.lines[n]
		if !o.traces.has(l.event.TraceID) {
			l.event.TraceID, l.event.SpanID = TraceID{}, SpanID{}
		}
		if err := o.writeLine(l.stream, l.at, l.event); err != nil {
			return err
		}
	}
	o.lines = drop(o.lines, n)
	n = 0
	for ; n < len(o.exemplars) && o.exemplars[n].at <= due; n++ {
		if x := &o.exemplars[n]; o.traces.has(x.trace) {
			if err := o.writeExemplar(x); err != nil {
				return err
			}
		}
	}
	o.exemplars = drop(o.exemplars, n)
	return nil
}

// drop removes the first n, and moves the rest down now and then, so that the memory is used again.
func drop[T any](all []T, n int) []T {
	clear(all[:n])
	if rest := all[n:]; n > 0 && cap(rest)-len(rest) < len(rest)/4+16 {
		return append(make([]T, 0, 2*len(rest)), rest...)
	}
	return all[n:]
}
