package distort_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/distort"
)

// A window and a recording around it.
const (
	from = 4 * time.Minute
	to   = 7 * time.Minute
)

func inWindow(t int64) bool {
	return t >= recordedStart.Add(from).UnixNano() && t < recordedStart.Add(to).UnixNano()
}

func window(d distort.Distortion) distort.Distortion {
	d.From, d.To = distort.Duration(from), distort.Duration(to)
	return d
}

// wantSubset checks that got is want without those items that may be lost, and returns how many those are and how
// many of them are gone.
func wantSubset[T any](t *testing.T, got, want []T, show func(T) string, may func(T) bool) (could, lost int) {
	t.Helper()
	left := make(map[string]bool)
	for _, it := range got {
		left[show(it)] = true
	}
	for _, it := range want {
		gone := !left[show(it)]
		if gone && !may(it) {
			t.Errorf("lost, though nothing says so: %s", show(it))
		}
		if may(it) {
			could++
		}
		if gone {
			lost++
		}
	}
	if len(got)+lost != len(want) {
		t.Errorf("%d items and %d that are lost do not make %d", len(got), lost, len(want))
	}
	return could, lost
}

func wantShare(t *testing.T, n, of int, share, within float64) {
	t.Helper()
	if got := float64(n) / float64(of); got < share-within || got > share+within {
		t.Errorf("%d of %d are %v, want %v ± %v", n, of, got, share, within)
	}
}

func TestLosses(t *testing.T) {
	m := incident(3, 20*time.Minute)
	for name, c := range map[string]struct {
		d      distort.Distortion
		sample func(replay.Sample) bool
		record func(replay.Record) bool
		span   func(replay.Span) bool
		share  float64 // of those that may be lost
	}{
		"trace-sampling": {d: distort.Distortion{Kind: distort.TraceSampling, Keep: 0.25}, span: func(replay.Span) bool { return true }, share: 0.75},
		"spans-missing": {d: window(distort.Distortion{Kind: distort.SpansMissing, Service: "payment"}), share: 1,
			span: func(s replay.Span) bool { return strings.HasPrefix(showSpan(s), "payment") && inWindow(spanTime(s)) }},
		"log-loss": {d: window(distort.Distortion{Kind: distort.LogLoss, Share: 0.3, Pod: "cart-1"}), share: 0.3,
			record: func(r replay.Record) bool { return r.Stream.Labels.Get("pod") == "cart-1" && inWindow(r.T) }},
		"missed-scrapes": {d: distort.Distortion{Kind: distort.MissedScrapes, Share: 0.8, Job: "payment"}, share: 0.8,
			sample: func(s replay.Sample) bool {
				return s.Series.Labels.Get("job") == "payment" && s.Series.Labels.Get("instance") != "" && !value.IsStaleNaN(s.V)
			}},
		"scrape-gap of Prometheus": {d: window(distort.Distortion{Kind: distort.ScrapeGap}), share: 1,
			sample: func(s replay.Sample) bool { return inWindow(sampleTime(s)) }},
	} {
		t.Run(name, func(t *testing.T) {
			got := readAll(t, distorted(t, m, 1, c.d))
			could, lost := 0, 0
			add := func(a, b int) { could, lost = could+a, lost+b }
			add(wantSubset(t, got.samples, m.samples, showSample, func(s replay.Sample) bool { return c.sample != nil && c.sample(s) }))
			add(wantSubset(t, got.records, m.records, showRecord, func(r replay.Record) bool { return c.record != nil && c.record(r) }))
			add(wantSubset(t, got.spans, m.spans, showSpan, func(s replay.Span) bool { return c.span != nil && c.span(s) }))
			if c.share == 1 {
				wantShare(t, lost, could, 1, 0)
			} else {
				wantShare(t, lost, could, c.share, 0.08)
			}
			if could == 0 {
				t.Error("nothing could be lost: the test shows nothing")
			}
		})
	}
}

// Sampling keeps or loses whole traces, a missed scrape loses all of its target.
func TestLossesAreWhole(t *testing.T) {
	m := incident(3, 10*time.Minute)
	got := readAll(t, distorted(t, m, 1, distort.Distortion{Kind: distort.TraceSampling, Keep: 0.5}, distort.Distortion{Kind: distort.MissedScrapes, Share: 0.5}))
	count := func(spans []replay.Span) map[pcommon.TraceID]int {
		n := make(map[pcommon.TraceID]int)
		for _, s := range spans {
			n[s.Span.TraceID()]++
		}
		return n
	}
	want := count(m.spans)
	for id, n := range count(got.spans) {
		if n != want[id] {
			t.Errorf("trace %s has %d spans of %d", id, n, want[id])
		}
	}
	scrapes := func(samples []replay.Sample) map[string]int {
		n := make(map[string]int)
		for _, s := range samples {
			if !value.IsStaleNaN(s.V) {
				n[fmt.Sprint(s.Series.Labels.Get("instance"), "@", s.T)]++
			}
		}
		return n
	}
	whole := scrapes(m.samples)
	for at, n := range scrapes(got.samples) {
		if n != whole[at] {
			t.Errorf("of the scrape %s there are %d samples of %d", at, n, whole[at])
		}
	}
}

