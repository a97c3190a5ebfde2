package challenge_test

import (
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/replay"
)

// TestLife checks the states of a solo session from its creation to its debrief.
func TestLife(t *testing.T) {
	a := newArena(t)
	v := a.create(ana, challenge.Solo)
	if v.State != challenge.Scheduled || v.Title != "Slow pages" || v.Timebox != 30*time.Minute || v.Difficulty != "normal" || v.Speed != 1 {
		t.Errorf("got %+v", v)
	}
	if key, err := a.SessionKey(ctx, v.ID); err != nil || key == (replay.Key{}) {
		t.Errorf("got key %v, %v, want one that is not zero", key, err)
	}
	if current, err := a.Current(ctx, ana); err != nil || current.ID != v.ID {
		t.Errorf("the creator of a solo session is in %q (%v), want %q", current.ID, err, v.ID)
	}
	must1(t, drop(a.Start(ctx, ana, v.ID)))
	page := opening.Add(15 * time.Second)
	for _, step := range []struct {
		report challenge.Progress
		pass   time.Duration
		want   challenge.State
	}{
		{challenge.Progress{State: challenge.Loading, Page: page}, 0, challenge.Loading},
		{challenge.Progress{State: challenge.Lobby, Page: page}, 0, challenge.Lobby},
		{challenge.Progress{State: challenge.Loading, Page: page.Add(time.Hour)}, 0, challenge.Lobby}, // never back
		{challenge.Progress{}, 15*time.Second - 1, challenge.Lobby},
		{challenge.Progress{}, 1, challenge.Live}, // by the clock alone
		{challenge.Progress{State: challenge.Live, Page: page}, 0, challenge.Live},
		{challenge.Progress{State: challenge.Ended}, 0, challenge.Live}, // too early
		{challenge.Progress{}, 30*time.Minute - time.Microsecond, challenge.Live},
		{challenge.Progress{}, time.Microsecond, challenge.Debriefed},
		{challenge.Progress{State: challenge.Ended}, 0, challenge.Debriefed},
		{challenge.Progress{State: challenge.Live, Page: page}, 0, challenge.Debriefed},
	} {
		a.pass(step.pass)
		if step.report.State != "" {
			must1(t, drop(a.Advance(ctx, v.ID, step.report)))
		}
		if got := a.state(v.ID); got != step.want {
			t.Errorf("after %+v and %s: got %s, want %s", step.report, step.pass, got, step.want)
		}
	}
	v = must2(a.Session(ctx, ana, v.ID))
	if v.EndReason != challenge.TimeUp || !v.EndedAt.Equal(page.Add(30*time.Minute)) || !v.PageAt.Equal(page) {
		t.Errorf("got end %s at %s, page %s", v.EndReason, v.EndedAt, v.PageAt)
	}
}

// must2 is for results in arguments.
func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSlowLoading checks that the clock of the contest begins when the history is there, and the evidence when it was planned.
func TestSlowLoading(t *testing.T) {
	a := newArena(t)
	v := a.create(ana, challenge.Solo)
	must1(t, drop(a.Start(ctx, ana, v.ID)))
	page := opening.Add(10 * time.Second)
	must1(t, drop(a.Advance(ctx, v.ID, challenge.Progress{State: challenge.Loading, Page: page})))
	a.pass(25 * time.Second)
	if got := a.state(v.ID); got != challenge.Loading {
		t.Errorf("the page is over while the history is loaded: got %s", got)
	}
	v = must2(a.Advance(ctx, v.ID, challenge.Progress{State: challenge.Lobby, Page: page}))
	if v.State != challenge.Live || !v.PageAt.Equal(page) || !v.Clock.Page.Equal(opening.Add(25*time.Second)) {
		t.Errorf("got %s, page %s, clock from %s", v.State, v.PageAt, v.Clock.Page)
	}
}

// TestFailure checks that a session that could not be played ends with its reason, and tells no answer.
func TestFailure(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Solo, ana)
	a.pass(time.Minute)
	v := must2(a.Advance(ctx, id, challenge.Progress{State: challenge.Ended, Failure: "Loki is full"}))
	if v.State != challenge.Ended || v.EndReason != challenge.Failed || v.Failure != "Loki is full" {
		t.Errorf("got %+v", v)
	}
	wantCode(t, "debrief", drop(a.Debrief(ctx, ana, id)), challenge.WrongState)

	ended := a.create(boss, challenge.Together).ID
	before := must2(a.End(ctx, boss, ended))
	v = must2(a.Advance(ctx, ended, challenge.Progress{State: challenge.Ended, Failure: "it was stopped while it was loaded"}))
	if v.EndReason != challenge.Facilitated || v.Failure != "" || v.Version != before.Version {
		t.Errorf("a report after the end has changed it: %+v", v)
	}
}

