package des

import (
	"math"
	"time"
)

// Time is a point in simulated time, in nanoseconds since the simulation's start, or a span of it.
type Time int64

// Spans to build times from, as in 5 * Millisecond.
const (
	Nanosecond  Time = 1
	Microsecond      = 1000 * Nanosecond
	Millisecond      = 1000 * Microsecond
	Second           = 1000 * Millisecond
	Minute           = 60 * Second
	Hour             = 60 * Minute
)

// Never is later than every time a simulation reaches.
const Never Time = math.MaxInt64

// FromDuration converts a span of ordinary time.
func FromDuration(d time.Duration) Time { return Time(d) }

// Duration converts to a span of ordinary time.
func (t Time) Duration() time.Duration { return time.Duration(t) }

// Seconds returns t in seconds.
func (t Time) Seconds() float64 { return float64(t) / 1e9 }

// FromSeconds converts seconds to the nearest time; see FromFloat.
func FromSeconds(s float64) Time { return FromFloat(s * 1e9) }

// FromFloat returns the time nearest to a non-negative number of nanoseconds. Negative numbers and NaN give 0,
// numbers out of range Never, on every machine.
func FromFloat(ns float64) Time {
	if !(ns > 0) {
		return 0
	}
	if ns >= math.MaxInt64 {
		return Never
	}
	return Time(math.Floor(float64(ns) + 0.5)) // Converted, or an inlined product would fuse with the sum.
}

// Add returns t+d, or Never where that overflows. d must not be negative.
func (t Time) Add(d Time) Time {
	if d > Never-t {
		return Never
	}
	return t + d
}

// String formats t as time.Duration does.
func (t Time) String() string { return t.Duration().String() }
