package challenge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/scenarios"
)

// shown gathers everything that players, facilitators and the log are shown.
type shown struct {
	tb  testing.TB
	dir string
	n   int
}

// add keeps a value, or an error, in the ways in which it may be written.
func (s *shown) add(what string, v any, err error) {
	s.tb.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		s.tb.Fatal(err)
	}
	text := strings.ReplaceAll(out.String(), `\n`, " ") // as people see it
	fmt.Fprintf(&out, "%s\n%+v\n%+v\n", text, v, err)
	slog.New(slog.NewTextHandler(&out, nil)).Info(what, "value", v, "err", err)
	s.n++
	if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("%03d %s", s.n, what)), out.Bytes(), 0o600); err != nil {
		s.tb.Fatal(err)
	}
}

// play goes through a live session up to its end, with suspects that are wrong, and looks at everything on the way.
func (s *shown) play(a *arena, scenario string, misses []challenge.Suspect) string {
	s.tb.Helper()
	v, err := a.CreateSession(ctx, boss, challenge.NewSession{Scenario: scenario, Mode: challenge.Together})
	s.add("created", v, err)
	must1(s.tb, err)
	id := v.ID
	s.add("joined", must2(a.Join(ctx, ana, id)), nil)
	must1(s.tb, drop(a.Join(ctx, ben, id)))
	s.look(a, id)
	must1(s.tb, drop(a.Start(ctx, boss, id)))
	a.load(id)
	s.look(a, id)
	for i, x := range misses {
		sub, err := a.submit(ana, id, []challenge.Suspect{x})
		s.add("submission", sub, err)
		must1(s.tb, err)
		_, err = a.submit(ben, id, []challenge.Suspect{{Component: x.Cause, Cause: x.Component}})
		s.add("refused submission", nil, err)
		_, err = a.Submit(ctx, keyed(ana, fmt.Sprint("again", i)), id, challenge.NewSubmission{NothingBroken: true})
		s.add("locked out", nil, err)
		s.look(a, id)
		a.pass(sub.LockedFor)
	}
	a.pass(2 * time.Hour)
	s.look(a, id)
	_, err = a.Debrief(ctx, ana, id)
	wantCode(s.tb, "debrief before it is revealed", err, challenge.WrongState)
	s.add("debrief", nil, err)
	log, _, err := a.Audit(ctx, boss, "", challenge.Page{})
	s.add("audit", log, err)
	return id
}

// look asks for all that there is about a session.
func (s *shown) look(a *arena, id string) {
	s.tb.Helper()
	for _, c := range []challenge.Call{ana, ben, boss} {
		v, err := a.Session(ctx, c, id)
		s.add("session", v, err)
		list, _, err := a.Sessions(ctx, c, challenge.SessionFilter{})
		s.add("sessions", list, err)
		b, err := a.Briefing(ctx, c, id)
		s.add("briefing", b, err)
		events, err := a.Timeline(ctx, c, id)
		s.add("timeline", events, err)
		subs, err := a.Submissions(ctx, c, id)
		s.add("submissions", subs, err)
		st, err := a.Standing(ctx, c, id)
		s.add("standing", st, err)
		ranks, err := a.SessionBoard(ctx, c, id)
		s.add("board", ranks, err)
	}
	work, err := a.Work(ctx, time.Hour)
	s.add("work", work, err)
}

// TestLeaks plays every scenario of the program, and looks for what gives its answer away in everything that was shown
// before the end: the phrases of the key, and how much its right suspects are spoken of beside others.
func TestLeaks(t *testing.T) {
	library, err := scenarios.Open("")
	must1(t, err)
	if len(library.IDs()) < 8 {
		t.Fatalf("there are %d scenarios", len(library.IDs()))
	}
	for _, id := range library.IDs() {
		t.Run(id, func(t *testing.T) {
			s := must2(library.Load(id))
			answer := must2(scenarios.LoadAnswer(s))
			a := newArena(t)
			look := &shown{tb: t, dir: t.TempDir()}
			session := look.play(a, id, misses(t, id, s, answer))
			leaks, err := scenarios.LeaksIn(answer, look.dir)
			must1(t, err)
			for _, l := range leaks {
				t.Errorf("%s has phrases[%d]", filepath.Base(l.Place), l.Phrase)
			}
			look.causes(answer)

			// The debrief has it all: the search would find it.
			must1(t, drop(a.Reveal(ctx, boss, session)))
			look.add("debrief", must2(a.Debrief(ctx, ana, session)), nil)
			if leaks, err = scenarios.LeaksIn(answer, look.dir); err != nil || len(leaks) == 0 {
				t.Errorf("nothing is found in the debrief: %v", err)
			}
		})
	}
}

// causes checks that the cause of the answer is named in briefings, among all others, and nowhere else.
func (s *shown) causes(answer *scenarios.Answer) {
	s.tb.Helper()
	files := must2(os.ReadDir(s.dir))
	for _, f := range files {
		text := string(must2(os.ReadFile(filepath.Join(s.dir, f.Name()))))
		for _, x := range answer.Accepted {
			if strings.Contains(text, x.Cause) != strings.Contains(text, "ID:"+x.Cause) {
				s.tb.Errorf("%s names a cause of the answer", f.Name())
			}
		}
	}
}

// misses are suspects that are wrong, and have neither component nor cause of the answer.
func misses(tb testing.TB, id string, s *scenarios.Scenario, answer *scenarios.Answer) []challenge.Suspect {
	tb.Helper()
	library := must2(scenarios.Open(""))
	grader := grade.New(library)
	var out []challenge.Suspect
	for i, component := range s.Suspects.Components {
		cause := s.Suspects.Causes[i%len(s.Suspects.Causes)].ID
		if slices.ContainsFunc(answer.Accepted, func(x scenarios.Accepted) bool { return x.Component == component || x.Cause == cause }) {
			continue
		}
		if ok, err := grader.Correct(id, challenge.Claim{Suspects: []challenge.ClaimedSuspect{{Component: component, Cause: cause}}}); err != nil || ok {
			tb.Fatalf("a suspect that is wrong is right: %v", err)
		}
		if out = append(out, challenge.Suspect{Component: component, Cause: cause}); len(out) == 3 {
			break
		}
	}
	return out
}
