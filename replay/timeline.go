package replay

import (
	"math"
	"slices"
	"sort"
	"sync"
	"time"
)

// Timeline maps recorded time to wall time. Before the page both run at the same rate; from the page on
// the mapping is a chain of segments, one more for every change of speed and every resumption after
// a pause. It is safe for concurrent use.
//
// At speed 1 the shift, wall minus recorded, is a whole number of seconds, so that texts and values
// without fractions of a second can move by exactly as much as everything else.
type Timeline struct {
	mu       sync.Mutex
	segments mapping
	held     *int64        // recorded time at which the clock stands; nil while it runs
	box      time.Duration // how long the clock may run since the page; 0: without limit
	stopped  *int64        // recorded time from which on nothing is delivered; nil: open
	changed  chan struct{}
}

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
	return s.Wall + int64(math.Ceil(float64(recorded-s.Recorded)/s.Speed))
}

func (s segment) recorded(wall int64) int64 {
	if s.Speed == 1 || wall < s.Wall {
		return wall - (s.Wall - s.Recorded)
	}
	r := s.Recorded + int64(float64(wall-s.Wall)*s.Speed)
	for s.wall(r) > wall { // rounding of the two float conversions: never ahead of the clock
		r--
	}
	return r
}

// mapping is a chain of segments, ascending by recorded and by wall time; never empty.
type mapping []segment

// at returns the segment in force at a recorded time; the first also covers the history before it.
func (m mapping) at(recorded int64) segment {
	if n := len(m); n == 1 || recorded >= m[n-1].Recorded {
		return m[n-1]
	}
	i := sort.Search(len(m), func(i int) bool { return m[i].Recorded > recorded })
	return m[max(i-1, 0)]
}

func (m mapping) wall(recorded int64) int64 { return m.at(recorded).wall(recorded) }

// NewTimeline returns a running timeline on which the recorded time page happens at wall, or up to
// one second later, so that the shift is a whole number of seconds.
func NewTimeline(page, wall time.Time, speed float64) *Timeline {
	return &Timeline{
		segments: mapping{{page.UnixNano(), wholeShift(page.UnixNano(), wall.UnixNano()), speed}},
		changed:  make(chan struct{}),
	}
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

// Wall returns the wall time, in nanoseconds since the epoch, at which the recorded time happens
// under the segments known so far.
func (tl *Timeline) Wall(recorded int64) int64 {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.segments.wall(recorded)
}

// Recorded is the inverse of Wall. While the clock stands it returns the time at which it stands.
func (tl *Timeline) Recorded(wall int64) int64 {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.recordedAt(wall)
}

// mapping returns a copy of the segments known so far. They never change for a time that is due.
func (tl *Timeline) mapping() mapping {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return slices.Clone(tl.segments)
}

// Page returns the recorded and the wall time of the page.
func (tl *Timeline) Page() (recorded, wall time.Time) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return time.Unix(0, tl.segments[0].Recorded), time.Unix(0, tl.segments[0].Wall)
}

// due returns the horizon at the wall time now: everything recorded before it is due. It never
// passes the end of the timeline; ended says that the end is reached.
func (tl *Timeline) due(now int64) (horizon int64, ended bool) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	horizon = tl.recordedAt(now) + 1 // an item that is due at this very nanosecond is due
	if tl.held != nil {
		horizon = min(horizon, *tl.held)
	}
	if i := tl.segmentAt(now) + 1; i < len(tl.segments) { // not before the next segment begins
		horizon = min(horizon, tl.segments[i].Recorded)
	}
	if end, ok := tl.end(); ok && horizon >= end {
		return end, true
	}
	return horizon, false
}

// wait returns how long after the wall time now the recorded time becomes due; ok is false when
// it never does as things stand. The channel is closed when the timeline changes.
func (tl *Timeline) wait(recorded, now int64) (d time.Duration, ok bool, changed <-chan struct{}) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if end, bounded := tl.end(); bounded {
		recorded = min(recorded, end)
	}
	ok = tl.held == nil || recorded < *tl.held
	return time.Duration(tl.segments.wall(recorded) - now), ok, tl.changed
}

// pause stops the clock at the wall time now. Nothing recorded later is delivered until resume.
func (tl *Timeline) pause(now int64) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if tl.held != nil {
		return
	}
	at := tl.recordedAt(now)
	tl.held = &at
	tl.signal()
}

