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
		do   func(*Timeline)
		at   int64 // recorded, relative to the page
		want int64 // wall, relative to the page
	}{
		{"history runs at speed 1", func(*Timeline) {}, -100 * second, -100 * second},
		{"live", func(*Timeline) {}, 7 * second, 7 * second},
		{"history of a fast session", func(tl *Timeline) { tl.setSpeed(w-second, 4) }, -second, -second},
		{"fast", func(tl *Timeline) { tl.setSpeed(w-second, 4) }, 8 * second, 2 * second},
		{"faster from a point on", func(tl *Timeline) { tl.setSpeed(w+10*second, 2) }, 14 * second, 12 * second},
		{"before a pause", func(tl *Timeline) { tl.pause(w + 3*second); tl.resume(w + 8*second) }, 2 * second, 2 * second},
		{"after a pause", func(tl *Timeline) { tl.pause(w + 3*second); tl.resume(w + 8*second) }, 3 * second, 8 * second},
		{"a pause is stretched to whole seconds", func(tl *Timeline) { tl.pause(w + 3*second); tl.resume(w + 8*second + 1) }, 4 * second, 10 * second},
		{"pausing twice is pausing once", func(tl *Timeline) { tl.pause(w + 3*second); tl.pause(w + 5*second); tl.resume(w + 8*second) }, 4 * second, 9 * second},
		{"resuming a running clock", func(tl *Timeline) { tl.resume(w + 8*second) }, 9 * second, 9 * second},
	} {
		tl := NewTimeline(page, wall, 1)
		c.do(tl)
		if got := tl.Wall(p+c.at) - w; got != c.want {
			t.Errorf("%s: %v after the page happens at %v, want %v", c.name, time.Duration(c.at), time.Duration(got), time.Duration(c.want))
		}
		if shift := tl.Wall(p+3600*second) - (p + 3600*second); tl.segments[len(tl.segments)-1].Speed == 1 && shift%second != 0 {
			t.Errorf("%s: the shift %v is not whole", c.name, time.Duration(shift))
		}
	}
}

// TestTimelineProperties drives a clock with random pauses, resumptions and speeds.
func TestTimelineProperties(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		page := time.Unix(1_661_145_489, rnd.Int64N(1e9))
		now := time.Unix(1_795_000_000, rnd.Int64N(1e9)).UnixNano()
		tl := NewTimeline(page, time.Unix(0, now+rnd.Int64N(5e9)), []float64{1, 1, 2, 0.5, 60}[rnd.IntN(5)])
		var passed int64 // highest horizon so far
		for range 60 {
			now += rnd.Int64N(3e9)
			switch rnd.IntN(6) {
			case 0:
				tl.pause(now)
			case 1:
				tl.resume(now)
			case 2:
				tl.setSpeed(now, []float64{1, 2, 0.25, 100}[rnd.IntN(4)])
			}
			horizon, _ := tl.due(now)
			if horizon < passed {
				t.Fatalf("seed %d: the horizon went back by %v", seed, time.Duration(passed-horizon))
			}
			passed = horizon
			if wall := tl.Wall(horizon - 1); wall > now {
				t.Fatalf("seed %d: what is due at %d would be stamped %v ahead of the clock", seed, now, time.Duration(wall-now))
			}
			if d, ok, _ := tl.wait(horizon, now); ok && d <= 0 {
				t.Fatalf("seed %d: waits %v for something that is not due", seed, d)
			}
		}
		m := tl.mapping()
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
