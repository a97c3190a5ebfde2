package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/source"
	"firedrill/replay"
)

const (
	// tries is how often a session is played again, from its checkpoint, after an error that may pass.
	tries = 5
	// between two tries passes this time, twice as long each time.
	firstPause = 500 * time.Millisecond
	// settled is how long a session must have gone well for its tries to be counted anew: a contest of a day may meet several
	// outages.
	settled = time.Minute
)

// player plays one session, whose lock this process holds.
type player struct {
	*Runner
	id     string
	log    *slog.Logger
	lock   challenge.Lock
	replay atomic.Pointer[replay.Replay] // nil while there is none

	// Those of the present replay, which run's goroutine alone uses.
	stopped bool      // it was told to end
	began   time.Time // when its history was loaded; zero before

	mu     sync.Mutex
	latest challenge.Session
	news   chan struct{} // has an element when latest is new
}

func newPlayer(r *Runner, s challenge.Session, lock challenge.Lock) *player {
	p := &player{Runner: r, id: s.ID, log: r.o.Log.With("session", s.ID), lock: lock, news: make(chan struct{}, 1)}
	p.tell(s)
	return p
}

// tell gives the player the state of its session. One that is older than what the player knows changes nothing.
func (p *player) tell(s challenge.Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Version < p.latest.Version {
		return
	}
	p.latest = s
	select {
	case p.news <- struct{}{}:
	default:
	}
}

func (p *player) session() challenge.Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest.AsOf(time.Now())
}

// errLost ends a session here whose lock is gone: another replica may play it already.
var errLost = errors.New("the lock of the session is lost")

// run plays the session until it is over, the lock is lost or ctx ends.
func (p *player) run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.lock.Lost():
			cancel(errLost)
		case <-ctx.Done():
		}
	}()
	pause := firstPause
	for try := 1; ; try++ {
		err := p.once(ctx)
		if ctx.Err() != nil {
			if cause := context.Cause(ctx); errors.Is(cause, errLost) {
				p.log.Error("stopped playing", "err", cause)
			}
			return
		}
		if err == nil {
			return
		}
		if !p.began.IsZero() && time.Since(p.began) >= settled {
			try, pause = 1, firstPause
		}
		if try == tries {
			p.log.Error("the session cannot be played", "err", err)
			p.metrics.failed.Inc()
			p.advance(ctx, challenge.Progress{State: challenge.Ended, Failure: "The evidence could not be played. The server's log says why."})
			return
		}
		p.log.Warn("the session stopped, going on from its checkpoint", "err", err, "try", try)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause *= 2
	}
}

// once plays the session from its checkpoint, or from its beginning, to its end.
func (p *player) once(ctx context.Context) (err error) {
	defer p.recovered(&err)
	p.stopped, p.began = false, time.Time{}
	cp, err := p.checkpoint(ctx)
	if err != nil {
		return err
	}
	if cp != nil && cp.Done {
		return p.sitOut(ctx)
	}
	s := p.session()
	src, err := p.o.Sources.Open(ctx, s.Scenario, s.Difficulty)
	if err != nil {
		return err
	}
	// Histories are loaded in turn: the page is fixed when it is this session's. One whose page has come has only to catch up.
	turns := p.loads
	if cp != nil && paged(cp) {
		turns = p.resumes
	}
	release, err := acquire(ctx, turns)
	if err != nil {
		return err
	}
	defer release()
	if s = p.session(); cp == nil && s.State.Over() { // there is nothing to show, nor to end
		p.advance(ctx, challenge.Progress{State: challenge.Ended})
		return nil
	}
	sinks, closeAll, err := p.o.Sinks(p.id)
	if err != nil {
		return err
	}
	defer closeAll()
	o, err := p.options(ctx, src, s, cp)
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	o.OnEvent = p.onEvent(release, ready)
	rep, err := replay.New(src, sinks, o)
	if err != nil {
		return err
	}
	p.replay.Store(rep)
	defer p.replay.Store(nil)
	switch s = p.session(); {
	case cp == nil:
		p.advance(ctx, challenge.Progress{State: challenge.Loading, Page: rep.Status().Page})
	case s.State.Running(): // it may have been paused while nobody played it
		if err := Follow(rep, s); err != nil {
			return err
		}
	}
	return p.follow(ctx, rep, ready)
}

// paged tells whether the page of a checkpoint's session has come.
func paged(cp *replay.Checkpoint) bool {
	_, page := cp.Timeline().Page()
	return time.Now().After(page)
}

// recovered, deferred, makes an error of a panic: it is one session's, and there are others.
func (p *player) recovered(err *error) {
	if v := recover(); v != nil {
		p.log.Error("panic", "value", fmt.Sprint(v), "stack", string(debug.Stack()))
		*err = errors.New("it made the program panic")
	}
}

