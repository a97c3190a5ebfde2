package telemetry_test

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/scenarios/sim/telemetry"
)

func TestScrape(t *testing.T) {
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(demo)
		g := target.Group()
		hits := g.Counter(counter("hits_total"), "route", "/a")
		g.Counter(counter("misses_total"), "route", "/a") // never touched
		g.Gauge(gauge("depth_bytes"))                     // without labels: there from the start
		read := 7.0
		g.Func(gauge("asked"), func() float64 { return read })
		version := "1"
		g.InfoFunc(gauge("build"), "version", func() string { return version })
		g.Summary(telemetry.Family{Name: "pause_seconds", Type: telemetry.TypeSummary}, []float64{0, 0.5, 1}, func() ([]float64, float64, uint64) { return []float64{1, 2, 3}, 6, 4 })
		target.Scrape(after(0))
		hits.Inc()
		read, version = 8, "2"
		target.Scrape(after(15))
		hits.Add(2)
		if g.Counter(counter("hits_total"), "route", "/a") != hits {
			t.Error("asking again gave another counter")
		}
		target.Scrape(after(30))
		hits.Remove()
		version = ""
		target.Scrape(after(45))
	})
	r.expect(t, "hits_total{route=/a}", 15, 1, 30, 3, 45, stale)
	r.expect(t, "misses_total{route=/a}")
	r.expect(t, "depth_bytes", 0, 0, 15, 0, 30, 0, 45, 0)
	r.expect(t, "asked", 0, 7, 15, 8, 30, 8, 45, 8)
	r.expect(t, "build{version=1}", 0, 1, 15, stale)
	r.expect(t, "build{version=2}", 15, 1, 30, 1, 45, stale)
	r.expect(t, "pause_seconds{quantile=0.0}", 0, 1, 15, 1, 30, 1, 45, 1)
	r.expect(t, "pause_seconds{quantile=0.5}", 0, 2, 15, 2, 30, 2, 45, 2)
	r.expect(t, "pause_seconds_count", 0, 4, 15, 4, 30, 4, 45, 4)
	r.expect(t, "up", 0, 1, 15, 1, 30, 1, 45, 1)
	r.expect(t, "scrape_samples_scraped", 0, 8, 15, 9, 30, 9, 45, 7)
	r.expect(t, "scrape_series_added", 0, 8, 15, 2, 30, 0, 45, 0)
	if f := r.families["depth_bytes"]; f != (replay.Family{Type: "gauge", Help: "A gauge.", Unit: "bytes"}) {
		t.Errorf("family of depth_bytes: %+v", f)
	}
	if f := r.families["hits_total"]; f.Type != "counter" || f.Unit != "" {
		t.Errorf("family of hits_total: %+v", f)
	}
	for _, s := range r.values("scrape_duration_seconds") {
		if s.v < 0.0005 || s.v > 0.005 {
			t.Errorf("scrape_duration_seconds %v", s.v)
		}
	}
}

func TestFailedScrape(t *testing.T) {
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(demo)
		target.Group().Gauge(gauge("a")).Set(1)
		target.Group().Histogram(telemetry.Family{Name: "h", Type: telemetry.TypeHistogram}, telemetry.Buckets{Native: true}).Observe(1)
		target.Scrape(after(0))
		target.ScrapeFailed(after(15))
		target.ScrapeFailed(after(30))
		target.Scrape(after(45))
	})
	r.expect(t, "a", 0, 1, 15, stale, 45, 1)
	r.expect(t, "h", 0, 0, 15, stale, 45, 0)
	r.expect(t, "up", 0, 1, 15, 0, 30, 0, 45, 1)
	r.expect(t, "scrape_samples_scraped", 0, 2, 15, 0, 30, 0, 45, 2)
	// Prometheus remembers the series through a failure.
	r.expect(t, "scrape_series_added", 0, 2, 15, 0, 30, 0, 45, 0)
}

