package cli

import (
	"strings"
	"testing"
	"time"

	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// TestPlan checks what flags and scenario make of a recording of 40 minutes.
func TestPlan(t *testing.T) {
	start := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	m := recording.Manifest{Start: start, End: start.Add(40 * time.Minute)}
	m.Traces.Spans = 40_000 // a thousand a minute
	scenario := &scenarios.Scenario{
		Page: scenarios.Page{At: scenarios.Moment{Offset: 30 * time.Minute}}, Timebox: scenarios.Duration(10 * time.Minute), History: scenarios.Duration(20 * time.Minute),
	}
	for name, c := range map[string]struct {
		settings               map[string]string
		scenario               *scenarios.Scenario
		page, history, box     time.Duration // page from start
		leadAtLeast, leadBelow time.Duration
	}{
		"bare":               {page: 0, history: 0, leadBelow: 1},
		"bare, history":      {settings: map[string]string{"history": "10m"}, page: 10 * time.Minute, history: 10 * time.Minute, leadAtLeast: 2 * time.Second, leadBelow: time.Minute},
		"bare, all":          {settings: map[string]string{"history": "all"}, page: 40 * time.Minute, history: 40 * time.Minute, leadBelow: 1},
		"bare, page":         {settings: map[string]string{"page-at": "2026-03-01T14:05:00Z"}, page: 5 * time.Minute, history: 5 * time.Minute, leadAtLeast: 2 * time.Second, leadBelow: time.Minute},
		"page, all":          {settings: map[string]string{"page-at": "5m", "history": "all", "for": "90s"}, page: 5 * time.Minute, history: 5 * time.Minute, box: 90 * time.Second, leadAtLeast: 2 * time.Second, leadBelow: time.Minute},
		"page, history":      {settings: map[string]string{"page-at": "5m", "history": "1m"}, page: 5 * time.Minute, history: time.Minute, leadAtLeast: 2 * time.Second, leadBelow: time.Minute},
		"more than there is": {settings: map[string]string{"page-at": "5m", "history": "1d"}, page: 5 * time.Minute, history: 5 * time.Minute, leadAtLeast: 2 * time.Second, leadBelow: time.Minute},
		"short history":      {settings: map[string]string{"history": "1600ms"}, page: 1600 * time.Millisecond, history: 1600 * time.Millisecond, leadBelow: 1},
		"scenario":           {scenario: scenario, page: 30 * time.Minute, history: 20 * time.Minute, box: 10 * time.Minute, leadAtLeast: 2 * time.Second, leadBelow: time.Minute},
		"scenario, all":      {scenario: scenario, settings: map[string]string{"history": "all"}, page: 40 * time.Minute, history: 40 * time.Minute, box: 10 * time.Minute, leadBelow: 1},
		"scenario, flags":    {scenario: scenario, settings: map[string]string{"history": "5m", "for": "1m"}, page: 30 * time.Minute, history: 5 * time.Minute, box: time.Minute, leadAtLeast: 2 * time.Second, leadBelow: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := newPlan(settings(t, c.settings), m, c.scenario)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.page.Sub(start); got != c.page || p.history != c.history || p.box != c.box {
				t.Errorf("got page %s, history %s, box %s; want %s, %s, %s", got, p.history, p.box, c.page, c.history, c.box)
			}
			if p.lead < c.leadAtLeast || p.lead >= c.leadBelow {
				t.Errorf("got lead %s, want at least %s and less than %s", p.lead, c.leadAtLeast, c.leadBelow)
			}
			if p.live != (c.page < 40*time.Minute) {
				t.Errorf("got live %v with the page at %s", p.live, c.page)
			}
		})
	}
	for _, c := range []map[string]string{{"page-at": "41m"}, {"history": "41m"}, {"page-at": "2026-03-01T13:59:59Z"}} {
		if _, err := newPlan(settings(t, c), m, nil); err == nil || !strings.Contains(err.Error(), "outside the recording") || exitCode(err) != exitUsage {
			t.Errorf("%v: got error %v, want a usage error", c, err)
		}
	}
}

// settings returns a configuration with defaults and the given values.
func settings(tb testing.TB, values map[string]string) *config {
	tb.Helper()
	c := &config{values: map[string]setting{}}
	for _, k := range keys {
		s := setting{key: k, text: k.def}
		if text, ok := values[k.name]; ok {
			s.text, s.from = text, "test"
		}
		if s.text != "" {
			var err error
			if s.value, err = k.kind.parse(s.text); err != nil {
				tb.Fatal(err)
			}
		}
		c.values[k.name] = s
	}
	return c
}

// TestLengths checks how times are written for people.
func TestLengths(t *testing.T) {
	for in, want := range map[float64]string{0: "0s", 10: "10s", 60: "1m", 90: "1m30s", 600: "10m", 3600: "1h", 5400: "1h30m", 3601: "1h0m1s"} {
		if got := seconds(in); got != want {
			t.Errorf("seconds(%v) is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[float64]string{-1: "0:00", 0: "0:00", 65: "1:05", 3600: "1:00:00"} {
		if got := clock(in); got != want {
			t.Errorf("clock(%v) is %q, want %q", in, got, want)
		}
	}
}