// resume starts the clock again at the wall time now, or up to a second later so that the shift
// stays a whole number of seconds.
func (tl *Timeline) resume(now int64) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if tl.held == nil {
		return
	}
	tl.startAt(*tl.held, now, tl.segments[len(tl.segments)-1].Speed)
	tl.held = nil
	tl.signal()
}

// setSpeed changes the speed from the wall time now on.
func (tl *Timeline) setSpeed(now int64, speed float64) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	last := &tl.segments[len(tl.segments)-1]
	switch {
	case last.Speed == speed:
		return
	case now < last.Wall: // before the page, or in the second before a resumption takes effect
		last.Speed = speed
	case tl.held != nil:
		tl.startAt(*tl.held, now, speed)
	default:
		tl.startAt(tl.recordedAt(now), now, speed)
	}
	tl.signal()
}

// stop ends the timeline at the wall time now, or earlier where it already ends.
func (tl *Timeline) stop(now int64) { tl.endAt(tl.Recorded(now) + 1) }

// endAt ends the timeline at a recorded time: what was recorded from then on is not delivered.
func (tl *Timeline) endAt(recorded int64) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if tl.stopped == nil || recorded < *tl.stopped {
		tl.stopped = &recorded
		tl.signal()
	}
}

// setBox ends the timeline when the clock has run for d since the page.
func (tl *Timeline) setBox(d time.Duration) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.box = d
	tl.signal()
}

// end returns the recorded time from which on nothing is delivered, under the segments known so
// far; ok is false when there is none. The caller holds mu.
func (tl *Timeline) end() (recorded int64, ok bool) {
	if tl.stopped != nil {
		recorded, ok = *tl.stopped, true
	}
	if tl.box > 0 {
		if r := tl.reach(tl.box); !ok || r < recorded {
			recorded, ok = r, true
		}
	}
	return recorded, ok
}

// reach returns the recorded time that a clock run of d since the page reaches. The caller holds mu.
func (tl *Timeline) reach(d time.Duration) int64 {
	left := int64(d)
	for i, s := range tl.segments[:len(tl.segments)-1] {
		run := s.wall(tl.segments[i+1].Recorded) - s.Wall
		if run >= left {
			return s.recorded(s.Wall + left)
		}
		left -= run
	}
	last := tl.segments[len(tl.segments)-1]
	return last.recorded(last.Wall + left)
}

// left returns how long after the wall time now the timeline ends, 0 when it has, if nothing changes.
func (tl *Timeline) left(now int64) time.Duration {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	end, ok := tl.end()
	if !ok {
		return 0
	}
	at := max(now, tl.segments[len(tl.segments)-1].Wall)
	if tl.held != nil {
		at = tl.segments.wall(*tl.held)
	}
	return max(time.Duration(tl.segments.wall(end)-at), 0)
}

// live returns how much wall time the clock has run since the page, pauses left out.
func (tl *Timeline) live(now int64) time.Duration {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	var sum int64
	for i, s := range tl.segments {
		to := tl.recordedAt(now)
		if i+1 < len(tl.segments) {
			to = tl.segments[i+1].Recorded
		}
		if to > s.Recorded {
			sum += s.wall(to) - s.Wall
		}
	}
	return time.Duration(sum)
}

// state says whether the clock stands, and returns its current speed.
func (tl *Timeline) state() (paused bool, speed float64) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.held != nil, tl.segments[len(tl.segments)-1].Speed
}

func (tl *Timeline) startAt(recorded, now int64, speed float64) {
	wall := now
	if speed == 1 {
		wall = wholeShift(recorded, now)
	}
	tl.segments = append(tl.segments, segment{recorded, wall, speed})
}

// recordedAt is Recorded for a caller that holds mu.
func (tl *Timeline) recordedAt(wall int64) int64 {
	i := tl.segmentAt(wall)
	r := tl.segments[i].recorded(wall)
	if i+1 < len(tl.segments) { // wall lies before the next segment: in its pause the clock stands
		r = min(r, tl.segments[i+1].Recorded)
	}
	if tl.held != nil {
		r = min(r, *tl.held)
	}
	return r
}

// segmentAt returns the index of the segment in force at a wall time. The caller holds mu.
func (tl *Timeline) segmentAt(wall int64) int {
	i := sort.Search(len(tl.segments), func(i int) bool { return tl.segments[i].Wall > wall })
	return max(i-1, 0)
}

func (tl *Timeline) signal() {
	close(tl.changed)
	tl.changed = make(chan struct{})
}
