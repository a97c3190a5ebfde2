package cli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/gateway"
	"firedrill/internal/runner"
	"firedrill/replay"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// soloPlayer is the login of whoever plays on this machine alone.
const soloPlayer = "player"

// game is the contest of the one session that `play` plays: its web page, API and gateway.
type game struct {
	*contest
	id     string
	key    replay.Key
	login  string // address of a page that logs the player in, once
	call   challenge.Call
	remove func() // of the folder, where it is a temporary one

	played gateway.Evidence // set before the session is loaded
	over   chan struct{}    // closed when the session ended: solved, or by the player
	log    *slog.Logger
	stop   func() // ends follow
	done   sync.WaitGroup
}

// gradable tells whether there is something to find out: a scenario with an answer, played live at its own speed under an id of our own.
func (a *app) gradable(t target, pl plan) (bool, error) {
	if t.scenario == nil || !pl.live || pl.speed != 1 || a.config.isSet("session") {
		return false, nil
	}
	_, err := scenarios.LoadAnswer(t.scenario)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, fail(exitInput, err, "")
}

// newGame makes a contest with one solo session, which has begun to load.
func (a *app) newGame(ctx context.Context, t target, pl plan, back addresses, srv *server) (g *game, err error) {
	lib, err := a.library()
	if err != nil {
		return nil, err
	}
	g = &game{
		call: challenge.Call{Role: challenge.PlayerRole, Name: soloPlayer}, remove: func() {}, over: make(chan struct{}), log: a.log, stop: func() {},
	}
	dir := a.config.text("stack.dir")
	if dir == "" {
		if dir, err = os.MkdirTemp("", "firedrill-game-"); err != nil {
			return nil, fail(exitStack, err, "")
		}
		g.remove = func() { _ = os.RemoveAll(dir) }
	}
	g.contest, err = a.newContest(ctx, contestOptions{
		store: "sqlite:" + filepath.Join(dir, "firedrill.db"), library: lib.With(t.scenario), back: back, reach: localReach, public: srv.url, registry: srv.registry,
		evidence: func(context.Context, challenge.Session) (gateway.Evidence, error) { return g.played, nil },
	})
	if err != nil {
		g.remove()
		return nil, err
	}
	timebox := max(pl.box, challenge.MinTimebox)
	created, err := g.service.CreateSession(ctx, g.call, challenge.NewSession{
		Scenario: t.scenario.ID, Mode: challenge.Solo, Difficulty: a.config.text("difficulty"), Timebox: timebox,
	})
	if err == nil {
		g.id = created.ID
		_, err = g.service.Start(ctx, g.call, g.id)
	}
	if err == nil {
		g.key, err = g.service.SessionKey(ctx, g.id)
	}
	if err != nil {
		g.close()
		return nil, fail(exitFailed, err, "")
	}
	g.login = srv.url + g.pages.LoginCode(soloPlayer, challenge.PlayerRole)
	srv.mount(g.contest.server.Handler, g.contest.endStreams)
	return g, nil
}

// gameSource is evidence with what the gateway wants to know besides.
type gameSource struct {
	readable
	rec *recording.Recording
}

func (s *gameSource) Families() map[string]replay.Family { return s.rec.Families() }

// attach lets the engine play the session of the contest.
func (g *game) attach(s *session, rec *recording.Recording, from time.Time) {
	s.game = g
	g.played = gateway.Evidence{Key: g.key, Timeline: s.replay.Timeline(), Source: &gameSource{s.source, rec}, From: from}
}

// ready says that the history is stored, and lets the engine do what the player does on the web page from then on.
func (g *game) ready(ctx context.Context, rep *replay.Replay) {
	if g == nil {
		return
	}
	g.advance(ctx, challenge.Lobby, rep.Status().Page)
	ctx, g.stop = context.WithCancel(ctx)
	g.done.Go(func() { g.follow(ctx, rep) })
}

// advance reports how far the session has come.
func (g *game) advance(ctx context.Context, state challenge.State, page time.Time) {
	if g == nil {
		return
	}
	if _, err := g.service.Advance(ctx, g.id, challenge.Progress{State: state, Page: page}); err != nil {
		g.log.Error("report how far the session is", "err", err)
	}
}

func (g *game) follow(ctx context.Context, rep *replay.Replay) {
	changes, err := g.service.Watch(ctx, g.id)
	if err != nil {
		g.log.Error("follow the session", "err", err)
		return
	}
	for range changes {
		s, err := g.service.Session(ctx, g.call, g.id)
		if err == nil && s.State.Over() {
			close(g.over)
			rep.Stop()
			return
		}
		if err == nil && s.State.Running() {
			err = runner.Follow(rep, s)
		}
		if err != nil && ctx.Err() == nil {
			g.log.Error("follow the session", "err", err)
		}
	}
}

// end ends the session, which opens its debrief, and says whether the player had solved it.
func (g *game) end(ctx context.Context) (solved bool) {
	if g == nil {
		return false
	}
	s, err := g.service.Session(ctx, g.call, g.id)
	if err == nil && !s.State.Over() {
		s, err = g.service.End(ctx, g.call, g.id)
	}
	if err != nil {
		g.log.Error("end the session", "err", err)
	}
	return s.EndReason == challenge.Solved
}

// ended is closed when the session ended before its time; nil, without a contest, never is.
func (g *game) ended() <-chan struct{} {
	if g == nil {
		return nil
	}
	return g.over
}

// close takes the contest down and removes what was temporary.
func (g *game) close() {
	g.stop()
	g.done.Wait()
	g.contest.close()
	g.remove()
}
