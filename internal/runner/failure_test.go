package runner_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/runner"
	"firedrill/internal/stack"
	"firedrill/replay"
)

// failing plays two sessions, one of them with sinks that fail, and checks that this one ends after all tries and that the
// other does not notice.
func failing(t *testing.T, w *world, sinks func(session string) (replay.Sinks, func(), error)) {
	t.Helper()
	c := newContest(t, w, "")
	var bad atomic.Value
	var tries atomic.Int64
	good := c.options.Sinks
	c.options.Sinks = func(session string) (replay.Sinks, func(), error) {
		if session == bad.Load() {
			tries.Add(1)
			return sinks(session)
		}
		return good(session)
	}
	bad.Store(c.create(t, challenge.NewSession{}).ID)
	s := c.create(t, challenge.NewSession{})
	c.play(t, func(r *runner.Runner) { runner.SetGiveUp(r, 200*time.Millisecond) })
	c.reaches(t, s.ID, challenge.Live)
	over := c.reaches(t, bad.Load().(string), challenge.Ended)
	if over.EndReason != challenge.Failed || !strings.Contains(over.Failure, "could not be played") || strings.Contains(over.Failure, "127.0.0.1") {
		t.Errorf("ended by %s: %q", over.EndReason, over.Failure)
	}
	if n := tries.Load(); n != runner.Tries {
		t.Errorf("%d tries, want %d", n, runner.Tries)
	}
	_, err := c.service.End(t.Context(), facilitator, s.ID)
	check(t, err)
	c.wantWhole(t, w, s.ID)
	if n := tries.Load(); n != runner.Tries {
		t.Errorf("%d tries after the end, want %d", n, runner.Tries)
	}
}

// testUnreachable has back ends that nobody listens for.
func testUnreachable(t *testing.T, w *world) {
	failing(t, w, func(session string) (replay.Sinks, func(), error) {
		nobody := "http://127.0.0.1:1"
		return sinksTo(stack.URLs{Prometheus: nobody, Loki: nobody, OTLPGRPC: "127.0.0.1:1", Jaeger: nobody}, session)
	})
}

// panicking is a sink with faults where it is read back: for the proof, which one goroutine of the engine does, and when the session
// is taken up, which others do.
type panicking struct{ replay.Sink[replay.Record] }

func (panicking) Stored(context.Context, time.Time, time.Time) (replay.Stored, error) {
	panic("a fault")
}

func (panicking) Missing(context.Context, []replay.Record) ([]replay.Record, error) {
	panic("another fault")
}

// testPanics has a sink with a fault.
func testPanics(t *testing.T, w *world) {
	failing(t, w, func(session string) (replay.Sinks, func(), error) {
		sinks, closeAll, err := sinksTo(w.URLs, session)
		return replay.Sinks{Records: panicking{sinks.Records}}, closeAll, err
	})
}

// forgetful is a Contest that fails the first reports of each kind.
type forgetful struct {
	*challenge.Service
	loading, lobby, ended atomic.Int64
}

func (f *forgetful) Advance(ctx context.Context, id string, p challenge.Progress) (challenge.Session, error) {
	n := map[challenge.State]*atomic.Int64{challenge.Loading: &f.loading, challenge.Lobby: &f.lobby, challenge.Ended: &f.ended}[p.State]
	if n != nil && n.Add(1) <= 2 {
		return challenge.Session{}, errors.New("the store is away")
	}
	return f.Service.Advance(ctx, id, p)
}

// testReportFails makes reports fail: what they say is reported again.
func testReportFails(t *testing.T, w *world) {
	c := newContest(t, w, "")
	contest := &forgetful{Service: c.service}
	c.options.Contest = contest
	c.play(t)
	s := c.create(t, challenge.NewSession{})
	live := c.reaches(t, s.ID, challenge.Live)
	passes(t, live.Clock.Page.Add(time.Second))
	c.box(t, s.ID, time.Since(live.Clock.Page))
	until(t, "the end is stored", func() bool {
		var v challenge.Session
		check(t, c.store.View(t.Context(), func(tx challenge.Tx) (err error) { v, err = tx.Session(s.ID); return err }))
		return v.State == challenge.Ended
	})
	c.wantWhole(t, w, s.ID)
	if contest.lobby.Load() < 3 || contest.ended.Load() < 3 {
		t.Errorf("the lobby was reported %d times, the end %d times", contest.lobby.Load(), contest.ended.Load())
	}
}

// testEndedWhileWaiting ends a session that waits for its turn to load: nothing of it is loaded.
func testEndedWhileWaiting(t *testing.T, w *world) {
	c := newContest(t, w, "")
	c.options.Loads = 1
	good := c.options.Sinks
	entered, goOn := make(chan string, 2), make(chan struct{})
	c.options.Sinks = func(session string) (replay.Sinks, func(), error) {
		entered <- session
		<-goOn
		return good(session)
	}
	a, b := c.create(t, challenge.NewSession{}), c.create(t, challenge.NewSession{})
	r, _ := c.play(t)
	defer func() {
		select {
		case <-goOn:
		default:
			close(goOn)
		}
	}()
	first := <-entered
	second := a.ID
	if first == a.ID {
		second = b.ID
	}
	_, err := c.service.End(t.Context(), facilitator, second)
	check(t, err)
	close(goOn)
	c.reaches(t, first, challenge.Live)
	if _, ok := r.Status(second); ok {
		t.Error("a session that has ended is played")
	}
	if _, err := c.service.Checkpoint(t.Context(), second); !errors.Is(err, challenge.ErrNotFound) {
		t.Errorf("the session that was never loaded has a checkpoint, %v", err)
	}
	if len(entered) != 0 {
		t.Error("sinks were made for it")
	}
}
