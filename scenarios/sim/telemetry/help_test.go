package telemetry_test

import (
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"firedrill/replay"
	"firedrill/replay/recording"
	"firedrill/scenarios/sim/telemetry"
)

// begin is a full minute, so that times in tests are easy to read.
var begin = time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)

// after is so many seconds after begin, in ns.
func after(seconds int) int64 { return begin.Add(time.Duration(seconds) * time.Second).UnixNano() }

// recorded is what a recording holds, as a test wants to look at it.
type recorded struct {
	dir       string
	manifest  recording.Manifest
	samples   map[string][]sample // by labels
	families  map[string]replay.Family
	exemplars map[string][]replay.Exemplar
	records   []replay.Record
	spans     []replay.Span
}

type sample struct {
	at int // seconds after begin
	v  float64
	h  *histogram.Histogram
}

// stale is a stale marker in a list of values.
const stale = -12345

// record lets write write and returns what it wrote. The recording must verify without a remark.
func record(t *testing.T, write func(*telemetry.Recorder)) recorded {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "recording")
	w, err := recording.Create(dir, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	rec := telemetry.NewRecorder(w, telemetry.Options{})
	write(rec)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	r := recorded{dir: dir, samples: map[string][]sample{}, families: map[string]replay.Family{}, exemplars: map[string][]replay.Exemplar{}}
	if r.manifest, err = w.Close(); err != nil {
		t.Fatal(err)
	}
	if problems, err := recording.Verify(t.Context(), dir); err != nil || len(problems) > 0 {
		t.Errorf("verify: %v, %v", problems, err)
	}
	if r.manifest.Changed != (recording.Changed{}) {
		t.Errorf("the writer changed something: %+v", r.manifest.Changed)
	}
	r.read(t)
	return r
}

func (r *recorded) read(t *testing.T) {
	t.Helper()
	rec, err := recording.Open(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	from, to := rec.Bounds()
	for _, s := range all(t, rec.Samples, from, to) {
		l := s.Series.Labels
		one := sample{at: int((s.T - begin.UnixMilli()) / 1000), v: s.V, h: s.H}
		if value.IsStaleNaN(s.V) || s.H != nil && value.IsStaleNaN(s.H.Sum) {
			one = sample{at: one.at, v: stale}
		}
		r.samples[l.String()] = append(r.samples[l.String()], one)
		r.exemplars[l.String()] = append(r.exemplars[l.String()], s.Exemplars...)
		if s.Series.Family != nil {
			r.families[l.Get("__name__")] = *s.Series.Family
		}
	}
	r.records = all(t, rec.Records, from, to)
	r.spans = all(t, rec.Spans, from, to)
}

func all[T replay.Item](t *testing.T, open func(from, to time.Time) (replay.Reader[T], error), from, to time.Time) []T {
	t.Helper()
	reader, err := open(from, to)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var out []T
	p := make([]T, 100)
	for {
		n, err := reader.Read(p)
		out = append(out, p[:n]...)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// values are the samples of the series whose labels, without job, are as given.
func (r recorded) values(series string) []sample {
	return r.samples[labelsOf(series)]
}

func labelsOf(series string) string {
	if !strings.Contains(series, "{") {
		series += "{}"
	}
	name, rest, _ := strings.Cut(series, "{")
	b := labels.NewBuilder(labels.EmptyLabels())
	b.Set("__name__", name)
	for pair := range strings.SplitSeq(strings.TrimSuffix(rest, "}"), ",") {
		if k, v, ok := strings.Cut(pair, "="); ok {
			b.Set(k, v)
		}
	}
	if b.Get("job") == "" {
		b.Set("job", "demo")
	} else if b.Get("job") == "-" {
		b.Del("job")
	}
	return b.Labels().String()
}

// expect compares the samples of a series with times and values in turn.
func (r recorded) expect(t *testing.T, series string, want ...float64) {
	t.Helper()
	var got []float64
	for _, s := range r.values(series) {
		got = append(got, float64(s.at), s.v)
	}
	if len(got) != len(want) {
		t.Errorf("%s: got %v, want %v", series, got, want)
		return
	}
	for i := range got {
		if math.Abs(got[i]-want[i]) > 1e-9 {
			t.Errorf("%s: got %v, want %v", series, got, want)
			return
		}
	}
}

var demo = labels.FromStrings("job", "demo")

func gauge(name string) telemetry.Family {
	return telemetry.Family{Name: name, Type: telemetry.TypeGauge, Help: "A gauge."}
}

func counter(name string) telemetry.Family {
	return telemetry.Family{Name: name, Type: telemetry.TypeCounter, Help: "A counter."}
}

// span is a finished span of n milliseconds that ends so many milliseconds after begin.
func span(trace telemetry.TraceID, id, parent byte, endMillis, millis int64) telemetry.Span {
	end := begin.UnixNano() + endMillis*1e6
	s := telemetry.Span{TraceID: trace, SpanID: telemetry.SpanID{0, 0, 0, 0, 0, 0, 0, id}, Kind: telemetry.KindServer, Name: "work", Start: end - millis*1e6, End: end, Resource: shop}
	if parent != 0 {
		s.Parent = telemetry.SpanID{0, 0, 0, 0, 0, 0, 0, parent}
	}
	return s
}

var shop = telemetry.Instance{Service: "shop", Namespace: "prod", Pod: "shop-1", Language: "go"}.Resource()
