package source_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"firedrill/internal/source"
	"firedrill/replay"
	"firedrill/replay/distort"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recordedStart is not at the border of anything.
var recordedStart = time.Date(2024, 2, 29, 23, 41, 7, 500_000_000, time.UTC)

// length is a few stretches, and a part of one.
const length = 9*time.Minute + 13*time.Second

// writeRecording writes a recording with all kinds of items into a folder that must not exist.
func writeRecording(tb testing.TB, dir string, perSecond int) {
	tb.Helper()
	w, err := recording.Create(dir, recording.Options{CreatedBy: "test"})
	check(tb, err)
	defer w.Abort()
	rnd := rand.New(rand.NewPCG(1, 2))
	h := &histogram.FloatHistogram{Schema: 1, Count: 3, Sum: 4, PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}}, PositiveBuckets: []float64{3}}
	for at := time.Duration(0); at < length; at += time.Second {
		second := recordedStart.Add(at)
		for i := range 4 * perSecond {
			if int(at/time.Second)%10 != i%10 {
				continue
			}
			l := labels.FromStrings("__name__", "demo_metric", "pod", fmt.Sprint(i))
			check(tb, w.Sample(l, second.UnixMilli(), rnd.Float64()))
			if i == 0 {
				check(tb, w.Exemplar(l, replay.Exemplar{Labels: labels.FromStrings("trace_id", fmt.Sprintf("%032x", at)), V: 1, T: second.UnixMilli()}))
				check(tb, w.FloatHistogram(labels.FromStrings("__name__", "demo_histogram"), second.UnixMilli(), h))
			}
		}
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[:8], rnd.Uint64()|1)
		for i := range perSecond {
			t := second.Add(time.Duration(rnd.Int64N(int64(time.Second))))
			check(tb, w.Record(labels.FromStrings("service_name", fmt.Sprint("s", i%3)), t.UnixNano(), fmt.Sprintf("line %d of %v trace_id=%s", i, at, trace),
				[]replay.Pair{{Name: "trace_id", Value: trace.String()}}))
			td := ptrace.NewTraces()
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("s", i%3))
			sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			sp.SetName("GET /")
			sp.SetTraceID(trace)
			var span pcommon.SpanID
			binary.BigEndian.PutUint64(span[:], rnd.Uint64()|1)
			sp.SetSpanID(span)
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(t.Add(-time.Millisecond)))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(t))
			sp.Attributes().PutStr("http.route", "/")
			sp.Events().AppendEmpty().SetName("retry")
			check(tb, w.Spans(td))
		}
	}
	_, err = w.Close()
	check(tb, err)
}

// newLibrary returns a library with the scenario lab, whose recording is written, and the folder of the recording.
func newLibrary(tb testing.TB, perSecond int) (*scenarios.Library, string) {
	tb.Helper()
	root := tb.TempDir()
	dir := filepath.Join(root, "lab")
	check(tb, scenarios.New(dir))
	file := filepath.Join(dir, scenarios.File)
	text, err := os.ReadFile(file)
	check(tb, err)
	// A recording in place of the system.
	var keep []string
	for line := range strings.Lines(string(text)) {
		switch key, _, _ := strings.Cut(line, ":"); key {
		case "system":
			line = "recording: evidence\n"
		case "seed", "start", "length":
			continue
		}
		keep = append(keep, strings.Replace(line, "at: 12m", "at: 6m", 1))
	}
	check(tb, os.WriteFile(file, []byte(strings.Join(keep, "")), 0o600))
	rec := filepath.Join(dir, "evidence")
	writeRecording(tb, rec, perSecond)
	lib, err := scenarios.Open(root)
	check(tb, err)
	return lib, rec
}

func newPool(tb testing.TB, o source.Options) *source.Pool {
	tb.Helper()
	p := source.New(o)
	tb.Cleanup(p.Close)
	return p
}

func open(tb testing.TB, p *source.Pool, difficulty string) *source.Source {
	tb.Helper()
	s, err := p.Open(context.Background(), "lab", difficulty)
	check(tb, err)
	return s
}

// direct returns what a source wraps: a recording of its own, distorted as a difficulty says.
func direct(tb testing.TB, dir, difficulty string, seed uint64) replay.Source {
	tb.Helper()
	rec, err := recording.Open(dir)
	check(tb, err)
	tb.Cleanup(func() { rec.Close() })
	spec, err := distort.Preset(difficulty, nil)
	check(tb, err)
	if len(spec) == 0 {
		return rec
	}
	d, err := distort.New(rec, spec, seed, rec.HasTrace)
	check(tb, err)
	return d
}

// item is what a test compares of an item, pointers replaced by what they point to.
type item struct {
	Labels, Text string
	T            int64
	Lag          time.Duration
	Value        any
}

func sampleItem(s replay.Sample) item {
	return item{s.Series.Labels.String(), "", s.T, s.Lag, fmt.Sprint(s.V, s.H, s.FH, s.Exemplars)}
}

func recordItem(r replay.Record) item {
	return item{r.Stream.Labels.String(), string(r.Line), r.T, r.Lag, fmt.Sprint(r.Metadata)}
}

func spanItem(s replay.Span) item {
	service, _ := s.Resource.Attributes.Get("service.name")
	sp := s.Span
	return item{service.AsString(), sp.Name(), int64(sp.EndTimestamp()), s.Lag,
		fmt.Sprint(sp.TraceID(), sp.SpanID(), sp.StartTimestamp(), sp.Attributes().AsRaw(), sp.Events().Len())}
}

// all reads a reader to its end, by so many items at a time.
func all[T replay.Item](r replay.Reader[T], err error, at int, f func(T) item) ([]item, error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []item
	buf := make([]T, at)
	for {
		n, err := r.Read(buf)
		for _, v := range buf[:n] {
			out = append(out, f(v))
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// read returns all signals of a range.
func read(s replay.Source, from, to time.Time, at int) (map[replay.Signal][]item, error) {
	out := map[replay.Signal][]item{}
	samples, err := s.Samples(from, to)
	if out[replay.Metrics], err = all(samples, err, at, sampleItem); err != nil {
		return out, err
	}
	records, err := s.Records(from, to)
	if out[replay.Logs], err = all(records, err, at, recordItem); err != nil {
		return out, err
	}
	spans, err := s.Spans(from, to)
	out[replay.Traces], err = all(spans, err, at, spanItem)
	return out, err
}

// same compares a range of two sources, and returns how many items it has.
func same(tb testing.TB, got, want replay.Source, from, to time.Time, at int) int {
	tb.Helper()
	g, err := read(got, from, to, at)
	if err != nil {
		tb.Error(err)
		return 0
	}
	w, err := read(want, from, to, 1000)
	if err != nil {
		tb.Error(err)
	}
	if d := cmp.Diff(w, g); d != "" {
		tb.Errorf("from %v to %v: (-want +got)\n%.2000s", from, to, d)
	}
	return len(w[replay.Metrics]) + len(w[replay.Logs]) + len(w[replay.Traces])
}

func check(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}
