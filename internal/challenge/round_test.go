package challenge_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// round opens the lab for two hours from now on.
func (a *arena) round(season string) challenge.Round {
	a.tb.Helper()
	r, err := a.CreateRound(ctx, boss, challenge.NewRound{Scenario: "lab", Season: season, Closes: a.clock().Add(2 * time.Hour)})
	return must(a.tb, r, err)
}

// joined joins a round and brings the session to its page.
func (a *arena) joined(c challenge.Call, round string) string {
	a.tb.Helper()
	v, err := a.Join(ctx, c, round)
	must1(a.tb, err)
	a.load(v.ID)
	return v.ID
}

func TestRound(t *testing.T) {
	a := newArena(t)
	r := a.round("spring")
	if r.Timebox != 30*time.Minute || r.Title != "Slow pages" || !r.Opens.Equal(opening) || r.Difficulty != "normal" {
		t.Errorf("got %+v", r)
	}
	own := a.joined(ana, r.ID)
	v := must2(a.Session(ctx, ana, own))
	if v.Mode != challenge.InRound || v.Round != r.ID || v.CreatedBy != "ana" || !v.Closes.Equal(r.Closes) || v.State != challenge.Live {
		t.Errorf("got %+v", v)
	}
	a.pass(10 * time.Minute)
	must1(t, drop(a.submit(ana, own, right)))
	if got := a.state(own); got != challenge.Ended {
		t.Errorf("the session of a player who is right is %s, want ended, and not revealed", got)
	}
	wantCode(t, "debrief while others play", drop(a.Debrief(ctx, ana, own)), challenge.WrongState)
	wantCode(t, "reveal of a session", drop(a.Reveal(ctx, boss, own)), challenge.WrongState)

	a.pass(95 * time.Minute)
	late := a.joined(ben, r.ID)
	if v := must2(a.Session(ctx, ben, late)); !deadline(t, v).Equal(r.Closes) {
		t.Errorf("who joins late has until %s, want %s", deadline(t, v), r.Closes)
	}
	if again, err := a.Join(ctx, ben, r.ID); err != nil || again.ID != late {
		t.Errorf("joined again: got %s, %v, want %s", again.ID, err, late)
	}
	wantCode(t, "another's session", drop(a.Join(ctx, ana, late)), challenge.Forbidden)
	wantCode(t, "reveal while it is open", drop(a.RevealRound(ctx, boss, r.ID)), challenge.WrongState)
	wantCode(t, "close by a player", drop(a.CloseRound(ctx, ana, r.ID)), challenge.Forbidden)
	must1(t, drop(a.CloseRound(ctx, boss, r.ID)))
	if v := must2(a.Session(ctx, ben, late)); v.State != challenge.Ended || v.EndReason != challenge.TimeUp || !v.EndedAt.Equal(a.clock()) {
		t.Errorf("after the round was closed: got %+v", v)
	}
	wantCode(t, "close twice", drop(a.CloseRound(ctx, boss, r.ID)), challenge.WrongState)
	wantCode(t, "join a closed round", drop(a.Join(ctx, challenge.Call{Role: challenge.PlayerRole, Name: "cleo"}, r.ID)), challenge.Over)
	must1(t, drop(a.Join(ctx, ben, r.ID))) // to look back
	if r := must2(a.RevealRound(ctx, boss, r.ID)); !r.Revealed.Equal(a.clock()) {
		t.Errorf("revealed at %s", r.Revealed)
	}
	for _, c := range []struct {
		call challenge.Call
		id   string
	}{{ana, own}, {ben, late}} {
		d, err := a.Debrief(ctx, c.call, c.id)
		if err != nil || len(d.Ranks) != 2 || len(d.Players) != 1 || d.Players[0].Player != c.call.Name {
			t.Errorf("debrief of %s: %v, %d ranks, %d players; want the round's ranks and the player alone", c.call.Name, err, len(d.Ranks), len(d.Players))
		}
		for _, r := range d.Ranks {
			if (r.Session == c.id) != (r.Player == c.call.Name) || r.Player != c.call.Name && r.Session != "" {
				t.Errorf("%s is shown the session %q of %s", c.call.Name, r.Session, r.Player)
			}
		}
	}
}

