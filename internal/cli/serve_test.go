package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
	"firedrill/internal/stack/stacktest"
)

// served is a `firedrill serve` with back ends of its own, and what it printed at its start.
type served struct {
	testing.TB
	url    string
	tokens map[string]string // by role
}

// startServe runs the command until the test ends.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	s := &served{TB: t, tokens: map[string]string{}}
	m := &machine{home: t.TempDir()}
	ready, done := make(chan func(os.Signal), 1), make(chan int, 1)
	m.onLine = func(line string, signal func(os.Signal)) {
		var e struct {
			Event, Role, Token string
			URLs               map[string]*string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		switch e.Event {
		case "token":
			s.tokens[e.Role] = e.Token
		case "serving":
			s.url = *e.URLs["server"]
			ready <- signal
		}
	}
	scenarios := filepath.Dir(newScenario(t))
	args = append([]string{"serve", "--ports", "auto", "--listen", "127.0.0.1:0", "--scenarios", scenarios, "--state-dir", t.TempDir(), "--stack-bin", stacktest.Bin(t), "-o", "json"}, args...)
	go func() { done <- m.run(args...) }()
	select {
	case signal := <-ready:
		t.Cleanup(func() {
			signal(syscall.SIGTERM)
			if code := <-done; code != exitOK {
				t.Errorf("got exit code %d: %s", code, m.stderr.String())
			}
		})
	case code := <-done:
		t.Fatalf("got exit code %d: %s", code, m.stderr.String())
	}
	return s
}

