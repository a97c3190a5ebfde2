package distort_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay"
	"firedrill/replay/distort"
)

func seconds(n int64) distort.Duration { return distort.Duration(time.Duration(n) * time.Second) }

// anyDistortion makes a valid distortion of a kind for a recording of the given length in seconds.
func anyDistortion(rnd *rand.Rand, kind string, length int64) distort.Distortion {
	d := distort.Distortion{Kind: distort.Kind(kind)}
	if rnd.IntN(2) == 0 || d.Kind == distort.ScrapeGap {
		d.From = seconds(rnd.Int64N(length))
		d.To = d.From + seconds(1+rnd.Int64N(length/2))
	}
	service := services[rnd.IntN(3)]
	share := 0.05 + 0.9*rnd.Float64()
	switch d.Kind {
	case distort.TraceSampling:
		d.Keep = share
		return d
	case distort.DecoyAlert:
		d.Alert = []string{"DiskFull", "CertificateExpires", "Flapping"}[rnd.IntN(3)]
		d.Labels = map[string]string{"node": string(rune('a' + rnd.IntN(26))), "n": string(rune('a' + rnd.IntN(26)))}
		d.Interval = seconds(rnd.Int64N(2) * 30)
		return d
	case distort.BrokenPropagation:
		d.Service = service
		if service == "payment" {
			d.Downstream = []string{"risk"}
		}
		return d
	case distort.LogLoss, distort.MissedScrapes:
		d.Share = share
	case distort.LogRateLimit:
		d.Rate = 1 + rnd.IntN(3)
	case distort.TruncatedLines:
		d.MaxBytes = 64 + rnd.IntN(100)
		d.Share = float64(rnd.IntN(2)) * share
	case distort.IngestionLag:
		d.Signal = []replay.Signal{replay.Metrics, replay.Logs, replay.Traces}[rnd.IntN(3)]
		d.Delay, d.Jitter = seconds(rnd.Int64N(100)), seconds(1+rnd.Int64N(100))
	case distort.ClockSkew:
		d.Skew = seconds(1 + rnd.Int64N(90))
		if rnd.IntN(2) == 0 {
			d.Skew = -d.Skew
		}
	}
	switch rnd.IntN(5) {
	case 0:
		d.Service = service
	case 1:
		d.Pod = service + "-1"
	case 2:
		d.Host = "a"
	case 3:
		d.Job = service
	}
	return d
}

// anyList makes a list; each kind in turn of the seeds is the first.
func anyList(seed uint64, rnd *rand.Rand, length int64) []distort.Distortion {
	kinds := distort.Kinds()
	spec := []distort.Distortion{anyDistortion(rnd, kinds[seed%uint64(len(kinds))], length)}
	for range rnd.IntN(5) {
		spec = append(spec, anyDistortion(rnd, kinds[rnd.IntN(len(kinds))], length))
	}
	return spec
}

// Whatever is declared: the same seed gives the same, reading from the middle gives what reading all gives from there
// on, nothing comes early or out of order, and what is added up is what there was.
func FuzzDistort(f *testing.F) {
	for seed := range uint64(36) {
		f.Add(seed)
	}
	const length = 6 * 60
	m := incident(1, length*time.Second)
	recorded := len(m.samples)
	f.Fuzz(func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		spec := anyList(seed, rnd, length)
		src, err := distort.New(m, spec, seed, m.hasTrace)
		if err != nil { // two decoys alike
			return
		}
		whole := readAll(t, src)
		text := whole.show()
		if again := readAll(t, distorted(t, m, seed, spec...)).show(); !same(text, again) {
			t.Fatalf("%+v: the same seed gives something else:\n%s", spec, cmp.Diff(text, again))
		}
		for range 6 {
			from := recordedStart.Add(time.Duration(rnd.Int64N(int64(length * time.Second))))
			to := from.Add(time.Duration(rnd.Int64N(int64(length * time.Second))))
			if rnd.IntN(2) == 0 { // at the very time of an item, and at that of a distortion
				from = time.Unix(0, recordDue(whole.records[rnd.IntN(len(whole.records))]))
				to = recordedStart.Add(time.Duration(spec[0].To))
			}
			want := content{
				part(whole.samples, from, to, sampleDue), part(whole.records, from, to, recordDue), part(whole.spans, from, to, spanDue),
			}.show()
			if got := read(t, src, from, to).show(); !same(want, got) {
				t.Fatalf("%+v: reading from %v to %v differs from reading all (-all +part):\n%s", spec, from.Sub(recordedStart), to.Sub(recordedStart), cmp.Diff(want, got))
			}
		}
		wantOrder(t, whole)
		added := 0
		for _, s := range whole.samples {
			if name := s.Series.Labels.Get("alertname"); name != "" && name != "Slow" {
				added++
			}
		}
		if n := len(whole.samples) - added; n > recorded || len(whole.records) > len(m.records) || len(whole.spans) > len(m.spans) {
			t.Errorf("%+v: there is more than was recorded", spec)
		}
	})
}

