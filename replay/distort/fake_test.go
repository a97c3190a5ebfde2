package distort_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/distort"
)

// recordedStart is when the made-up incident began; not on a whole second, like real ones.
var recordedStart = time.Date(2022, 8, 22, 5, 18, 9, 123_456_789, time.UTC)

// memory is a Source in memory. Readers hand out copies, as a recording does.
type memory struct {
	samples []replay.Sample
	records []replay.Record
	spans   []replay.Span
	traces  map[pcommon.TraceID]bool
	end     time.Time
}

func (m *memory) Bounds() (start, end time.Time) { return recordedStart, m.end }

func (m *memory) hasTrace(id pcommon.TraceID) bool { return m.traces[id] }

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
		span := ptrace.NewSpan()
		s.Span.CopyTo(span)
		return replay.Span{Resource: s.Resource, Span: span}
	}), nil
}

func sampleTime(s replay.Sample) int64 { return s.T * 1e6 }
func recordTime(r replay.Record) int64 { return r.T }
func spanTime(s replay.Span) int64     { return int64(s.Span.EndTimestamp()) }

func sampleDue(s replay.Sample) int64 { return sampleTime(s) + int64(s.Lag) }
func recordDue(r replay.Record) int64 { return recordTime(r) + int64(r.Lag) }
func spanDue(s replay.Span) int64     { return spanTime(s) + int64(s.Lag) }

// slice is a Reader that fills only a part of what it is given, now and then.
type slice[T replay.Item] struct{ items []T }

func within[T replay.Item](items []T, from, to time.Time, at func(T) int64, clone func(T) T) *slice[T] {
	var out []T
	for _, it := range items {
		if t := at(it); t >= from.UnixNano() && t < to.UnixNano() {
			out = append(out, clone(it))
		}
	}
	return &slice[T]{out}
}

func (s *slice[T]) Read(p []T) (int, error) {
	if len(s.items) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+len(s.items)%97)], s.items)
	s.items = s.items[n:]
	return n, nil
}

func (s *slice[T]) Close() error { return nil }

const scrapeEvery = 15 * time.Second

// incident makes a recording of the given length of three services in a chain, cart, payment and risk, with two pods
// each on the hosts a and b: scraped series and those of rules, log lines of several formats, and traces.
func incident(seed uint64, length time.Duration) *memory {
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := &memory{end: recordedStart.Add(length), traces: make(map[pcommon.TraceID]bool)}
	var traces []pcommon.TraceID
	var resources []*replay.Resource
	for _, service := range services {
		for pod := range 2 {
			r := &replay.Resource{Attributes: pcommon.NewMap(), Scope: pcommon.NewInstrumentationScope()}
			r.Attributes.PutStr("service.name", service)
			r.Attributes.PutStr("k8s.pod.name", fmt.Sprint(service, "-", pod))
			r.Attributes.PutStr("host.name", string(rune('a'+pod)))
			resources = append(resources, r)
		}
	}
	for range int(length/time.Second) * 2 {
		trace := pcommon.TraceID(bytesOf(rnd))
		m.traces[trace] = true
		traces = append(traces, trace)
		at := recordedStart.UnixNano() + rnd.Int64N(int64(length)) // when the root ends
		took := int64(time.Millisecond) + rnd.Int64N(int64(time.Second))
		var parent pcommon.SpanID
		for i := range services {
			resource := resources[2*i+rnd.IntN(2)]
			for _, kind := range []ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindClient} {
				s := ptrace.NewSpan()
				id := bytesOf(rnd)
				s.SetTraceID(trace)
				s.SetSpanID(pcommon.SpanID(id[:8]))
				s.SetParentSpanID(parent)
				s.SetKind(kind)
				s.SetName("charge")
				s.SetStartTimestamp(pcommon.Timestamp(at - took))
				s.SetEndTimestamp(pcommon.Timestamp(at))
				s.Attributes().PutStr("trace_id", trace.String())
				parent = s.SpanID()
				if at >= recordedStart.UnixNano() {
					m.spans = append(m.spans, replay.Span{Resource: resource, Span: s})
				}
				at, took = at-took/8, took-took/4
			}
		}
	}
	m.addSamples(rnd, traces)
	m.addRecords(rnd, traces)
	sortBy(m.samples, sampleTime)
	sortBy(m.records, recordTime)
	sortBy(m.spans, spanTime)
	return m
}

