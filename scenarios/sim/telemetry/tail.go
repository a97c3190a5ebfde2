package telemetry

import "time"

// The defaults of the collector's tail sampling processor, and how long it remembers what it decided.
const (
	defaultMaxTraces = 50_000
	decisionMemory   = 10 * time.Minute
)

// tailSampler holds spans back until their trace is decided. Time is that of the spans' ends.
type tailSampler struct {
	Tail
	threshold uint64
	keep      func(Span)
	waiting   map[TraceID]*pending
	arrived   []*pending // waiting and some decided, by first span
	ended     []*pending // with a root, by its end
	decided   map[TraceID]bool
	forget    []decision // by time
}

// pending is a trace that waits for its decision.
type pending struct {
	id    TraceID
	spans []Span
	root  int64 // end of the root, 0 before
	keep  bool  // an error or a slow root was seen
	done  bool
}

type decision struct {
	id TraceID
	at int64
}

func newTailSampler(t Tail, keep func(Span)) *tailSampler {
	if t.MaxTraces == 0 {
		t.MaxTraces = defaultMaxTraces
	}
	return &tailSampler{Tail: t, threshold: threshold(t.Share), keep: keep, waiting: map[TraceID]*pending{}, decided: map[TraceID]bool{}}
}

func (t *tailSampler) add(s Span) {
	t.advance(s.End)
	if keep, ok := t.decided[s.TraceID]; ok {
		// Work that went on after its trace was decided joins it.
		if keep {
			t.keep(s)
		}
		return
	}
	p := t.waiting[s.TraceID]
	if p == nil {
		for len(t.waiting) >= t.MaxTraces {
			t.decideOldest(s.End)
		}
		p = &pending{id: s.TraceID}
		t.waiting[s.TraceID] = p
		t.arrived = append(t.arrived, p)
	}
	p.spans = append(p.spans, s)
	p.keep = p.keep || s.Status == StatusError && !t.IgnoreErrors
	if s.Parent.IsEmpty() && p.root == 0 {
		p.root = s.End
		p.keep = p.keep || t.SlowerThan > 0 && s.End-s.Start > int64(t.SlowerThan)
		t.ended = append(t.ended, p)
	}
}

// advance decides the traces whose wait is over at now, and forgets old decisions.
func (t *tailSampler) advance(now int64) {
	for len(t.ended) > 0 && t.ended[0].root+int64(t.Wait) <= now {
		t.decide(t.ended[0], now)
		t.ended = t.ended[1:]
	}
	for len(t.forget) > 0 && t.forget[0].at+int64(decisionMemory) < now {
		delete(t.decided, t.forget[0].id)
		t.forget = t.forget[1:]
	}
}

// decideOldest decides the trace that waits longest: the first of arrived always waits.
func (t *tailSampler) decideOldest(now int64) { t.decide(t.arrived[0], now) }

func (t *tailSampler) decide(p *pending, now int64) {
	if p.done {
		return
	}
	p.done = true
	// The other half of the id: among those that pass the head sampler, its half is not random.
	keep := p.keep || below(p.id[:8], t.threshold)
	if keep {
		for _, s := range p.spans {
			t.keep(s)
		}
	}
	p.spans = nil
	delete(t.waiting, p.id)
	t.decided[p.id] = keep
	t.forget = append(t.forget, decision{p.id, now})
	for len(t.arrived) > 0 && t.arrived[0].done {
		t.arrived = t.arrived[1:]
	}
}

// flush decides everything that waits.
func (t *tailSampler) flush() {
	for len(t.waiting) > 0 {
		t.decideOldest(0)
	}
}
