package challenge_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/scenarios"
)

// receive waits for the next version.
func receive(tb testing.TB, versions <-chan int64) int64 {
	tb.Helper()
	select {
	case v, ok := <-versions:
		if !ok {
			tb.Fatal("the channel is closed")
		}
		return v
	case <-time.After(time.Minute):
		tb.Fatal("nothing came")
	}
	return 0
}

// TestWatchOnce checks that a version that is found again, as when the database is asked, is not told again, and that the database is asked
// only while somebody watches.
func TestWatchOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		ws := challenge.NewWatchers(func(context.Context, int64) (map[string]int64, int64, error) {
			asked.Add(1)
			return map[string]int64{"s1": 7}, 1, nil
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if asked.Load() > 0 {
			t.Errorf("asked %d times for nobody", asked.Load())
		}
		watching, stop := context.WithCancel(t.Context())
		first, second := ws.Add(watching, "s1"), ws.Add(watching, "s1")
		time.Sleep(10*time.Second + 1)
		synctest.Wait()
		if asked.Load() != 11 {
			t.Errorf("asked %d times in 10 s, want 11", asked.Load())
		}
		for _, ch := range []<-chan int64{first, second} {
			if v := <-ch; v != 7 {
				t.Errorf("got version %d, want 7", v)
			}
			if len(ch) > 0 {
				t.Errorf("got version %d once more", <-ch)
			}
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(first) > 0 {
			t.Errorf("got version %d again", <-first)
		}
		stop()
		synctest.Wait()
		asked.Store(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, ok := <-first; ok || asked.Load() > 0 {
			t.Errorf("after the end: open %t, asked %d times", ok, asked.Load())
		}
		ws.Close()
	})
}

// TestWatch checks that changes are told, those by other processes too, and that only the newest waits.
func TestWatch(t *testing.T) {
	a := newArena(t)
	library, err := scenarios.Open("")
	must1(t, err)
	other := challenge.New(challenge.Options{Store: a.store, Library: library, Grader: grade.New(library), Now: a.clock})
	defer other.Close()
	id := a.live(challenge.Together, boss, ana)
	watching, stop := context.WithCancel(ctx)
	versions := must2(a.Watch(watching, id))
	last := receive(t, versions)
	if v := must2(a.Session(ctx, boss, id)); v.Version != last {
		t.Errorf("got version %d first, want %d", last, v.Version)
	}
	for _, c := range []struct {
		name   string
		change func() error
	}{
		{"announcement", func() error { return drop(a.Announce(ctx, boss, id, "hello")) }},
		{"wrong suspect", func() error { return drop(a.submit(ana, id, wrong)) }},
		{"somebody joins", func() error { return drop(a.Join(ctx, ben, id)) }},
		{"change by another process", func() error { return drop(other.Extend(ctx, boss, id, time.Minute)) }},
		{"another by the same process", func() error { return drop(other.Pause(ctx, boss, id)) }},
	} {
		must1(t, c.change())
		if v := receive(t, versions); v != last+1 {
			t.Errorf("%s: got version %d, want %d", c.name, v, last+1)
		}
		last++
	}
	for range 5 {
		must1(t, drop(a.Announce(ctx, boss, id, "hello")))
	}
	if v := receive(t, versions); v != last+5 {
		t.Errorf("got version %d, want the newest, %d", v, last+5)
	}
	stop()
	for range versions { // until it is closed
	}
	wantCode(t, "nothing", drop(a.Watch(ctx, "s000000000000")), challenge.NotFound)
	versions = must2(a.Watch(ctx, id))
	a.Close()
	for range versions {
	}
	for range must2(a.Watch(ctx, id)) {
		t.Error("a closed Service watches")
	}
}
