package sinktest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// age is how far back the made items begin, and spread how long they take: all of it lies within the
// default window of every back end.
const (
	age    = 20 * time.Minute
	spread = 10 * time.Minute
)

// Samples returns n samples of all kinds: floats with awkward values, stale markers, native
// histograms of integers and floats, and some with exemplars. No series has two at one time.
func Samples(n int, seed uint64) []replay.Sample {
	rng := rand.New(rand.NewPCG(seed, 1))
	family := func(typ, unit string) *replay.Family {
		return &replay.Family{Type: typ, Unit: unit, Help: "Help of a " + typ + " with \"quotes\" and ünïcode."}
	}
	var all []*replay.Series
	add := func(f *replay.Family, ls ...string) {
		all = append(all, &replay.Series{ID: uint32(len(all)), Family: f, Labels: labels.FromStrings(ls...)})
	}
	counter, gauge, native := family("counter", ""), family("gauge", "bytes"), family("histogram", "seconds")
	for i := range 4 {
		add(counter, "__name__", "requests_total", "instance", fmt.Sprintf("10.0.0.%d:80", i), "path", "/päth \"x\"")
		add(gauge, "__name__", "memory_bytes", "instance", fmt.Sprintf("10.0.0.%d:80", i))
	}
	add(native, "__name__", "latency_seconds", "kind", "int")
	add(native, "__name__", "latency_seconds", "kind", "float")
	add(nil, "__name__", "no.family", "utf8.name", "ja")

	start := time.Now().Add(-age).UnixMilli()
	step := max(spread.Milliseconds()*int64(len(all))/int64(max(n, 1)), 1)
	awkward := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64,
		math.MaxFloat64, math.Float64frombits(value.NormalNaN), math.Float64frombits(value.StaleNaN)}
	items := make([]replay.Sample, 0, n)
	for i := range n {
		round := i / len(all)
		it := replay.Sample{Series: all[i%len(all)], T: start + int64(round)*step}
		switch it.Series.Labels.Get("kind") {
		case "int":
			it.H = intHistogram(rng, round)
		case "float":
			if it.FH = intHistogram(rng, round).ToFloat(nil); len(it.FH.PositiveBuckets) > 0 {
				it.FH.Count += 0.5
				it.FH.PositiveBuckets[0] += 0.5
			}
		default:
			if it.V = float64(round) + rng.Float64(); rng.IntN(5) == 0 {
				it.V = awkward[rng.IntN(len(awkward))]
			}
		}
		if it.Series.Family == counter && rng.IntN(4) == 0 {
			it.Exemplars = []replay.Exemplar{{
				Labels: labels.FromStrings("trace_id", fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64()), "span_id", fmt.Sprintf("%016x", rng.Uint64())),
				V:      rng.Float64(),
				T:      it.T - rng.Int64N(min(step, 500)),
			}}
		}
		items = append(items, it)
	}
	return items
}

// intHistogram returns a valid histogram, now and then a stale marker.
func intHistogram(rng *rand.Rand, round int) *histogram.Histogram {
	if rng.IntN(8) == 0 {
		return &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}
	}
	a, b, c := int64(round+1+rng.IntN(5)), int64(rng.IntN(4)), int64(rng.IntN(4))
	h := &histogram.Histogram{
		Schema: 3, ZeroThreshold: 1e-128, ZeroCount: 2, Sum: rng.NormFloat64() * 100,
		PositiveSpans:   []histogram.Span{{Offset: -4, Length: 2}, {Offset: 3, Length: 1}},
		PositiveBuckets: []int64{a, b, c}, // deltas: a, a+b, a+b+c
		NegativeSpans:   []histogram.Span{{Offset: 1, Length: 1}},
		NegativeBuckets: []int64{3},
	}
	h.Count = uint64(3*a+2*b+c) + 3 + h.ZeroCount
	return h
}

