package replay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// segment maps recorded times from Recorded on, both in nanoseconds since the epoch.
type segment struct {
	Recorded int64   `json:"recorded"`
	Wall     int64   `json:"wall"`
	Speed    float64 `json:"speed"`
}

func (s segment) wall(recorded int64) int64 {
	if s.Speed == 1 || recorded < s.Recorded {
		return recorded + (s.Wall - s.Recorded)
	}
	return s.Wall + bounded(math.Ceil(float64(recorded-s.Recorded)/s.Speed))
}

func (s segment) recorded(wall int64) int64 {
	if s.Speed == 1 || wall < s.Wall {
		return wall - (s.Wall - s.Recorded)
	}
	r := s.Recorded + bounded(float64(wall-s.Wall)*s.Speed)
	for s.wall(r) > wall { // rounding of the two float conversions: never ahead of the clock
		r--
	}
	return r
}

// maxTime bounds times and stretches of time, in nanoseconds, so that the sum of two does not overflow.
// As a time it is in the year 2096.
const maxTime = int64(4e18)

// bounded returns ns, or maxTime where it is more.
func bounded(ns float64) int64 { return int64(min(ns, float64(maxTime))) }

// mapping is a chain of segments, ascending by recorded and by wall time; never empty.
type mapping []segment

// at returns the segment in force at a recorded time; the first also covers what lies before it.
func (m mapping) at(recorded int64) segment {
	if n := len(m); n == 1 || recorded >= m[n-1].Recorded {
		return m[n-1]
	}
	i := sort.Search(len(m), func(i int) bool { return m[i].Recorded > recorded })
	return m[max(i-1, 0)]
}

func (m mapping) wall(recorded int64) int64 { return m.at(recorded).wall(recorded) }

// clock is the state of a Timeline, which the checkpoint keeps. Its methods are pure arithmetic.
//
// A change at a wall time leaves the mapping of everything that is due by then as it is: the new
// segment begins with the nanosecond after.
type clock struct {
	Page     int64         `json:"page"` // recorded time of the page
	Segments mapping       `json:"segments"`
	Held     *int64        `json:"held,omitempty"`    // paused: nothing recorded from here on is due
	Box      time.Duration `json:"box,omitempty"`     // how long the clock may run since the page; 0: without limit
	Stopped  *int64        `json:"stopped,omitempty"` // recorded time from which on nothing is delivered; nil: open

	passed int64 // the highest horizon so far
}

// newClock returns a running clock that shows page at the wall time wall, or up to one second later.
func newClock(page, wall int64, speed float64) clock {
	return clock{Page: page, Segments: mapping{{page, wholeShift(page, wall), speed}}}
}

// wholeShift returns the first instant at or after wall that is a whole number of seconds from recorded.
func wholeShift(recorded, wall int64) int64 {
	rest := (wall - recorded) % int64(time.Second)
	switch {
	case rest > 0:
		return wall + int64(time.Second) - rest
	case rest < 0:
		return wall - rest
	}
	return wall
}

// clone returns a copy that shares nothing that changes.
func (c clock) clone() clock {
	c.Segments = slices.Clone(c.Segments)
	return c
}

// last returns the segment in force from now on, unless the clock is set again.
func (c *clock) last() *segment { return &c.Segments[len(c.Segments)-1] }

// recordedAt returns what the clock shows at a wall time, under the segments known so far.
func (c *clock) recordedAt(wall int64) int64 {
	i := sort.Search(len(c.Segments), func(i int) bool { return c.Segments[i].Wall > wall })
	i = max(i-1, 0)
	r := c.Segments[i].recorded(wall)
	if i+1 < len(c.Segments) { // between two segments, before a resumption takes effect, it stands
		r = min(r, c.Segments[i+1].Recorded-1)
	}
	if c.Held != nil {
		r = min(r, *c.Held-1)
	}
	return r
}

// due returns the horizon at the wall time now: everything recorded before it is due. It never
// passes the end; ended says that the end is reached.
func (c *clock) due(now int64) (horizon int64, ended bool) {
	horizon = c.recordedAt(now) + 1 // what is due at this very nanosecond is due
	if end, ok := c.end(); ok && horizon >= end {
		horizon, ended = end, true
	}
	c.passed = max(c.passed, horizon)
	return horizon, ended
}

// horizon is due without the end. It does not go back when the wall clock does.
func (c *clock) horizon(now int64) int64 { return max(c.recordedAt(now)+1, c.passed) }

// prolong makes the time box longer, where there is one.
func (c *clock) prolong(d time.Duration) {
	if c.Box > 0 {
		c.Box += d
	}
}

func (c *clock) pause(now int64) {
	if c.Held == nil {
		at := c.horizon(now)
		c.Held = &at
	}
}

// resume starts the clock where it stands. Before the page what is left of the history comes first, at
// speed 1, and the page is later by the length of the pause.
func (c *clock) resume(now int64) {
	if c.Held == nil {
		return
	}
	at, page := *c.Held, *c.last()
	c.Held = nil
	if at >= c.Page {
		c.startAt(at, now, page.Speed)
		return
	}
	c.Segments = c.Segments[:len(c.Segments)-1]
	if len(c.Segments) == 0 {
		c.Segments = mapping{{at, page.wall(at), 1}}
	}
	c.startAt(at, now, 1)
	c.Segments = append(c.Segments, segment{c.Page, c.Segments.wall(c.Page), page.Speed})
}