// as returns a client with a token.
func (s *served) as(token string) *client.Client {
	s.Helper()
	c, err := client.New(s.url, token)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// post sends a body and decodes the answer.
func post[T any](s *served, c *client.Client, path string, body any) T {
	s.Helper()
	v, err := client.PostAs[T](context.Background(), c, path, body)
	if err != nil {
		s.Fatalf("post %s: %v", path, err)
	}
	return v
}

func read[T any](s *served, c *client.Client, path string) T {
	s.Helper()
	v, err := client.GetAs[T](context.Background(), c, path)
	if err != nil {
		s.Fatalf("get %s: %v", path, err)
	}
	return v
}

// until reads a session again and again until it is in a state.
func (s *served) until(c *client.Client, id, state string) wire.Session {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		v := read[wire.Session](s, c, "/sessions/"+id)
		if v.State == state {
			return v
		}
		if v.Failure != "" || ctx.Err() != nil {
			s.Fatalf("got session %+v, want it to become %s", v, state)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// query asks the gateway as Grafana would for one of its users.
func (s *served) query(user, path string) (status int, body string) {
	s.Helper()
	r, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.tokens["grafana"])
	r.Header.Set("X-Grafana-User", user)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

var (
	wrongSuspect = wire.NewSubmission{Suspects: []wire.Suspect{{Component: "web", Cause: "bad-deploy"}}}
	rightSuspect = wire.NewSubmission{Suspects: []wire.Suspect{{Component: "pages-db", Cause: "slow-storage"}}}
)

// TestServeRound plays a round on the real server with real back ends, over HTTP alone: three players join one after the other and look at
// their evidence through the gateway; one is wrong, locked out, and right then; one is right; one is not.
func TestServeRound(t *testing.T) {
	s := startServe(t, "--rules-lockout", "1s")
	boss := s.as(s.tokens["facilitator"])
	player := func(name string) *client.Client {
		return s.as(post[wire.MadeToken](s, boss, "/tokens", wire.NewToken{Role: "player", Name: name}).Secret)
	}
	ana, ben, cleo := player("ana"), player("ben"), player("cleo")
	now := read[wire.Me](s, boss, "/me").ServerTime
	round := post[wire.Round](s, boss, "/rounds", wire.NewRound{Scenario: "lab", Season: "autumn", Closes: wire.At(now.Add(time.Hour))})

	own := map[string]string{}
	for _, p := range []struct {
		name string
		*client.Client
	}{{"ana", ana}, {"ben", ben}, {"cleo", cleo}} {
		if status, body := s.query(p.name, "/prometheus/api/v1/query?query=up"); status != http.StatusForbidden || !strings.Contains(body, "not joined") {
			t.Errorf("before %s has joined the gateway answers %d %s", p.name, status, body)
		}
		own[p.name] = post[wire.Session](s, p.Client, "/me/session", wire.Join{ID: round.ID}).ID
		s.until(p.Client, own[p.name], "live")
	}

	// What each sees is their own, and the same.
	var counts []string
	for name := range own {
		status, body := s.query(name, "/prometheus/api/v1/query?"+url.Values{"query": {`count(http_server_request_duration_seconds_count{job="web"})`}}.Encode())
		if status != http.StatusOK || !strings.Contains(body, `"value"`) {
			t.Errorf("prometheus answers %s with %d %s", name, status, body)
		}
		counts = append(counts, body[strings.LastIndexByte(body, ',')+1:])
		if status, body = s.query(name, "/loki/loki/api/v1/labels"); status != http.StatusOK || !strings.Contains(body, "service_name") {
			t.Errorf("loki answers %s with %d %s", name, status, body)
		}
		if status, body = s.query(name, "/jaeger/api/traces?service=web&lookback=1h&limit=5"); status != http.StatusOK || !strings.Contains(body, `"traceID"`) {
			t.Errorf("jaeger answers %s with %d %s", name, status, body)
		}
	}
	if counts[0] != counts[1] || counts[1] != counts[2] {
		t.Errorf("players see %q, want the same", counts)
	}
	if status, _ := s.query("ana", "/prometheus/api/v1/admin/tsdb/snapshot"); status != http.StatusNotFound {
		t.Errorf("an admin endpoint answers %d", status)
	}

	if status, body := s.query("ana", "/prometheus/api/v1/query?"+url.Values{"query": {`up{job="pages-db"}`}}.Encode()); status != http.StatusOK {
		t.Errorf("prometheus answers %d %s", status, body)
	}

	at := func(name string) string { return "/sessions/" + own[name] + "/suspects" }
	if got := post[wire.Submission](s, ana, at("ana"), wrongSuspect); got.Correct || got.Penalty != 300 || got.LockedFor != 1 {
		t.Errorf("got %+v, want a wrong submission that locks for a second", got)
	}
	var problem *client.Problem
	_, err := ana.Post(context.Background(), at("ana"), rightSuspect)
	if !errors.As(err, &problem) || problem.Code != "locked_out" || problem.RetryAfter != 1 {
		t.Fatalf("got %v, want to be locked out", err)
	}
	if got := post[wire.Submission](s, ben, at("ben"), rightSuspect); !got.Correct {
		t.Errorf("got %+v, want a right submission", got)
	}
	for deadline := time.Now().Add(time.Minute); ; { // the lock-out passes
		_, err = ana.Post(context.Background(), at("ana"), rightSuspect)
		if err == nil || !errors.As(err, &problem) || problem.Code != "locked_out" || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	s.until(ana, own["ana"], "ended")
	if _, err = ana.Get(context.Background(), "/sessions/"+own["ana"]+"/debrief", ""); !errors.As(err, &problem) || problem.Code != "wrong_state" {
		t.Errorf("got %v for a debrief before the round is revealed", err)
	}
	post[wire.Round](s, boss, "/rounds/"+round.ID+"/close", nil)
	s.until(cleo, own["cleo"], "ended")
	post[wire.Round](s, boss, "/rounds/"+round.ID+"/reveal", nil)

	var order []string
	for _, r := range read[wire.List[wire.Rank]](s, cleo, "/rounds/"+round.ID+"/leaderboard").Items {
		order = append(order, r.Player)
	}
	if got := strings.Join(order, " "); got != "ben ana cleo" {
		t.Errorf("the leaderboard is %s, want ben ana cleo", got)
	}
	d := read[wire.Debrief](s, ana, "/sessions/"+own["ana"]+"/debrief")
	if len(d.Players) != 1 || d.Players[0].TrailSize != 4 || d.Players[0].FirstLook == nil || d.Explanation.Faults[0].Component != "pages-db" {
		t.Errorf("got debrief %+v, want ana's trail and the answer", d.Players)
	}
	// Links of the debrief still open.
	if status, body := s.query("ana", "/prometheus/api/v1/query?query=count(up)&time="+d.Session.PageAt.Format(time.RFC3339)); status != http.StatusOK || !strings.Contains(body, `"value"`) {
		t.Errorf("after the end prometheus answers %d %s", status, body)
	}
}

// TestServeLive runs a live session with a pause and an extension.
func TestServeLive(t *testing.T) {
	s := startServe(t)
	boss := s.as(s.tokens["facilitator"])
	ana := s.as(post[wire.MadeToken](s, boss, "/tokens", wire.NewToken{Role: "player", Name: "ana"}).Secret)
	v := post[wire.Session](s, boss, "/sessions", wire.NewSession{Scenario: "lab", Mode: "live"})
	at := "/sessions/" + v.ID
	post[wire.Session](s, ana, "/me/session", wire.Join{ID: v.ID})
	if status, body := s.query("ana", "/prometheus/api/v1/query?query=up"); status != http.StatusForbidden || !strings.Contains(body, "not started") {
		t.Errorf("before the start the gateway answers %d %s", status, body)
	}
	post[wire.Session](s, boss, at+"/start", nil)
	s.until(ana, v.ID, "live")
	paused := post[wire.Session](s, boss, at+"/pause", nil)
	post[wire.Session](s, boss, at+"/extend", wire.Extension{By: 60})
	resumed := post[wire.Session](s, boss, at+"/resume", nil)
	if paused.State != "paused" || resumed.State != "live" || resumed.Timebox != paused.Timebox+60 || resumed.Remaining < paused.Remaining+59 {
		t.Errorf("paused %+v, resumed %+v: want a minute more", paused, resumed)
	}
	if got := post[wire.Submission](s, ana, at+"/suspects", rightSuspect); !got.Correct {
		t.Errorf("got %+v, want a right submission", got)
	}
	s.until(ana, v.ID, "live") // for the others
	post[wire.Session](s, boss, at+"/end", nil)
	post[wire.Session](s, boss, at+"/reveal", nil)
	if d := read[wire.Debrief](s, ana, at+"/debrief"); len(d.Leaderboard) != 1 || !d.Leaderboard[0].Correct {
		t.Errorf("got leaderboard %+v", d.Leaderboard)
	}
}

// TestPlaySolved plays alone, logs in by the link that play prints, and names the cause: that ends it.
func TestPlaySolved(t *testing.T) {
	m := &machine{home: t.TempDir()}
	var page string
	submit := func() {
		jar, _ := cookiejar.New(nil) // never fails
		browser := &http.Client{Jar: jar}
		send := func(address string, form url.Values) string {
			resp, err := browser.PostForm(address, form)
			if err != nil {
				t.Error(err)
				return ""
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("post %s: %s %v: %s", address, resp.Status, err, b)
			}
			return string(b)
		}
		login, session, _ := strings.Cut(page, "#")
		u, err := url.Parse(login)
		if err != nil {
			t.Error(err)
			return
		}
		base := "http://" + u.Host
		send(base+"/login", url.Values{"code": u.Query()["code"], "next": {"/"}})
		form := url.Values{"key": {"once"}, "claim": {"suspects"}, "component": {"pages-db"}, "cause": {"slow-storage"}, "onset": {""}, "step": {"submit"}}
		if got := send(base+"/session/"+session+"/suspect", form); !strings.Contains(got, "Read the debrief") {
			t.Errorf("the page after the right suspect leads to no debrief: %s", got)
		}
	}
	var session string
	m.onLine = func(line string, _ func(os.Signal)) {
		var e struct {
			Event, Session string
			URLs           map[string]*string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		switch e.Event {
		case "loading":
			session = e.Session
		case "ready":
			page = *e.URLs["login"] + "#" + session
		case "live":
			submit()
		}
	}
	code := m.run("play", newScenario(t), "--history", "2m", "--ports", "auto", "--stack-bin", stacktest.Bin(t), "-o", "json")
	if code != exitOK {
		t.Fatalf("got exit code %d: %s", code, m.stderr.String())
	}
	events := m.events(t)
	if last := events[len(events)-1]; last["event"] != "ended" || last["reason"] != endedSolved {
		t.Errorf("got last event %v, want ended because it was solved", last)
	}
}