func TestClose(t *testing.T) {
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(demo)
		target.Group().Gauge(gauge("a")).Set(1)
		target.Scrape(after(0))
		target.Close(after(15))
		target.Scrape(after(30))
		target.Close(after(45))
		rec.Target(labels.FromStrings("job", "never")).Close(after(15))
	})
	r.expect(t, "a", 0, 1, 15, stale)
	r.expect(t, "up", 0, 1, 15, stale)
	r.expect(t, "scrape_series_added", 0, 1, 15, stale)
	if len(r.samples) != 5 {
		t.Errorf("series: %d", len(r.samples))
	}
}

// A process that restarts is another group: its counters begin again, in the same series.
func TestRestartContinuesSeries(t *testing.T) {
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(demo)
		process := func() (*telemetry.Group, *telemetry.Counter, *telemetry.Counter) {
			g := target.Group("version", "1")
			return g, g.Counter(counter("a_total")), g.Counter(counter("b_total"), "x", "y")
		}
		g, a, b := process()
		a.Add(5)
		b.Add(5)
		target.Scrape(after(0))
		g.Remove()
		_, a, _ = process()
		a.Add(1)
		target.Scrape(after(15))
	})
	r.expect(t, "a_total{version=1}", 0, 5, 15, 1)
	r.expect(t, "b_total{version=1,x=y}", 0, 5, 15, stale)
}

// Labels of a metric win over those of its group, and these over the target's; an empty one removes it.
func TestLabelsWin(t *testing.T) {
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(labels.FromStrings("job", "demo", "pod", "exporter", "node", "n"))
		target.Group("pod", "group").Gauge(gauge("a"), "node", "m", "container", "").Set(1)
		target.Scrape(after(0))
	})
	r.expect(t, "a{pod=group,node=m}", 0, 1)
	r.expect(t, "up{pod=exporter,node=n}", 0, 1)
}

// A process that has run ten times as long has counted ten times as much; what it stands at is the same.
func TestAge(t *testing.T) {
	r := record(t, func(rec *telemetry.Recorder) {
		target := rec.Target(demo)
		g := target.Group()
		c, d := g.Counter(counter("c_total")), g.Gauge(gauge("d"))
		h := g.Histogram(durations, telemetry.Buckets{Classic: []float64{1}, Native: true})
		read := 3.0
		g.Func(counter("f_total"), func() float64 { return read })
		c.Add(2)
		d.Set(2)
		h.Observe(0.5)
		g.Age(10)
		c.Add(1)
		read++
		h.Observe(2)
		target.Scrape(after(0))
	})
	r.expect(t, "c_total", 0, 21)
	r.expect(t, "d", 0, 2)
	r.expect(t, "f_total", 0, 31)
	r.expect(t, "took_seconds_bucket{le=1.0}", 0, 10)
	r.expect(t, "took_seconds_bucket{le=+Inf}", 0, 11)
	r.expect(t, "took_seconds_sum", 0, 7)
	if h := r.values("took_seconds")[0].h; h.Count != 11 || h.Validate() != nil {
		t.Errorf("native: %v", h)
	}
}

func TestNextSpreadsTargets(t *testing.T) {
	record(t, func(rec *telemetry.Recorder) {
		var early int
		for i := range 200 {
			target := rec.Target(labels.FromStrings("job", "demo", "instance", string(rune('a'+i))))
			n := target.Next(after(0))
			if n < after(0) || n >= after(15) || n%int64(time.Millisecond) != 0 {
				t.Fatalf("first scrape %s after begin", time.Duration(n-after(0)))
			}
			if target.Next(n) != n || target.Next(n+1) != n+int64(15*time.Second) {
				t.Fatal("Next is not the next scrape")
			}
			if n < after(5) {
				early++
			}
		}
		if early < 40 || early > 95 {
			t.Errorf("%d of 200 targets in the first third of the interval", early)
		}
		rec.Target(demo).Scrape(after(0))
	})
}