var services = []string{"cart", "payment", "risk"}

func bytesOf(rnd *rand.Rand) (id [16]byte) {
	for i := range id {
		id[i] = byte(1 + rnd.IntN(255))
	}
	return id
}

func (m *memory) addSamples(rnd *rand.Rand, traces []pcommon.TraceID) {
	id := uint32(0)
	series := func(name string, more ...string) *replay.Series {
		s := &replay.Series{ID: id, Labels: labels.FromStrings(append([]string{"__name__", name}, more...)...)}
		id++
		return s
	}
	for i := range 6 { // targets
		target := []string{"job", services[i/2], "instance", fmt.Sprint("10.0.0.", i, ":80"), "pod", fmt.Sprint(services[i/2], "-", i%2), "node", string(rune('a' + i%2))}
		all := []*replay.Series{series("up", target...), series("scrape_duration_seconds", target...), series("scrape_samples_scraped", target...),
			series("http_requests_total", target...), series("http_seconds", target...), series("temporary", target...)}
		phase := rnd.Int64N(scrapeEvery.Milliseconds())
		begins, ends := rnd.IntN(40), rnd.IntN(60) // scrapes of temporary
		for k := 0; ; k++ {
			t := recordedStart.UnixMilli() + 1 + phase + int64(k)*scrapeEvery.Milliseconds()
			if t >= m.end.UnixMilli() {
				break
			}
			for j, s := range all {
				sample := replay.Sample{Series: s, T: t, V: float64(1 + k)}
				switch {
				case j == 5 && i == 0: // it is away for long, without a marker
					if k > 4 && k < 50 {
						continue
					}
				case j == 5 && (k < begins || k > begins+ends):
					continue
				case j == 5 && k == begins+ends:
					sample.V = math.Float64frombits(value.StaleNaN)
				case j == 4:
					sample.V, sample.H = 0, &histogram.Histogram{Sum: float64(k), Count: uint64(k)}
					e := replay.Exemplar{Labels: labels.FromStrings("trace_id", traces[rnd.IntN(len(traces))].String()), V: 1, T: t - 10}
					sample.Exemplars = []replay.Exemplar{e}
				}
				m.samples = append(m.samples, sample)
			}
		}
	}
	for _, s := range []*replay.Series{series("ALERTS", "alertname", "Slow", "alertstate", "firing", "job", "payment"), series("job:errors:rate5m", "job", "payment")} {
		for t := recordedStart.UnixMilli() + 7; t < m.end.UnixMilli(); t += scrapeEvery.Milliseconds() {
			m.samples = append(m.samples, replay.Sample{Series: s, T: t, V: 1})
		}
	}
}

func (m *memory) addRecords(rnd *rand.Rand, traces []pcommon.TraceID) {
	for i := range 6 {
		stream := &replay.Stream{ID: uint32(i), Labels: labels.FromStrings("service_name", services[i/2], "pod", fmt.Sprint(services[i/2], "-", i%2), "node", string(rune('a'+i%2)))}
		for t := recordedStart.UnixNano(); ; {
			t += rnd.Int64N(int64(time.Second))
			if rnd.IntN(4) == 0 { // several at one time
				t += int64(time.Second) - t%int64(time.Second)
			}
			if t >= m.end.UnixNano() {
				break
			}
			used := make(map[string]bool)
			for range 1 + rnd.IntN(2) {
				trace := traces[rnd.IntN(len(traces))]
				line := lineOf(i, rnd, t, trace)
				if used[line] {
					continue
				}
				used[line] = true
				m.records = append(m.records, replay.Record{Stream: stream, T: t, Line: []byte(line),
					Metadata: []replay.Pair{{Name: "level", Value: "info"}, {Name: "trace_id", Value: trace.String()}}})
			}
		}
	}
}

