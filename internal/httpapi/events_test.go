package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/internal/httpapi/wire"
)

// listener reads a stream of events.
type listener struct {
	tb   testing.TB
	resp *http.Response
	r    *bufio.Reader
	stop context.CancelFunc
}

func (c *caller) listen(id, last string) *listener {
	c.tb.Helper()
	ctx, stop := context.WithCancel(c.tb.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/sessions/"+id+"/events", http.NoBody)
	if err != nil {
		c.tb.Fatal(err)
	}
	req.Header = c.header.Clone()
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.tb.Fatal(err)
	}
	l := &listener{c.tb, resp, bufio.NewReader(resp.Body), stop}
	c.tb.Cleanup(l.close)
	return l
}

func (l *listener) close() {
	l.stop()
	l.resp.Body.Close()
}

// next is the next event; io.EOF or so when the stream has ended. Comments are left out, but counted.
func (l *listener) next() (v wire.Session, id string, comments int, err error) {
	for {
		line, err := l.r.ReadString('\n')
		if err != nil {
			return v, id, comments, err
		}
		switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); name {
		case ":":
			comments++
		case "id":
			id = value
		case "event":
			if value != "state" {
				l.tb.Errorf("event %q", value)
			}
		case "data":
			return v, id, comments, json.Unmarshal([]byte(value), &v)
		}
	}
}

// want is the state of the next event.
func (l *listener) want(state string) wire.Session {
	l.tb.Helper()
	v, id, _, err := l.next()
	if err != nil || v.State != state || id != fmt.Sprint(v.Version) {
		l.tb.Fatalf("event %s %+v, %v, want state %s", id, v, err, state)
	}
	return v
}

func TestEvents(t *testing.T) {
	s := newStage(t)
	id := s.session()
	l := s.ana.listen(id, "")
	if got := l.resp.Header.Get("Content-Type"); got != "text/event-stream" || l.resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", l.resp.Header)
	}
	l.want("scheduled")
	s.boss.post("/sessions/"+id+"/start", nil).into(http.StatusOK, nil)
	v := l.want("loading")
	if err := s.Load(id); err != nil {
		t.Fatal(err)
	}
	for v.State != "live" { // what comes fast may be skipped
		before := v.Version
		var err error
		if v, _, _, err = l.next(); err != nil || v.Version <= before {
			t.Fatalf("event %+v, %v after version %d", v, err, before)
		}
	}
	// Resuming: the present state comes if it is newer than what the client has.
	s.boss.post("/sessions/"+id+"/pause", nil).into(http.StatusOK, nil)
	paused := s.ben.listen(id, fmt.Sprint(v.Version)).want("paused")
	late := s.ben.listen(id, fmt.Sprint(paused.Version))
	s.boss.post("/sessions/"+id+"/resume", nil).into(http.StatusOK, nil)
	late.want("live")
	s.boss.listen(id, "nonsense").want("live")
	s.quiet(t, id)

	s.ana.post("/sessions/"+id+"/suspects", right).into(http.StatusCreated, nil)
	var now wire.Session
	s.boss.get("/sessions/"+id).into(http.StatusOK, &now)
	for v.Version < now.Version {
		var err error
		if v, _, _, err = l.next(); err != nil {
			t.Fatal(err)
		}
	}
	// The leaderboard has changed, but nothing in the event is about ana.
	if text := fmt.Sprintf("%+v", v); v.State != "live" || strings.Contains(text, "ana") {
		t.Errorf("after a submission: %s", text)
	}
	cleo := newCaller(s.Arena, t, challenge.PlayerRole, "cleo")
	s.boss.post("/sessions/"+id+"/end", nil).into(http.StatusOK, nil)
	cleo.get("/sessions/"+id+"/events").is(http.StatusForbidden, challenge.Forbidden)
	cleo.get("/sessions/s000000000000/events").is(http.StatusNotFound, challenge.NotFound)
}

// quiet checks that a client that has the present state gets nothing but comments.
func (s *stage) quiet(t *testing.T, id string) {
	t.Helper()
	var now wire.Session
	s.boss.get("/sessions/"+id).into(http.StatusOK, &now)
	l := s.boss.at(s.serve(t, nil, httpapi.Limits{KeepAlive: 5 * time.Millisecond}, nil)).listen(id, fmt.Sprint(now.Version))
	for range 8 {
		if line, err := l.r.ReadString('\n'); err != nil || line != ":\n" && line != "\n" {
			t.Errorf("%q, %v, want comments", line, err)
		}
	}
}

func TestEventsEnd(t *testing.T) {
	s := newStage(t)
	id := s.session()
	url := s.serve(t, nil, httpapi.Limits{KeepAlive: 5 * time.Millisecond, ActorStreams: 2}, nil)
	secret, token, err := s.Tokens.Create(t.Context(), challenge.PlayerRole, "cleo", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	cleo := newCaller(s.Arena, t, "", "").with("Authorization", "Bearer "+secret).at(url)
	one, two := cleo.listen(id, ""), cleo.listen(id, "")
	cleo.get("/sessions/"+id+"/events").is(http.StatusTooManyRequests, challenge.TooMany)
	two.close()
	for { // the server notices when it writes
		a := cleo.listen(id, "")
		if a.resp.StatusCode == http.StatusOK {
			break
		}
	}
	one.want("scheduled")
	if err := s.Tokens.Revoke(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	_, _, comments, err := one.next()
	if err != io.EOF {
		t.Errorf("after the token was revoked: %v, want the end", err)
	}
	t.Logf("%d comments", comments)
}

// TestEventsShutdown checks that streams end when the server shuts down.
func TestEventsShutdown(t *testing.T) {
	s := newStage(t)
	l := s.ana.listen(s.session(), "")
	l.want("scheduled")
	s.API.EndStreams()
	if _, _, _, err := l.next(); err != io.EOF {
		t.Errorf("%v, want the end", err)
	}
}