// Records returns n log records with awkward lines, some with structured metadata. No two are alike.
func Records(n int, seed uint64) []replay.Record {
	rng := rand.New(rand.NewPCG(seed, 2))
	streams := make([]*replay.Stream, 5)
	for i := range streams {
		streams[i] = &replay.Stream{ID: uint32(i), Labels: labels.FromStrings("service_name", fmt.Sprintf("svc-%d", i), "path", `/a "b" \c`)}
	}
	start := time.Now().Add(-age).UnixNano()
	step := max(spread.Nanoseconds()/int64(max(n, 1)), 1)
	endings := []string{"", " ünïcode ☃", " \"quoted\"", ` {"json":true}`, "\ttab", " back\\slash", strings.Repeat(" long", 200)}
	items := make([]replay.Record, 0, n)
	for i := range n {
		it := replay.Record{
			Stream: streams[rng.IntN(len(streams))],
			T:      start + int64(i/2)*step, // two of each time
			Line:   fmt.Appendf(nil, "line %d of %d%s", i, seed, endings[rng.IntN(len(endings))]),
		}
		if rng.IntN(2) == 0 {
			it.Metadata = []replay.Pair{{Name: "span_id", Value: fmt.Sprintf("%016x", rng.Uint64())}, {Name: "trace_id", Value: fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())}}
		}
		items = append(items, it)
	}
	return items
}

// Spans returns n spans of traces of up to six, with attributes of all types, events, links and
// states.
func Spans(n int, seed uint64) []replay.Span {
	rng := rand.New(rand.NewPCG(seed, 3))
	// Ids differ from run to run, since a trace store has no sessions.
	salt := uint64(time.Now().UnixNano())
	resources := make([]*replay.Resource, 3)
	for i := range resources {
		r := &replay.Resource{Attributes: pcommon.NewMap(), Scope: pcommon.NewInstrumentationScope()}
		r.Attributes.PutStr("service.name", fmt.Sprintf("svc-%d", i))
		r.Attributes.PutStr("k8s.pod.name", fmt.Sprintf("svc-%d-abc", i))
		r.Scope.SetName("sinktest")
		r.Scope.SetVersion("1.0")
		resources[i] = r
	}
	start := time.Now().Add(-age)
	step := spread / time.Duration(max(n, 1))
	items := make([]replay.Span, 0, n)
	var trace, root uint64
	for i := range n {
		id := rng.Uint64() | 1
		s := ptrace.NewSpan()
		if i%6 == 0 {
			trace, root = rng.Uint64(), id
		} else {
			s.SetParentSpanID(spanID(root))
		}
		s.SetTraceID(traceID(salt, trace))
		s.SetSpanID(spanID(id))
		end := start.Add(time.Duration(i) * step).Truncate(time.Microsecond)
		s.SetName([]string{"GET /", "select ünïcode", "publish"}[rng.IntN(3)])
		s.SetKind([]ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindClient, ptrace.SpanKindInternal}[rng.IntN(3)])
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-time.Duration(1+rng.IntN(5000)) * time.Microsecond)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
		a := s.Attributes()
		a.PutStr("text", "wörd")
		a.PutInt("int", rng.Int64N(1<<40))
		a.PutDouble("double", rng.Float64())
		a.PutBool("bool", rng.IntN(2) == 0)
		if rng.IntN(3) == 0 {
			s.Status().SetCode(ptrace.StatusCodeError)
			s.Status().SetMessage("it broke")
			e := s.Events().AppendEmpty()
			e.SetName("exception")
			e.SetTimestamp(s.EndTimestamp())
			e.Attributes().PutStr("exception.message", "it broke")
		}
		items = append(items, replay.Span{Resource: resources[rng.IntN(len(resources))], Span: s})
	}
	return items
}

