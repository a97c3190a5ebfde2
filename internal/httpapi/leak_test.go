package httpapi_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/internal/httpapi/wire"
	"firedrill/scenarios"
)

// TestLeaks plays every scenario of the program over HTTP, and looks for the phrases of its answer in everything that players
// and facilitators get before the answer is revealed, and in log and metrics.
func TestLeaks(t *testing.T) {
	library, err := scenarios.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(library.IDs()); n < 8 {
		t.Fatalf("there are %d scenarios, want at least 8", n)
	}
	for _, id := range library.IDs() {
		t.Run(id, func(t *testing.T) {
			sc, err := library.Load(id)
			if err != nil {
				t.Fatal(err)
			}
			key, err := scenarios.LoadAnswer(sc)
			if err != nil {
				t.Fatal(err)
			}
			k := &keeper{stage: newStage(t), dir: t.TempDir()}
			session := k.play(t, sc)
			leaks, err := scenarios.LeaksIn(key, k.dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range leaks {
				t.Errorf("%s has phrases[%d]", filepath.Base(l.Place), l.Phrase)
			}
			// The debrief has it all, so that the search would find it.
			k.boss.post("/sessions/"+session+"/reveal", nil).into(http.StatusOK, nil)
			k.keep(k.ana.get("/sessions/" + session + "/debrief"))
			if leaks, err = scenarios.LeaksIn(key, k.dir); err != nil || len(leaks) == 0 {
				t.Errorf("nothing is found in the debrief: %v", err)
			}
		})
	}
}

// keeper keeps everything that is answered.
type keeper struct {
	*stage
	dir string
	n   int
}

func (k *keeper) keep(a *answer) *answer {
	a.tb.Helper()
	k.n++
	// LeaksIn reads text: escapes of JSON would hide a phrase of several lines.
	text := strings.NewReplacer(`\n`, " ", `\"`, `"`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(a.body))
	name := fmt.Sprintf("%03d %s", k.n, strings.NewReplacer("/", "_", "?", "_").Replace(a.request))
	if err := os.WriteFile(filepath.Join(k.dir, name), []byte(fmt.Sprintf("%v\n%s", a.header, text)), 0o600); err != nil {
		a.tb.Fatal(err)
	}
	return a
}

// play goes through a live session with suspects that are wrong, up to its end.
func (k *keeper) play(t *testing.T, sc *scenarios.Scenario) string {
	t.Helper()
	var v wire.Session
	k.keep(k.boss.post("/sessions", wire.NewSession{Scenario: sc.ID, Mode: "live"})).into(http.StatusCreated, &v)
	for _, c := range []*caller{k.ana, k.ben} {
		k.keep(c.post("/me/session", wire.Join{ID: v.ID})).into(http.StatusOK, nil)
	}
	k.look(v.ID)
	k.keep(k.boss.post("/sessions/"+v.ID+"/start", nil)).into(http.StatusOK, nil)
	if err := k.Load(v.ID); err != nil {
		t.Fatal(err)
	}
	for _, i := range sc.Injects {
		k.keep(k.boss.post("/sessions/"+v.ID+"/injects", wire.Inject{Inject: i.ID})).into(http.StatusCreated, nil)
	}
	grader, wrongs := grade.New(k.Library), 0
	for _, component := range sc.Suspects.Components {
		for _, cause := range sc.Suspects.Causes {
			claim := challenge.Claim{Suspects: []challenge.ClaimedSuspect{{Component: component, Cause: cause.ID}}}
			if ok, err := grader.Correct(sc.ID, claim); err != nil || ok || wrongs > 2 {
				continue
			}
			wrongs++
			var sub wire.Submission
			a := k.ana.post("/sessions/"+v.ID+"/suspects", wire.NewSubmission{Suspects: []wire.Suspect{{Component: component, Cause: cause.ID}}})
			k.keep(a).into(http.StatusCreated, &sub)
			k.keep(k.ana.post("/sessions/"+v.ID+"/suspects", wire.NewSubmission{NothingBroken: true})).is(http.StatusLocked, challenge.LockedOut)
			k.look(v.ID)
			k.Pass(sub.LockedFor.Duration())
		}
	}
	if wrongs != 3 {
		t.Fatalf("%d wrong suspects were found, want 3", wrongs)
	}
	k.keep(k.ben.post("/sessions/"+v.ID+"/suspects", wire.NewSubmission{Suspects: []wire.Suspect{{Component: "x", Cause: "y"}}})).is(http.StatusUnprocessableEntity, challenge.Invalid)
	k.Pass(24 * time.Hour)
	k.look(v.ID)
	k.keep(k.ana.get("/sessions/"+v.ID+"/debrief?format=md")).is(http.StatusConflict, challenge.WrongState)
	families, err := k.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(k.dir, "metrics and log"), []byte(fmt.Sprint(families, k.Log())), 0o600); err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// look asks for all that there is about a session.
func (k *keeper) look(session string) {
	for _, c := range []*caller{k.ana, k.ben, k.boss} {
		for _, path := range []string{
			"", "/briefing", "/timeline", "/suspects", "/standing", "/leaderboard", "/leaderboard?format=csv", "/debrief", "/hypotheses", "/participants",
		} {
			k.keep(c.get("/sessions/" + session + path))
		}
		for _, path := range []string{"/scenarios", "/rules", "/me", "/me/session", "/sessions", "/rounds", "/audit"} {
			k.keep(c.get(path))
		}
	}
	l := k.ana.listen(session, "")
	v, _, _, err := l.next()
	k.keep(&answer{tb: k.ana.tb, request: "events", header: l.resp.Header, body: []byte(fmt.Sprintf("%+v %v", v, err))})
	l.close()
}
