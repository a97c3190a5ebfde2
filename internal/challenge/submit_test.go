package challenge_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestSubmit follows a player through two wrong suspects to the right one.
func TestSubmit(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana, ben)
	a.pass(time.Minute)
	sub := must2(a.submit(ana, id, wrong))
	if sub.Correct || sub.Elapsed != time.Minute || sub.Penalty != 5*time.Minute || sub.LockedFor != 2*time.Minute {
		t.Errorf("first wrong one: got %+v", sub)
	}
	a.pass(2*time.Minute - 1500*time.Millisecond)
	if e := wantCode(t, "locked out", drop(a.submit(ana, id, right)), challenge.LockedOut); e != nil && e.RetryAfter != 2 {
		t.Errorf("retry after %d s, want 2: the rest of 1.5 s, rounded up", e.RetryAfter)
	}
	if sub := must2(a.submit(ben, id, wrong)); sub.LockedFor != 2*time.Minute {
		t.Errorf("ben is locked out for %s for ana's suspects", sub.LockedFor)
	}
	a.pass(1500 * time.Millisecond)
	if sub = must2(a.submit(ana, id, wrong)); sub.LockedFor != 4*time.Minute {
		t.Errorf("second wrong one: locked out for %s, want 4m", sub.LockedFor)
	}
	must1(t, drop(a.Pause(ctx, boss, id)))
	a.pass(time.Hour) // the lock-out is on the session's clock
	must1(t, drop(a.Resume(ctx, boss, id)))
	wantCode(t, "locked out over a pause", drop(a.submit(ana, id, right)), challenge.LockedOut)
	st := must2(a.Standing(ctx, ana, id))
	if st.Wrong != 2 || st.Penalty != 10*time.Minute || st.LockedUntil != 7*time.Minute || st.Elapsed != 3*time.Minute || st.Correct {
		t.Errorf("got standing %+v", st)
	}
	a.pass(4 * time.Minute)
	sub = must2(a.submit(ana, id, []challenge.Suspect{{Component: "db-pool", Cause: "disk"}}))
	if !sub.Correct || sub.Penalty != 0 || sub.LockedFor != 0 || sub.Elapsed != 7*time.Minute {
		t.Errorf("right one: got %+v", sub)
	}
	a.pass(time.Minute)
	wantCode(t, "right before", drop(a.submit(ana, id, right)), challenge.AlreadyRight)
	if got := a.state(id); got != challenge.Live {
		t.Errorf("a live session is %s when one of its players is right", got)
	}
	if own := must2(a.Submissions(ctx, ana, id)); len(own) != 3 || own[0].ID >= own[1].ID {
		t.Errorf("ana sees %+v, want her own three in order", own)
	}
	if all := must2(a.Submissions(ctx, boss, id)); len(all) != 4 {
		t.Errorf("the facilitator sees %d, want 4", len(all))
	}
	wantCode(t, "facilitator", drop(a.submit(boss, id, right)), challenge.Forbidden)
}

// TestSubmitDeadline checks that the server's clock decides, to the microsecond.
func TestSubmitDeadline(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana, ben)
	a.pass(30*time.Minute - time.Microsecond)
	if sub := must2(a.submit(ana, id, right)); !sub.Correct {
		t.Error("the last moment is too late")
	}
	a.pass(time.Microsecond)
	wantCode(t, "at the deadline", drop(a.submit(ben, id, right)), challenge.Over)
}

// TestSolved checks that a session of one player ends when that player is right.
func TestSolved(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Solo, ana)
	a.pass(3 * time.Minute)
	must1(t, drop(a.submit(ana, id, right)))
	v := must2(a.Session(ctx, ana, id))
	if v.State != challenge.Debriefed || v.EndReason != challenge.Solved || !v.EndedAt.Equal(a.clock()) {
		t.Errorf("got %+v", v)
	}
	a.pass(time.Second)
	wantCode(t, "after it", drop(a.submit(ana, id, right)), challenge.Over)
}

