package telemetry_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"firedrill/replay/recording"
	"firedrill/scenarios/sim/telemetry"
)

// drive scrapes a gauge with the values, one every 15 s, and evaluates the rules 1 s after each.
func drive(t *testing.T, g telemetry.RuleGroup, values ...float64) (recorded, []telemetry.Alert) {
	t.Helper()
	var rules *telemetry.Rules
	r := record(t, func(rec *telemetry.Recorder) {
		var err error
		if rules, err = rec.Rules(g); err != nil {
			t.Fatal(err)
		}
		target := rec.Target(demo)
		for i, v := range values {
			g := target.Group()
			g.Gauge(gauge("load"), "zone", "b").Set(2 * v)
			g.Gauge(gauge("load"), "zone", "a").Set(v)
			target.Scrape(after(15 * i))
			rules.Eval(after(15*i + 1))
			g.Remove()
		}
	})
	return r, rules.Alerts()
}

func seconds(n int) model.Duration { return model.Duration(time.Duration(n) * time.Second) }

func TestAlertLifeCycle(t *testing.T) {
	r, alerts := drive(t, telemetry.RuleGroup{Name: "g", Rules: []telemetry.Rule{{
		Alert: "HighLoad", Expr: `load{zone="a"} > 5`, For: seconds(30), KeepFiringFor: seconds(30), Labels: map[string]string{"severity": "page"},
	}}}, 1, 6, 7, 8, 9, 1, 1, 1, 6, 1)
	const is = "alertname=HighLoad,severity=page,zone=a"
	r.expect(t, "ALERTS{alertstate=pending,"+is+"}", 16, 1, 31, 1, 46, stale, 121, 1, 136, stale)
	// Firing from 30 s after the start; quiet from 76 on, over 30 s later.
	r.expect(t, "ALERTS{alertstate=firing,"+is+"}", 46, 1, 61, 1, 76, 1, 91, 1, 106, stale)
	first, second := float64(after(16)/1e9), float64(after(121)/1e9)
	r.expect(t, "ALERTS_FOR_STATE{"+is+"}", 16, first, 31, first, 46, first, 61, first, 76, first, 91, first, 106, stale, 121, second, 136, stale)
	var got [][3]int64
	for _, a := range alerts {
		if a.Labels.Get("alertname") != "HighLoad" || a.Labels.Get("severity") != "page" || a.Labels.Get("zone") != "a" || a.Labels.Has("__name__") {
			t.Errorf("labels %s", a.Labels)
		}
		got = append(got, [3]int64{a.Active, a.Firing, a.Resolved})
	}
	if diff := cmp.Diff([][3]int64{{after(16), after(46), after(106)}, {after(121), 0, after(136)}}, got); diff != "" {
		t.Error("alerts (-want +got):\n" + diff)
	}
}

// The condition that comes back while an alert is kept firing goes on with the same alert.
func TestKeepFiringStartsAnew(t *testing.T) {
	_, alerts := drive(t, telemetry.RuleGroup{Name: "g", Rules: []telemetry.Rule{{Alert: "A", Expr: `load{zone="a"} > 5`, KeepFiringFor: seconds(30)}}},
		6, 1, 6, 1, 1, 1)
	if len(alerts) != 1 || alerts[0].Firing != after(1) || alerts[0].Resolved != after(76) {
		t.Errorf("%+v", alerts)
	}
}

func TestRecordingRules(t *testing.T) {
	r, _ := drive(t, telemetry.RuleGroup{Name: "g", Rules: []telemetry.Rule{
		{Record: "job:load:sum", Expr: `sum by (job) (load)`, Labels: map[string]string{"job": "all"}},
		{Record: "job:load:third", Expr: `job:load:sum / 9 > 0.5`}, // sees what the rule before it wrote
		{Record: "constant", Expr: `42`},
		{Record: "load:max", Expr: `max without (job, zone) (max_over_time(load{zone="b"}[20s]))`},
	}}, 1, 4, 2)
	r.expect(t, "job:load:sum{job=all}", 1, 3, 16, 12, 31, 6)
	third := r.values("job:load:third{job=all}")
	if len(third) != 2 || third[0].at != 16 || third[0].v != float64(float32(12.0/9)) || third[1].v != float64(float32(6.0/9)) {
		t.Errorf("third: %v", third)
	}
	r.expect(t, "constant{job=-}", 1, 42, 16, 42, 31, 42)
	r.expect(t, "load:max{job=-}", 1, 2, 16, 8, 31, 8)
}

