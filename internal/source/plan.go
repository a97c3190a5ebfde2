package source

import (
	"time"

	"firedrill/replay/recording"
)

// LoadTime is a generous guess of how long a history of a recording takes to load and prove. The page waits until it is over, so that the
// player's time box is whole.
func LoadTime(m recording.Manifest, history time.Duration) time.Duration {
	take := func(n, rate int64) time.Duration {
		return time.Duration(Share(n, history, m)) * time.Second / time.Duration(rate)
	}
	// About twice what two idle cores take for all three signals at once, proof included
	// (docs/benchmarks.md). Where that is too little the clock starts late, and the time box is whole all the same.
	sum := take(m.Metrics.Samples, 300_000) + take(m.Logs.Lines, 80_000) + take(m.Traces.Spans, 8_000)
	// Loading starts inside the history: what is proven must be past.
	return max(min(2*time.Second+sum, 15*time.Minute, history-time.Second), 0).Truncate(time.Second)
}

// Share is the part of n items that a stretch of a recording holds if they are spread evenly.
func Share(n int64, stretch time.Duration, m recording.Manifest) int64 {
	length := m.End.Sub(m.Start)
	if length <= 0 {
		return 0
	}
	return int64(float64(n) * float64(stretch) / float64(length))
}

// Page returns the recorded time of the scenario's page, and how much history there is before it.
func (s *Source) Page() (page time.Time, history time.Duration) {
	page = s.Scenario.Page.At.In(s.Scenario.Begin(s.Manifest.Start))
	history = page.Sub(s.Manifest.Start)
	if declared := time.Duration(s.Scenario.History); declared > 0 {
		history = min(history, declared)
	}
	return page, history
}
