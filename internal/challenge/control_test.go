package challenge_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestPause checks that the clock stands during a pause, and the deadline with it.
func TestPause(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana)
	page := a.clock()
	a.pass(10 * time.Minute)
	before := must2(a.Session(ctx, boss, id))
	v := must2(a.Pause(ctx, boss, id))
	if stored := must2(a.Session(ctx, boss, id)); v.Version != before.Version+1 || stored.Version != v.Version {
		t.Errorf("version %d became %d, and %d is stored", before.Version, v.Version, stored.Version)
	}
	if _, ok := v.Deadline(); ok || v.State != challenge.Paused || v.Unranked {
		t.Errorf("got %+v, want a paused session without a deadline", v)
	}
	wantCode(t, "paused twice", drop(a.Pause(ctx, boss, id)), challenge.WrongState)
	wantCode(t, "submission", drop(a.submit(ana, id, right)), challenge.WrongState)
	a.pass(5 * time.Hour)
	v = must2(a.Resume(ctx, boss, id))
	wantCode(t, "resumed twice", drop(a.Resume(ctx, boss, id)), challenge.WrongState)
	if at, ok := v.Deadline(); !ok || !at.Equal(page.Add(5*time.Hour+30*time.Minute)) {
		t.Errorf("got deadline %s, %t", at, ok)
	}
	a.pass(19 * time.Minute)
	if st := must2(a.Standing(ctx, ana, id)); st.Elapsed != 29*time.Minute {
		t.Errorf("elapsed %s, want 29m", st.Elapsed)
	}
	v = must2(a.Extend(ctx, boss, id, 10*time.Minute))
	a.pass(10 * time.Minute)
	if got := a.state(id); v.Timebox != 40*time.Minute || got != challenge.Live {
		t.Errorf("after the extension: time box %s, %s", v.Timebox, got)
	}
	a.pass(time.Minute)
	if got := a.state(id); got != challenge.Ended {
		t.Errorf("after the time box: %s", got)
	}
	for name, err := range map[string]error{
		"pause":  drop(a.Pause(ctx, boss, id)),
		"resume": drop(a.Resume(ctx, boss, id)),
		"extend": drop(a.Extend(ctx, boss, id, time.Minute)),
		"end":    drop(a.End(ctx, boss, id)),
		"start":  drop(a.Start(ctx, boss, id)),
		"submit": drop(a.submit(ana, id, right)),
		"join":   drop(a.Join(ctx, ben, id)),
	} {
		wantCode(t, name+" after the end", err, challenge.Over)
	}
	must1(t, drop(a.Join(ctx, ana, id))) // to look back
}

// TestEndWhilePaused checks that a session that is ended while it is paused keeps the time of the pause.
func TestEndWhilePaused(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Solo, ana)
	a.pass(time.Minute)
	v := must2(a.Pause(ctx, ana, id))
	if !v.Unranked {
		t.Error("a solo player has paused, and the session is ranked")
	}
	a.pass(time.Hour)
	v = must2(a.End(ctx, ana, id))
	if got := v.Elapsed(a.clock()); got != time.Minute || v.Clock.Paused() || v.State != challenge.Debriefed {
		t.Errorf("elapsed %s, paused %t, %s", got, v.Clock.Paused(), v.State)
	}
	a.pass(time.Hour)
	if v = must2(a.Session(ctx, ana, id)); v.Elapsed(a.clock()) != time.Minute {
		t.Errorf("the clock goes on after the end: %s", v.Elapsed(a.clock()))
	}
}

