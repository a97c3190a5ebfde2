package challenge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestMayRun checks who may do what with whose session: everything that changes one is tried by its creator, another
// player and a facilitator.
func TestMayRun(t *testing.T) {
	type try func(a *arena, c challenge.Call, id string) error
	tries := map[string]struct {
		do   try
		solo bool // players may do it in their own solo session
	}{
		"schedule": {func(a *arena, c challenge.Call, id string) error {
			return drop(a.Schedule(ctx, c, id, opening.Add(time.Hour)))
		}, true},
		"start":    {func(a *arena, c challenge.Call, id string) error { return drop(a.Start(ctx, c, id)) }, true},
		"pause":    {func(a *arena, c challenge.Call, id string) error { return drop(a.Pause(ctx, c, id)) }, true},
		"resume":   {func(a *arena, c challenge.Call, id string) error { return drop(a.Resume(ctx, c, id)) }, true},
		"end":      {func(a *arena, c challenge.Call, id string) error { return drop(a.End(ctx, c, id)) }, true},
		"reveal":   {func(a *arena, c challenge.Call, id string) error { return drop(a.Reveal(ctx, c, id)) }, true},
		"speed":    {func(a *arena, c challenge.Call, id string) error { return drop(a.SetSpeed(ctx, c, id, 2)) }, false},
		"extend":   {func(a *arena, c challenge.Call, id string) error { return drop(a.Extend(ctx, c, id, time.Minute)) }, false},
		"announce": {func(a *arena, c challenge.Call, id string) error { return drop(a.Announce(ctx, c, id, "hello")) }, false},
		"inject":   {func(a *arena, c challenge.Call, id string) error { return drop(a.Inject(ctx, c, id, "call")) }, false},
	}
	for name, x := range tries {
		t.Run(name, func(t *testing.T) {
			a := newArena(t)
			id := a.create(ana, challenge.Solo).ID
			for _, by := range []struct {
				call challenge.Call
				may  bool
			}{{ben, false}, {ana, x.solo}, {boss, true}} {
				// What is allowed may still be impossible in this state.
				var e *challenge.Error
				forbidden := errors.As(x.do(a, by.call, id), &e) && e.Code == challenge.Forbidden
				if forbidden == by.may {
					t.Errorf("%s: forbidden %t, want %t", by.call.Name, forbidden, !by.may)
				}
			}
			log, _, err := a.Audit(ctx, boss, id, challenge.Page{})
			must1(t, err)
			if !slices.ContainsFunc(log, func(e challenge.AuditEntry) bool {
				return e.Refused && e.Actor == "ben" && e.Action == "session."+name && strings.HasPrefix(e.Detail, "forbidden")
			}) {
				t.Errorf("the refusal of ben's call is not audited: %+v", log)
			}
		})
	}
}

// TestMayRead checks that players see nothing of others' sessions.
func TestMayRead(t *testing.T) {
	a := newArena(t)
	solo := a.create(ana, challenge.Solo).ID
	together := a.live(challenge.Together, boss, ana)
	reads := map[string]func(c challenge.Call, id string) error{
		"session":      func(c challenge.Call, id string) error { return drop(a.Session(ctx, c, id)) },
		"participants": func(c challenge.Call, id string) error { return drop(a.Participants(ctx, c, id)) },
		"board":        func(c challenge.Call, id string) error { return drop(a.SessionBoard(ctx, c, id)) },
		"briefing":     func(c challenge.Call, id string) error { return drop(a.Briefing(ctx, c, id)) },
		"timeline":     func(c challenge.Call, id string) error { return drop(a.Timeline(ctx, c, id)) },
		"submissions":  func(c challenge.Call, id string) error { return drop(a.Submissions(ctx, c, id)) },
		"hypotheses":   func(c challenge.Call, id string) error { return drop(a.Hypotheses(ctx, c, id)) },
		"standing":     func(c challenge.Call, id string) error { return drop(a.Standing(ctx, c, id)) },
		"debrief":      func(c challenge.Call, id string) error { return drop(a.Debrief(ctx, c, id)) },
		"submit": func(c challenge.Call, id string) error {
			return drop(a.Submit(ctx, keyed(c, "k"), id, challenge.NewSubmission{Suspects: wrong}))
		},
		"hypothesis": func(c challenge.Call, id string) error { return drop(a.AddHypothesis(ctx, c, id, "hm")) },
	}
	open := []string{"session", "participants", "board"} // of a live session, so that people can join it
	for name, read := range reads {
		wantCode(t, name+" of another's solo session", read(ben, solo), challenge.Forbidden)
		want := challenge.Forbidden
		if slices.Contains(open, name) {
			want = ""
		}
		wantCode(t, name+" of a live session that was not joined", read(ben, together), want)
	}
	wantCode(t, "join another's solo session", drop(a.Join(ctx, ben, solo)), challenge.Forbidden)
	must1(t, drop(a.End(ctx, boss, together)))
	for name, read := range reads {
		wantCode(t, name+" of another's session that is over", read(ben, together), challenge.Forbidden)
		wantCode(t, name+" of nothing", read(ana, "s000000000000"), challenge.NotFound)
		wantCode(t, name+" of no id", read(ana, "x' OR 1=1 --"), challenge.NotFound)
	}
	wantCode(t, "audit", drop2(a.Audit(ctx, ana, "", challenge.Page{})), challenge.Forbidden)
	log, _, err := a.Audit(ctx, boss, solo, challenge.Page{})
	must1(t, err)
	if n := len(slices.DeleteFunc(log, func(e challenge.AuditEntry) bool { return !e.Refused || e.Actor != "ben" })); n != len(reads)+1 {
		t.Errorf("%d of %d refused calls about %s are audited", n, len(reads)+1, solo)
	}
}

func drop2[T, U any](_ T, _ U, err error) error { return err }

// TestSessions checks what players find in lists.
func TestSessions(t *testing.T) {
	a := newArena(t)
	over := a.live(challenge.Together, boss, ben)
	must1(t, drop(a.End(ctx, boss, over)))
	together := a.live(challenge.Together, boss, ben)
	must1(t, drop(a.End(ctx, boss, together)))
	solo := a.create(ana, challenge.Solo).ID
	together = a.live(challenge.Together, boss, ben)
	ids := func(c challenge.Call, f challenge.SessionFilter) string {
		t.Helper()
		list, _, err := a.Sessions(ctx, c, f)
		must1(t, err)
		var out []string
		for _, v := range list {
			out = append(out, v.ID)
		}
		return strings.Join(out, " ")
	}
	if got := ids(ana, challenge.SessionFilter{}); got != solo {
		t.Errorf("ana sees %s, want her own %s", got, solo)
	}
	if got := ids(ana, challenge.SessionFilter{Mode: challenge.Together}); got != together {
		t.Errorf("ana sees the live sessions %s, want %s", got, together)
	}
	if got := ids(ana, challenge.SessionFilter{Mode: challenge.Together, States: []challenge.State{challenge.Ended}}); got != "" {
		t.Errorf("ana sees live sessions that are over: %s", got)
	}
	a.pass(time.Hour) // nobody stores the end
	if got := ids(boss, challenge.SessionFilter{States: []challenge.State{challenge.Live}}); got != "" {
		t.Errorf("%s is listed as live after its end", got)
	}
	wantCode(t, "another's", drop2(a.Sessions(ctx, ana, challenge.SessionFilter{Player: "ben"})), challenge.Forbidden)
}
