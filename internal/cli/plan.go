package cli

import (
	"fmt"
	"time"

	"firedrill/replay"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// plan is which part of a recording is played, and how.
type plan struct {
	page    time.Time     // recorded
	history time.Duration // before page
	box     time.Duration // live time; 0 is until the recording ends
	speed   float64
	lead    time.Duration // for loading the history
	live    bool          // the recording goes on after the page
	items   int64         // that are likely to be loaded, for the progress bar
}

// newPlan settles the plan from flags and scenario; the scenario may be nil.
//
// `--history all` without a page loads everything, so that the recording's end is now. Without any of
// the two, a bare recording is live from its start.
func newPlan(c *config, m recording.Manifest, s *scenarios.Scenario) (plan, error) {
	p := plan{speed: c.number("speed"), box: c.duration("for")}
	all := c.text("history") == "all"
	switch {
	case c.isSet("page-at"):
		at, _ := c.get("page-at").value.(moment)
		p.page = at.in(m.Start)
	case all:
		p.page = m.End
	case s != nil:
		p.page = s.Page.At.In(s.Begin(m.Start))
	default:
		p.page = m.Start.Add(c.duration("history"))
	}
	if p.page.Before(m.Start) || p.page.After(m.End) {
		return plan{}, fail(exitUsage, fmt.Errorf("the page would be at %s, outside the recording, which is from %s to %s", stamp(p.page), stamp(m.Start), stamp(m.End)),
			"choose another --page-at or a shorter --history")
	}
	p.history = p.page.Sub(m.Start)
	switch {
	case all:
	case c.isSet("history"):
		p.history = min(p.history, c.duration("history"))
	case s != nil && s.History > 0:
		p.history = min(p.history, time.Duration(s.History))
	}
	if p.box == 0 && s != nil {
		p.box = time.Duration(s.Timebox)
	}
	if p.live = p.page.Before(m.End); p.live {
		p.lead = p.loadTime(m)
	}
	p.items = share(m.Metrics.Samples, p.history, m) + share(m.Logs.Lines, p.history, m) + share(m.Traces.Spans, p.history, m)
	return p, nil
}

// loadTime is a generous guess of how long the history takes to load and prove. The page waits until
// it is over, so that the player's time box is whole.
func (p plan) loadTime(m recording.Manifest) time.Duration {
	take := func(n, rate int64) time.Duration {
		return time.Duration(share(n, p.history, m)) * time.Second / time.Duration(rate)
	}
	// About twice what two idle cores take for all three signals at once, proof included
	// (docs/benchmarks.md). Where that is too little the clock starts late, and the time box is whole all the same.
	sum := take(m.Metrics.Samples, 300_000) + take(m.Logs.Lines, 80_000) + take(m.Traces.Spans, 8_000)
	// Loading starts inside the history: what is proven must be past.
	return max(min(2*time.Second+sum, 15*time.Minute, p.history-time.Second), 0).Truncate(time.Second)
}

// share is the part of n items that a stretch of the recording holds if they are spread evenly.
func share(n int64, stretch time.Duration, m recording.Manifest) int64 {
	length := m.End.Sub(m.Start)
	if length <= 0 {
		return 0
	}
	return int64(float64(n) * float64(stretch) / float64(length))
}

// options are the engine's options for the plan, from now on.
func (p plan) options() replay.Options {
	o := replay.Options{Page: p.page, History: p.history, For: p.box, Speed: p.speed, Lead: p.lead}
	if p.lead == 0 {
		// The engine moves the page by up to a second; then it is just past, and what is due at
		// the page is history.
		o.Wall = time.Now().Add(-time.Second)
	}
	return o
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