// checkpoint returns the session's checkpoint, nil before the first.
func (p *player) checkpoint(ctx context.Context) (*replay.Checkpoint, error) {
	b, err := p.o.Contest.Checkpoint(ctx, p.id)
	if errors.Is(err, challenge.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	cp, err := replay.ParseCheckpoint(b)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	p.metrics.takenUp.Inc()
	return cp, nil
}

// options are the engine's, for a new session or one that goes on.
func (p *player) options(ctx context.Context, src *source.Source, s challenge.Session, cp *replay.Checkpoint) (replay.Options, error) {
	page, history := src.Page()
	if p.o.History > 0 {
		history = min(history, p.o.History)
	}
	o := replay.Options{
		Session: p.id, Recording: src.Fingerprint, Page: page, History: history, Speed: s.Speed, Resume: cp,
		// Those that load at the same time share the machine.
		Lead:         min(time.Duration(max(len(p.loads), 1))*source.LoadTime(src.Manifest, history), max(history-time.Second, 0)),
		ProveHistory: true, FlushEvery: p.o.FlushEvery,
		Save:       func(b []byte) error { return p.save(ctx, b) },
		Gate:       p.finished,
		KnownTrace: src.HasTrace, Log: p.log, Registerer: p.o.Registerer, GiveUp: p.giveUp,
	}
	if at := time.Now().Add(o.Lead); s.PageAt.After(at) {
		o.Wall = s.PageAt
	}
	var err error
	o.Key, err = p.o.Contest.SessionKey(ctx, p.id)
	return o, err
}

// saveWithin bounds one save: while the clock is saved nothing is delivered.
const saveWithin = 10 * time.Second

// save keeps a checkpoint. The last one of a server that stops is kept too, but none of a session that may be another's.
func (p *player) save(ctx context.Context, checkpoint []byte) error {
	if errors.Is(context.Cause(ctx), errLost) {
		return errLost
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	return p.o.Contest.SetCheckpoint(ctx, p.id, checkpoint)
}

// finished is the engine's gate: all evidence is delivered, what is left is the proof. That the session has ended is reported only
// now, so that another replica would deliver the rest.
func (p *player) finished(ctx context.Context) (release func(), err error) {
	if p.session().State.Over() {
		p.advance(ctx, challenge.Progress{State: challenge.Ended})
	}
	return acquire(ctx, p.proofs)
}

// onEvent reports the stages of the replay. It gives the slot for loading back when there is nothing to load any more.
func (p *player) onEvent(release func(), ready chan struct{}) func(replay.Event) {
	return func(e replay.Event) {
		switch {
		case e.Proof != nil:
			p.proof("history", e.Proof)
		case e.Phase == replay.PhaseReady:
			close(ready)
		case e.Phase == replay.PhaseLive:
			release()
		}
	}
}

// proof reports what the back ends hold.
func (p *player) proof(of string, proof *replay.Proof) {
	if !proof.OK() {
		p.metrics.differences.Inc()
		p.log.Error("the back ends do not hold what was read", "of", of, "signals", proof.Signals)
	}
	if p.o.OnProof != nil {
		p.o.OnProof(p.id, proof)
	}
}

// advance reports how far the session has come. What cannot be reported now is found again in the session's state.
func (p *player) advance(ctx context.Context, progress challenge.Progress) {
	s, err := p.o.Contest.Advance(ctx, p.id, progress)
	if err != nil {
		if ctx.Err() == nil {
			p.log.Error("report how far the session is", "state", progress.State, "err", err)
		}
		return
	}
	p.tell(s)
}

// follow runs the replay, and makes it do what the session's row says, until the session is over.
func (p *player) follow(ctx context.Context, rep *replay.Replay, ready <-chan struct{}) error {
	type result struct {
		proof *replay.Proof
		err   error
	}
	ran := make(chan result, 1)
	var running sync.WaitGroup
	defer running.Wait()
	run, cut := context.WithCancel(ctx)
	defer cut()
	running.Go(func() {
		var r result
		defer func() { ran <- r }()
		defer p.recovered(&r.err)
		r.proof, r.err = rep.Run(run)
	})
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case res := <-ran:
			if res.err != nil {
				return res.err
			}
			p.proof("session", res.proof)
			return p.sitOut(ctx)
		case <-ready:
			ready, p.began = nil, time.Now()
		case <-p.news:
		case <-tick.C:
		}
		if err := p.reconcile(ctx, rep); err != nil {
			p.log.Error("make the replay follow its session, trying again", "err", err)
		}
	}
}

// reconcile makes the replay do what the session's row says.
func (p *player) reconcile(ctx context.Context, rep *replay.Replay) error {
	s := p.session()
	if s.State.Over() {
		if !p.stopped {
			p.stopped = true
			rep.StopAt(s.EndedAt)
		}
		return nil
	}
	if p.began.IsZero() {
		return nil
	}
	switch s.State {
	case challenge.Scheduled, challenge.Loading:
		p.advance(ctx, challenge.Progress{State: challenge.Lobby, Page: rep.Status().Page})
	case challenge.Live:
		p.reportLive(ctx)
	}
	return Follow(rep, s)
}

// Follow makes a replay that has loaded its history run, stand and hurry as its session's row says.
func Follow(rep *replay.Replay, s challenge.Session) error {
	st := rep.Status()
	var err error
	if paused := s.State == challenge.Paused; paused && !st.Paused {
		err = rep.Pause()
	} else if !paused && st.Paused {
		err = rep.Resume()
	}
	if s.Speed > 0 && s.Speed != st.Speed {
		err = errors.Join(err, rep.SetSpeed(s.Speed))
	}
	return err
}

// reportLive stores that the page has come, once.
func (p *player) reportLive(ctx context.Context) {
	p.mu.Lock()
	stored := p.latest.State
	p.mu.Unlock()
	if stored == challenge.Lobby {
		p.advance(ctx, challenge.Progress{State: challenge.Live})
	}
}

// sitOut waits for the end of a session whose evidence is over.
func (p *player) sitOut(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !p.session().State.Over() {
		select {
		case <-p.news:
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.advance(ctx, challenge.Progress{State: challenge.Ended})
	return nil
}
