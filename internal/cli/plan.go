package cli

import (
	"fmt"
	"time"

	"firedrill/internal/source"
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
		p.lead = source.LoadTime(m, p.history)
	}
	p.items = source.Share(m.Metrics.Samples, p.history, m) + source.Share(m.Logs.Lines, p.history, m) + source.Share(m.Traces.Spans, p.history, m)
	return p, nil
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
