// Package apitest serves the contest to tests: the real Service and store behind the real API, on a clock that stands until it is
// moved, with a scenario whose answer is known.
package apitest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firedrill/internal/auth"
	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/internal/httpapi"
	"firedrill/internal/store"
	"firedrill/scenarios"
)

// Scenario is the ID of the scenario in which component db has the cause disk. Its answer has the phrase platter.
const Scenario = "lab"

const scenarioFile = `version: 1
id: lab
title: Slow pages
difficulty: introductory
brief: Pages are slow.
page: {at: 10m, alert: "LatencyHigh: pages are slow", labels: {service: web}}
timebox: 30m
history: 10m
recording: rec
services:
  - {name: web, description: serves pages, owner: storefront, tier: 1, depends_on: [db]}
  - {name: db, description: keeps pages, owner: storage}
changes:
  - {at: -2h, kind: deploy, service: web, summary: web 1.4.0, author: ana}
  - {at: 4m, kind: config, service: db, summary: more workers, author: ben}
injects:
  - {id: call, title: A call, text: "Is anybody there?"}
suspects:
  components: [web, db]
  causes:
    - {id: disk, title: A slow disk}
    - {id: deploy, title: A bad deploy}
`

const answerFile = `version: 1
accepted: [{component: db, cause: disk, onset: 8m, tolerance: 1m}]
chain: [the platter wears out, pages wait]
decoys: [{component: web, signal: a deploy, why_wrong: it was hours ago, evidence: [up]}]
explanation: The platter wore out.
golden_path: [{title: who is slow, datasource: prometheus, query: 'up{job="db"}', shows: db is}]
evidence:
  - {name: up, promql: up, at: 7m, expect: {min: 1}}
  - {name: down, promql: up, at: 9m, expect: {max: 0}}
phrases: [platter]
`

// Start is when every clock begins.
var Start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Arena is a server with everything behind it. It is safe for concurrent use.
type Arena struct {
	tb      testing.TB
	Service *challenge.Service
	Store   challenge.Store
	Tokens  *auth.Tokens
	Library *scenarios.Library
	Metrics *prometheus.Registry
	API     *httpapi.API
	URL     string // without the prefix of the API

	mu  sync.Mutex // guards what follows
	now time.Time
	log strings.Builder
}

// Logger is the server's.
func (a *Arena) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(a, nil)) }

// Write is the server's log.
func (a *Arena) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.Write(b)
}

// Log is what the server has logged.
func (a *Arena) Log() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.String()
}

// New starts an Arena on a store of its own, which ends with the test.
func New(tb testing.TB) *Arena {
	tb.Helper()
	return Open(tb, filepath.Join(tb.TempDir(), "test.db"))
}

// Open starts an Arena on a store, see store.Open, which may have been used before.
func Open(tb testing.TB, storeURL string) *Arena {
	tb.Helper()
	dir := tb.TempDir()
	for file, text := range map[string]string{scenarios.File: scenarioFile, scenarios.AnswerFile: answerFile} {
		file = filepath.Join(dir, Scenario, file)
		must(tb, os.MkdirAll(filepath.Dir(file), 0o755))
		must(tb, os.WriteFile(file, []byte(text), 0o644))
	}
	a := &Arena{tb: tb, now: Start, Metrics: prometheus.NewRegistry()}
	log := a.Logger()
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the server's log:\n%s", a.Log())
		}
	})
	var err error
	a.Library, err = scenarios.Open(dir)
	must(tb, err)
	a.Store, err = store.Open(context.Background(), storeURL, nil)
	must(tb, err)
	tb.Cleanup(func() { _ = a.Store.Close() })
	a.Service = challenge.New(challenge.Options{Store: a.Store, Library: a.Library, Grader: grade.New(a.Library), Now: a.Now, Log: log})
	tb.Cleanup(a.Service.Close)
	a.Tokens = auth.New(a.Store, a.Now)
	a.API = httpapi.New(httpapi.Options{Service: a.Service, Tokens: a.Tokens, Identify: httpapi.Bearer(a.Tokens), Library: a.Library, Now: a.Now, Log: log, Registry: a.Metrics})
	server := httptest.NewUnstartedServer(nil)
	server.Config = httpapi.NewServer(a.API)
	server.Config.RegisterOnShutdown(a.API.EndStreams)
	server.Listener = httpapi.Limit(server.Listener)
	server.Start()
	tb.Cleanup(func() {
		a.API.EndStreams()
		server.Close()
	})
	a.URL = server.URL
	return a
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Now is the time on the clock.
func (a *Arena) Now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// Pass moves the clock.
func (a *Arena) Pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

// Token makes a token.
func (a *Arena) Token(role challenge.Role, name string) string {
	a.tb.Helper()
	secret, _, err := a.Tokens.Create(context.Background(), role, name, time.Time{})
	must(a.tb, err)
	return secret
}

// Load does what a runner does with a session that is loading: 20 s later its page comes, and the clock is there.
func (a *Arena) Load(session string) error {
	page := a.Now().Add(20 * time.Second)
	for _, state := range []challenge.State{challenge.Loading, challenge.Lobby, challenge.Live} {
		if state == challenge.Live {
			a.Pass(20 * time.Second)
		}
		if _, err := a.Service.Advance(context.Background(), session, challenge.Progress{State: state, Page: page}); err != nil {
			return err
		}
	}
	return nil
}

// Live makes a live session whose page has come, with n players.
func (a *Arena) Live(n int, name func(i int) string) (session string, err error) {
	boss := challenge.Call{Role: challenge.FacilitatorRole, Name: "boss"}
	v, err := a.Service.CreateSession(context.Background(), boss, challenge.NewSession{Scenario: Scenario, Mode: challenge.Together})
	if err != nil {
		return "", err
	}
	err = a.Store.Update(context.Background(), func(tx challenge.Tx) error {
		for i := range n {
			if err := tx.Join(challenge.Participant{Session: v.ID, Player: name(i), JoinedAt: a.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if _, err := a.Service.Start(context.Background(), boss, v.ID); err != nil {
		return "", err
	}
	return v.ID, a.Load(v.ID)
}
