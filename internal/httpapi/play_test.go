package httpapi_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/apitest"
	"firedrill/internal/httpapi/wire"
)

// TestRound plays a whole round through HTTP alone: players join at different times, one is wrong, locked out and then
// right, one is right at once, one never is.
func TestRound(t *testing.T) {
	s := newStage(t)
	cleo := newCaller(s.Arena, t, challenge.PluginRole, "plugin").with("X-Firedrill-User", "cleo")
	var r wire.Round
	s.boss.post("/rounds", wire.NewRound{Scenario: apitest.Scenario, Season: "autumn", Closes: wire.At(s.Now().Add(2 * time.Hour))}).into(http.StatusCreated, &r)
	if r.Timebox != 1800 || !r.Opens.Equal(s.Now()) || r.Season != "autumn" {
		t.Errorf("round %+v, want a time box of 1800 s from now on", r)
	}

	join := func(c *caller) string {
		var v wire.Session
		c.post("/me/session", wire.Join{ID: r.ID}).into(http.StatusOK, &v)
		if v.State != "loading" || v.Mode != "round" || v.Round != r.ID {
			t.Fatalf("joined %+v, want a session of the round that loads", v)
		}
		if err := s.Load(v.ID); err != nil {
			t.Fatal(err)
		}
		return v.ID
	}
	of := map[*caller]string{}
	of[s.ana] = join(s.ana)
	s.Pass(10 * time.Minute)
	of[s.ben] = join(s.ben)
	of[cleo] = join(cleo)

	var b wire.Briefing
	s.ana.get("/sessions/"+of[s.ana]+"/briefing").into(http.StatusOK, &b)
	if b.Page == nil || b.Suspects == nil || len(b.Suspects.Causes) != 2 || b.Rules.Lockout != 120 || len(b.Injects) != 0 {
		t.Errorf("briefing %+v, want page, suspects and rules, and no injects", b)
	}
	var sub wire.Submission
	s.ana.post("/sessions/"+of[s.ana]+"/suspects", wrong).into(http.StatusCreated, &sub)
	if sub.Correct || sub.Penalty != 300 || sub.LockedFor != 120 {
		t.Errorf("wrong submission %+v, want 300 s of penalty and 120 s locked", sub)
	}
	s.Pass(30 * time.Second)
	var v wire.Session
	s.ben.get("/sessions/"+of[s.ben]).into(http.StatusOK, &v)
	if !v.Deadline.Equal(v.ServerTime.Add(v.Remaining.Duration())) || v.Closes != r.Closes {
		t.Errorf("session of a round %+v, want the deadline when nothing is left", v)
	}
	p := s.ana.post("/sessions/"+of[s.ana]+"/suspects", right).is(http.StatusLocked, challenge.LockedOut)
	if p.RetryAfter != 90 {
		t.Errorf("retry after %d s, want 90", p.RetryAfter)
	}
	var st wire.Standing
	s.ana.get("/sessions/"+of[s.ana]+"/standing").into(http.StatusOK, &st)
	if st.LockedFor != 90 || !st.LockedUntil.Equal(s.Now().Add(90*time.Second)) || st.Wrong != 1 || !st.ServerTime.Equal(s.Now()) {
		t.Errorf("standing %+v, want locked for 90 s", st)
	}
	s.Pass(90 * time.Second)
	s.ana.post("/sessions/"+of[s.ana]+"/suspects", right).into(http.StatusCreated, &sub)
	if !sub.Correct || sub.Penalty != 0 {
		t.Errorf("right submission %+v", sub)
	}
	s.ben.post("/sessions/"+of[s.ben]+"/suspects", right).into(http.StatusCreated, nil)
	s.ben.post("/sessions/"+of[s.ben]+"/suspects", right).is(http.StatusConflict, challenge.Over) // a session of one's own ends
	s.ana.get("/sessions/"+of[s.ana]+"/debrief").is(http.StatusConflict, challenge.WrongState)
	s.boss.post("/rounds/"+r.ID+"/reveal", nil).is(http.StatusConflict, challenge.WrongState)
	s.boss.post("/rounds/"+r.ID+"/close", nil).into(http.StatusOK, nil)
	cleo.post("/sessions/"+of[cleo]+"/suspects", right).is(http.StatusConflict, challenge.Over)
	s.boss.post("/rounds/"+r.ID+"/reveal", nil).into(http.StatusOK, nil)

	var ranks wire.List[wire.Rank]
	s.ana.get("/rounds/"+r.ID+"/leaderboard").into(http.StatusOK, &ranks)
	var order []string
	for _, rank := range ranks.Items {
		order = append(order, rank.Player)
		if (rank.Session != "") != (rank.Player == "ana") {
			t.Errorf("ana sees session %q of %s", rank.Session, rank.Player)
		}
	}
	if got := strings.Join(order, " "); got != "ben ana cleo" || ranks.Items[1].Penalty != 300 {
		t.Errorf("leaderboard %s %+v, want ben ana cleo", got, ranks.Items)
	}
	var season wire.List[wire.SeasonRank]
	s.ana.get("/seasons/autumn/leaderboard").into(http.StatusOK, &season)
	if len(season.Items) != 3 || season.Items[0].Player != "ben" || season.Items[0].Solved != 1 {
		t.Errorf("season %+v", season.Items)
	}

	var d wire.Debrief
	s.ana.get("/sessions/"+of[s.ana]+"/debrief").into(http.StatusOK, &d)
	if d.Explanation.Faults[0].Cause != "disk" || len(d.Players) != 1 || len(d.Players[0].Submissions) != 2 {
		t.Errorf("debrief %+v", d)
	}
	onset := d.Session.PageAt.Add(-2 * time.Minute)
	if !d.Explanation.Faults[0].OnsetAt.Equal(onset) || d.Explanation.Faults[0].Onset != -120 {
		t.Errorf("onset %s (%v), want %s", d.Explanation.Faults[0].OnsetAt, d.Explanation.Faults[0].Onset, onset)
	}
	s.ana.get("/sessions/"+of[s.ben]+"/debrief").is(http.StatusForbidden, challenge.Forbidden)
}

