package distort

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/bits"
	"time"

	"firedrill/replay"
	"firedrill/replay/rebase"
)

// rule is a Distortion made ready for one recording.
type rule struct {
	Distortion
	bit      uint64 // of this rule in facts.rules
	from, to int64  // recorded time in ns, [from, to); to is math.MaxInt64 without an end
	draw     draw
	text     rebase.Text // renames ids, for broken-propagation
}

// in tells whether the rule applies at a recorded time.
func (r *rule) in(t int64) bool { return t >= r.from && t < r.to }

// maxRules is how many rules the bits of facts.rules can tell apart.
const maxRules = 64

// compile makes rules of a valid list. A rule's draws depend on the seed, its kind and how many of that kind stand
// before it, so that another kind more or less in the list changes nothing for it.
func compile(spec []Distortion, start int64, seed uint64) []rule {
	seen := make(map[Kind]uint64)
	rules := make([]rule, len(spec))
	for i, d := range spec {
		r := rule{Distortion: d, bit: 1 << i, from: start + int64(d.From), to: math.MaxInt64, draw: newDraw(seed, d.Kind, seen[d.Kind])}
		if d.To != 0 {
			r.to = start + int64(d.To)
		}
		if d.Kind == BrokenPropagation {
			r.text.IDs = rebase.NewIDs(r.draw.key())
		}
		seen[d.Kind]++
		rules[i] = r
	}
	return rules
}

// touches tells whether the rule may change something of a signal.
func (r *rule) touches(s replay.Signal) bool {
	switch r.Kind {
	case TraceSampling, SpansMissing:
		return s == replay.Traces
	case LogLoss, LogRateLimit, LogsWithoutTraceID, TruncatedLines:
		return s == replay.Logs
	case ScrapeGap, MissedScrapes, DecoyAlert:
		return s == replay.Metrics
	case ClockSkew:
		return s != replay.Metrics // Prometheus stamps samples by its own clock
	case IngestionLag:
		return s == r.Signal
	}
	return true // broken-propagation
}

// delay returns the most by which the rule puts off what it touches, and the most that it sets its stamp back.
func (r *rule) delay() (off, back Duration) {
	off = r.Delay + r.Jitter
	if r.Kind == ClockSkew {
		off += max(r.Skew, 0) + Duration(time.Microsecond)
	}
	return off, max(-r.Skew, 0)
}

// checkDelays refuses rules that together delay an item by more than the engine allows.
func checkDelays(rules []rule) error {
	for _, s := range []replay.Signal{replay.Metrics, replay.Logs, replay.Traces} {
		if off, back := delays(rules, s); off+back > Duration(replay.MaxLag) {
			return fmt.Errorf("the lag and the clock skew of %s add up to %v, expected at most %v", s, off+back, replay.MaxLag)
		}
	}
	return nil
}

// delays adds up what all rules may do to an item of a signal.
func delays(rules []rule, s replay.Signal) (off, back Duration) {
	for i := range rules {
		if rules[i].touches(s) {
			o, b := rules[i].delay()
			off, back = off+o, back+b
		}
	}
	return off, back
}

// draw makes decisions that look random and depend on nothing but its key and what they are about.
type draw uint64

func newDraw(seed uint64, kind Kind, nth uint64) draw {
	h := fnv.New64a()
	h.Write([]byte(kind))
	return draw(mix(mix(seed)^h.Sum64()) + nth)
}

// of returns a hash of what a decision is about.
func (d draw) of(about ...uint64) uint64 {
	h := uint64(d)
	for _, v := range about {
		h = mix(h ^ v)
	}
	return mix(h)
}

// hits decides with the probability share.
func (d draw) hits(share float64, about ...uint64) bool {
	return float64(d.of(about...)>>11) < share*(1<<53)
}

// key makes a key for package rebase.
func (d draw) key() (key [32]byte) {
	for i := range 4 {
		binary.BigEndian.PutUint64(key[8*i:], d.of(uint64(i)))
	}
	return key
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014, variant 13 of Stafford), with its increment added
// first, so that 0 is no fixed point.
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// late returns when an item arrives that would have arrived at t. It never decreases with t for one of the same
// about, so that a series or stream stays in order, and what arrives after the end of the window waits for what
// was held up in it.
//
// The jitter is drawn for instants that are Jitter apart and runs straight between them, so that from one
// nanosecond to the next it shrinks by a nanosecond at most.
func (r *rule) late(t int64, about uint64) int64 {
	switch {
	case t < r.from:
		return t
	case t >= r.to:
		return max(t, r.late(r.to-1, about))
	}
	late := t + int64(r.Delay)
	if every := int64(r.Jitter); every > 0 {
		k := (t - r.from) / every
		a, b := r.jitter(about, k), r.jitter(about, k+1)
		along := (t - r.from) % every
		if b >= a {
			late += a + scale(b-a, along, every)
		} else {
			late += a - scale(a-b, along, every)
		}
	}
	return late
}

// jitter draws the jitter, from 0 to Jitter, at the k-th instant.
func (r *rule) jitter(about uint64, k int64) int64 {
	return int64(r.draw.of(about, uint64(k)) % (uint64(r.Jitter) + 1))
}

// scale returns a*b/c, rounded down, for 0 <= b < c.
func scale(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(q)
}

// skew returns the skew in ns, with a part of a microsecond added: clocks are not wrong by whole seconds, and lines of a
// stream whose stamps are coarse would else meet others of the same stamp and text, of which Loki keeps one.
func (r *rule) skew() int64 { return int64(r.Skew) + 1 + int64(r.draw.of()%999) }