func TestRateLimit(t *testing.T) {
	m := incident(3, 10*time.Minute)
	got := readAll(t, distorted(t, m, 1, window(distort.Distortion{Kind: distort.LogRateLimit, Rate: 2})))
	seen := make(map[string]int)
	var want []replay.Record
	for _, r := range m.records {
		at := fmt.Sprint(r.Stream.ID, "@", r.T/1e9)
		if inWindow(r.T) {
			seen[at]++
		}
		if !inWindow(r.T) || seen[at] <= 2 {
			want = append(want, r)
		}
	}
	if len(want) == len(m.records) {
		t.Fatal("nothing is above the limit")
	}
	if d := cmp.Diff(content{records: want}.show()[1], got.show()[1]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Targets that are down: up is 0, every other series ends once, and none begins.
func TestScrapeGapOfTargets(t *testing.T) {
	m := incident(3, 20*time.Minute)
	const from, to = 12 * time.Minute, 15 * time.Minute
	inWindow := func(t int64) bool {
		return t >= recordedStart.Add(from).UnixNano() && t < recordedStart.Add(to).UnixNano()
	}
	d := distort.Distortion{Kind: distort.ScrapeGap, Host: "a", From: distort.Duration(from), To: distort.Duration(to)}
	got := readAll(t, distorted(t, m, 1, d))
	alive, ended := make(map[string]bool), make(map[string]bool) // before the gap, in the gap
	for _, s := range m.samples {
		if at := sampleTime(s); at < recordedStart.Add(from).UnixNano() {
			alive[s.Series.Labels.String()] = !value.IsStaleNaN(s.V) && at >= recordedStart.Add(from-5*time.Minute).UnixNano()
		}
	}
	outside := func(samples []replay.Sample) (out []replay.Sample) {
		for _, s := range samples {
			if s.Series.Labels.Get("node") != "a" || !inWindow(sampleTime(s)) {
				out = append(out, s)
			}
		}
		return out
	}
	if d := cmp.Diff(content{samples: outside(m.samples)}.show()[0], content{samples: outside(got.samples)}.show()[0]); d != "" {
		t.Errorf("outside of the gap (-recorded +got):\n%s", d)
	}
	ups := 0
	for _, s := range got.samples {
		l := s.Series.Labels
		if l.Get("node") != "a" || !inWindow(sampleTime(s)) {
			continue
		}
		switch name := l.Get("__name__"); {
		case name == "up" || name == "scrape_samples_scraped":
			ups++
			if s.V != 0 {
				t.Errorf("%s is %v while the target is down", name, s.V)
			}
		case name == "scrape_duration_seconds":
		case !alive[l.String()] || ended[l.String()] || !(value.IsStaleNaN(s.V) || s.H != nil && value.IsStaleNaN(s.H.Sum)) || s.Exemplars != nil:
			t.Errorf("in the gap there is %s", showSample(s))
		default:
			ended[l.String()] = true
		}
	}
	if ups != 2*3*12 {
		t.Errorf("up and scrape_samples_scraped of 3 targets have %d samples in 3 min, want 72", ups)
	}
	for l, is := range alive {
		if is && strings.Contains(l, `node="a"`) && !ended[l] && !regexp.MustCompile(`"(up|scrape_.*)"`).MatchString(l) {
			t.Errorf("%s goes on in the gap", l)
		}
	}
}

func TestLag(t *testing.T) {
	m := incident(3, 20*time.Minute)
	d := window(distort.Distortion{Kind: distort.IngestionLag, Delay: seconds(20), Jitter: seconds(30), Host: "a"})
	all := []distort.Distortion{d, d, d}
	for i, s := range []replay.Signal{replay.Metrics, replay.Logs, replay.Traces} {
		all[i].Signal = s
	}
	got := readAll(t, distorted(t, m, 1, all...))
	lags := make(map[time.Duration]bool)
	check := func(host string, at int64, lag time.Duration) {
		t.Helper()
		switch {
		case host == "a" && inWindow(at):
			lags[lag] = true
			if lag < 20*time.Second || lag > 50*time.Second {
				t.Errorf("an item lags %v, want 20 s to 50 s", lag)
			}
		case host == "a" && at >= recordedStart.Add(to).UnixNano() && at < recordedStart.Add(to+20*time.Second).UnixNano():
			if lag <= 0 || lag > 50*time.Second { // behind what is held up
				t.Errorf("an item after the lag lags %v", lag)
			}
		case (host != "a" || at < recordedStart.Add(from).UnixNano() || at > recordedStart.Add(to+50*time.Second).UnixNano()) && lag != 0:
			t.Errorf("an item lags %v without reason", lag)
		}
	}
	streams := make(map[uint32]int64)
	for _, s := range got.samples {
		check(s.Series.Labels.Get("node"), sampleTime(s), s.Lag)
	}
	for _, r := range got.records {
		check(r.Stream.Labels.Get("node"), r.T, r.Lag)
		if r.T < streams[r.Stream.ID] {
			t.Errorf("stream %d is out of order", r.Stream.ID)
		}
		streams[r.Stream.ID] = r.T
	}
	for _, s := range got.spans {
		host, _ := s.Resource.Attributes.Get("host.name")
		check(host.AsString(), spanTime(s), s.Lag)
	}
	if len(lags) < 100 {
		t.Errorf("there are only %d lags: no jitter", len(lags))
	}
	if len(got.samples) != len(m.samples) || len(got.records) != len(m.records) || len(got.spans) != len(m.spans) {
		t.Error("something is lost")
	}
}
