package challenge

import "time"

// Clock counts the time since the page, pauses left out. The zero Clock has not started. It is a value: its
// methods change nothing.
type Clock struct {
	Page   time.Time // wall time of the page; it may lie ahead
	Pauses []Pause   // in order, after Page; the last one may be open
}

// Pause is a stretch of wall time during which the clock stood, [From, To). A zero To is open.
type Pause struct{ From, To time.Time }

// Paused tells whether the clock stands.
func (c Clock) Paused() bool {
	n := len(c.Pauses)
	return n > 0 && c.Pauses[n-1].To.IsZero()
}

// Elapsed is how long the clock has run at a wall time; 0 before the page.
func (c Clock) Elapsed(at time.Time) time.Duration {
	if c.Page.IsZero() || !at.After(c.Page) {
		return 0
	}
	run := at.Sub(c.Page)
	for _, p := range c.Pauses {
		if !at.After(p.From) {
			break
		}
		end := at
		if !p.To.IsZero() && p.To.Before(at) {
			end = p.To
		}
		run -= end.Sub(p.From)
	}
	return run
}

// At is the wall time at which the clock has run for so long; ok is false when it has not started, or stands
// and would have to go on for it.
func (c Clock) At(elapsed time.Duration) (at time.Time, ok bool) {
	if c.Page.IsZero() {
		return time.Time{}, false
	}
	at = c.Page.Add(elapsed)
	for _, p := range c.Pauses {
		if !at.After(p.From) {
			return at, true
		}
		if p.To.IsZero() {
			return time.Time{}, false
		}
		at = at.Add(p.To.Sub(p.From))
	}
	return at, true
}

// Offset says where a wall time lies on the evidence, from the page: negative before it, and pauses left out after it.
func (c Clock) Offset(at time.Time) time.Duration {
	if at.Before(c.Page) {
		return at.Sub(c.Page)
	}
	return c.Elapsed(at)
}
