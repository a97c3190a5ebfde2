package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"firedrill/internal/auth"
	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/internal/store"
	"firedrill/internal/web"
	"firedrill/scenarios"
)

// lab is a scenario in which db has a slow disk; its texts try to get out of the page.
const lab = `version: 1
id: lab
title: Slow <i>pages</i>
brief: |
  Pages are <script>alert(1)</script> slow. [Look](javascript:alert(2)), ![pixel](https://evil.example/pixel.png) and
  [the wiki](https://wiki.example.com).

  # A heading
page: {at: 10m, alert: "LatencyHigh: pages are slow </p><script>alert(3)</script>", labels: {service: web}}
timebox: 30m
history: 10m
recording: rec
services:
  - {name: web, description: "serves <b>pages</b>", owner: team, links: [{title: Runbook, url: "https://runbooks.example.com/web"}]}
  - {name: db, description: keeps pages, owner: team}
diagram: |
  flowchart LR
    users --> web
    web --> db[(db)]
changes:
  - {at: 4m, kind: config, service: db, summary: "more </td> workers", author: ben}
injects:
  - {id: call, title: A call, text: "Is **anybody** there?"}
suspects:
  components: [web, db]
  causes:
    - {id: disk, title: A slow disk}
    - {id: deploy, title: A bad deploy}
`

const labKey = `version: 1
accepted: [{component: db, cause: disk, onset: 8m, tolerance: 1m}]
chain: [the platter wears out, pages wait]
decoys: [{component: web, signal: a deploy, why_wrong: it was hours ago, evidence: [up]}]
explanation: "The **platter** wore out. <script>alert(4)</script>"
golden_path:
  - {title: who is slow, datasource: prometheus, query: 'rate(db_seconds_sum{job="db"}[$__rate_interval])', shows: db is}
evidence:
  - {name: up, promql: up, at: 7m, expect: {min: 1}}
  - {name: down, promql: up, at: 9m, expect: {max: 0}}
phrases: [platter]
`

var (
	boss = challenge.Call{Role: challenge.FacilitatorRole, Name: "boss"}
	ana  = challenge.Call{Role: challenge.PlayerRole, Name: "ana"}
	ben  = challenge.Call{Role: challenge.PlayerRole, Name: "ben"}
)

// site is the pages over a real Service and store, with a clock that goes on by itself only when it is told to.
type site struct {
	tb      testing.TB
	service *challenge.Service
	tokens  *auth.Tokens
	library *scenarios.Library
	pages   *web.Pages
	server  *httptest.Server
	secrets map[string]string // tokens by name

	mu   sync.Mutex // guards the rest
	base time.Time
	runs time.Time // when the clock was set going; zero while it stands
}

func newSite(tb testing.TB) *site {
	tb.Helper()
	dir := tb.TempDir()
	for file, text := range map[string]string{scenarios.File: lab, scenarios.AnswerFile: labKey} {
		must(tb, os.MkdirAll(filepath.Join(dir, "lab"), 0o755))
		must(tb, os.WriteFile(filepath.Join(dir, "lab", file), []byte(text), 0o644))
	}
	library, err := scenarios.Open(dir)
	must(tb, err)
	db, err := store.Open(context.Background(), filepath.Join(tb.TempDir(), "test.db"), nil)
	must(tb, err)
	s := &site{tb: tb, library: library, secrets: map[string]string{}, base: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.NewTextHandler(tb.Output(), nil))
	s.service = challenge.New(challenge.Options{Store: db, Library: library, Grader: grade.New(library), Now: s.now, Log: log})
	s.tokens = auth.New(db, s.now)
	s.pages = web.New(web.Options{Service: s.service, Tokens: s.tokens, Library: library, Grafana: "https://grafana.example.com", Now: s.now, Log: log})
	s.server = httptest.NewServer(s.pages)
	for _, c := range []challenge.Call{boss, ana, ben} {
		secret, _, err := s.tokens.Create(context.Background(), c.Role, c.Name, time.Time{})
		must(tb, err)
		s.secrets[c.Name] = secret
	}
	tb.Cleanup(func() {
		s.pages.EndStreams()
		s.server.Close()
		s.service.Close()
		must(tb, db.Close())
	})
	return s
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs.IsZero() {
		return s.base
	}
	return s.base.Add(time.Since(s.runs))
}

// pass moves the clock.
func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = s.base.Add(d)
}

