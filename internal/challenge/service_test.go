package challenge_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/internal/store"
	"firedrill/scenarios"
)

// lab is a scenario in which db has a slow disk, or its pool, which is as right.
const lab = `version: 1
id: lab
title: Slow pages
brief: Pages are slow.
page: {at: 10m, alert: "LatencyHigh: pages are slow", labels: {service: web}}
timebox: 30m
history: 10m
recording: rec
services:
  - {name: web, description: serves pages, owner: team}
  - {name: db, description: keeps pages, owner: team}
  - {name: db-pool, description: connections, owner: team}
changes:
  - {at: -2h, kind: deploy, service: web, summary: web 1.4.0, author: ana}
  - {at: 4m, kind: config, service: db, summary: more workers, author: ben}
  - {at: 15m, kind: flag, service: web, summary: banner, author: cleo}
injects:
  - {id: call, title: A call, text: "Is anybody there?"}
suspects:
  components: [web, db, db-pool]
  causes:
    - {id: disk, title: A slow disk}
    - {id: deploy, title: A bad deploy}
`

const labKey = `version: 1
accepted: [{component: db, aliases: [db-pool], cause: disk, onset: 8m, tolerance: 1m}]
chain: [the platter wears out, pages wait]
decoys: [{component: web, signal: a deploy, why_wrong: it was hours ago, evidence: [up]}]
explanation: The platter wore out.
golden_path:
  - {title: who is slow, datasource: prometheus, query: 'rate(db_seconds_sum{job="db"}[$__rate_interval])', shows: db is}
  - {title: what it says, datasource: loki, query: '{service_name="db"} |= "slow"', shows: slow reads}
  - {title: which pages, datasource: jaeger, query: service=web operation="GET /" min_duration=1s, shows: all}
evidence:
  - {name: up, promql: up, at: 7m, expect: {min: 1}}
  - {name: down, promql: up, at: 9m, expect: {max: 0}}
phrases: [platter]
`

// right and wrong are suspects of the lab.
var (
	right = []challenge.Suspect{{Component: "db", Cause: "disk"}}
	wrong = []challenge.Suspect{{Component: "web", Cause: "deploy"}}
)

var (
	boss = challenge.Call{Role: challenge.FacilitatorRole, Name: "boss", Remote: "127.0.0.1:1"}
	ana  = challenge.Call{Role: challenge.PlayerRole, Name: "ana"}
	ben  = challenge.Call{Role: challenge.PlayerRole, Name: "ben"}
)

// keyed is a call with an idempotency key.
func keyed(c challenge.Call, key string) challenge.Call {
	c.Key = key
	return c
}

// arena is a Service on a real store, with a clock that stands until it is moved.
type arena struct {
	tb testing.TB
	*challenge.Service
	store challenge.Store
	// grading is called before each submission is graded, unless it is nil.
	grading func(challenge.Claim)

	mu  sync.Mutex
	now time.Time
}

// open is when the clock of every arena begins.
var opening = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// newArena opens the scenarios of the program and the lab, and another one without an answer key, called keyless.
func newArena(tb testing.TB) *arena {
	tb.Helper()
	dir := tb.TempDir()
	write := func(id, file, text string) {
		if err := os.MkdirAll(filepath.Join(dir, id), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id, file), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	write("lab", scenarios.File, lab)
	write("lab", scenarios.AnswerFile, labKey)
	write("keyless", scenarios.File, strings.Replace(lab, "id: lab", "id: keyless", 1))
	library, err := scenarios.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	db, err := store.Open(context.Background(), filepath.Join(tb.TempDir(), "test.db"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	a := &arena{tb: tb, store: db, now: opening}
	a.Service = challenge.New(challenge.Options{Store: db, Library: library, Grader: &watchedGrader{grade.New(library), a}, Now: a.clock})
	tb.Cleanup(func() {
		a.Close()
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return a
}

// watchedGrader calls arena.grading.
type watchedGrader struct {
	challenge.Grader
	a *arena
}

func (g *watchedGrader) Correct(scenario string, c challenge.Claim) (bool, error) {
	if g.a.grading != nil {
		g.a.grading(c)
	}
	return g.Grader.Correct(scenario, c)
}

func (a *arena) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// pass moves the clock.
func (a *arena) pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

// create makes a session of the lab.
func (a *arena) create(c challenge.Call, mode challenge.Mode) challenge.Session {
	a.tb.Helper()
	v, err := a.CreateSession(ctx, c, challenge.NewSession{Scenario: "lab", Mode: mode})
	return must(a.tb, v, err)
}

// live makes a session of the lab, in which the players take part, and brings it to its page.
func (a *arena) live(mode challenge.Mode, c challenge.Call, players ...challenge.Call) string {
	a.tb.Helper()
	id := a.create(c, mode).ID
	for _, p := range players {
		must1(a.tb, drop(a.Join(ctx, p, id)))
	}
	must1(a.tb, drop(a.Start(ctx, c, id)))
	a.load(id)
	return id
}

// load does what a runner does with a session that is Loading: its page comes, 20 s later, and the clock is there.
func (a *arena) load(id string) {
	a.tb.Helper()
	page := a.clock().Add(20 * time.Second)
	for _, state := range []challenge.State{challenge.Loading, challenge.Lobby} {
		must1(a.tb, drop(a.Advance(ctx, id, challenge.Progress{State: state, Page: page})))
	}
	a.pass(20 * time.Second)
	must1(a.tb, drop(a.Advance(ctx, id, challenge.Progress{State: challenge.Live, Page: page})))
}

// submit submits with a new key.
func (a *arena) submit(c challenge.Call, id string, suspects []challenge.Suspect) (challenge.Submission, error) {
	a.mu.Lock()
	key := "auto" + a.now.String()
	a.mu.Unlock()
	return a.Submit(ctx, keyed(c, key), id, challenge.NewSubmission{Suspects: suspects})
}

// state is the state of a session as a facilitator sees it.
func (a *arena) state(id string) challenge.State {
	a.tb.Helper()
	v, err := a.Session(ctx, boss, id)
	return must(a.tb, v, err).State
}

var ctx = context.Background()

func must[T any](tb testing.TB, v T, err error) T {
	tb.Helper()
	must1(tb, err)
	return v
}

func must1(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// drop leaves out a result that does not matter.
func drop[T any](_ T, err error) error { return err }

// wantCode checks the code of an error; "" is none.
func wantCode(tb testing.TB, what string, err error, want challenge.Code) *challenge.Error {
	tb.Helper()
	var e *challenge.Error
	switch {
	case want == "" && err == nil:
	case errors.As(err, &e) && e.Code == want:
	default:
		tb.Errorf("%s: got %v, want an error of code %q", what, err, want)
	}
	return e
}