// same compares what show returns; for large texts cmp.Diff takes long to find that nothing differs.
func same(a, b [3][]string) bool {
	return slices.Equal(a[0], b[0]) && slices.Equal(a[1], b[1]) && slices.Equal(a[2], b[2])
}

func part[T any](items []T, from, to time.Time, due func(T) int64) []T {
	var out []T
	for _, it := range items {
		if d := due(it); d >= from.UnixNano() && d < to.UnixNano() {
			out = append(out, it)
		}
	}
	return out
}

// wantOrder checks that due times never fall, that lags are in bounds, that series rise in time, and that one Series
// stands for one label set and one id.
func wantOrder(t *testing.T, c content) {
	t.Helper()
	ordered(t, c.samples, sampleDue)
	ordered(t, c.records, recordDue)
	ordered(t, c.spans, spanDue)
	last, ids, sets := make(map[string]int64), make(map[uint32]*replay.Series), make(map[string]*replay.Series)
	for _, s := range c.samples {
		l := s.Series.Labels.String()
		if before, ok := last[l]; ok && before >= s.T {
			t.Errorf("series %s goes from %d to %d", l, before, s.T)
		}
		last[l] = s.T
		if was, ok := ids[s.Series.ID]; ok && was != s.Series {
			t.Errorf("id %d stands for %s and %s", s.Series.ID, was.Labels, l)
		}
		if was, ok := sets[l]; ok && was != s.Series {
			t.Errorf("there are two series %s", l)
		}
		ids[s.Series.ID], sets[l] = s.Series, s.Series
		if s.Lag < 0 || s.Lag > replay.MaxLag {
			t.Errorf("a sample lags %v", s.Lag)
		}
	}
	for _, r := range c.records {
		if r.Lag < 0 || r.Lag > replay.MaxLag {
			t.Errorf("a line lags %v", r.Lag)
		}
	}
	for _, s := range c.spans {
		if s.Lag < 0 || s.Lag > replay.MaxLag {
			t.Errorf("a span lags %v", s.Lag)
		}
	}
}

func ordered[T any](t *testing.T, items []T, due func(T) int64) {
	t.Helper()
	if !slices.IsSortedFunc(items, func(a, b T) int { return int(due(a) - due(b)) }) {
		t.Errorf("%T: not in order of due times", items)
	}
}

// Another seed loses other items.
func TestSeeds(t *testing.T) {
	m := incident(1, 10*time.Minute)
	spec := []distort.Distortion{
		{Kind: distort.LogLoss, Share: 0.5}, {Kind: distort.MissedScrapes, Share: 0.5}, {Kind: distort.TraceSampling, Keep: 0.5},
	}
	a, b := readAll(t, distorted(t, m, 1, spec...)).show(), readAll(t, distorted(t, m, 2, spec...)).show()
	for i := range a {
		if slices.Equal(a[i], b[i]) {
			t.Errorf("signal %d is the same with two seeds", i)
		}
	}
	// What a kind loses does not depend on the other kinds in the list.
	c := readAll(t, distorted(t, m, 1, slices.Concat([]distort.Distortion{{Kind: distort.SpansMissing, Service: "none"}}, spec)...)).show()
	if d := cmp.Diff(a, c); d != "" {
		t.Errorf("a distortion that matches nothing changes what others lose:\n%s", d)
	}
}
