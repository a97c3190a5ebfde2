package web_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"firedrill/internal/challenge"
)

// follow opens the stream of a session; next returns what comes, "" at its end.
func (b *browser) follow(id string) (next func() string) {
	b.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b.tb.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/session/"+id+"/stream", nil)
	must(b.tb, err)
	answer, err := b.client.Do(r)
	must(b.tb, err)
	b.tb.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		b.tb.Fatalf("the stream answers %d %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(answer.Body)
	return func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		return ""
	}
}

// TestStream follows a session.
func TestStream(t *testing.T) {
	s := newSite(t)
	v := s.live("lab")
	ana := s.as("ana")
	next := ana.follow(v.ID)
	first := next()
	now, tag, ok := strings.Cut(first, " ")
	if !ok || now != "1795521600000" {
		t.Fatalf("the stream begins with %q", first)
	}
	if p := ana.get("/session/" + v.ID); !strings.Contains(p.html, `data-tag="`+tag+`"`) {
		t.Errorf("the page has another tag than %q", tag)
	}
	_, err := s.service.Announce(context.Background(), boss, v.ID, "hello")
	must(t, err)
	changed := next()
	if _, other, _ := strings.Cut(changed, " "); other == tag || other == "" {
		t.Errorf("after an announcement the stream says %q, as before", changed)
	}
	s.pages.EndStreams()
	if end := next(); end != "" {
		t.Errorf("after EndStreams comes %q", end)
	}
}

// TestStreamRefusals refuses streams of others' sessions, of browsers without a login, and too many.
func TestStreamRefusals(t *testing.T) {
	s := newSite(t)
	ctx := context.Background()
	v, err := s.service.CreateSession(ctx, ana, challenge.NewSession{Scenario: "lab", Mode: challenge.Solo})
	must(t, err)
	s.as("ben").get("/session/"+v.ID+"/stream").want(t, http.StatusForbidden)
	if p := s.browser().get("/session/" + v.ID + "/stream"); !strings.HasPrefix(p.url, "/login") {
		t.Errorf("without a login one comes to %s", p.url)
	}
	b := s.as("ana")
	for range 8 {
		b.follow(v.ID)()
	}
	b.get("/session/"+v.ID+"/stream").want(t, http.StatusTooManyRequests, "close one")
}

// TestQuietPages does not fill the audit log with what a page need not ask for.
func TestQuietPages(t *testing.T) {
	s := newSite(t)
	v, err := s.service.CreateSession(context.Background(), boss, challenge.NewSession{Scenario: "lab", Mode: challenge.Together})
	must(t, err)
	b := s.as("ana")
	b.get("/session/"+v.ID).want(t, 200, "Join this session")
	b.follow(v.ID)()
	entries, _, err := s.service.Audit(context.Background(), boss, "", challenge.Page{})
	must(t, err)
	for _, e := range entries {
		if e.Refused {
			t.Errorf("audited: %+v", e)
		}
	}
}
