package replay_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"firedrill/replay"
)

// saved is an Options.Save in memory that takes some time.
type saved struct {
	takes time.Duration

	mu    sync.Mutex
	calls int
	last  []byte
}

func (s *saved) save(b []byte) error {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.last = append([]byte(nil), b...)
	return nil
}

func (s *saved) checkpoint(t *testing.T) *replay.Checkpoint {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	cp, err := replay.ParseCheckpoint(s.last)
	do(t, err)
	return cp
}

// announcedOnly is a sink that looks whether the checkpoint announces what is pushed.
type announcedOnly struct {
	*backend[replay.Record]
	t *testing.T
	s *saved
	r *replay.Replay // set before it runs
}

func (a *announcedOnly) Push(ctx context.Context, items []replay.Record) (int, error) {
	until := a.s.checkpoint(a.t).Signals[replay.Logs].InDoubt
	for _, it := range items {
		if at := a.r.Timeline().Recorded(it.T); at >= until {
			a.t.Errorf("a line due at %d is pushed, and the checkpoint announces those before %d", at, until)
		}
	}
	return a.backend.Push(ctx, items)
}

// Nothing is pushed that a saved checkpoint has not announced, and no live push waits for one that takes a while.
func TestSlowSaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(21, 3*time.Minute), newBackends()
		s := &saved{takes: 2 * time.Second}
		o := options(m)
		o.Save = s.save
		sinks := b.sinks()
		lines := &announcedOnly{backend: b.records, t: t, s: s}
		sinks.Records = lines
		r := mustNew(t, m, sinks, o)
		lines.r = r
		wantProof(t, run(t, r), m)
		for signal, st := range r.Status().Signals {
			if st.LatenessP99 > 50*time.Millisecond {
				t.Errorf("%s: 99 of 100 are at most %v late, want the 40 ms of gathering", signal, st.LatenessP99)
			}
		}
		if s.calls > 90/2+15 {
			t.Errorf("%d saves in a minute and a half live", s.calls)
		}
		if cp := s.checkpoint(t); !cp.Done {
			t.Error("the last checkpoint does not say that the session has ended")
		}
	})
}

// A checkpoint tells what time it is in the recording, also while the session is paused.
func TestCheckpointTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(22, 3*time.Minute), newBackends()
		s := &saved{}
		o := options(m)
		o.Save = s.save
		r := mustNew(t, m, b.sinks(), o)
		done := start(t, r)
		time.Sleep(20 * time.Second)
		same := func(when string) {
			t.Helper()
			for _, ahead := range []time.Duration{-10 * time.Second, 0, time.Minute} {
				at := time.Now().Add(ahead).UnixNano()
				if got, want := s.checkpoint(t).Timeline().Recorded(at), r.Timeline().Recorded(at); got != want {
					t.Errorf("%s, %v from now the checkpoint is at %d, the session at %d", when, ahead, got, want)
				}
			}
		}
		same("live")
		do(t, r.Pause())
		time.Sleep(7 * time.Second)
		same("paused")
		do(t, r.Resume())
		same("resumed")
		wantProof(t, ends(t, done, 5*time.Minute), m)
	})
}

// A host of many sessions gathers for longer: fewer pushes, and later by no more than that.
func TestFlushEvery(t *testing.T) {
	pushes := func(every time.Duration) (n int, late time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(23, 3*time.Minute), newBackends()
			o := options(m)
			o.FlushEvery = every
			r := mustNew(t, m, b.sinks(), o)
			wantProof(t, run(t, r), m)
			n, late = b.records.tries, r.Status().Signals[replay.Logs].LatenessMax
		})
		return n, late
	}
	often, _ := pushes(0)
	seldom, late := pushes(2 * time.Second)
	if seldom > 90/2+5 || seldom > often/2 || late > 2*time.Second+50*time.Millisecond {
		t.Errorf("%d pushes, at most %v late; with the default %d", seldom, late, often)
	}
}

