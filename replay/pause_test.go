package replay_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"firedrill/replay"
)

func TestStopWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, 4*time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		done := start(t, r)
		time.Sleep(30 * time.Second)
		do(t, r.Pause())
		at := r.Status().Recorded
		time.Sleep(time.Minute)
		r.Stop()
		if p := ends(t, done, 3*time.Second); !p.OK() {
			t.Errorf("proof: %+v", p.Signals)
		}
		want := 0
		for _, rec := range m.records {
			if rec.T < at.UnixNano() {
				want++
			}
		}
		if got := len(b.records.items); got != want {
			t.Errorf("%d records arrived, want the %d from before the pause", got, want)
		}
	})
}

func TestStopInTheGapOfAResumption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, 4*time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		done := start(t, r)
		time.Sleep(30 * time.Second)
		do(t, r.Pause())
		time.Sleep(1100 * time.Millisecond)
		do(t, r.Resume()) // takes effect in 900 ms
		r.Stop()
		if p := ends(t, done, 100*time.Millisecond); !p.OK() {
			t.Errorf("proof: %+v", p.Signals)
		}
	})
}

// A pause behind the last item lasts until Resume, and waits for it without a busy loop, in
// which fake time would stand still.
func TestPauseAfterTheLastItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, time.Minute), newBackends()
		m.end = m.end.Add(time.Minute)
		o := options(m)
		o.Page = recordedStart.Add(50 * time.Second)
		r := mustNew(t, m, b.sinks(), o)
		done := start(t, r)
		time.Sleep(30 * time.Second)
		do(t, r.Pause())
		time.Sleep(10 * time.Minute)
		do(t, r.Resume())
		wantProof(t, ends(t, done, time.Minute), m)
	})
}

// A pause before the page moves the page.
func TestPauseBeforeThePage(t *testing.T) {
	for _, speed := range []float64{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(2, 2*time.Minute), newBackends()
			o := options(m)
			o.Lead, o.For, o.Speed = 10*time.Second, 20*time.Second, speed
			r := mustNew(t, m, b.sinks(), o)
			_, planned := r.Timeline().Page()
			done := start(t, r)
			time.Sleep(time.Until(planned.Add(-4 * time.Second)))
			do(t, r.Pause())
			time.Sleep(time.Minute)
			do(t, r.SetSpeed(speed+1))
			do(t, r.SetSpeed(speed))
			time.Sleep(time.Minute)
			do(t, r.Resume())
			recorded, page := r.Timeline().Page()
			if moved := page.Sub(planned); moved != 2*time.Minute {
				t.Errorf("speed %v: the page moved by %v, want the two minutes of the pause", speed, moved)
			}
			if got := r.Status(); got.Live != 0 || got.Left != o.For || !got.Page.Equal(page) || got.Speed != speed {
				t.Errorf("speed %v: 4 s before the page the status is %+v", speed, got)
			}
			time.Sleep(time.Until(page))
			if got := r.Status(); !got.Recorded.Equal(recorded) || got.Live != 0 {
				t.Errorf("speed %v: at the page the clock shows %v after a live time of %v, want %v", speed, got.Recorded, got.Live, recorded)
			}
			if p := ends(t, done, time.Minute); !p.OK() {
				t.Errorf("speed %v: proof: %+v", speed, p.Signals)
			}
			if took := time.Since(page); took < o.For || took > o.For+time.Second {
				t.Errorf("speed %v: the session was live for %v, want %v", speed, took, o.For)
			}
		})
	}
}

func TestPauseBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		if got := r.Status(); got.Phase != "" || got.Paused || got.Left != 30*time.Second {
			t.Errorf("status before Run: %+v", got)
		}
		do(t, r.Pause())
		done := start(t, r)
		time.Sleep(time.Minute)
		do(t, r.Resume())
		wantProof(t, ends(t, done, time.Minute), m)
	})
}

