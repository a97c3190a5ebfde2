package recording_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// epoch is when random data begins: not at a border of blocks.
var epoch = time.Date(2024, 3, 1, 13, 7, 11, 0, time.UTC)

// sampleIn is a sample as it is handed to a Writer.
type sampleIn struct {
	l  labels.Labels
	t  int64
	v  float64
	h  *histogram.Histogram
	fh *histogram.FloatHistogram
}

type recordIn struct {
	l    labels.Labels
	t    int64
	line string
	md   []replay.Pair
}

type exemplarIn struct {
	l labels.Labels
	e replay.Exemplar
}

// input is what goes into a recording.
type input struct {
	samples   []sampleIn
	exemplars []exemplarIn
	records   []recordIn
	traces    []ptrace.Traces
}

// randomInput makes data without duplicates of about n items of each signal over the duration.
func randomInput(seed uint64, n int, over time.Duration) input {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var in input
	nSeries := max(1, n/100)
	var series []labels.Labels
	for i := range nSeries {
		series = append(series, labels.FromStrings("__name__", fmt.Sprintf("metric_%d_total", i%7), "instance", fmt.Sprint(i), "größe", "x\n\"y\""))
	}
	interval := int64(over/time.Millisecond) / int64(max(1, n/nSeries))
	kinds := make([]int, nSeries)
	for i := range kinds {
		kinds[i] = rnd.IntN(5)
	}
	for t := epoch.UnixMilli(); t < epoch.Add(over).UnixMilli(); t += interval {
		for i, l := range series {
			s := sampleIn{l: l, t: t + rnd.Int64N(interval)}
			switch {
			case rnd.IntN(50) == 0:
				s.v = math.Float64frombits(value.StaleNaN)
			case kinds[i] == 0:
				s.h = randomHistogram(rnd)
			case kinds[i] == 1:
				s.fh = randomHistogram(rnd).ToFloat(nil)
			default:
				s.v = rnd.NormFloat64()
			}
			in.samples = append(in.samples, s)
		}
	}
	for i := range n / 10 {
		in.exemplars = append(in.exemplars, exemplarIn{series[rnd.IntN(nSeries)], replay.Exemplar{
			Labels: labels.FromStrings("trace_id", fmt.Sprintf("%032x", i+1)), V: rnd.Float64(),
			T: epoch.UnixMilli() + rnd.Int64N(over.Milliseconds()),
		}})
	}
	words := []string{"GET /cart 200", "it broke\n\tat line 3", `{"level":"info","msg":"ok"}`, "Straße \u2028 ünïcode 🚀", "ctrl \x01\x1f\x7f", `back\slash "quote" </a>&`, ""}
	for i := range n {
		r := recordIn{l: labels.FromStrings("app", fmt.Sprint("app", rnd.IntN(5)), "pod", "p},\"l"),
			t:    epoch.UnixNano() + rnd.Int64N(int64(over)),
			line: fmt.Sprintf("%d %s %s", i, words[rnd.IntN(len(words))], strings.Repeat("x", rnd.IntN(100)))}
		for j := range rnd.IntN(4) {
			r.md = append(r.md, replay.Pair{Name: fmt.Sprint("k", j), Value: words[rnd.IntN(len(words))]})
		}
		in.records = append(in.records, r)
	}
	for i := 0; i < n; {
		td := ptrace.NewTraces()
		for range 1 + rnd.IntN(3) {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service", rnd.IntN(4)))
			for range 1 + rnd.IntN(2) {
				ss := rs.ScopeSpans().AppendEmpty()
				ss.Scope().SetName(fmt.Sprint("scope", rnd.IntN(2)))
				for range 1 + rnd.IntN(10) {
					i++
					randomSpan(rnd, ss.Spans().AppendEmpty(), uint64(i), over)
				}
			}
		}
		in.traces = append(in.traces, td)
	}
	return in
}

