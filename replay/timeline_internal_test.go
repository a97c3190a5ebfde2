package replay

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTimelineTable(t *testing.T) {
	page := time.Date(2022, 8, 22, 5, 18, 9, 250e6, time.UTC)
	wall := time.Date(2026, 11, 22, 10, 0, 0, 750e6, time.UTC)
	p := page.UnixNano()
	w := wholeShift(p, wall.UnixNano())
	const second = int64(time.Second)
	if got := w - wall.UnixNano(); got != second/2 {
		t.Fatalf("the page moved by %v to make the shift whole, want 500ms", time.Duration(got))
	}
	for _, c := range []struct {
		name string
		do   func(*clock)
		at   int64 // recorded, relative to the page
		want int64 // wall, relative to the page
	}{
		{"history runs at speed 1", func(*clock) {}, -100 * second, -100 * second},
		{"live", func(*clock) {}, 7 * second, 7 * second},
		{"history of a fast session", func(c *clock) { c.setSpeed(w-second, 4) }, -second, -second},
		{"fast", func(c *clock) { c.setSpeed(w-second, 4) }, 8 * second, 2 * second},
		{"faster from a point on", func(c *clock) { c.setSpeed(w+10*second, 2) }, 14 * second, 12 * second},
		{"before a pause", func(c *clock) { c.pause(w + 3*second); c.resume(w + 8*second) }, 2 * second, 2 * second},
		{"after a pause", func(c *clock) { c.pause(w + 3*second); c.resume(w + 8*second) }, 3*second + 1, 8*second + 1},
		{"at the instant of a pause", func(c *clock) { c.pause(w + 3*second); c.resume(w + 8*second) }, 3 * second, 3 * second},
		{"a pause is stretched to whole seconds", func(c *clock) { c.pause(w + 3*second); c.resume(w + 8*second + 2) }, 4 * second, 10 * second},
		{"pausing twice is pausing once", func(c *clock) { c.pause(w + 3*second); c.pause(w + 5*second); c.resume(w + 8*second) }, 4 * second, 9 * second},
		{"pausing again before the resumption takes effect", func(c *clock) {
			c.pause(w + 3*second)
			c.resume(w + 7*second + 2)
			c.pause(w + 7*second + 3)
			c.setSpeed(w+7*second+4, 2)
			c.resume(w + 7*second + 5)
		}, 5 * second, 8*second + 5},
		{"history before a pause before the page", func(c *clock) { c.pause(w - 3*second); c.resume(w + 8*second) }, -3 * second, -3 * second},
		{"history after a pause before the page", func(c *clock) { c.pause(w - 3*second); c.resume(w + 8*second) }, -2 * second, 9 * second},
		{"a pause before the page moves the page", func(c *clock) { c.setSpeed(w-4*second, 2); c.pause(w - 3*second); c.resume(w + 8*second) }, 0, 11 * second},
		{"two pauses before the page", func(c *clock) {
			c.pause(w - 3*second)
			c.resume(w + 7*second)
			c.pause(w + 9*second)
			c.setSpeed(w+10*second, 2)
			c.resume(w + 19*second)
		}, 4 * second, 22 * second},
		{"pausing at the page", func(c *clock) { c.pause(w - 1); c.resume(w + 5*second - 1) }, second, 6 * second},
		{"pausing just before the page, at another speed", func(c *clock) { c.setSpeed(w-second, 2); c.pause(w - 1); c.resume(w - 1) }, 2 * second, second},
		{"a wall clock that is set back", func(c *clock) { c.due(w + 10*second); c.setSpeed(w+6*second, 2) }, 12 * second, 11 * second},
		{"a pause while the wall clock is set back", func(c *clock) { c.due(w + 10*second); c.pause(w + 6*second); c.resume(w + 7*second) }, 12 * second, 12 * second},
		{"resuming a running clock", func(c *clock) { c.resume(w + 8*second) }, 9 * second, 9 * second},
	} {
		clk := newClock(p, wall.UnixNano(), 1)
		c.do(&clk)
		if got := clk.Segments.wall(p+c.at) - w; got != c.want {
			t.Errorf("%s: %v after the page happens at %v, want %v", c.name, time.Duration(c.at), time.Duration(got), time.Duration(c.want))
		}
		if shift := clk.last().Wall - clk.last().Recorded; clk.last().Speed == 1 && shift%second != 0 {
			t.Errorf("%s: the shift %v is not whole", c.name, time.Duration(shift))
		}
		if err := clk.validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestTimelineProperties drives a clock with random pauses, resumptions and speeds.
func TestTimelineProperties(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		page := time.Unix(1_661_145_489, rnd.Int64N(1e9))
		now := time.Unix(1_795_000_000, rnd.Int64N(1e9)).UnixNano()
		tl := NewTimeline(page, time.Unix(0, now+rnd.Int64N(20e9)), []float64{1, 1, 2, 0.5, 60}[rnd.IntN(5)])
		c := &tl.clock
		var passed int64                // highest horizon so far
		stamps := make(map[int64]int64) // wall times of what was due
		for range 60 {
			now += rnd.Int64N(3e9)
			switch rnd.IntN(6) {
			case 0:
				c.pause(now)
			case 1:
				c.resume(now)
			case 2:
				c.setSpeed(now, []float64{1, 2, 0.25, 100}[rnd.IntN(4)])
			}
			if err := c.validate(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			horizon, _ := tl.due(now)
			if horizon < passed {
				t.Fatalf("seed %d: the horizon went back by %v", seed, time.Duration(passed-horizon))
			}
			passed = horizon
			stamps[horizon-1] = tl.Wall(horizon - 1)
			if wall := tl.Wall(horizon - 1); wall > now {
				t.Fatalf("seed %d: what is due at %d would be stamped %v ahead of the clock", seed, now, time.Duration(wall-now))
			}
			if d, ok, _ := tl.wait(horizon, now); ok && d <= 0 {
				t.Fatalf("seed %d: waits %v for something that is not due", seed, d)
			}
		}
		m := tl.mapping()
		for recorded, wall := range stamps {
			if got := m.wall(recorded); got != wall {
				t.Fatalf("seed %d: what was due at %d is now due at %d", seed, wall, got)
			}
		}
		at := make([]int64, 300)
		for i := range at {
			at[i] = page.UnixNano() + rnd.Int64N(2e11) - 5e10
		}
		slices.Sort(at)
		for i := 1; i < len(at); i++ {
			if m.wall(at[i]) < m.wall(at[i-1]) {
				t.Fatalf("seed %d: %d happens before %d", seed, at[i], at[i-1])
			}
		}
	}
}