func TestControlErrors(t *testing.T) {
	a := newArena(t)
	id := a.create(boss, challenge.Together).ID
	wantCode(t, "pause before the page", drop(a.Pause(ctx, boss, id)), challenge.WrongState)
	wantCode(t, "inject before the page", drop(a.Inject(ctx, boss, id, "call")), challenge.WrongState)
	wantCode(t, "submit before the page", drop(a.submit(ana, id, right)), challenge.Forbidden)
	must1(t, drop(a.Join(ctx, ana, id)))
	wantCode(t, "submit before the page", drop(a.submit(ana, id, right)), challenge.WrongState)
	wantCode(t, "reveal before the end", drop(a.Reveal(ctx, boss, id)), challenge.WrongState)
	must1(t, drop(a.Start(ctx, boss, id)))
	wantCode(t, "start twice", drop(a.Start(ctx, boss, id)), challenge.WrongState)
	wantCode(t, "schedule what was started", drop(a.Schedule(ctx, boss, id, opening.Add(time.Hour))), challenge.WrongState)
	a.load(id)
	for _, speed := range []float64{0, -1, 1000, math.NaN(), math.Inf(1)} {
		wantCode(t, "speed", drop(a.SetSpeed(ctx, boss, id, speed)), challenge.Invalid)
	}
	for _, by := range []time.Duration{0, -time.Minute, 4*time.Hour + 1, math.MaxInt64} {
		wantCode(t, "extension", drop(a.Extend(ctx, boss, id, by)), challenge.Invalid)
	}
	for _, text := range []string{"", " \n", strings.Repeat("x", challenge.MaxText+1), "\xff", "bell\a"} {
		wantCode(t, "announcement", drop(a.Announce(ctx, boss, id, text)), challenge.Invalid)
	}
	wantCode(t, "inject of none", drop(a.Inject(ctx, boss, id, "none")), challenge.Invalid)
	must1(t, drop(a.Inject(ctx, boss, id, "call")))
	wantCode(t, "inject twice", drop(a.Inject(ctx, boss, id, "call")), challenge.WrongState)
	if v := must2(a.SetSpeed(ctx, boss, id, 2)); !v.Unranked {
		t.Error("at another speed the session is ranked")
	}
	if v := must2(a.SetSpeed(ctx, boss, id, 1)); !v.Unranked {
		t.Error("back at speed 1 the session is ranked again")
	}
	for range 6 {
		_ = drop(a.Extend(ctx, boss, id, challenge.MaxExtension))
	}
	if v := must2(a.Session(ctx, boss, id)); v.Timebox > challenge.MaxTimebox {
		t.Errorf("extended to %s", v.Timebox)
	}
}

// TestReveal checks that the answer of a live session is open when a facilitator says so.
func TestReveal(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana)
	a.pass(time.Hour) // nobody stores the end before
	wantCode(t, "debrief", drop(a.Debrief(ctx, boss, id)), challenge.WrongState)
	v := must2(a.Reveal(ctx, boss, id))
	if v.State != challenge.Debriefed || !v.Revealed.Equal(a.clock()) || v.EndReason != challenge.TimeUp {
		t.Errorf("got %+v", v)
	}
	must1(t, drop(a.Debrief(ctx, ana, id)))
	var states []string
	for _, e := range must2(a.Timeline(ctx, ana, id)) {
		if e.Kind == challenge.StateEvent {
			states = append(states, e.Title)
		}
	}
	if got := strings.Join(states, ", "); got != "Started, Ended, Answer revealed" {
		t.Errorf("got the events %s", got)
	}
}

// TestAudit checks that what facilitators do is written down.
func TestAudit(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss)
	must1(t, drop(a.Extend(ctx, boss, id, time.Minute)))
	log, _, err := a.Audit(ctx, boss, id, challenge.Page{})
	must1(t, err)
	var actions []string
	for _, e := range log {
		actions = append(actions, e.Action)
		if e.Actor != "boss" || e.Role != challenge.FacilitatorRole || e.Remote != boss.Remote || e.At.IsZero() || e.Refused {
			t.Errorf("got %+v", e)
		}
	}
	if got := strings.Join(actions, " "); got != "session.extend session.start session.create" {
		t.Errorf("got %s", got)
	}
}