func TestCreateSessionErrors(t *testing.T) {
	a := newArena(t)
	for name, c := range map[string]struct {
		by    challenge.Call
		edit  func(n *challenge.NewSession)
		code  challenge.Code
		field string
	}{
		"no such scenario":   {boss, func(n *challenge.NewSession) { n.Scenario = "none" }, challenge.Invalid, "/scenario"},
		"no key":             {boss, func(n *challenge.NewSession) { n.Scenario = "keyless" }, challenge.Invalid, "/scenario"},
		"mode of a round":    {boss, func(n *challenge.NewSession) { n.Mode = challenge.InRound }, challenge.Invalid, "/mode"},
		"no mode":            {boss, func(n *challenge.NewSession) { n.Mode = "" }, challenge.Invalid, "/mode"},
		"difficulty":         {boss, func(n *challenge.NewSession) { n.Difficulty = "easy" }, challenge.Invalid, "/difficulty"},
		"long title":         {boss, func(n *challenge.NewSession) { n.Title = strings.Repeat("x", 201) }, challenge.Invalid, "/title"},
		"two lines":          {boss, func(n *challenge.NewSession) { n.Title = "a\nb" }, challenge.Invalid, "/title"},
		"control character":  {boss, func(n *challenge.NewSession) { n.Title = "a\x00" }, challenge.Invalid, "/title"},
		"short time box":     {boss, func(n *challenge.NewSession) { n.Timebox = time.Minute - 1 }, challenge.Invalid, "/timebox"},
		"long time box":      {boss, func(n *challenge.NewSession) { n.Timebox = 24*time.Hour + 1 }, challenge.Invalid, "/timebox"},
		"negative time box":  {boss, func(n *challenge.NewSession) { n.Timebox = -time.Minute }, challenge.Invalid, "/timebox"},
		"page in the past":   {boss, func(n *challenge.NewSession) { n.PageAt = opening }, challenge.Invalid, "/pageAt"},
		"page far ahead":     {boss, func(n *challenge.NewSession) { n.PageAt = opening.AddDate(2, 0, 0) }, challenge.Invalid, "/pageAt"},
		"live by a player":   {ana, func(n *challenge.NewSession) { n.Mode = challenge.Together }, challenge.Forbidden, ""},
		"no name":            {challenge.Call{Role: challenge.PlayerRole}, func(*challenge.NewSession) {}, challenge.Invalid, ""},
		"name of two lines":  {challenge.Call{Role: challenge.PlayerRole, Name: "a\nb"}, func(*challenge.NewSession) {}, challenge.Invalid, ""},
		"long name":          {challenge.Call{Role: challenge.PlayerRole, Name: strings.Repeat("x", 191)}, func(*challenge.NewSession) {}, challenge.Invalid, ""},
		"role of a gateway":  {challenge.Call{Role: challenge.GrafanaRole, Name: "ana"}, func(*challenge.NewSession) {}, challenge.Forbidden, ""},
		"long key":           {keyed(boss, strings.Repeat("x", 201)), func(*challenge.NewSession) {}, challenge.Invalid, "Idempotency-Key"},
		"sound, and planned": {boss, func(n *challenge.NewSession) { n.PageAt = opening.Add(1) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := challenge.NewSession{Scenario: "lab", Mode: challenge.Solo}
			c.edit(&n)
			_, err := a.CreateSession(ctx, c.by, n)
			if e := wantCode(t, name, err, c.code); e != nil && e.Field != c.field {
				t.Errorf("got field %q, want %q", e.Field, c.field)
			}
			if err != nil && (strings.Contains(err.Error(), "answer") || strings.Contains(err.Error(), "platter")) {
				t.Errorf("the error speaks of the key: %v", err)
			}
		})
	}
}