// TestSubmitOnce checks that submissions with one key count once, also after the end and when they come at once.
func TestSubmitOnce(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana)
	n := challenge.NewSubmission{Suspects: slices.Clone(wrong), Reasoning: "a deploy"}
	n.Suspects[0].Onset = a.clock().Add(-time.Minute + 1).In(time.FixedZone("", 3600))
	var group sync.WaitGroup
	ids := make([]int64, 50)
	for i := range ids {
		group.Go(func() {
			sub, err := a.Submit(ctx, keyed(ana, "k"), id, n)
			if err != nil {
				t.Error(err)
			}
			ids[i] = sub.ID
		})
	}
	group.Wait()
	if slices.Min(ids) != slices.Max(ids) || ids[0] == 0 {
		t.Errorf("got submissions %v, want one", ids)
	}
	a.pass(time.Hour)
	if sub, err := a.Submit(ctx, keyed(ana, "k"), id, n); err != nil || sub.ID != ids[0] {
		t.Errorf("again after the end: got %d, %v", sub.ID, err)
	}
	n.Reasoning = "something else"
	wantCode(t, "same key, other text", drop(a.Submit(ctx, keyed(ana, "k"), id, n)), challenge.Conflict)
	wantCode(t, "no key", drop(a.Submit(ctx, ana, id, n)), challenge.Invalid)
	if st := must2(a.Standing(ctx, ana, id)); st.Wrong != 1 {
		t.Errorf("%d wrong ones were counted, want 1", st.Wrong)
	}
}

func TestSubmitErrors(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana)
	page := a.clock()
	a.pass(time.Minute)
	suspect := func(component, cause string, onset time.Time) []challenge.Suspect {
		return []challenge.Suspect{{Component: component, Cause: cause, Onset: onset}}
	}
	for name, c := range map[string]struct {
		n     challenge.NewSubmission
		field string
	}{
		"nothing":           {challenge.NewSubmission{}, "/suspects"},
		"both":              {challenge.NewSubmission{NothingBroken: true, Suspects: wrong}, "/suspects"},
		"too many":          {challenge.NewSubmission{Suspects: slices.Repeat(wrong, challenge.MaxSuspects+1)}, "/suspects"},
		"twice":             {challenge.NewSubmission{Suspects: slices.Repeat(wrong, 2)}, "/suspects/1/component"},
		"unknown component": {challenge.NewSubmission{Suspects: suspect("cache", "disk", time.Time{})}, "/suspects/0/component"},
		"unknown cause":     {challenge.NewSubmission{Suspects: suspect("db", "platter", time.Time{})}, "/suspects/0/cause"},
		"onset ahead":       {challenge.NewSubmission{Suspects: suspect("db", "deploy", page.Add(time.Minute+1000))}, "/suspects/0/onset"},
		"onset too early":   {challenge.NewSubmission{Suspects: suspect("db", "deploy", page.Add(-10*time.Minute-1000))}, "/suspects/0/onset"},
		"long reasoning":    {challenge.NewSubmission{Suspects: wrong, Reasoning: strings.Repeat("x", challenge.MaxText+1)}, "/reasoning"},
	} {
		e := wantCode(t, name, drop(a.Submit(ctx, keyed(ana, name), id, c.n)), challenge.Invalid)
		if e != nil && e.Field != c.field {
			t.Errorf("%s: got field %q, want %q", name, e.Field, c.field)
		}
	}
	if st := must2(a.Standing(ctx, ana, id)); st.Wrong != 0 {
		t.Errorf("%d of what cannot be counted was counted", st.Wrong)
	}
	n := challenge.NewSubmission{Suspects: suspect("db", "disk", page.Add(-10*time.Minute))}
	if sub := must2(a.Submit(ctx, keyed(ana, "edge"), id, n)); !sub.Correct {
		t.Error("an onset at the beginning of the history makes a submission wrong")
	}
}

// TestSubmitAtOnce checks that a thousand players who submit at the same time are all counted, once and in one order.
func TestSubmitAtOnce(t *testing.T) {
	const players = challenge.MaxParticipants
	a := newArena(t)
	all := make([]challenge.Call, 2*players)
	for i := range all {
		all[i] = challenge.Call{Role: challenge.PlayerRole, Name: fmt.Sprintf("player-%d", i)}
	}
	ids := []string{a.live(challenge.Together, boss, all[:players]...), a.live(challenge.Together, boss, all[players:]...)}
	var group sync.WaitGroup
	took := make([]time.Duration, len(all))
	for i := range took {
		group.Go(func() {
			start := time.Now()
			suspects := wrong
			if i%3 == 0 {
				suspects = right
			}
			if _, err := a.Submit(ctx, keyed(all[i], "k"), ids[i/players], challenge.NewSubmission{Suspects: suspects}); err != nil {
				t.Error(err)
			}
			took[i] = time.Since(start)
		})
	}
	group.Wait()
	slices.Sort(took)
	t.Logf("%d submissions at once: half within %s, all within %s", len(took), took[len(took)/2], took[len(took)-1])
	for _, id := range ids {
		subs := must2(a.Submissions(ctx, boss, id))
		if len(subs) != players || !slices.IsSortedFunc(subs, func(a, b challenge.Submission) int { return int(a.ID - b.ID) }) {
			t.Errorf("%d submissions of %s, want %d in order", len(subs), id, players)
		}
	}
}