func deadline(tb testing.TB, v challenge.Session) time.Time {
	tb.Helper()
	at, ok := v.Deadline()
	if !ok {
		tb.Error("there is no deadline")
	}
	return at
}

// TestRoundClosesWhileLoading checks that a session ends with its round even if it has not begun.
func TestRoundClosesWhileLoading(t *testing.T) {
	a := newArena(t)
	r := a.round("")
	a.pass(2*time.Hour - time.Second)
	v := must2(a.Join(ctx, ana, r.ID))
	a.pass(time.Second)
	if got := a.state(v.ID); got != challenge.Ended {
		t.Errorf("got %s, want ended", got)
	}
	b := must2(a.Briefing(ctx, ana, v.ID))
	if b.Scenario.Page.Alert != "" || len(b.Scenario.Suspects.Components) > 0 {
		t.Error("a session without a page shows its alert or suspects")
	}
}

// TestJoinOnce checks that a player who joins a round many times at once has one session.
func TestJoinOnce(t *testing.T) {
	a := newArena(t)
	r := a.round("")
	ids := make([]string, 20)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			v, err := a.Join(ctx, ana, r.ID)
			if err != nil {
				t.Error(err)
			}
			ids[i] = v.ID
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("got sessions %s and %s", ids[0], id)
		}
	}
	if list, _, err := a.Sessions(ctx, boss, challenge.SessionFilter{Round: r.ID}); err != nil || len(list) != 1 {
		t.Errorf("the round has %d sessions (%v), want 1", len(list), err)
	}
}

func TestRoundErrors(t *testing.T) {
	a := newArena(t)
	for name, c := range map[string]struct {
		by    challenge.Call
		n     challenge.NewRound
		code  challenge.Code
		field string
	}{
		"player":            {ana, challenge.NewRound{Scenario: "lab", Closes: opening.Add(time.Hour)}, challenge.Forbidden, ""},
		"no end":            {boss, challenge.NewRound{Scenario: "lab"}, challenge.Invalid, "/closes"},
		"closes first":      {boss, challenge.NewRound{Scenario: "lab", Opens: opening.Add(2 * time.Hour), Closes: opening.Add(time.Hour)}, challenge.Invalid, "/closes"},
		"is over":           {boss, challenge.NewRound{Scenario: "lab", Opens: opening.Add(-2 * time.Hour), Closes: opening}, challenge.Invalid, "/closes"},
		"long":              {boss, challenge.NewRound{Scenario: "lab", Closes: opening.Add(challenge.MaxWindow + 1000)}, challenge.Invalid, "/closes"},
		"far ahead":         {boss, challenge.NewRound{Scenario: "lab", Opens: opening.AddDate(2, 0, 0), Closes: opening.AddDate(2, 0, 1)}, challenge.Invalid, "/opens"},
		"season of 2 lines": {boss, challenge.NewRound{Scenario: "lab", Season: "a\nb", Closes: opening.Add(time.Hour)}, challenge.Invalid, "/season"},
		"no key":            {boss, challenge.NewRound{Scenario: "keyless", Closes: opening.Add(time.Hour)}, challenge.Invalid, "/scenario"},
	} {
		_, err := a.CreateRound(ctx, c.by, c.n)
		if e := wantCode(t, name, err, c.code); e != nil && e.Field != c.field {
			t.Errorf("%s: got field %q, want %q", name, e.Field, c.field)
		}
	}
	r := must2(a.CreateRound(ctx, boss, challenge.NewRound{Scenario: "lab", Opens: opening.Add(time.Hour), Closes: opening.Add(2 * time.Hour)}))
	wantCode(t, "join before it opens", drop(a.Join(ctx, ana, r.ID)), challenge.WrongState)
	wantCode(t, "join as a facilitator", drop(a.Join(ctx, boss, r.ID)), challenge.Forbidden)
	wantCode(t, "join nothing", drop(a.Join(ctx, ana, "r000000000000")), challenge.NotFound)
	wantCode(t, "no season", drop(a.SeasonBoard(ctx, ana, "")), challenge.Invalid)
}

