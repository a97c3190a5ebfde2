package web_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"firedrill/scenarios"
)

// TestLeaks plays every scenario up to its end, with a wrong suspect, and looks for the phrases of its answer in every page
// that players and facilitators see on the way.
func TestLeaks(t *testing.T) {
	s := newSite(t)
	ids := slices.DeleteFunc(s.library.IDs(), func(id string) bool { return id == "lab" })
	if len(ids) < 8 {
		t.Fatalf("there are %d scenarios", len(ids))
	}
	for _, id := range ids {
		t.Run(id, func(t *testing.T) {
			scenario, err := s.library.Load(id)
			must(t, err)
			answer, err := scenarios.LoadAnswer(scenario)
			must(t, err)
			dir := t.TempDir()
			pages := 0
			keep := func(p page) page {
				pages++
				must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d", pages)), []byte(p.text+"\n"+p.html), 0o600))
				return p
			}
			session := playToTheEnd(t, s, scenario, answer.NothingBroken, keep)
			if pages < 15 {
				t.Fatalf("only %d pages were seen", pages)
			}
			leaks, err := scenarios.LeaksIn(answer, dir)
			must(t, err)
			for _, l := range leaks {
				t.Errorf("page %s has phrases[%d]", filepath.Base(l.Place), l.Phrase)
			}
			// The search finds what there is to find once the answer is open.
			_, err = s.service.Reveal(context.Background(), boss, session)
			must(t, err)
			keep(s.as("ana").get("/session/"+session+"/debrief").want(t, 200))
			if leaks, err := scenarios.LeaksIn(answer, dir); err != nil || len(leaks) == 0 {
				t.Errorf("the debrief has none of the phrases (%v)", err)
			}
		})
	}
}

// playToTheEnd plays a session and hands every page to keep. calm tells whether it is right that nothing is broken.
func playToTheEnd(tb testing.TB, s *site, scenario *scenarios.Scenario, calm bool, keep func(page) page) string {
	tb.Helper()
	boss, ana := s.as("boss"), s.as("ana")
	v := s.live(scenario.ID)
	session := "/session/" + v.ID
	look := func() {
		s.pass(10 * time.Second) // nobody is too fast
		for _, b := range []*browser{boss, ana} {
			keep(b.get(session).want(tb, 200))
			keep(b.get(session+"/debrief").want(tb, 409))
			keep(b.get("/").want(tb, 200))
		}
		keep(boss.get("/console/audit").want(tb, 200))
	}
	look()
	s.start(v.ID)
	look()
	// Every suspect there is comes back in pages and errors; one that is certainly wrong is submitted.
	for _, component := range scenario.Suspects.Components {
		s.pass(time.Second)
		keep(ana.post(session+"/suspect", "key", "k", "claim", "suspects", "step", "review", "component", component, "cause", scenario.Suspects.Causes[0].ID, "onset", "").want(tb, 200))
	}
	keep(ana.post(session+"/suspect", "key", "k", "claim", "suspects", "step", "submit", "component", "nothing", "cause", "nothing", "onset", "").want(tb, 422))
	claim, last := "nothing", scenario.Suspects.Components[len(scenario.Suspects.Components)-1]
	if calm {
		claim = "suspects"
	}
	keep(ana.post(session+"/suspect", "key", "k", "claim", claim, "step", "submit",
		"component", last, "cause", scenario.Suspects.Causes[0].ID, "onset", "").want(tb, 200, "Not right"))
	for _, inject := range scenario.Injects {
		keep(boss.post(session+"/inject", "key", inject.ID, "inject", inject.ID).want(tb, 200))
	}
	look()
	s.pass(time.Hour)
	look()
	return v.ID
}
