package challenge_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestClock checks on random pauses that both directions of the clock agree, and that it stands while it is paused.
func TestClock(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		c := challenge.Clock{Page: opening}
		at, ran := opening, time.Duration(0)
		for range random.IntN(5) {
			step := time.Duration(random.Int64N(int64(time.Hour)))
			at, ran = at.Add(step), ran+step
			if got := c.Elapsed(at); got != ran {
				t.Fatalf("%+v: elapsed %s at %s, want %s", c, got, at, ran)
			}
			if got, ok := c.At(ran); !ok || c.Elapsed(got) != ran || got.After(at) {
				t.Fatalf("%+v: the clock has run for %s at %s, %t, want %s or the beginning of a pause then", c, ran, got, ok, at)
			}
			c.Pauses = append(c.Pauses, challenge.Pause{From: at})
			at = at.Add(time.Duration(random.Int64N(int64(time.Hour))))
			if got := c.Elapsed(at); got != ran || !c.Paused() {
				t.Fatalf("%+v: elapsed %s in a pause, want %s", c, got, ran)
			}
			if _, ok := c.At(ran + 1); ok {
				t.Fatalf("%+v: the time after an open pause is known", c)
			}
			c.Pauses[len(c.Pauses)-1].To = at
		}
	}
	c := challenge.Clock{Page: opening}
	if got := c.Elapsed(opening.Add(-time.Second)); got != 0 {
		t.Errorf("elapsed %s before the page", got)
	}
	if got := c.Offset(opening.Add(-time.Second)); got != -time.Second {
		t.Errorf("offset %s before the page", got)
	}
	if _, ok := (challenge.Clock{}).At(0); ok {
		t.Error("a clock that has not started knows a time")
	}
}