func traceID(hi, lo uint64) (id pcommon.TraceID) {
	for i := range 8 {
		id[i], id[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	return id
}

func spanID(v uint64) (id pcommon.SpanID) {
	for i := range 8 {
		id[i] = byte(v >> (8 * i))
	}
	return id
}

// Key names the series, stream or trace that an item belongs to.
func Key[T replay.Item](item T) string {
	switch it := any(item).(type) {
	case replay.Sample:
		return it.Series.Labels.String()
	case replay.Record:
		return it.Stream.Labels.String()
	case replay.Span:
		return it.Span.TraceID().String()
	}
	panic("unreachable")
}

// due returns when an item is due.
func due[T replay.Item](item T) time.Time {
	switch it := any(item).(type) {
	case replay.Sample:
		return time.UnixMilli(it.T)
	case replay.Record:
		return time.Unix(0, it.T)
	case replay.Span:
		return it.Span.EndTimestamp().AsTime()
	}
	panic("unreachable")
}

// count counts items as a back end should.
func count[T replay.Item](items []T) (n replay.Stored) {
	n.Items = int64(len(items))
	for _, item := range items {
		if it, ok := any(item).(replay.Sample); ok {
			n.Exemplars += int64(len(it.Exemplars))
			if strings.HasSuffix(Text(item), " stale") || strings.Contains(Text(item), " stale ") {
				n.StaleMarkers++
			}
		}
	}
	return n
}

// Text prints all of an item that a back end must give back, to the bit. Stale markers of all types
// are alike, since Prometheus stores one in the type of the series. Of a histogram's reset hint only
// gauge counts; the others are for the receiver to find out.
func Text[T replay.Item](item T) string {
	switch it := any(item).(type) {
	case replay.Sample:
		return sampleText(it)
	case replay.Record:
		var b strings.Builder
		fmt.Fprintf(&b, "%d %q", it.T, it.Line)
		pairs := slices.Clone(it.Metadata)
		slices.SortFunc(pairs, func(a, b replay.Pair) int { return cmp.Compare(a.Name, b.Name) })
		for _, p := range pairs {
			fmt.Fprintf(&b, " %s=%q", p.Name, p.Value)
		}
		return b.String()
	case replay.Span:
		return spanText(it)
	}
	panic("unreachable")
}

func sampleText(it replay.Sample) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", it.T)
	switch {
	case it.H != nil && value.IsStaleNaN(it.H.Sum), it.FH != nil && value.IsStaleNaN(it.FH.Sum),
		it.H == nil && it.FH == nil && value.IsStaleNaN(it.V):
		b.WriteString(" stale")
	case it.H != nil:
		h := it.H.Copy().Compact(0)
		fmt.Fprintf(&b, " int %s sum %x custom %v gauge %v schema %d", h, math.Float64bits(h.Sum), h.CustomValues, h.CounterResetHint == histogram.GaugeType, h.Schema)
	case it.FH != nil:
		h := it.FH.Copy().Compact(0)
		fmt.Fprintf(&b, " float %s sum %x custom %v gauge %v schema %d", h, math.Float64bits(h.Sum), h.CustomValues, h.CounterResetHint == histogram.GaugeType, h.Schema)
	default:
		fmt.Fprintf(&b, " %x", math.Float64bits(it.V))
	}
	for _, x := range it.Exemplars {
		fmt.Fprintf(&b, " exemplar %s %d %x", x.Labels, x.T, math.Float64bits(x.V))
	}
	return b.String()
}

func spanText(it replay.Span) string {
	s := it.Span
	var b strings.Builder
	fmt.Fprintf(&b, "%s parent %s %q %s %d-%d %s %q", s.SpanID(), s.ParentSpanID(), s.Name(), s.Kind(), s.StartTimestamp(), s.EndTimestamp(),
		s.Status().Code(), s.Status().Message())
	fmt.Fprintf(&b, " resource %s scope %s %s attributes %s", mapText(it.Resource.Attributes), it.Resource.Scope.Name(), it.Resource.Scope.Version(), mapText(s.Attributes()))
	for _, e := range s.Events().All() {
		fmt.Fprintf(&b, " event %q %d %s", e.Name(), e.Timestamp(), mapText(e.Attributes()))
	}
	for _, l := range s.Links().All() {
		fmt.Fprintf(&b, " link %s %s %s", l.TraceID(), l.SpanID(), mapText(l.Attributes()))
	}
	return b.String()
}

// mapText prints attributes with their types, sorted.
func mapText(m pcommon.Map) string {
	var parts []string
	for k, v := range m.All() {
		parts = append(parts, fmt.Sprintf("%s=%s(%q)", k, v.Type(), v.AsString()))
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, " ") + "}"
}

func texts[T replay.Item](items []T) []string {
	ts := make([]string, len(items))
	for i, it := range items {
		ts[i] = Key(it) + " " + Text(it)
	}
	return ts
}

// byKey returns the texts of items by key. Traces have no order; sorted is for what was pushed in
// another order than that of items.
func byKey[T replay.Item](items []T, sorted bool) map[string][]string {
	m := make(map[string][]string)
	for _, it := range items {
		m[Key(it)] = append(m[Key(it)], Text(it))
	}
	for _, ts := range m {
		if _, ok := any(items).([]replay.Span); ok || sorted {
			slices.Sort(ts)
		}
	}
	return m
}
