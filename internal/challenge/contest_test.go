package challenge_test

import (
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestTwoContests checks that the answer stays closed while another contest on the scenario is on, and that nobody plays in two: wrong
// suspects in one would cost nothing in the other.
func TestTwoContests(t *testing.T) {
	a := newArena(t)
	live := a.live(challenge.Together, boss, ana)
	short := a.round("")
	wantCode(t, "join a round beside a live session", drop(a.Join(ctx, ana, short.ID)), challenge.WrongState)
	v, err := a.Join(ctx, ben, short.ID)
	own := must(t, v, err)
	wantCode(t, "join a live session beside a round", drop(a.Join(ctx, ben, live)), challenge.WrongState)
	must1(t, drop(a.Join(ctx, ana, live)))     // again
	must1(t, drop(a.Join(ctx, ben, short.ID))) // again

	must1(t, drop(a.CloseRound(ctx, boss, short.ID)))
	wantCode(t, "reveal a round beside a live session", drop(a.RevealRound(ctx, boss, short.ID)), challenge.WrongState)
	wantCode(t, "debrief", drop(a.Debrief(ctx, ben, own.ID)), challenge.WrongState)
	must1(t, drop(a.Join(ctx, ben, live))) // the round is over

	long := a.round("")
	must1(t, drop(a.End(ctx, boss, live)))
	wantCode(t, "reveal a live session beside a round", drop(a.Reveal(ctx, boss, live)), challenge.WrongState)
	must1(t, drop(a.CloseRound(ctx, boss, long.ID)))
	must1(t, drop(a.Reveal(ctx, boss, live)))
	must1(t, drop(a.RevealRound(ctx, boss, short.ID)))
	must1(t, drop(a.Debrief(ctx, ben, own.ID)))
}

// TestScheduledAlone checks that a solo session that was planned before a contest on its scenario waits until that is over.
func TestScheduledAlone(t *testing.T) {
	a := newArena(t)
	id := a.create(ana, challenge.Solo).ID
	must1(t, drop(a.Schedule(ctx, ana, id, a.clock().Add(time.Minute))))
	work := func() int {
		list, err := a.Work(ctx, 2*time.Minute)
		return len(must(t, list, err))
	}
	if n := work(); n != 1 {
		t.Fatalf("%d sessions are to be played, want the planned one", n)
	}
	r := a.round("")
	if n := work(); n != 0 {
		t.Errorf("%d sessions are to be played beside a round on their scenario, want none", n)
	}
	must1(t, drop(a.CloseRound(ctx, boss, r.ID)))
	if n := work(); n != 1 {
		t.Errorf("%d sessions are to be played after the round, want the planned one", n)
	}
}