// Changes of speed while paused and in the gap of a resumption keep the clock in order.
func TestSpeedWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, 2*time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		done := start(t, r)
		time.Sleep(10 * time.Second)
		do(t, r.Pause())
		at := r.Status().Recorded
		time.Sleep(1100 * time.Millisecond)
		do(t, r.Resume()) // takes effect in 900 ms
		do(t, r.Pause())
		do(t, r.SetSpeed(2))
		do(t, r.Resume()) // at once, at speed 2
		time.Sleep(5 * time.Second)
		if got := r.Status().Recorded.Sub(at); got.Round(time.Millisecond) != 10*time.Second {
			t.Errorf("in 5 s at speed 2 the clock went %v, want 10s", got)
		}
		do(t, r.Pause())
		do(t, r.SetSpeed(1))
		if got := r.Status(); got.Speed != 1 || !got.Paused {
			t.Errorf("status %+v, want a pause at speed 1", got)
		}
		time.Sleep(7 * time.Second)
		if got := r.Status().Recorded.Sub(at); got.Round(time.Millisecond) != 10*time.Second {
			t.Errorf("while paused the clock went on to %v", got)
		}
		do(t, r.Resume())
		wantProof(t, ends(t, done, 2*time.Minute), m)
		wantOrder(t, b)
	})
}

func TestForCountsWallTimeAtAnySpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, 10*time.Minute), newBackends()
		o := options(m)
		o.For = time.Minute
		r := mustNew(t, m, b.sinks(), o)
		_, page := r.Timeline().Page()
		done := start(t, r)
		time.Sleep(time.Until(page.Add(10 * time.Second)))
		do(t, r.SetSpeed(4))
		time.Sleep(10 * time.Second)
		do(t, r.SetSpeed(0.5))
		time.Sleep(10 * time.Second)
		if got := r.Status(); got.Left != 30*time.Second || got.Live != 30*time.Second {
			t.Errorf("half-way through a box of one minute: live %v, left %v", got.Live, got.Left)
		}
		if p := ends(t, done, time.Minute); !p.OK() {
			t.Errorf("proof: %+v", p.Signals)
		}
		if took := time.Since(page); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("the session was live for %v, want 1m", took)
		}
	})
}

// What was never live ends without stale markers, however long its end takes.
func TestStopBeforeThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, 4*time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		_, page := r.Timeline().Page()
		slow := time.Now().Add(30 * time.Second)
		b.samples.fault = func(n int) (int, error) {
			if time.Now().Before(slow) {
				return 0, &replay.PushError{Retryable: true, Status: "503"}
			}
			return n, nil
		}
		done := start(t, r)
		time.Sleep(time.Until(page.Add(-time.Second)))
		r.Stop()
		p := ends(t, done, time.Minute)
		if !p.OK() || p.Signals[0].MadeStale != 0 {
			t.Errorf("proof: %+v, want no difference and no stale markers", p.Signals)
		}
	})
}

// The clock changes only once the checkpoint says so: else what is pushed by the new clock would be
// pushed again by the old one, after a crash in between.
func TestClockIsKeptBeforeItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, 4*time.Minute), newBackends()
		o := options(m)
		dir := filepath.Join(t.TempDir(), "state")
		o.Checkpoint = filepath.Join(dir, "s1.json")
		r := mustNew(t, m, b.sinks(), o)
		do(t, r.Pause())
		do(t, os.RemoveAll(dir))
		do(t, os.WriteFile(dir, nil, 0o600)) // where the folder would be
		if err := r.Resume(); err == nil || !r.Status().Paused {
			t.Errorf("Resume without a place to keep it: error %v, paused %v", err, r.Status().Paused)
		}
		if err := r.SetSpeed(3); err == nil || r.Status().Speed != 1 {
			t.Errorf("SetSpeed without a place to keep it: error %v, speed %v", err, r.Status().Speed)
		}
		do(t, os.Remove(dir))
		do(t, r.Resume())
		r.Stop()
		cp, err := replay.LoadCheckpoint(o.Checkpoint)
		do(t, err)
		if cp.Held != nil || cp.Stopped == nil || *cp.Stopped > r.Timeline().Recorded(time.Now().UnixNano())+1 {
			t.Errorf("after Stop the checkpoint has held %v, stopped %v", cp.Held, cp.Stopped)
		}
	})
}

func TestSetSpeedRefusesNonsense(t *testing.T) {
	m, b := incident(14, time.Minute), newBackends()
	r := mustNew(t, m, b.sinks(), options(m))
	for _, speed := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, 1e-300, 101} {
		if err := r.SetSpeed(speed); err == nil {
			t.Errorf("speed %v: no error", speed)
		}
	}
}