// TestContest checks that a scenario of a round or live session cannot be tried out alone.
func TestContest(t *testing.T) {
	a := newArena(t)
	played := a.live(challenge.Solo, ana)
	must1(t, drop(a.submit(ana, played, right)))
	must1(t, drop(a.Debrief(ctx, ana, played)))
	going := a.live(challenge.Solo, ben)
	solo := challenge.NewSession{Scenario: "lab", Mode: challenge.Solo}
	waiting := must2(a.CreateSession(ctx, ana, solo)).ID

	check := func(when string, want challenge.Code) {
		t.Helper()
		wantCode(t, when+": submit", drop(a.submit(ben, going, wrong)), want)
		wantCode(t, when+": debrief", drop(a.Debrief(ctx, ana, played)), want)
	}
	r := a.round("")
	wantCode(t, "create", drop(a.CreateSession(ctx, challenge.Call{Role: challenge.PlayerRole, Name: "cleo"}, solo)), challenge.WrongState)
	wantCode(t, "start", drop(a.Start(ctx, ana, waiting)), challenge.WrongState)
	check("round", challenge.WrongState)
	must1(t, drop(a.CloseRound(ctx, boss, r.ID)))
	must1(t, drop(a.Start(ctx, ana, waiting)))
	live := a.create(boss, challenge.Together).ID
	check("live session", challenge.WrongState)
	must1(t, drop(a.End(ctx, boss, live)))
	check("afterwards", "")
}

// TestBoards checks the leaderboards of session, round and season.
func TestBoards(t *testing.T) {
	a := newArena(t)
	lines := func(list []challenge.Rank, err error) string {
		t.Helper()
		must1(t, err)
		var out []string
		for _, r := range list {
			right := ""
			if r.Correct {
				right = " right after " + r.Total.String()
			}
			out = append(out, strings.Join([]string{string(rune('0' + r.Rank)), r.Player, string(rune('0' + r.Wrong))}, " ")+right)
		}
		return strings.Join(out, ", ")
	}
	first := a.round("spring")
	anas := a.joined(ana, first.ID)
	a.pass(time.Minute)
	must1(t, drop(a.submit(ana, anas, wrong)))
	bens := a.joined(ben, first.ID)
	a.pass(9 * time.Minute)
	if got := lines(a.RoundBoard(ctx, ben, first.ID)); got != "1 ben 0, 2 ana 1" {
		t.Errorf("while nobody is right: %s", got)
	}
	must1(t, drop(a.submit(ana, anas, right))) // after 10 min 20 s, and 5 min more
	a.pass(time.Minute)
	must1(t, drop(a.submit(ben, bens, right))) // after 10 min
	const want = "1 ben 0 right after 10m0s, 2 ana 1 right after 15m20s"
	if got := lines(a.RoundBoard(ctx, ben, first.ID)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, r := range must2(a.RoundBoard(ctx, ben, first.ID)) {
		if (r.Session == "") != (r.Player != "ben") {
			t.Errorf("ben is shown the session %q of %s", r.Session, r.Player)
		}
	}
	must1(t, drop(a.CloseRound(ctx, boss, first.ID)))
	second := a.round("spring")
	slow := a.joined(ben, second.ID)
	must1(t, drop(a.SetSpeed(ctx, boss, slow, 2)))
	must1(t, drop(a.submit(ben, slow, right)))
	anas = a.joined(ana, second.ID)
	must1(t, drop(a.submit(ana, anas, right)))
	if got := lines(a.RoundBoard(ctx, ben, second.ID)); got != "1 ana 0 right after 0s" {
		t.Errorf("with an unranked session: %s", got)
	}
	if got := lines(a.SessionBoard(ctx, ben, slow)); got != "1 ben 0 right after 0s" {
		t.Errorf("the unranked session itself: %s", got)
	}
	season := must2(a.SeasonBoard(ctx, ben, "spring"))
	if len(season) != 2 || season[0] != (challenge.SeasonRank{Rank: 1, Player: "ana", Solved: 2, Played: 2, Total: 15*time.Minute + 20*time.Second, Wrong: 1}) ||
		season[1] != (challenge.SeasonRank{Rank: 2, Player: "ben", Solved: 1, Played: 1, Total: 10 * time.Minute}) {
		t.Errorf("got season %+v", season)
	}
}
