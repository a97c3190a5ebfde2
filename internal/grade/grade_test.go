package grade_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/scenarios"
)

// lab is a scenario with two faults that explain the page, one that does not, and a decoy.
const lab = `version: 1
id: lab
title: Slow pages
brief: Pages are slow.
page: {at: 10m, alert: LatencyHigh}
timebox: 10m
recording: rec
services:
  - {name: web, description: serves pages, owner: team}
  - {name: db, description: keeps pages, owner: team}
  - {name: pool, description: connections, owner: team}
  - {name: cache, description: keeps copies, owner: team}
  - {name: mail, description: sends mails, owner: team}
suspects:
  components: [web, db, pool, cache, mail]
  causes:
    - {id: disk, title: A slow disk}
    - {id: cold, title: A cold cache}
    - {id: deploy, title: A deploy}
`

const labKey = `version: 1
accepted:
  - {component: db, aliases: [pool], cause: disk, onset: 8m, tolerance: 1m}
  - {component: cache, cause: cold, onset: 9m, tolerance: 1m}
  - {role: coincident, component: mail, cause: deploy, onset: 5m, tolerance: 1m}
chain: [the platter wears out]
decoys: [{component: web, signal: a deploy, why_wrong: it was hours ago, evidence: [up]}]
explanation: The platter wore out.
golden_path: [{title: who is slow, datasource: prometheus, query: up, shows: db is}]
evidence:
  - {name: up, promql: up, at: 7m, expect: {min: 1}}
  - {name: down, promql: up, at: 9m, expect: {max: 0}}
phrases: [worn platter]
`

// grader makes a Grader of a library with the lab, whose key is text; without one when that is empty.
func grader(tb testing.TB, text string) *grade.Grader {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "lab")
	if err := os.Mkdir(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	files := map[string]string{scenarios.File: lab}
	if text != "" {
		files[scenarios.AnswerFile] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	library, err := scenarios.Open(filepath.Dir(dir))
	if err != nil {
		tb.Fatal(err)
	}
	return grade.New(library)
}

// claim reads suspects such as db/disk; "nothing" is that nothing is broken.
func claim(text string) challenge.Claim {
	var c challenge.Claim
	for word := range strings.FieldsSeq(text) {
		if word == "nothing" {
			c.NothingBroken = true
			continue
		}
		component, cause, _ := strings.Cut(word, "/")
		c.Suspects = append(c.Suspects, challenge.ClaimedSuspect{Component: component, Cause: cause})
	}
	return c
}

func TestCorrect(t *testing.T) {
	quiet := strings.Replace(labKey, "accepted:", "nothing_broken: true\naccepted:", 1)
	for _, c := range []struct {
		key, claim string
		want       bool
	}{
		{labKey, "db/disk cache/cold", true},
		{labKey, "pool/disk cache/cold", true},
		{labKey, "db/disk pool/disk cache/cold", true},
		{labKey, "db/disk cache/cold mail/deploy", true}, // the coincidence is real
		{labKey, "db/disk", false},
		{labKey, "cache/cold", false},
		{labKey, "mail/deploy", false},
		{labKey, "db/disk mail/deploy", false}, // and explains nothing
		{labKey, "db/disk cache/cold web/deploy", false},
		{labKey, "db/cold cache/disk", false},
		{labKey, "nothing", false},
		{labKey, "", false},
		{quiet, "nothing", true},
		{quiet, "nothing db/disk", false},
		{quiet, "db/disk", true},
		{quiet, "cache/cold", true},
		{quiet, "mail/deploy", false},
		{quiet, "db/disk web/deploy", false},
		{quiet, "web/deploy", false},
		{quiet, "", false},
	} {
		got, err := grader(t, c.key).Correct("lab", claim(c.claim))
		if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("nothing broken %t, claim %q: got %t, want %t", c.key == quiet, c.claim, got, c.want)
		}
	}
}

