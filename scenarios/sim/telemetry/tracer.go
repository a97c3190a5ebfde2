package telemetry

import (
	"encoding/binary"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Sampling tells which traces are kept.
type Sampling struct {
	// Head is the share of traces whose spans are made at all, 0 to 1, decided by the trace id before
	// any span exists, as OpenTelemetry's TraceIDRatioBased sampler does.
	Head float64
	// Tail, when not nil, decides about the traces that are left once they are over.
	Tail *Tail
}

// Tail keeps a trace when a span of it failed, when its root was slow, and else by chance, as the
// collector's tail sampling processor does with the policies status_code, latency and probabilistic.
type Tail struct {
	Wait       time.Duration // from the end of the root until the decision
	SlowerThan time.Duration // a root that took longer is kept; 0 turns this off
	Share      float64       // of the others, 0 to 1, by trace id
	// IgnoreErrors leaves the policy status_code out: traces with errors are like others.
	IgnoreErrors bool
	// MaxTraces bounds the traces that wait; 50,000 when zero, the processor's num_traces. Beyond that
	// the oldest is decided early.
	MaxTraces int
}

// Tracer takes the finished spans of the system and writes those of sampled traces.
type Tracer struct {
	recorder  *Recorder
	threshold uint64
	tail      *tailSampler
	batch     []Span
}

// The defaults of OpenTelemetry's batch span processors.
const (
	spansPerBatch  = 512
	scheduledDelay = 5 * time.Second
)

// Tracer adds a sampler. A system usually has one, since all its services decide alike.
func (r *Recorder) Tracer(s Sampling) *Tracer {
	t := &Tracer{recorder: r, threshold: threshold(s.Head)}
	if s.Tail != nil {
		t.tail = newTailSampler(*s.Tail, t.write)
	}
	r.tracers = append(r.tracers, t)
	return t
}

// threshold is the number below which 63 random bits lie with the probability share.
func threshold(share float64) uint64 { return uint64(min(max(share, 0), 1) * (1 << 63)) }

// below reports whether 8 random bytes of an id lie below a threshold.
func below(random []byte, threshold uint64) bool {
	return binary.BigEndian.Uint64(random)>>1 < threshold
}

// Sampled reports the head decision: whether spans of the trace are to be made. Span contexts, exemplars
// and the trace flags in logs follow it. It looks at the same half of the id as the SDKs do.
func (t *Tracer) Sampled(id TraceID) bool { return below(id[8:], t.threshold) }

// Record takes a finished span, in the order in which spans end. Spans of traces that are not sampled are
// dropped. The span's slices must not be changed afterwards.
func (t *Tracer) Record(s Span) {
	switch {
	case !t.Sampled(s.TraceID):
	case t.tail != nil:
		t.tail.add(s)
	default:
		t.write(s)
	}
}

func (t *Tracer) write(s Span) {
	t.batch = append(t.batch, s)
	if len(t.batch) == spansPerBatch {
		t.send()
	}
}

// advance tells that it is now. What has waited long enough is decided and written, also when no span comes.
func (t *Tracer) advance(now int64) {
	if t.tail != nil {
		t.tail.advance(now)
	}
	if len(t.batch) > 0 && now-t.batch[0].End > int64(scheduledDelay) {
		t.send()
	}
}

// flush decides what waits and writes everything.
func (t *Tracer) flush() {
	if t.tail != nil {
		t.tail.flush()
	}
	t.send()
}

func (t *Tracer) send() {
	batch := t.batch
	t.batch = nil
	if len(batch) > 0 {
		t.recorder.work <- func(o *output) error { return o.spans(batch) }
	}
}

// spans writes a batch, grouped by resource and scope in the order of their first span.
func (o *output) spans(batch []Span) error {
	type origin struct {
		resource *Resource
		scope    Scope
	}
	td := ptrace.NewTraces()
	resources := map[*Resource]ptrace.ResourceSpans{}
	scopes := map[origin]ptrace.SpanSlice{}
	for i := range batch {
		s := &batch[i]
		from := origin{s.Resource, s.Scope}
		spans, ok := scopes[from]
		if !ok {
			rs, ok := resources[s.Resource]
			if !ok {
				rs = td.ResourceSpans().AppendEmpty()
				s.Resource.put(rs.Resource())
				resources[s.Resource] = rs
			}
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(s.Scope.Name)
			ss.Scope().SetVersion(s.Scope.Version)
			spans = ss.Spans()
			scopes[from] = spans
		}
		s.put(spans.AppendEmpty())
		o.traces.add(s.TraceID, s.End)
	}
	return o.w.Spans(td)
}