// load does what a runner does: it loads a session that was started, and lets its page come.
func (s *site) load(id string) {
	s.tb.Helper()
	page := s.now().Add(10 * time.Second)
	for _, p := range []challenge.Progress{{State: challenge.Loading, Page: page}, {State: challenge.Lobby, Page: page}} {
		_, err := s.service.Advance(context.Background(), id, p)
		must(s.tb, err)
	}
	s.pass(10 * time.Second)
	_, err := s.service.Advance(context.Background(), id, challenge.Progress{State: challenge.Live})
	must(s.tb, err)
}

// browser is one that has no JavaScript.
type browser struct {
	tb     testing.TB
	base   string
	client *http.Client
}

// page is what a browser shows.
type page struct {
	status int
	url    string // path and query
	header http.Header
	html   string
	text   string // as people read it
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(s.tb, err)
	return &browser{s.tb, s.server.URL, &http.Client{Jar: jar}}
}

// as is a browser that is logged in.
func (s *site) as(name string) *browser {
	s.tb.Helper()
	b := s.browser()
	if p := b.post("/login", "token", s.secrets[name]); p.status != http.StatusOK || strings.Contains(p.url, "login") {
		s.tb.Fatalf("login of %s: %d %s: %s", name, p.status, p.url, p.text)
	}
	return b
}

func (b *browser) get(path string) page {
	b.tb.Helper()
	r, err := http.NewRequest(http.MethodGet, b.base+path, nil)
	must(b.tb, err)
	return b.do(r)
}

// post sends a form; fields are names and values in turn.
func (b *browser) post(path string, fields ...string) page {
	b.tb.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	must(b.tb, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.base)
	return b.do(r)
}

func (b *browser) do(r *http.Request) page {
	b.tb.Helper()
	answer, err := b.client.Do(r)
	must(b.tb, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(b.tb, err)
	p := page{answer.StatusCode, answer.Request.URL.RequestURI(), answer.Header, string(body), text(string(body))}
	if strings.Contains(p.html, "ZgotmplZ") {
		b.tb.Errorf("%s: html/template has refused a value", p.url)
	}
	return p
}

var spaces = regexp.MustCompile(`\s+`)

// text is what people read of a page, and of its attributes what is read out and typed.
func text(source string) string {
	var out strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(source))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return spaces.ReplaceAllString(out.String(), " ")
		case html.TextToken:
			out.WriteString(tokens.Token().Data)
		case html.EndTagToken:
			out.WriteString(" ")
		case html.StartTagToken, html.SelfClosingTagToken:
			out.WriteString(" ")
			for _, a := range tokens.Token().Attr {
				if a.Key == "aria-label" || a.Key == "value" || strings.HasPrefix(a.Key, "data-") {
					out.WriteString(" " + a.Val + " ")
				}
			}
		}
	}
}

var keyField = regexp.MustCompile(`name="key" value="([^"]+)"`)

// key is the idempotency key of the form that posts to an address.
func (p page) key(tb testing.TB, action string) string {
	tb.Helper()
	_, form, ok := strings.Cut(p.html, fmt.Sprintf(`action="%s`, action))
	m := keyField.FindStringSubmatch(form)
	if !ok || m == nil {
		tb.Fatalf("%s has no form for %s", p.url, action)
	}
	return m[1]
}

func (p page) want(tb testing.TB, status int, texts ...string) page {
	tb.Helper()
	if p.status != status {
		tb.Fatalf("%s answers %d, want %d: %s", p.url, p.status, status, p.text)
	}
	for _, want := range texts {
		if !strings.Contains(p.text, want) {
			tb.Errorf("%s does not say %q: %s", p.url, want, p.text)
		}
	}
	return p
}

func (p page) wantNot(tb testing.TB, texts ...string) page {
	tb.Helper()
	for _, no := range texts {
		if strings.Contains(p.text, no) {
			tb.Errorf("%s says %q", p.url, no)
		}
	}
	return p
}

// live makes a live session of a scenario that ana and ben have joined.
func (s *site) live(scenario string) challenge.Session {
	s.tb.Helper()
	ctx := context.Background()
	v, err := s.service.CreateSession(ctx, boss, challenge.NewSession{Scenario: scenario, Mode: challenge.Together})
	must(s.tb, err)
	for _, c := range []challenge.Call{ana, ben} {
		_, err := s.service.Join(ctx, c, v.ID)
		must(s.tb, err)
	}
	return v
}

// start starts a session and lets its page come.
func (s *site) start(id string) {
	s.tb.Helper()
	_, err := s.service.Start(context.Background(), boss, id)
	must(s.tb, err)
	s.load(id)
}