func TestJudge(t *testing.T) {
	g := grader(t, labKey)
	for text, want := range map[string]challenge.Match{
		"db/disk":     challenge.Exact,
		"pool/disk":   challenge.Alias,
		"db/cold":     challenge.ComponentOnly,
		"pool/deploy": challenge.ComponentOnly,
		"mail/disk":   challenge.CauseOnly,
		"web/disk":    challenge.CauseOnly,
		"mail/deploy": challenge.Coincidence,
		"web/deploy":  challenge.DecoyMatch,
	} {
		v, err := g.Judge("lab", claim(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Suspects[0].Match; got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	c := claim("db/disk cache/cold mail/disk")
	onsets := []time.Duration{-3 * time.Minute, time.Minute, -4 * time.Minute}
	for i := range onsets {
		c.Suspects[i].Onset = &onsets[i]
	}
	v, err := g.Judge("lab", c)
	if err != nil {
		t.Fatal(err)
	}
	if v.Correct || v.Missing != 0 {
		t.Errorf("got %+v, want wrong for one suspect too many, and none missing", v)
	}
	for i, want := range []struct {
		off   time.Duration
		right bool
	}{{-time.Minute, true}, {2 * time.Minute, false}} {
		if got := v.Suspects[i]; got.OnsetOff == nil || *got.OnsetOff != want.off || got.OnsetRight != want.right {
			t.Errorf("suspect %d: got an onset off by %v, right %t, want %s, %t", i, got.OnsetOff, got.OnsetRight, want.off, want.right)
		}
	}
	if v.Suspects[2].OnsetOff != nil {
		t.Error("an onset of another component is compared")
	}
	if v, _ := g.Judge("lab", claim("nothing")); v.Missing != 2 || v.Correct {
		t.Errorf("nothing broken: got %+v, want two missing", v)
	}
}

func TestExplain(t *testing.T) {
	e, err := grader(t, labKey).Explain("lab")
	if err != nil {
		t.Fatal(err)
	}
	want := challenge.ExplainedFault{Component: "db", Aliases: []string{"pool"}, Cause: "disk", CauseTitle: "A slow disk", Explains: true, Onset: -2 * time.Minute, Tolerance: time.Minute}
	if got := e.Faults[0]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if e.Faults[2].Explains || len(e.Decoys) != 1 || len(e.GoldenPath) != 1 || len(e.Chain) != 1 || e.Text == "" {
		t.Errorf("got %+v", e)
	}
}

// TestProperties checks on random claims that their order does not matter, and that a wrong suspect more never helps.
func TestProperties(t *testing.T) {
	g := grader(t, labKey)
	var pairs []challenge.ClaimedSuspect
	for _, component := range []string{"web", "db", "pool", "cache", "mail"} {
		for _, cause := range []string{"disk", "cold", "deploy"} {
			pairs = append(pairs, challenge.ClaimedSuspect{Component: component, Cause: cause})
		}
	}
	wrong := challenge.ClaimedSuspect{Component: "web", Cause: "cold"}
	correct := func(c challenge.Claim) bool {
		ok, err := g.Correct("lab", c)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	random, right := rand.New(rand.NewPCG(1, 2)), 0
	for range 20_000 {
		var c challenge.Claim
		for _, i := range random.Perm(len(pairs))[:1+random.IntN(4)] {
			c.Suspects = append(c.Suspects, pairs[i])
		}
		ok := correct(c)
		if ok {
			right++
		}
		shuffled := challenge.Claim{Suspects: slices.Clone(c.Suspects)}
		random.Shuffle(len(shuffled.Suspects), func(i, j int) {
			shuffled.Suspects[i], shuffled.Suspects[j] = shuffled.Suspects[j], shuffled.Suspects[i]
		})
		if correct(shuffled) != ok {
			t.Fatalf("the order matters: %+v", c)
		}
		if correct(challenge.Claim{Suspects: append(shuffled.Suspects, wrong)}) {
			t.Fatalf("right with a wrong suspect: %+v", c)
		}
		v, err := g.Judge("lab", c)
		if err != nil || v.Correct != ok {
			t.Fatalf("judged %t, correct %t: %+v, %v", v.Correct, ok, c, err)
		}
	}
	if right == 0 {
		t.Error("no random claim was right")
	}
}

// TestLibrary checks every scenario of the program: what its key accepts is right, and no other single suspect is.
func TestLibrary(t *testing.T) {
	library, err := scenarios.Open("")
	if err != nil {
		t.Fatal(err)
	}
	g := grade.New(library)
	for _, id := range library.IDs() {
		s, err := library.Load(id)
		if err != nil {
			t.Fatal(err)
		}
		a, err := scenarios.LoadAnswer(s)
		if err != nil {
			t.Fatal(err)
		}
		accepted, causes := map[string]bool{}, 0
		var whole challenge.Claim
		for _, f := range a.Accepted {
			if f.Role != scenarios.RoleCause {
				continue
			}
			causes++
			whole.Suspects = append(whole.Suspects, challenge.ClaimedSuspect{Component: f.Component, Cause: f.Cause})
			for _, name := range append([]string{f.Component}, f.Aliases...) {
				accepted[name+"/"+f.Cause] = true
			}
		}
		if ok, err := g.Correct(id, whole); err != nil || !ok {
			t.Errorf("%s: its own key is wrong: %t, %v", id, ok, err)
		}
		if ok, _ := g.Correct(id, challenge.Claim{NothingBroken: true}); ok != a.NothingBroken {
			t.Errorf("%s: nothing is broken: got %t, want %t", id, ok, a.NothingBroken)
		}
		for _, component := range s.Suspects.Components {
			for _, cause := range s.Suspects.Causes {
				pair := component + "/" + cause.ID
				ok, err := g.Correct(id, claim(pair))
				if want := accepted[pair] && causes == 1; err != nil || ok != want {
					t.Errorf("%s: a suspect is judged %t, want %t (%v)", id, ok, want, err)
				}
			}
		}
	}
}

// TestNoKey checks that a scenario without a key, or with a damaged one, is an error that tells nothing.
func TestNoKey(t *testing.T) {
	if _, err := grader(t, "").Correct("lab", claim("nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
	damaged := strings.Replace(labKey, "onset: 8m", "onset: platter", 1)
	if _, err := grader(t, damaged).Explain("lab"); err == nil || strings.Contains(err.Error(), "platter") || !strings.Contains(err.Error(), "lab") {
		t.Errorf("got %v, want an error that names the scenario and nothing of its key", err)
	}
}

// TestHides checks that no usual way of printing shows the keys that were read.
func TestHides(t *testing.T) {
	g := grader(t, labKey)
	if _, err := g.Correct("lab", claim("nothing")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, v := range []any{g, []any{g}, struct{ G *grade.Grader }{g}, challenge.Options{Grader: g}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q %d\n", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "grader", v)
		if _, isOptions := v.(challenge.Options); isOptions {
			continue // has functions, which cannot be encoded
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "grader", v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		if b, err = yaml.Marshal(v); err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	for _, word := range []string{"platter", "disk", "cold"} {
		if strings.Contains(out.String(), word) {
			t.Errorf("%q is shown: %s", word, out.String())
		}
	}
}