func (c *clock) setSpeed(now int64, speed float64) {
	at := c.horizon(now)
	if c.Held != nil {
		at = *c.Held
	}
	switch {
	case speed == c.last().Speed:
	case at < c.Page:
		c.last().Speed = speed
	default:
		c.startAt(at, now, speed)
	}
}

// startAt lets the clock run from a recorded time on, at the wall time now, or up to a second later so
// that at speed 1 the shift is whole. A segment of which nothing has run is replaced, unless history was loaded under it.
func (c *clock) startAt(recorded, now int64, speed float64) {
	if len(c.Segments) > 1 && c.last().Recorded == recorded {
		c.Segments = c.Segments[:len(c.Segments)-1]
	}
	wall := max(now, c.Segments.wall(recorded-1), c.last().Wall) // the wall clock may have been set back
	if speed == 1 {
		wall = wholeShift(recorded, wall)
	}
	c.Segments = append(c.Segments, segment{recorded, wall, speed})
}

// stop ends the timeline at a wall time not after now, or earlier where it already ends; later where items that are due
// before the recorded time pushed may have been pushed.
func (c *clock) stop(at, now, pushed int64) {
	c.endAt(min(c.horizon(now), max(c.horizon(at), pushed)))
}

// endAt ends the timeline at a recorded time: what was recorded from then on is not delivered.
func (c *clock) endAt(recorded int64) {
	if c.Stopped == nil || recorded < *c.Stopped {
		c.Stopped = &recorded
	}
}

// end returns the recorded time from which on nothing is delivered, under the segments known so
// far; ok is false when there is none.
func (c *clock) end() (recorded int64, ok bool) {
	if c.Stopped != nil {
		recorded, ok = *c.Stopped, true
	}
	if c.Box > 0 {
		if r := c.reach(int64(c.Box)); !ok || r < recorded {
			recorded, ok = r, true
		}
	}
	return recorded, ok
}

// run returns for how long, in wall time, the clock ran in the segment i, which is not the last.
func (c *clock) run(i int) int64 {
	s := c.Segments[i]
	if s.Recorded < c.Page {
		return 0
	}
	return max(s.wall(c.Segments[i+1].Recorded-1)-s.Wall, 0)
}

// reach returns the recorded time that a clock run of left since the page reaches.
func (c *clock) reach(left int64) int64 {
	for i, s := range c.Segments[:len(c.Segments)-1] {
		run := c.run(i)
		if run >= left {
			return s.recorded(s.Wall + left)
		}
		left -= run
	}
	return c.last().recorded(c.last().Wall + left)
}

// left returns how long after the wall time now the timeline ends, 0 when it has, if nothing changes.
func (c *clock) left(now int64) time.Duration {
	end, ok := c.end()
	if !ok {
		return 0
	}
	if c.Held != nil {
		now = c.Segments.wall(*c.Held - 1)
	}
	return max(time.Duration(c.Segments.wall(end)-max(now, c.last().Wall)), 0)
}

// live returns how much wall time the clock has run since the page, pauses left out.
func (c *clock) live(now int64) time.Duration {
	var sum int64
	for i := range c.Segments[:len(c.Segments)-1] {
		sum += c.run(i)
	}
	if at := c.recordedAt(now); at > c.last().Recorded {
		sum += c.last().wall(at) - c.last().Wall
	}
	return time.Duration(sum)
}

// validate checks a clock that comes from a file.
func (c *clock) validate() error {
	if len(c.Segments) == 0 {
		return errors.New("the clock has no segments")
	}
	times := []int64{c.Page, int64(c.Box)}
	for i, s := range c.Segments {
		if !(s.Speed >= MinSpeed && s.Speed <= MaxSpeed) {
			return fmt.Errorf("segment %d of the clock has the speed %v, not %v to %d", i, s.Speed, MinSpeed, MaxSpeed)
		}
		if i > 0 && (s.Recorded < c.Segments[i-1].Recorded || s.Wall < c.Segments[i-1].Wall) {
			return fmt.Errorf("segment %d of the clock begins before the one above", i)
		}
		times = append(times, s.Recorded, s.Wall)
	}
	if c.last().Recorded < c.Page {
		return errors.New("the clock ends before the page")
	}
	if c.Held != nil {
		i := len(c.Segments) - 1
		if *c.Held < c.Page { // the page's segment is still ahead
			i--
		}
		if i >= 0 && *c.Held < c.Segments[i].Recorded {
			return fmt.Errorf("the clock stands before its segment %d", i)
		}
	}
	for _, t := range []*int64{c.Held, c.Stopped} {
		if t != nil {
			times = append(times, *t)
		}
	}
	for _, t := range times {
		if t < 0 || t > maxTime {
			return fmt.Errorf("the clock has the time %d ns, not 0 to %d", t, maxTime)
		}
	}
	return nil
}
