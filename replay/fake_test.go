package replay_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// recordedStart is when the made-up incident began; not on a whole second, like real ones.
var recordedStart = time.Date(2022, 8, 22, 5, 18, 9, 123_456_789, time.UTC)

// memory is a Source in memory. Readers hand out copies, as a recording does.
type memory struct {
	samples []replay.Sample
	records []replay.Record
	spans   []replay.Span
	end     time.Time
}

func (m *memory) Bounds() (start, end time.Time) { return recordedStart, m.end }

func (m *memory) Samples(from, to time.Time) (replay.Reader[replay.Sample], error) {
	return within(m.samples, from, to, sampleTime, func(s replay.Sample) replay.Sample {
		s.Exemplars = slices.Clone(s.Exemplars)
		return s
	}), nil
}

func (m *memory) Records(from, to time.Time) (replay.Reader[replay.Record], error) {
	return within(m.records, from, to, recordTime, func(r replay.Record) replay.Record {
		r.Line, r.Metadata = slices.Clone(r.Line), slices.Clone(r.Metadata)
		return r
	}), nil
}

func (m *memory) Spans(from, to time.Time) (replay.Reader[replay.Span], error) {
	return within(m.spans, from, to, spanTime, func(s replay.Span) replay.Span {
		moved := ptrace.NewSpan()
		s.Span.CopyTo(moved)
		return replay.Span{Resource: s.Resource, Span: moved}
	}), nil
}

func sampleTime(s replay.Sample) int64 { return s.T * 1e6 }
func recordTime(r replay.Record) int64 { return r.T }
func spanTime(s replay.Span) int64     { return int64(s.Span.EndTimestamp()) }

type slice[T replay.Item] struct{ items []T }

func within[T replay.Item](items []T, from, to time.Time, due func(T) int64, clone func(T) T) *slice[T] {
	var out []T
	for _, it := range items {
		if d := due(it); d >= from.UnixNano() && d < to.UnixNano() {
			out = append(out, clone(it))
		}
	}
	return &slice[T]{out}
}

func (s *slice[T]) Read(p []T) (int, error) {
	if len(s.items) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.items)
	s.items = s.items[n:]
	return n, nil
}

func (s *slice[T]) Close() error { return nil }

// incident makes a recording of the given length: scraped series, log lines and traces at random times.
func incident(seed uint64, length time.Duration) *memory {
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := &memory{end: recordedStart.Add(length)}
	at := func() int64 { return recordedStart.UnixNano() + rnd.Int64N(int64(length)) }
	names := []string{"up", "http_requests_total", "process_start_time_seconds"}
	for i := range 7 {
		s := &replay.Series{ID: uint32(i), Labels: labels.FromStrings("__name__", names[i%3], "instance", fmt.Sprint(i))}
		phase := rnd.Int64N(15_000)
		for t := recordedStart.UnixMilli() + 1 + phase; t < m.end.UnixMilli(); t += 15_000 {
			v := float64(rnd.IntN(1000))
			if i%3 == 2 {
				v = float64(recordedStart.Unix() - 3600)
			}
			m.samples = append(m.samples, replay.Sample{Series: s, T: t, V: v})
		}
	}
	resource := &replay.Resource{Attributes: pcommon.NewMap(), Scope: pcommon.NewInstrumentationScope()}
	resource.Attributes.PutStr("service.name", "cart")
	for range int(length/time.Second) * 2 {
		var trace pcommon.TraceID
		var span pcommon.SpanID
		for i := range trace {
			trace[i] = byte(1 + rnd.IntN(255))
		}
		for i := range span {
			span[i] = byte(1 + rnd.IntN(255))
		}
		s := ptrace.NewSpan()
		s.SetTraceID(trace)
		s.SetSpanID(span)
		end := at()
		s.SetStartTimestamp(pcommon.Timestamp(end - rnd.Int64N(int64(time.Second))))
		s.SetEndTimestamp(pcommon.Timestamp(end))
		m.spans = append(m.spans, replay.Span{Resource: resource, Span: s})
		stream := &replay.Stream{ID: uint32(rnd.IntN(3))}
		t := at()
		line := fmt.Sprintf(`ts=%s trace_id=%s msg="done"`, time.Unix(0, t).UTC().Format(time.RFC3339Nano), trace)
		m.records = append(m.records, replay.Record{Stream: stream, T: t, Line: []byte(line),
			Metadata: []replay.Pair{{Name: "trace_id", Value: trace.String()}}})
	}
	sortBy(m.samples, sampleTime)
	sortBy(m.records, recordTime)
	sortBy(m.spans, spanTime)
	return m
}

func sortBy[T any](items []T, due func(T) int64) {
	slices.SortStableFunc(items, func(a, b T) int { return int(min(max(due(a)-due(b), -1), 1)) })
}

// backend is a Sink in memory that keeps everything it is given, duplicates too.
type backend[T replay.Item] struct {
	id   func(T) string
	time func(T) int64 // wall time the item carries, ns

	mu     sync.Mutex
	items  []T
	pushed []time.Time // when each item was pushed
	ids    map[string]int
	// fault is asked before each push; a returned error is answered, after storing keep of the items.
	fault func(n int) (keep int, err error)
	tries int
	most  int // items that one push takes; 0 means 500
}

func newBackend[T replay.Item](id func(T) string, at func(T) int64) *backend[T] {
	return &backend[T]{id: id, time: at, ids: make(map[string]int)}
}

func (b *backend[T]) Push(ctx context.Context, items []T) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	items = items[:min(len(items), cmp.Or(b.most, 500))]
	b.tries++
	keep, err := len(items), error(nil)
	if b.fault != nil {
		if k, e := b.fault(len(items)); e != nil {
			keep, err = k, e
		}
	}
	for _, it := range items[:keep] {
		b.items = append(b.items, it)
		b.pushed = append(b.pushed, time.Now())
		b.ids[b.id(it)]++
	}
	return len(items), err
}

func (b *backend[T]) Missing(_ context.Context, items []T) ([]T, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := items[:0] // shares the array, as the contract allows
	for _, it := range items {
		if b.ids[b.id(it)] == 0 {
			out = append(out, it)
		}
	}
	return out, nil
}

func (b *backend[T]) Stored(_ context.Context, from, to time.Time) (replay.Stored, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n replay.Stored
	for _, it := range b.items {
		if t := b.time(it); t >= from.Truncate(time.Millisecond).UnixNano() && t <= to.UnixNano() {
			n.Items++
			if s, ok := any(it).(replay.Sample); ok {
				n.Exemplars += int64(len(s.Exemplars))
			}
		}
	}
	return n, nil
}

func (b *backend[T]) Close() error { return nil }

// backends are the three fakes of one stack.
type backends struct {
	samples *backend[replay.Sample]
	records *backend[replay.Record]
	spans   *backend[replay.Span]
}

func newBackends() *backends {
	return &backends{
		newBackend(func(s replay.Sample) string { return fmt.Sprint(s.Series.ID, "@", s.T) }, sampleTime),
		newBackend(func(r replay.Record) string { return fmt.Sprint(r.Stream.ID, "@", r.T, string(r.Line)) }, recordTime),
		newBackend(func(s replay.Span) string { return s.Span.TraceID().String() + s.Span.SpanID().String() }, spanTime),
	}
}

func (b *backends) sinks() replay.Sinks {
	return replay.Sinks{Samples: b.samples, Records: b.records, Spans: b.spans}
}

func mustNew(tb testing.TB, src replay.Source, sinks replay.Sinks, o replay.Options) *replay.Replay {
	tb.Helper()
	r, err := replay.New(src, sinks, o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}