func lineOf(format int, rnd *rand.Rand, t int64, trace pcommon.TraceID) string {
	at := time.Unix(0, t).UTC().Format(time.RFC3339Nano)
	rest := strings.Repeat("é", rnd.IntN(120))
	switch format {
	case 0:
		return fmt.Sprintf(`{"ts":%q,"trace_id":"%s","span_id":"%s","msg":"done %d %s"}`, at, trace, trace.String()[:16], rnd.IntN(3), rest)
	case 1:
		return fmt.Sprintf(`ts=%s level=info msg="done %s" trace_id=%s`, at, rest, trace)
	case 2:
		return fmt.Sprintf(`%s INFO [payment,%s,%s] done %s`, at, trace, trace.String()[:16], rest)
	case 3:
		return fmt.Sprintf(`%s traceparent: 00-%s-%s-01 done %s`, at, trace, trace.String()[:16], rest)
	case 4:
		return fmt.Sprintf(`%s done, Trace ID: %s %s`, at, trace, rest)
	}
	return fmt.Sprintf(`%s healthy %s until %s`, at, rest, at)
}

func sortBy[T any](items []T, at func(T) int64) {
	slices.SortStableFunc(items, func(a, b T) int { return int(min(max(at(a)-at(b), -1), 1)) })
}

// all reads what a reader has.
func all[T replay.Item](tb testing.TB, r replay.Reader[T], err error) []T {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	var out []T
	for buf := make([]T, 61); ; {
		n, err := r.Read(buf)
		out = append(out, buf[:n]...)
		if err == io.EOF {
			return out
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// content is all of a source between two due times.
type content struct {
	samples []replay.Sample
	records []replay.Record
	spans   []replay.Span
}

func read(tb testing.TB, src replay.Source, from, to time.Time) content {
	tb.Helper()
	var c content
	s, err := src.Samples(from, to)
	c.samples = all(tb, s, err)
	r, err := src.Records(from, to)
	c.records = all(tb, r, err)
	sp, err := src.Spans(from, to)
	c.spans = all(tb, sp, err)
	return c
}

func readAll(tb testing.TB, src replay.Source) content {
	tb.Helper()
	start, end := src.Bounds()
	return read(tb, src, start, end)
}

// distorted applies a list to a recording.
func distorted(tb testing.TB, m *memory, seed uint64, spec ...distort.Distortion) *distort.Source {
	tb.Helper()
	src, err := distort.New(m, spec, seed, m.hasTrace)
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

func showSample(s replay.Sample) string {
	text := fmt.Sprintf("%s @%d+%v %x", s.Series.Labels, s.T, s.Lag, math.Float64bits(s.V))
	if s.H != nil {
		text += fmt.Sprintf(" %x", math.Float64bits(s.H.Sum))
	}
	for _, e := range s.Exemplars {
		text += fmt.Sprint(" ", e.Labels, e.T)
	}
	return text
}

func showRecord(r replay.Record) string {
	return fmt.Sprintf("%s @%d+%v %s %v", r.Stream.Labels, r.T, r.Lag, r.Line, r.Metadata)
}

func showSpan(s replay.Span) string {
	v, _ := s.Resource.Attributes.Get("k8s.pod.name")
	a, _ := s.Span.Attributes().Get("trace_id")
	return fmt.Sprintf("%s %s/%s<%s %d-%d+%v %s", v.AsString(), s.Span.TraceID(), s.Span.SpanID(), s.Span.ParentSpanID(), s.Span.StartTimestamp(), s.Span.EndTimestamp(), s.Lag, a.AsString())
}

// show is the text of all items.
func (c content) show() (out [3][]string) {
	for _, s := range c.samples {
		out[0] = append(out[0], showSample(s))
	}
	for _, r := range c.records {
		out[1] = append(out[1], showRecord(r))
	}
	for _, s := range c.spans {
		out[2] = append(out[2], showSpan(s))
	}
	return out
}