// TestLate joins a round shortly before it closes: what is left of the window is all there is.
func TestLate(t *testing.T) {
	s := newStage(t)
	var r wire.Round
	s.boss.post("/rounds", wire.NewRound{Scenario: apitest.Scenario, Closes: wire.At(s.Now().Add(10 * time.Minute))}).into(http.StatusCreated, &r)
	var v wire.Session
	s.ana.post("/me/session", wire.Join{ID: r.ID}).into(http.StatusOK, &v)
	if v.Remaining != 600 || !v.Deadline.Equal(r.Closes.Time) {
		t.Errorf("%+v, want 600 s until the round closes", v)
	}
}

// TestLive runs a live session with a pause, an extension and whatever else a facilitator does.
func TestLive(t *testing.T) {
	s := newStage(t)
	id := s.session()
	at := "/sessions/" + id
	var v wire.Session
	s.boss.post(at+"/schedule", wire.Schedule{PageAt: wire.At(s.Now().Add(time.Hour))}).into(http.StatusOK, &v)
	if !v.PageAt.Equal(s.Now().Add(time.Hour)) || v.State != "scheduled" {
		t.Errorf("scheduled %+v", v)
	}
	s.boss.post(at+"/start", nil).into(http.StatusOK, &v)
	if err := s.Load(id); err != nil {
		t.Fatal(err)
	}
	s.Pass(10 * time.Minute)
	s.boss.post(at+"/pause", nil).into(http.StatusOK, &v)
	if v.State != "paused" || !v.Clock.Paused || v.Clock.Elapsed != 600 || v.Remaining != 1200 || !v.Deadline.IsZero() {
		t.Errorf("paused %+v, want 600 s elapsed, 1200 s left and no deadline", v)
	}
	s.Pass(time.Hour)
	s.boss.post(at+"/resume", nil).into(http.StatusOK, &v)
	if v.Clock.Elapsed != 600 || v.Remaining != 1200 || !v.Deadline.Equal(s.Now().Add(20*time.Minute)) || !v.ServerTime.Equal(s.Now()) {
		t.Errorf("resumed %+v, want 600 s elapsed and the deadline in 20 min", v)
	}
	s.boss.post(at+"/extend", wire.Extension{By: 600}).into(http.StatusOK, &v)
	if v.Remaining != 1800 || v.Timebox != 2400 {
		t.Errorf("extended %+v, want 1800 s left of 2400", v)
	}
	s.boss.post(at+"/speed", wire.Speed{Speed: 2}).into(http.StatusOK, &v)
	if v.Speed != 2 || !v.Unranked {
		t.Errorf("faster %+v, want speed 2 and unranked", v)
	}
	var e wire.Event
	s.boss.post(at+"/announcements", wire.Announcement{Text: "Take your time."}).into(http.StatusCreated, &e)
	s.boss.post(at+"/injects", wire.Inject{Inject: "call"}).into(http.StatusCreated, &e)
	if e.Title != "A call" || e.Kind != "inject" {
		t.Errorf("inject %+v", e)
	}
	var h wire.Hypothesis
	s.ana.post(at+"/hypotheses", wire.NewHypothesis{Text: "the disk"}).into(http.StatusCreated, &h)
	s.ana.do(http.MethodPatch, at+"/hypotheses/1", wire.HypothesisStatus{Status: "confirmed"}).into(http.StatusOK, &h)
	if h.Status != "confirmed" || len(h.Changes) != 2 {
		t.Errorf("hypothesis %+v", h)
	}
	s.ben.do(http.MethodPatch, at+"/hypotheses/1", wire.HypothesisStatus{Status: "discarded"}).is(http.StatusNotFound, challenge.NotFound)
	s.ana.post(at+"/suspects", right).into(http.StatusCreated, nil)
	s.ana.post(at+"/suspects", right).is(http.StatusConflict, challenge.AlreadyRight)
	s.ana.get(at).into(http.StatusOK, &v)
	if v.State != "live" {
		t.Errorf("state %s after one was right, want live", v.State)
	}
	s.boss.post(at+"/end", nil).into(http.StatusOK, &v)
	if v.Remaining != 0 || v.EndReason != "facilitator" || !v.Deadline.IsZero() {
		t.Errorf("ended %+v", v)
	}
	s.ana.get(at+"/debrief").is(http.StatusConflict, challenge.WrongState)
	s.boss.post(at+"/reveal", nil).into(http.StatusOK, &v)
	if v.State != "debrief" || v.Revealed.IsZero() {
		t.Errorf("revealed %+v", v)
	}
	var events wire.List[wire.Event]
	s.ana.get(at+"/timeline").into(http.StatusOK, &events)
	kinds := map[string]int{}
	for i, e := range events.Items {
		kinds[e.Kind]++
		if i > 0 && e.At.Before(events.Items[i-1].At.Time) {
			t.Errorf("event %d comes before the one before", i)
		}
	}
	if kinds["page"] != 1 || kinds["change"] != 2 || kinds["announcement"] != 1 || kinds["inject"] != 1 {
		t.Errorf("timeline has %v", kinds)
	}
	s.documents(t, at)
}

