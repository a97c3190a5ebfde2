package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestLiveSession plays a live session in browsers without JavaScript.
func TestLiveSession(t *testing.T) {
	s := newSite(t)
	boss, ana, ben := s.as("boss"), s.as("ana"), s.as("ben")

	console := boss.get("/console").want(t, 200, "New session", "Slow <i>pages</i>")
	made := boss.post("/console/session", "key", console.key(t, "/console/session"), "scenario", "lab", "mode", "live", "timebox", "20")
	made.want(t, 200, "Nobody has joined yet", "Start now")
	at, ok := strings.CutPrefix(made.url, "/session/")
	if !ok {
		t.Fatalf("after creating: %s", made.url)
	}
	session := "/session/" + at

	ana.get("/").want(t, 200, "Slow <i>pages</i>", "waiting")
	ana.get(session).want(t, 200, "Join this session").wantNot(t, "How it works")
	ana.post("/join", "id", at).want(t, 200, "you have 20 min", "ana (you)", "Waiting for the facilitator")
	ben.post("/join", "id", at)
	ana.get(session).want(t, 200, "ben").wantNot(t, "LatencyHigh", "Pages are", "Suspects", "keeps pages")

	boss.post(session+"/announce", "key", "k1", "text", "Camera on, please").want(t, 200, "Announced to all players.")
	ana.get(session).want(t, 200, "Camera on, please")
	boss.post(session+"/start", "key", "k2").want(t, 200, "loading")
	s.load(at)
	live := ana.get(session).want(t, 200, "LatencyHigh: pages are slow", "Pages are", "keeps pages", "more </td> workers", "Nothing is broken", "web leads to db", "20:00")
	for _, bad := range []string{"<script>alert", "javascript:", "<img", "</td> workers", "<i>", "style="} {
		if strings.Contains(live.html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}

	form := func(fields ...string) []string { return append([]string{"claim", "suspects"}, fields...) }
	suspect := session + "/suspect"
	key := live.key(t, suspect)
	ana.post(suspect, form("key", key, "step", "review", "component", "web", "cause", "", "onset", "", "reasoning", "I think so")...).
		want(t, 422, "Suspect 1 needs both a component and a cause.", "I think so")
	ana.post(suspect, form("key", key, "step", "review", "component", "web", "cause", "deploy", "onset", "noon")...).want(t, 422, "such as 14:05", "noon")
	ana.post(suspect, form("key", key, "step", "add", "component", "web", "cause", "deploy", "onset", "11:59")...).want(t, 200, "Suspect 2", "11:59", "Remove suspect 2")
	ana.post(suspect, form("key", key, "remove", "0", "component", "web", "cause", "deploy", "onset", "", "component", "db", "cause", "disk", "onset", "11:58")...).
		want(t, 200, "11:58").wantNot(t, "Suspect 2")
	confirm := ana.post(suspect, form("key", key, "step", "review", "component", "web", "cause", "deploy", "onset", "11:59")...).
		want(t, 200, "Submit this?", "A bad deploy", "since 2026-11-24 11:59:00 UTC", "5 min", "2 min")
	if k := confirm.key(t, suspect); k != key {
		t.Errorf("the key became %q, was %q", k, key)
	}
	boss.get(session).want(t, 200, "Submissions None yet")
	claim := form("key", key, "step", "submit", "component", "web", "cause", "deploy", "onset", "2026-11-24 11:59:00", "reasoning", "new version")
	ana.post(suspect, claim...).want(t, 200, "Not right. It adds 5 min to your time, and you cannot submit for 2 min.", "1 wrong", "Locked out 2:00")
	ana.post(suspect, claim...) // the button was pressed twice
	list, err := s.service.Submissions(context.Background(), challenge.Call{Role: challenge.FacilitatorRole, Name: "boss"}, at)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d submissions, want 1 (%v)", len(list), err)
	}
	locked := form("key", "another", "step", "submit", "component", "db", "cause", "disk", "onset", "", "reasoning", "slow reads")
	ana.post(suspect, locked...).want(t, 429, "This was not submitted, since you are locked out", "slow reads")
	ben.get(session).want(t, 200, "ana not yet right 1 +5:00").wantNot(t, "new version", "A bad deploy</b>")

	boss.post(session+"/pause", "key", "k3").want(t, 200, "paused", "Resume")
	s.pass(time.Hour)
	ana.get(session).want(t, 200, "Paused: the clock and the evidence stand still.", "Left when it goes on 20:00")
	ana.post(suspect, locked...).want(t, 409, "The session is paused; submit when it goes on.", "slow reads")
	boss.post(session+"/resume", "key", "k4")
	boss.post(session+"/extend", "key", "k5", "minutes", "many").want(t, 422, "number of minutes", "many")
	boss.post(session+"/extend", "key", "k6", "minutes", "10").want(t, 200, "30 min")
	boss.post(session+"/inject", "key", "k7", "inject", "call").want(t, 200, "The event is on the timeline.").wantNot(t, "Prepared event")
	injected := ana.get(session).want(t, 200, "A call", "Is anybody there?", "Extended by 10m")
	if !strings.Contains(injected.html, "Is <strong>anybody</strong> there?") {
		t.Error("the inject is not rendered")
	}

	s.pass(2 * time.Minute)
	ana.post(suspect, form("key", "second", "step", "submit", "component", "db", "cause", "disk", "onset", "12:00")...).want(t, 200, "Right, after 2:00.", "You found it after 2:00, with 5:00 of penalties", "7:00")
	ben.post(session+"/hypothesis", "key", "h1", "text", "the <b>cache</b>").want(t, 200, "the <b>cache</b>", "open")
	ben.post(session+"/hypothesis", "number", "1", "status", "discarded").want(t, 200, "Reopen")
	ana.get(session).wantNot(t, "cache")
	ana.post(session+"/hypothesis", "number", "1", "status", "open").want(t, http.StatusNotFound)

	boss.post(session+"/end", "key", "k8").want(t, 422, "This cannot be undone: confirm it.")
	ended := boss.post(session+"/end", "key", "k9", "confirm", "yes").want(t, 200, "Reveal the answer", "It was ended.")
	ana.get(session+"/debrief").want(t, 409, "The answer has not been revealed yet")
	ana.get(session).want(t, 200, "The answer is not open yet").wantNot(t, "platter", "Read the debrief", "Review and submit")
	boss.post(session+"/reveal", "key", ended.key(t, session+"/reveal"), "confirm", "yes").want(t, 200, "Read the debrief")
	debrief := ana.get(session+"/debrief").want(t, 200, "The answer", "A slow disk", "began −2:00 from the page", "The platter wore out", "it was hours ago",
		"rate(db_seconds_sum", "new version", "the <b>cache</b>", "discarded", "a decoy", "onset 1:50 late")
	if strings.Contains(debrief.html, "<script>alert") || !strings.Contains(debrief.html, "<strong>platter</strong>") {
		t.Error("the explanation is not rendered, or is not tame")
	}
	boss.get("/console/audit?of="+at).want(t, 200, "session.pause", "session.reveal", "127.0.0.1")
}