// The final proof waits for its turn; the evidence does not.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(24, time.Minute), newBackends()
		turn, released := make(chan struct{}), false
		o := options(m)
		o.Gate = func(ctx context.Context) (func(), error) {
			select {
			case <-turn:
				return func() { released = true }, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		r := mustNew(t, m, b.sinks(), o)
		done := start(t, r)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(b.records.items) != len(m.records) || len(done) > 0 || r.Status().Phase != replay.PhaseLive {
			t.Errorf("%d records of %d arrived, the phase is %s", len(b.records.items), len(m.records), r.Status().Phase)
		}
		close(turn)
		wantProof(t, ends(t, done, time.Minute), m)
		if !released {
			t.Error("the gate was not released")
		}
	})
}

// A session that should have ended while nobody played it gets no evidence from after its end.
func TestStopAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(25, 4*time.Minute), newBackends()
		s := &saved{}
		o := options(m)
		o.Save = s.save
		ctx, cut := context.WithCancel(t.Context())
		r := mustNew(t, m, b.sinks(), o)
		_, page := r.Timeline().Page()
		time.AfterFunc(time.Until(page.Add(20*time.Second)), cut)
		if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("the cut session: %v", err)
		}
		time.Sleep(time.Hour)
		end := page.Add(40 * time.Second)
		r = mustNew(t, m, b.sinks(), replay.Options{Resume: s.checkpoint(t), Save: s.save})
		r.StopAt(end)
		proof := run(t, r)
		if !proof.OK() {
			t.Errorf("proof: %+v", proof.Signals)
		}
		last := time.Unix(0, 0)
		for _, rec := range b.records.items {
			if at := time.Unix(0, rec.T); at.After(last) {
				last = at
			}
		}
		if last.After(end) || last.Before(end.Add(-5*time.Second)) {
			t.Errorf("the last record is of %v after the page, want 40 s or shortly before", last.Sub(page))
		}
	})
}

// What an earlier process may have pushed is not cut off: it counts in the proof.
func TestStopAtAfterWhatWasPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(26, 4*time.Minute), newBackends()
		s := &saved{}
		o := options(m)
		o.Save = s.save
		ctx, cut := context.WithCancel(t.Context())
		l := &life{cut: cut}
		b.samples.fault, b.records.fault, b.spans.fault = l.fault, l.fault, l.fault
		r := mustNew(t, m, b.sinks(), o)
		_, page := r.Timeline().Page()
		var before *replay.Checkpoint
		time.AfterFunc(time.Until(page.Add(30*time.Second)), func() { before = s.checkpoint(t); l.kill() })
		if _, err := r.Run(ctx); err == nil {
			t.Fatal("the killed session ended well")
		}
		b.samples.fault, b.records.fault, b.spans.fault = nil, nil, nil
		time.Sleep(time.Minute)
		r = mustNew(t, m, b.sinks(), replay.Options{Resume: before, Save: s.save})
		r.StopAt(page.Add(29 * time.Second)) // a second before the crash, which delivered more
		if proof := run(t, r); !proof.OK() {
			t.Errorf("proof: %+v", proof.Signals)
		}
	})
}

// A panic ends the session that it comes from, with an error, and nothing else.
func TestPanicIsAnError(t *testing.T) {
	for _, where := range []string{"source", "sink"} {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(27, time.Minute), newBackends()
			var src replay.Source = m
			if where == "source" {
				src = brokenSource{m}
			} else {
				b.spans.fault = func(int) (int, error) { panic("broken sink") }
			}
			_, err := mustNew(t, src, b.sinks(), options(m)).Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), "broken "+where) {
				t.Errorf("panic in the %s: error %v", where, err)
			}
		})
	}
}

// brokenSource panics at its second span.
type brokenSource struct{ *memory }

func (s brokenSource) Spans(from, to time.Time) (replay.Reader[replay.Span], error) {
	r, err := s.memory.Spans(from, to)
	return &brokenReader{r, 1}, err
}

type brokenReader struct {
	replay.Reader[replay.Span]
	left int
}

func (r *brokenReader) Read(p []replay.Span) (int, error) {
	if r.left--; r.left < 0 {
		panic("broken source")
	}
	return r.Reader.Read(p[:1])
}