// documents checks the forms other than JSON.
func (s *stage) documents(t *testing.T, at string) {
	t.Helper()
	for _, a := range []*answer{s.ana.get(at + "/debrief?format=md"), s.ana.with("Accept", "text/markdown").get(at + "/debrief")} {
		a.into(http.StatusOK, nil)
		if !strings.HasPrefix(string(a.body), "# Debrief: Slow pages\n") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/markdown") {
			t.Errorf("debrief as %s: %.80q", a.header.Get("Content-Type"), a.body)
		}
	}
	if a := s.ana.with("Accept", "text/markdown").get(at + "/debrief?format=json"); !strings.HasPrefix(string(a.body), "{") {
		t.Errorf("format does not go before Accept: %.80q", a.body)
	}
	for _, a := range []*answer{s.ana.get(at + "/leaderboard?format=csv"), s.ana.with("Accept", "text/csv, application/json;q=0.5").get(at + "/leaderboard")} {
		a.into(http.StatusOK, nil)
		rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
		if err != nil || len(rows) != 3 || rows[0][1] != "player" || rows[1][1] != "ana" || rows[1][3] != "true" || rows[2][1] != "ben" {
			t.Errorf("leaderboard as %s: %v, %v", a.header.Get("Content-Type"), rows, err)
		}
	}
	s.ana.get(at+"/leaderboard?format=xml").is(http.StatusUnprocessableEntity, challenge.Invalid)
}

// TestSolo plays alone, which is open to players, and revealed at once.
func TestSolo(t *testing.T) {
	s := newStage(t)
	s.ana.get("/me/session").is(http.StatusNotFound, challenge.NoSession)
	var v wire.Session
	s.ana.post("/sessions", wire.NewSession{Scenario: apitest.Scenario, Mode: "solo", Timebox: 600, Title: "Alone"}).into(http.StatusCreated, &v)
	s.ana.get("/me/session").into(http.StatusOK, &v)
	if v.Title != "Alone" || v.Timebox != 600 || v.CreatedBy != "ana" {
		t.Errorf("session %+v", v)
	}
	s.ana.post("/sessions/"+v.ID+"/start", nil).into(http.StatusOK, nil)
	if err := s.Load(v.ID); err != nil {
		t.Fatal(err)
	}
	s.ana.post("/sessions/"+v.ID+"/extend", wire.Extension{By: 60}).is(http.StatusForbidden, challenge.Forbidden)
	s.ben.post("/sessions/"+v.ID+"/end", nil).is(http.StatusForbidden, challenge.Forbidden)
	s.ana.post("/sessions/"+v.ID+"/suspects", right).into(http.StatusCreated, nil)
	s.ana.get("/sessions/"+v.ID+"/debrief").into(http.StatusOK, nil)
}
