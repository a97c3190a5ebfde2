package replay

import (
	"sync"
	"time"
)

// Timeline maps recorded time to wall time. Before the page both run at the same rate; from the page on
// the mapping is a chain of segments, one more for every change of speed and every resumption after
// a pause. A pause before the page moves the page. It is safe for concurrent use.
//
// At speed 1 the shift, wall minus recorded, is a whole number of seconds, so that texts and values
// without fractions of a second can move by exactly as much as everything else.
type Timeline struct {
	mu      sync.Mutex
	clock   clock
	changed chan struct{} // closed when the clock changes
}

// NewTimeline returns a running timeline on which the recorded time page happens at wall, or up to
// one second later, so that the shift is a whole number of seconds.
func NewTimeline(page, wall time.Time, speed float64) *Timeline {
	return newTimeline(newClock(page.UnixNano(), wall.UnixNano(), speed))
}

func newTimeline(c clock) *Timeline { return &Timeline{clock: c, changed: make(chan struct{})} }

// Wall returns the wall time, in nanoseconds since the epoch, at which the recorded time happens
// under the segments known so far.
func (tl *Timeline) Wall(recorded int64) int64 {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.clock.Segments.wall(recorded)
}

// Recorded is the inverse of Wall. While the clock stands it returns the time at which it stands.
func (tl *Timeline) Recorded(wall int64) int64 {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.clock.recordedAt(wall)
}

// Page returns the recorded and the wall time of the page.
func (tl *Timeline) Page() (recorded, wall time.Time) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return time.Unix(0, tl.clock.Page), time.Unix(0, tl.clock.Segments.wall(tl.clock.Page))
}

// mapping returns the segments known so far. They never change for a time that is due.
func (tl *Timeline) mapping() mapping { return tl.snapshot().Segments }

// snapshot returns a copy of the clock.
func (tl *Timeline) snapshot() clock {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.clock.clone()
}

// due is clock.due.
func (tl *Timeline) due(now int64) (horizon int64, ended bool) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.clock.due(now)
}

// wait returns how long after the wall time now the recorded time, or the end before it, becomes due; ok is false
// when it never does as things stand. The channel is closed when the clock changes.
func (tl *Timeline) wait(recorded, now int64) (d time.Duration, ok bool, changed <-chan struct{}) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	c := &tl.clock
	if end, bounded := c.end(); bounded {
		recorded = min(recorded, end)
	}
	ok = c.Held == nil || recorded < *c.Held
	return time.Duration(c.Segments.wall(recorded) - now), ok, tl.changed
}

// change changes the clock. Nothing is delivered by the changed clock before keep, which puts it on disk, has
// returned; on an error the clock stays as it was.
func (tl *Timeline) change(do func(*clock), keep func(clock) error) error {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	next := tl.clock.clone()
	do(&next)
	if err := keep(next); err != nil {
		return err
	}
	tl.clock = next
	close(tl.changed)
	tl.changed = make(chan struct{})
	return nil
}
