package telemetry_test

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"

	"firedrill/replay/recording"
	"firedrill/scenarios/sim/telemetry"
)

var durations = telemetry.Family{Name: "took_seconds", Type: telemetry.TypeHistogram, Help: "How long it took."}

// The oracle is client_golang, which real services use.
func TestHistogramAgreesWithClientGolang(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := []float64{0, math.SmallestNonzeroFloat64, 1, 0.5, 2, 0.005, math.Nextafter(0.005, 1), 0.5452538663326288, math.Nextafter(0.5452538663326288, 1), 1e-9, 3600}
	for range 5000 {
		values = append(values, 0.02*math.Exp(1.5*rng.NormFloat64()))
	}
	oracle := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Buckets: telemetry.DurationBuckets, NativeHistogramBucketFactor: 1.1})
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(demo)
		h := target.Group().Histogram(durations, telemetry.Buckets{Classic: telemetry.DurationBuckets, Native: true})
		for _, v := range values {
			h.Observe(v)
			oracle.Observe(v)
		}
		target.Scrape(after(0))
	})
	var m dto.Metric
	if err := oracle.Write(&m); err != nil {
		t.Fatal(err)
	}
	want := m.GetHistogram()
	got := r.values("took_seconds")[0].h
	var spans []histogram.Span
	for _, s := range want.GetPositiveSpan() {
		spans = append(spans, histogram.Span{Offset: s.GetOffset(), Length: s.GetLength()})
	}
	if diff := cmp.Diff(spans, got.PositiveSpans); diff != "" {
		t.Error("spans (-want +got):\n" + diff)
	}
	if !slices.Equal(want.GetPositiveDelta(), got.PositiveBuckets) {
		t.Errorf("buckets %v, want %v", got.PositiveBuckets, want.GetPositiveDelta())
	}
	if got.Schema != want.GetSchema() || got.ZeroThreshold != want.GetZeroThreshold() || got.ZeroCount != want.GetZeroCount() || got.Count != want.GetSampleCount() || got.Sum != want.GetSampleSum() {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	les := []string{"0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0"}
	for i, b := range want.GetBucket() {
		r.expect(t, "took_seconds_bucket{le="+les[i]+"}", 0, float64(b.GetCumulativeCount()))
	}
	r.expect(t, "took_seconds_bucket{le=+Inf}", 0, float64(want.GetSampleCount()))
	r.expect(t, "took_seconds_count", 0, float64(want.GetSampleCount()))
	r.expect(t, "took_seconds_sum", 0, want.GetSampleSum())
}

func TestHistogramKinds(t *testing.T) {
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(demo)
		g := target.Group()
		g.Histogram(durations, telemetry.Buckets{Native: true}, "kind", "native").Observe(1)
		g.Histogram(durations, telemetry.Buckets{Classic: []float64{1}}, "kind", "classic").Observe(2)
		g.Histogram(durations, telemetry.Buckets{Classic: []float64{1}}, "kind", "untouched")
		target.Scrape(after(0))
	})
	if n := len(r.samples); n != 4+1+4 {
		t.Errorf("%d series: %v", n, r.samples)
	}
	r.expect(t, "took_seconds_bucket{kind=classic,le=1.0}", 0, 0)
	r.expect(t, "took_seconds_bucket{kind=classic,le=+Inf}", 0, 1)
	if h := r.values("took_seconds{kind=native}")[0].h; h == nil || h.Count != 1 {
		t.Errorf("native: %v", h)
	}
	if f := r.families["took_seconds_bucket"]; f.Type != "histogram" || f.Unit != "seconds" {
		t.Errorf("family %+v", f)
	}
}

func TestExemplars(t *testing.T) {
	kept, dropped := telemetry.TraceID{1, 15: 1}, telemetry.TraceID{2, 15: 2}
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(demo)
		h := target.Group().Histogram(durations, telemetry.Buckets{Classic: []float64{1, 2}, Native: true})
		tracer := rec.Tracer(telemetry.Sampling{Head: 1})
		tracer.Record(span(kept, 1, 0, 1000, 500))
		observe := func(v float64, at int, trace telemetry.TraceID) {
			h.ObserveExemplar(v, after(at), trace, telemetry.SpanID{7: 1})
		}
		observe(1.5, 1, kept)
		observe(0.25, 2, kept)
		observe(0.5, 3, kept) // takes the place of the one before
		observe(9, 4, dropped)
		target.Scrape(after(15))
		target.Scrape(after(30)) // nothing new
		observe(0.75, 31, kept)  // the one of the same bucket at 32 takes its place
		h.ObserveExemplar(1.5, after(32), kept, telemetry.SpanID{7: 1})
		h.ObserveExemplar(0.5, after(32)+1, kept, telemetry.SpanID{7: 1}) // in the same millisecond
		target.Scrape(after(45))
	})
	check := func(series string, want ...float64) {
		t.Helper()
		var got []float64
		for _, e := range r.exemplars[labelsOf(series)] {
			got = append(got, float64((e.T-begin.UnixMilli())/1000), e.V)
			if e.Labels.Get("trace_id") != hex.EncodeToString(kept[:]) || e.Labels.Get("span_id") != "0000000000000001" {
				t.Errorf("%s: exemplar %v", series, e.Labels)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", series, got, want)
		}
	}
	check("took_seconds_bucket{le=1.0}", 3, 0.5, 32, 0.5)
	check("took_seconds_bucket{le=2.0}", 1, 1.5, 32, 1.5)
	check("took_seconds_bucket{le=+Inf}")
	check("took_seconds", 1, 1.5, 3, 0.5, 32, 0.5, 32, 1.5)
}

// go test -bench Observe -benchmem ./scenarios/sim/telemetry/
func BenchmarkObserve(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, 4096)
	for i := range values {
		values[i] = 0.05 * math.Exp(rng.NormFloat64())
	}
	w, err := recording.Create(filepath.Join(b.TempDir(), "recording"), recording.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Abort()
	rec := telemetry.NewRecorder(w, telemetry.Options{})
	defer rec.Close()
	h := rec.Target(demo).Group().Histogram(durations, telemetry.Buckets{Classic: telemetry.DurationBuckets, Native: true})
	b.Run("exemplar=no", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			h.Observe(values[i%len(values)])
		}
	})
	b.Run("exemplar=yes", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			h.ObserveExemplar(values[i%len(values)], int64(i), telemetry.TraceID{1}, telemetry.SpanID{1})
		}
	})
}