// TestRepeated checks that a call is done once for each idempotency key.
func TestRepeated(t *testing.T) {
	a := newArena(t)
	n := challenge.NewSession{Scenario: "lab", Mode: challenge.Solo}
	first := must2(a.CreateSession(ctx, keyed(ana, "k1"), n))
	if again, err := a.CreateSession(ctx, keyed(ana, "k1"), n); err != nil || again.ID != first.ID {
		t.Errorf("got %q, %v, want %q", again.ID, err, first.ID)
	}
	wantCode(t, "another key", drop(a.CreateSession(ctx, keyed(ana, "k2"), n)), challenge.TooMany)
	n.Title = "Other"
	wantCode(t, "same key, other text", drop(a.CreateSession(ctx, keyed(ana, "k1"), n)), challenge.Conflict)
	if other := must2(a.CreateSession(ctx, keyed(ben, "k1"), n)); other.ID == first.ID {
		t.Error("two players share a key")
	}
	id := a.live(challenge.Together, boss)
	before := must2(a.Session(ctx, boss, id))
	for range 2 {
		must1(t, drop(a.Extend(ctx, keyed(boss, "e"), id, time.Minute)))
	}
	if got := must2(a.Session(ctx, boss, id)); got.Timebox != before.Timebox+time.Minute {
		t.Errorf("extended twice: got %s", got.Timebox)
	}
	a.pass(25 * time.Hour)
	must1(t, drop(a.CreateSession(ctx, keyed(boss, "k9"), challenge.NewSession{Scenario: "lab", Mode: challenge.Together})))
	err := a.store.View(ctx, func(tx challenge.Tx) error { return drop2(tx.Done("player/ana", "k1")) })
	if err != challenge.ErrNotFound {
		t.Errorf("a key of yesterday: got %v, want %v", err, challenge.ErrNotFound)
	}
}

// TestOwnSolo checks that a player has one solo session at a time.
func TestOwnSolo(t *testing.T) {
	a := newArena(t)
	id := a.create(ana, challenge.Solo).ID
	n := challenge.NewSession{Scenario: "lab", Mode: challenge.Solo}
	wantCode(t, "a second one", drop(a.CreateSession(ctx, ana, n)), challenge.TooMany)
	must1(t, drop(a.End(ctx, ana, id)))
	must1(t, drop(a.CreateSession(ctx, ana, n)))
	wantCode(t, "debrief of what was never played", drop(a.Debrief(ctx, ana, id)), challenge.WrongState)
}

// TestRoom checks that no more sessions are played than there is room for.
func TestRoom(t *testing.T) {
	a := newArena(t)
	var last string
	for i := range challenge.MaxRunning + 1 {
		last = a.create(boss, challenge.Solo).ID
		if i < challenge.MaxRunning {
			must1(t, drop(a.Start(ctx, boss, last)))
		}
	}
	wantCode(t, "one too many", drop(a.Start(ctx, boss, last)), challenge.TooMany)
	list, err := a.Work(ctx, time.Minute)
	if err != nil || len(list) != challenge.MaxRunning {
		t.Errorf("%d sessions are to be played (%v), want %d", len(list), err, challenge.MaxRunning)
	}
	must1(t, drop(a.End(ctx, boss, list[0].ID)))
	must1(t, drop(a.Start(ctx, boss, last)))
}

// TestWork checks what a runner is given.
func TestWork(t *testing.T) {
	a := newArena(t)
	planned := a.create(boss, challenge.Together)
	must1(t, drop(a.Schedule(ctx, boss, planned.ID, opening.Add(time.Hour))))
	a.create(boss, challenge.Together) // never started
	work := func() string {
		t.Helper()
		list, err := a.Work(ctx, time.Minute)
		must1(t, err)
		var out []string
		for _, v := range list {
			out = append(out, string(v.State))
		}
		return strings.Join(out, " ")
	}
	for _, step := range []struct {
		pass time.Duration
		want string
	}{{0, ""}, {59*time.Minute - 1000, ""}, {1000, "scheduled"}} {
		a.pass(step.pass)
		if got := work(); got != step.want {
			t.Errorf("%s later: got %q, want %q", step.pass, got, step.want)
		}
	}
	a.load(planned.ID)
	a.pass(29 * time.Minute)
	if got := work(); got != "live" {
		t.Errorf("got %q, want live", got)
	}
	a.pass(time.Hour)
	if got := work(); got != "ended" {
		t.Errorf("time is over and that is not stored: got %q, want ended", got)
	}
	must1(t, drop(a.Advance(ctx, planned.ID, challenge.Progress{State: challenge.Ended})))
	if got := work(); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
