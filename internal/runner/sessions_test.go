package runner_test

import (
	"slices"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/replay"
)

// testSolo plays the whole life of a player's own session: the right submission ends it, and its evidence with it.
func testSolo(t *testing.T, w *world) {
	c := newContest(t, w, "")
	r, _ := c.play(t)
	s, err := c.service.CreateSession(t.Context(), ana, challenge.NewSession{Scenario: scenario, Mode: challenge.Solo})
	check(t, err)
	if _, ok := r.Status(s.ID); ok {
		t.Error("the session is played before it is started")
	}
	_, err = c.service.Start(t.Context(), ana, s.ID)
	check(t, err)
	var seen []challenge.State
	until(t, "the session is live", func() bool {
		state := c.session(t, s.ID).State
		if len(seen) == 0 || state != seen[len(seen)-1] {
			seen = append(seen, state)
		}
		return state == challenge.Live
	})
	live := c.session(t, s.ID)
	want := []challenge.State{challenge.Loading, challenge.Lobby, challenge.Live}
	if live.Clock.Page.After(live.PageAt) { // loading took longer than was allowed for
		want = []challenge.State{challenge.Loading, challenge.Live}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the session went through %v, want %v", seen, want)
	}
	st, ok := r.Status(s.ID)
	if !ok || !st.Page.Equal(live.PageAt) || live.Clock.Page.Before(live.PageAt) {
		t.Errorf("the page is at %v, %v, %v", st.Page, live.PageAt, live.Clock.Page)
	}
	submit := func(component, cause string) challenge.Submission {
		t.Helper()
		call := ana
		call.Key = component + cause
		sub, err := c.service.Submit(t.Context(), call, s.ID, challenge.NewSubmission{Suspects: []challenge.Suspect{{Component: component, Cause: cause}}})
		check(t, err)
		return sub
	}
	if sub := submit("web", "bad-deploy"); sub.Correct {
		t.Error("a wrong suspect is right")
	}
	passes(t, time.Now().Add(1200*time.Millisecond)) // the lock-out
	if sub := submit("pages-db", "slow-storage"); !sub.Correct {
		t.Error("the right suspect is wrong")
	}
	over := c.session(t, s.ID)
	if over.State != challenge.Debriefed || over.EndReason != challenge.Solved {
		t.Errorf("after the right suspect the session is %s (%s)", over.State, over.EndReason)
	}
	c.wantWhole(t, w, s.ID)
	until(t, "there are two proofs", func() bool { return len(c.proofsOf(s.ID)) == 2 })
	wantProofs(t, c.proofsOf(s.ID), 2)
	if p := c.proofsOf(s.ID)[1]; p.Signals[0].MadeStale == 0 {
		t.Error("series end without stale markers")
	}
	until(t, "it is not played any more", func() bool { _, ok := r.Status(s.ID); return !ok })
	// The checkpoint's clock goes on by itself, and ends where the session does.
	timeline, from, err := r.Clock(t.Context(), s.ID)
	check(t, err)
	page, wall := timeline.Page()
	if !wall.Equal(live.PageAt) || page.Sub(from) != history {
		t.Errorf("afterwards the page is at %v with a history of %v", wall, page.Sub(from))
	}
}