// TestSolo plays alone, and sees the answer at once.
func TestSolo(t *testing.T) {
	s := newSite(t)
	ana := s.as("ana")
	key := ana.get("/").key(t, "/play")
	made := ana.post("/play", "key", key, "scenario", "lab", "evidence", "clean").want(t, 200, "Start it when you are ready", "Start now").wantNot(t, "Announce", "Speed of")
	if again := ana.post("/play", "key", key, "scenario", "lab", "evidence", "clean"); again.url != made.url {
		t.Errorf("the form sent twice made %s and %s", made.url, again.url)
	}
	ana.post("/play", "key", "other", "scenario", "lab").want(t, http.StatusTooManyRequests, "end it first") // one is enough, and the choice is not lost
	id := strings.TrimPrefix(made.url, "/session/")
	ana.post(made.url+"/start", "key", "s")
	s.load(id)
	ana.post(made.url+"/speed", "key", "x", "speed", "2").want(t, http.StatusForbidden, "Only a facilitator")
	s.pass(3 * time.Minute)
	ana.post(made.url+"/suspect", "key", "one", "step", "submit", "claim", "suspects", "component", "db", "cause", "disk", "onset", "").
		want(t, 200, "Right, after 3:00.", "Ended: the cause was found.", "Read the debrief")
	ana.get(made.url+"/debrief").want(t, 200, "The platter wore out")
	s.as("ben").get(made.url).want(t, http.StatusForbidden, "This session is not yours.")
	ana.get("/").want(t, 200, "Your session", "debrief")
}

// TestRound plays a round, its leaderboard and its season.
func TestRound(t *testing.T) {
	s := newSite(t)
	boss, ana, ben := s.as("boss"), s.as("ana"), s.as("ben")
	boss.post("/console/round", "key", "r0", "scenario", "lab", "season", "autumn/26", "closes", "yesterday").want(t, 422, "write a date and time", "yesterday", "autumn/26")
	made := boss.post("/console/round", "key", "r1", "scenario", "lab", "season", "autumn/26", "closes", "2026-11-25T12:00").want(t, 200, "It is open until 25 Nov 12:00:00", "Nobody has joined yet")
	ana.get("/").want(t, 200, "open until 25 Nov 12:00:00", "season autumn/26")
	own := ana.post(made.url+"/join", "key", "j").want(t, 200, "It belongs to the round")
	id := strings.TrimPrefix(own.url, "/session/")
	s.load(id)
	s.pass(time.Minute)
	ana.post(own.url+"/suspect", "key", "one", "step", "submit", "claim", "suspects", "component", "db", "cause", "disk", "onset", "").
		want(t, 200, "Ended: the cause was found.", "when the round is over")
	ben.get(own.url).want(t, http.StatusForbidden)
	ben.get(made.url).want(t, 200, "ana", "1:00", "Play now").wantNot(t, "Close the round", "platter")
	ben.post(made.url+"/close", "key", "c0", "confirm", "yes").want(t, http.StatusForbidden)
	boss.get("/season/autumn%2F26").want(t, 200, "Season autumn/26")
	boss.post(made.url+"/close", "key", "c1").want(t, 422, "confirm it")
	boss.post(made.url+"/close", "key", "c2", "confirm", "yes").want(t, 200, "Reveal the answer")
	boss.get("/season/autumn%2F26").want(t, 200, "ana")
	boss.post(made.url+"/reveal", "key", "c3", "confirm", "yes").want(t, 200, "the answer is open")
	ana.get(made.url).want(t, 200, "Read the debrief")
	ana.get(own.url+"/debrief").want(t, 200, "The platter wore out")
	ben.post(made.url+"/join", "key", "late").want(t, 409, "The round closed at")
}
