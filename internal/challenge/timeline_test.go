package challenge_test

import (
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestTimeline checks that everything is on the timeline when its time has come, and nothing before.
func TestTimeline(t *testing.T) {
	a := newArena(t)
	id := a.create(boss, challenge.Together).ID
	must1(t, drop(a.Join(ctx, ana, id)))
	timeline := func() string {
		t.Helper()
		var out []string
		now := a.clock()
		for _, e := range must2(a.Timeline(ctx, ana, id)) {
			if e.At.After(now) {
				t.Errorf("%s at %s is in the future", e.Title, e.At)
			}
			out = append(out, e.Title)
		}
		return strings.Join(out, ", ")
	}
	check := func(when, want string) {
		t.Helper()
		if got := timeline(); got != want {
			t.Errorf("%s: got  %s\nwant %s", when, got, want)
		}
	}
	check("scheduled", "")
	must1(t, drop(a.Start(ctx, boss, id)))
	page := opening.Add(20 * time.Second)
	must1(t, drop(a.Advance(ctx, id, challenge.Progress{State: challenge.Loading, Page: page})))
	check("loading", "Started")
	must1(t, drop(a.Advance(ctx, id, challenge.Progress{State: challenge.Lobby, Page: page})))
	check("lobby", "deploy, config, Started")
	a.pass(20*time.Second - 1)
	check("just before the page", "deploy, config, Started")
	a.pass(1)
	check("page", "deploy, config, Started, Page")
	a.pass(time.Minute)
	must1(t, drop(a.Announce(ctx, boss, id, "*hello*")))
	must1(t, drop(a.Inject(ctx, boss, id, "call")))
	must1(t, drop(a.Pause(ctx, boss, id)))
	a.pass(time.Hour)
	must1(t, drop(a.Resume(ctx, boss, id)))
	a.pass(4*time.Minute - 1000) // the flag is switched 5 min after the page
	const before = "deploy, config, Started, Page, Announcement, A call, Paused, Resumed"
	check("before a change", before)
	a.pass(1000)
	check("change", before+", flag")
	events := must2(a.Timeline(ctx, ana, id))
	for i, want := range []challenge.Event{
		{Session: id, At: page.Add(-2*time.Hour - 10*time.Minute), Kind: challenge.ChangeEvent, Service: "web", Title: "deploy", Text: "web 1.4.0", Author: "ana"},
		3: {Session: id, At: page, Kind: challenge.PageEvent, Service: "web", Title: "Page", Text: "LatencyHigh: pages are slow"},
	} {
		if want.Kind != "" && events[i] != want {
			t.Errorf("got  %+v\nwant %+v", events[i], want)
		}
	}
	if e := events[5]; e.Kind != challenge.Injected || e.Text != "Is anybody there?" || e.ID == 0 {
		t.Errorf("got inject %+v", e)
	}
}

// TestBriefing checks what players are told, and when.
func TestBriefing(t *testing.T) {
	a := newArena(t)
	id := a.create(boss, challenge.Together).ID
	must1(t, drop(a.Join(ctx, ana, id)))
	for _, c := range []challenge.Call{ana, boss} {
		b := must2(a.Briefing(ctx, c, id))
		if b.Scenario.Brief == "" || len(b.Scenario.Services) != 3 || b.Rules != challenge.DefaultRules {
			t.Errorf("%s is told too little: %+v", c.Name, b)
		}
		if b.Scenario.Page.Alert != "" || len(b.Scenario.Suspects.Causes) > 0 || !b.Page.IsZero() {
			t.Errorf("%s is told of the page before it comes: %+v", c.Name, b)
		}
		if (len(b.Scenario.Injects) > 0) != (c.Role == challenge.FacilitatorRole) || len(b.Scenario.Changes) > 0 {
			t.Errorf("%s is told of what is to come: %+v", c.Name, b)
		}
	}
	must1(t, drop(a.Start(ctx, boss, id)))
	a.load(id)
	b := must2(a.Briefing(ctx, ana, id))
	if b.Scenario.Page.Alert == "" || len(b.Scenario.Suspects.Causes) != 2 || !b.Page.Equal(a.clock()) || len(b.Scenario.Injects) > 0 || len(b.Scenario.Changes) > 0 {
		t.Errorf("after the page: %+v", b)
	}
}

// TestHypotheses checks that a notebook is private and keeps its history.
func TestHypotheses(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana, ben)
	h := must2(a.AddHypothesis(ctx, ana, id, "it is the disk"))
	a.pass(time.Minute)
	h = must2(a.SetHypothesis(ctx, ana, id, h.ID, challenge.Discarded))
	h = must2(a.SetHypothesis(ctx, ana, id, h.ID, challenge.Discarded)) // changes nothing
	if h.Status != challenge.Discarded || len(h.Changes) != 2 || !h.Changes[1].At.Equal(a.clock()) || h.Changes[0].Status != challenge.Open {
		t.Errorf("got %+v", h)
	}
	if list := must2(a.Hypotheses(ctx, ana, id)); len(list) != 1 || len(list[0].Changes) != 2 {
		t.Errorf("ana's notebook: %+v", list)
	}
	if list := must2(a.Hypotheses(ctx, ben, id)); len(list) != 0 {
		t.Errorf("ben reads ana's notebook: %+v", list)
	}
	wantCode(t, "another's", drop(a.SetHypothesis(ctx, ben, id, h.ID, challenge.Open)), challenge.NotFound)
	wantCode(t, "status", drop(a.SetHypothesis(ctx, ana, id, h.ID, "maybe")), challenge.Invalid)
	wantCode(t, "empty", drop(a.AddHypothesis(ctx, ana, id, " ")), challenge.Invalid)
	wantCode(t, "facilitator", drop(a.AddHypothesis(ctx, boss, id, "hm")), challenge.Forbidden)
	for range challenge.MaxHypotheses - 1 {
		must1(t, drop(a.AddHypothesis(ctx, ana, id, "and another")))
	}
	wantCode(t, "too many", drop(a.AddHypothesis(ctx, ana, id, "one more")), challenge.TooMany)
	a.pass(time.Hour)
	wantCode(t, "after the end", drop(a.SetHypothesis(ctx, ana, id, h.ID, challenge.Confirmed)), challenge.Over)
	other := a.live(challenge.Together, boss, ana)
	wantCode(t, "of another session", drop(a.SetHypothesis(ctx, ana, other, h.ID, challenge.Open)), challenge.NotFound)
}