// testTogether pauses, resumes and extends a live session, whose time box is over then.
func testTogether(t *testing.T, w *world) {
	c := newContest(t, w, "")
	r, _ := c.play(t)
	s := c.create(t, challenge.NewSession{})
	_, err := c.service.Join(t.Context(), ana, s.ID)
	check(t, err)
	c.reaches(t, s.ID, challenge.Live)
	passes(t, c.session(t, s.ID).Clock.Page.Add(time.Second))
	paused, err := c.service.Pause(t.Context(), facilitator, s.ID)
	check(t, err)
	from := paused.Clock.Pauses[0].From
	until(t, "the replay stands", func() bool { st, _ := r.Status(s.ID); return st.Paused })
	if took := time.Since(from); took > 2*time.Second {
		t.Errorf("the replay went on for %v", took)
	}
	passes(t, from.Add(time.Second))
	before, _ := r.Status(s.ID)
	passes(t, from.Add(4*time.Second))
	after, _ := r.Status(s.ID)
	for signal, st := range before.Signals {
		if n := after.Signals[signal].Sent - st.Sent; n != 0 {
			t.Errorf("%d %s were sent during the pause", n, signal)
		}
	}
	resumed, err := c.service.Resume(t.Context(), facilitator, s.ID)
	check(t, err)
	to := resumed.Clock.Pauses[0].To
	until(t, "the replay goes on", func() bool { st, _ := r.Status(s.ID); return !st.Paused })
	before, _ = r.Status(s.ID)
	until(t, "items are sent again", func() bool {
		st, _ := r.Status(s.ID)
		return st.Signals[replay.Logs].Sent > before.Signals[replay.Logs].Sent
	})
	deadline, _ := resumed.Deadline()
	extended, err := c.service.Extend(t.Context(), facilitator, s.ID, time.Minute)
	check(t, err)
	if later, ok := extended.Deadline(); !ok || later.Sub(deadline) != time.Minute {
		t.Errorf("extended from %v to %v", deadline, later)
	}
	// The clock ends it.
	c.box(t, s.ID, extended.Elapsed(time.Now())+1500*time.Millisecond)
	boxed := c.session(t, s.ID)
	deadline, _ = boxed.Deadline()
	over := c.reaches(t, s.ID, challenge.Ended)
	if !over.EndedAt.Equal(deadline) || over.EndReason != challenge.TimeUp {
		t.Errorf("ended at %v by %s, want %v", over.EndedAt, over.EndReason, deadline)
	}
	c.wantWhole(t, w, s.ID)
	sinks, closeAll, err := sinksTo(w.URLs, s.ID)
	check(t, err)
	defer closeAll()
	for name, sink := range map[string]any{"samples": sinks.Samples, "lines": sinks.Records} {
		gap, err := sink.(replay.Counter).Stored(t.Context(), from.Add(time.Second), to)
		check(t, err)
		if gap.Items != 0 {
			t.Errorf("%d %s lie in the pause", gap.Items, name)
		}
	}
	until(t, "there are two proofs", func() bool { return len(c.proofsOf(s.ID)) == 2 })
	wantProofs(t, c.proofsOf(s.ID), 2)
}

// testEvidenceEnds lets the recording end before the time box: the session goes on without being played again.
func testEvidenceEnds(t *testing.T, w *world) {
	c := newContest(t, w, "")
	_, stop := c.play(t)
	s := c.create(t, challenge.NewSession{Scenario: brief, Timebox: time.Minute})
	c.reaches(t, s.ID, challenge.Live)
	c.finished(t, s.ID)
	if got := c.session(t, s.ID); got.State != challenge.Live {
		t.Errorf("the session is %s after its evidence", got.State)
	}
	stop() // and is taken up again, with nothing to play
	r, _ := c.play(t)
	c.box(t, s.ID, time.Since(c.session(t, s.ID).Clock.Page)+2*time.Second)
	boxed := c.session(t, s.ID)
	deadline, _ := boxed.Deadline()
	until(t, "the session has ended in the store", func() bool {
		if _, ok := r.Status(s.ID); ok {
			t.Fatal("the session is played again")
		}
		var v challenge.Session
		check(t, c.store.View(t.Context(), func(tx challenge.Tx) (err error) { v, err = tx.Session(s.ID); return err }))
		return v.State == challenge.Ended && v.EndedAt.Equal(deadline)
	})
	c.wantWhole(t, w, s.ID)
	wantProofs(t, c.proofsOf(s.ID), 2)
}

// testScheduled plans the page of one session, and starts another that is not due yet.
func testScheduled(t *testing.T, w *world) {
	c := newContest(t, w, "")
	r, _ := c.play(t)
	at := time.Now().Add(12 * time.Second)
	s := c.create(t, challenge.NewSession{PageAt: at})
	later := c.create(t, challenge.NewSession{PageAt: time.Now().Add(time.Hour)})
	var lobby challenge.Session
	until(t, "it is loaded", func() bool {
		lobby = c.session(t, s.ID)
		return lobby.State == challenge.Lobby || lobby.State == challenge.Live
	})
	if d := lobby.PageAt.Sub(at); d < -time.Millisecond || d >= time.Second {
		t.Errorf("the page comes %v after its time", d)
	}
	live := c.reaches(t, s.ID, challenge.Live)
	if live.Clock.Page.Before(live.PageAt) || !live.PageAt.Equal(lobby.PageAt) {
		t.Errorf("the clock starts at %v, the page is at %v, and was at %v", live.Clock.Page, live.PageAt, lobby.PageAt)
	}
	if st, ok := r.Status(s.ID); !ok || !st.Page.Equal(live.PageAt) {
		t.Errorf("the replay's page is at %v", st.Page)
	}
	if got := c.session(t, later.ID); got.State != challenge.Scheduled {
		t.Errorf("the session of in an hour is %s", got.State)
	}
	over, err := c.service.End(t.Context(), facilitator, s.ID)
	check(t, err)
	if over.EndReason != challenge.Facilitated {
		t.Errorf("ended by %s", over.EndReason)
	}
	c.wantWhole(t, w, s.ID)
}