func randomSpan(rnd *rand.Rand, s ptrace.Span, id uint64, over time.Duration) {
	var trace pcommon.TraceID
	binary.BigEndian.PutUint64(trace[:], 1+rnd.Uint64N(id))
	var span pcommon.SpanID
	binary.BigEndian.PutUint64(span[:], id)
	start := epoch.UnixNano() + rnd.Int64N(int64(over))
	s.SetTraceID(trace)
	s.SetSpanID(span)
	s.SetName(fmt.Sprint("op", rnd.IntN(9)))
	s.SetStartTimestamp(pcommon.Timestamp(start))
	s.SetEndTimestamp(pcommon.Timestamp(start + rnd.Int64N(1e9)))
	s.Attributes().PutStr("http.method", "GET")
	s.Attributes().PutInt("n", rnd.Int64())
	if rnd.IntN(3) == 0 {
		e := s.Events().AppendEmpty()
		e.SetName("event")
		e.SetTimestamp(pcommon.Timestamp(start))
	}
}

func randomHistogram(rnd *rand.Rand) *histogram.Histogram {
	h := &histogram.Histogram{Schema: 2, ZeroThreshold: 0.001, ZeroCount: rnd.Uint64N(10),
		PositiveSpans:   []histogram.Span{{Offset: int32(rnd.IntN(3)), Length: 2}, {Offset: 1, Length: 1}},
		PositiveBuckets: []int64{int64(rnd.IntN(9)), 1, 2}, Sum: rnd.Float64()}
	h.Count = h.ZeroCount
	v := int64(0)
	for _, d := range h.PositiveBuckets {
		v += d
		h.Count += uint64(v)
	}
	return h
}

// write writes the input into w, the unordered parts in a random order.
func (in input) write(tb testing.TB, w *recording.Writer, rnd *rand.Rand) {
	tb.Helper()
	for _, i := range rnd.Perm(len(in.records)) {
		r := in.records[i]
		check(tb, w.Record(r.l, r.t, r.line, r.md))
	}
	for _, i := range rnd.Perm(len(in.traces)) {
		check(tb, w.Spans(in.traces[i]))
	}
	for _, i := range rnd.Perm(len(in.exemplars)) {
		check(tb, w.Exemplar(in.exemplars[i].l, in.exemplars[i].e))
	}
	for _, s := range in.samples {
		switch {
		case s.h != nil:
			check(tb, w.Histogram(s.l, s.t, s.h))
		case s.fh != nil:
			check(tb, w.FloatHistogram(s.l, s.t, s.fh))
		default:
			check(tb, w.Sample(s.l, s.t, s.v))
		}
	}
}

// mustRecord writes a recording of the input and opens it.
func mustRecord(tb testing.TB, in input, seed uint64) (*recording.Recording, string) {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "rec")
	w, err := recording.Create(dir, recording.Options{Source: "random"})
	check(tb, err)
	in.write(tb, w, rand.New(rand.NewPCG(seed, 2)))
	_, err = w.Close()
	check(tb, err)
	return mustOpen(tb, dir), dir
}

func mustOpen(tb testing.TB, dir string) *recording.Recording {
	tb.Helper()
	r, err := recording.Open(dir)
	check(tb, err)
	tb.Cleanup(func() { check(tb, r.Close()) })
	return r
}

// readAll reads to the end, in pieces of changing size.
func readAll[T replay.Item](tb testing.TB, r replay.Reader[T], err error) []T {
	tb.Helper()
	check(tb, err)
	var all []T
	for i := 0; ; i++ {
		p := make([]T, 1+i*37%1000)
		n, err := r.Read(p)
		all = append(all, p[:n]...)
		if err == io.EOF {
			if n != 0 {
				tb.Errorf("Read returned %d items with io.EOF", n)
			}
			check(tb, r.Close())
			return all
		}
		check(tb, err)
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

var forever = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

var epochStart = time.Unix(0, 0)