// Series that end take what was computed from them along, at once, through their stale markers; rates
// and quantiles of native histograms work as in Prometheus.
func TestRulesSeeStaleMarkersAndHistograms(t *testing.T) {
	r := record(t, func(rec *telemetry.Recorder) {
		rules, err := rec.Rules(telemetry.RuleGroup{Name: "g", Rules: []telemetry.Rule{
			{Record: "p50", Expr: `histogram_quantile(0.5, rate(took_seconds[1m]))`},
			{Record: "rate", Expr: `rate(took_seconds[1m])`},
			{Record: "count", Expr: `count(took_seconds)`},
		}})
		if err != nil {
			t.Fatal(err)
		}
		target := rec.Target(demo)
		h := target.Group().Histogram(durations, telemetry.Buckets{Native: true})
		for i := range 3 {
			for range 60 {
				h.Observe(1)
			}
			target.Scrape(after(15 * i))
			rules.Eval(after(15*i + 1))
		}
		target.Close(after(45))
		rules.Eval(after(46))
	})
	r.expect(t, "count{job=-}", 1, 1, 16, 1, 31, 1, 46, stale)
	for _, s := range r.values("p50")[:1] {
		// The median of one bucket is its geometric middle: (2^(-1/8), 1].
		if s.at != 16 || s.v < 0.917 || s.v > 1 {
			t.Errorf("p50: %v", s)
		}
	}
	if got := r.values("rate"); len(got) != 3 {
		t.Errorf("rate: %v", got)
	}
}

func TestRulesRefuse(t *testing.T) {
	w, err := recording.Create(filepath.Join(t.TempDir(), "recording"), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	rec := telemetry.NewRecorder(w, telemetry.Options{})
	for _, c := range []struct {
		rule telemetry.Rule
		want string
	}{
		{telemetry.Rule{Expr: "1"}, "either record or alert"},
		{telemetry.Rule{Record: "a", Alert: "b", Expr: "1"}, "either record or alert"},
		{telemetry.Rule{Record: "a", Expr: "1", For: seconds(1)}, "no for"},
		{telemetry.Rule{Alert: "a", Expr: "sum("}, "rule a: "},
		{telemetry.Rule{Alert: "a", Expr: "1", Labels: map[string]string{"x": "{{ $value }}"}}, "templates"},
	} {
		if _, err := rec.Rules(telemetry.RuleGroup{Name: "g", Rules: []telemetry.Rule{c.rule}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.rule, err)
		}
	}
	rules, err := rec.Rules(telemetry.RuleGroup{Name: "g", Rules: []telemetry.Rule{{Record: "same", Expr: `label_replace(load, "zone", "x", "", "")`}}})
	if err != nil {
		t.Fatal(err)
	}
	target := rec.Target(demo)
	target.Group().Gauge(gauge("load"), "zone", "a").Set(1)
	target.Group().Gauge(gauge("load"), "zone", "b").Set(1)
	target.Scrape(after(0))
	rules.Eval(after(1))
	if err := rec.Close(); err == nil || !strings.Contains(err.Error(), "rule same at 2026-03-01T14:00:01Z") {
		t.Errorf("close: %v", err)
	}
}

// What is kept reaches as far back as the rules look, through ranges, subqueries and offsets.
func TestRulesLookBack(t *testing.T) {
	values := make([]float64, 160) // 40 minutes, with one peak in the third
	values[8] = 9
	for _, c := range []struct {
		expr        string
		first, last int // when the peak is seen
	}{
		{`max_over_time(load{zone="a"}[20m])`, 121, 1306},
		{`max_over_time(max_over_time(load{zone="a"}[1m])[20m:])`, 121, 1351},
		{`max_over_time(load{zone="a"}[1m] offset 20m)`, 1321, 1366},
	} {
		// A group of its own, since all rules of a group share what is kept.
		r, _ := drive(t, telemetry.RuleGroup{Name: "g", Interval: seconds(15), Rules: []telemetry.Rule{{Record: "peak", Expr: c.expr}}}, values...)
		var seen []int
		for _, s := range r.values("peak{zone=a}") {
			if s.v == 9 {
				seen = append(seen, s.at)
			}
		}
		if len(seen) == 0 || seen[0] != c.first || seen[len(seen)-1] != c.last {
			t.Errorf("%s: the peak is seen at %v, want from %d to %d", c.expr, seen, c.first, c.last)
		}
	}
}
