package httpapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/internal/httpapi/apitest"
	"firedrill/internal/httpapi/wire"
)

// caller makes requests with one token.
type caller struct {
	tb     testing.TB
	url    string
	header http.Header
	keys   *int
}

// caller is somebody with a token of a role; "" is nobody.
func newCaller(a *apitest.Arena, tb testing.TB, role challenge.Role, name string) *caller {
	c := &caller{tb: tb, url: a.URL + httpapi.Prefix, header: http.Header{}, keys: new(int)}
	if role != "" {
		c.header.Set("Authorization", "Bearer "+a.Token(role, name))
	}
	return c
}

// with is the caller with one more header.
func (c *caller) with(name, value string) *caller {
	out := *c
	out.header = c.header.Clone()
	out.header.Add(name, value)
	return &out
}

// answer is what came back.
type answer struct {
	tb      testing.TB
	request string
	status  int
	header  http.Header
	body    []byte
}

// do makes a request; a body that is no string is sent as JSON, and every POST has a new idempotency key unless the caller has one.
func (c *caller) do(method, path string, body any) *answer {
	c.tb.Helper()
	var r io.Reader = http.NoBody
	switch body := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(body)
	default:
		b, err := json.Marshal(body)
		if err != nil {
			c.tb.Fatal(err)
		}
		r = strings.NewReader(string(b))
	}
	req, err := http.NewRequestWithContext(c.tb.Context(), method, c.url+path, r)
	if err != nil {
		c.tb.Fatal(err)
	}
	req.Header = c.header.Clone()
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if _, ok := req.Header["Idempotency-Key"]; !ok && method == http.MethodPost {
		*c.keys++
		req.Header.Set("Idempotency-Key", fmt.Sprint("key ", *c.keys))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.tb.Fatal(err)
	}
	return &answer{c.tb, method + " " + path, resp.StatusCode, resp.Header, b}
}

func (c *caller) get(path string) *answer { c.tb.Helper(); return c.do(http.MethodGet, path, nil) }
func (c *caller) post(path string, body any) *answer {
	c.tb.Helper()
	return c.do(http.MethodPost, path, body)
}

// into decodes what came back, with the status that it must have.
func (a *answer) into(status int, v any) {
	a.tb.Helper()
	if a.status != status {
		a.tb.Fatalf("%s: status %d, want %d: %s", a.request, a.status, status, a.body)
	}
	if v == nil {
		return
	}
	reflect.ValueOf(v).Elem().SetZero() // what is left out must not keep an earlier answer's value
	if err := json.Unmarshal(a.body, v); err != nil {
		a.tb.Fatalf("%s: %v in %s", a.request, err, a.body)
	}
}

// is checks that a problem came back.
func (a *answer) is(status int, code challenge.Code) wire.Problem {
	a.tb.Helper()
	var p wire.Problem
	a.into(status, &p)
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.tb.Errorf("%s: type %q, want a problem", a.request, got)
	}
	if p.Code != string(code) || p.Status != status || p.Type != "urn:firedrill:problem:"+string(code) || p.Title == "" || p.Detail == "" {
		a.tb.Errorf("%s: problem %s, want code %s and status %d", a.request, a.body, code, status)
	}
	return p
}

// stage is an Arena with a facilitator and two players.
type stage struct {
	*apitest.Arena
	boss, ana, ben *caller
}

func newStage(tb testing.TB) *stage {
	tb.Helper()
	a := apitest.New(tb)
	return &stage{
		Arena: a, boss: newCaller(a, tb, challenge.FacilitatorRole, "boss"),
		ana: newCaller(a, tb, challenge.PlayerRole, "ana"), ben: newCaller(a, tb, challenge.PlayerRole, "ben"),
	}
}

// session makes a live session that both players have joined.
func (s *stage) session() string {
	s.boss.tb.Helper()
	var v wire.Session
	s.boss.post("/sessions", wire.NewSession{Scenario: apitest.Scenario, Mode: "live"}).into(http.StatusCreated, &v)
	for _, c := range []*caller{s.ana, s.ben} {
		c.post("/me/session", wire.Join{ID: v.ID}).into(http.StatusOK, nil)
	}
	return v.ID
}

// live makes a live session whose page has come.
func (s *stage) live() string {
	s.boss.tb.Helper()
	id := s.session()
	s.boss.post("/sessions/"+id+"/start", nil).into(http.StatusOK, nil)
	if err := s.Load(id); err != nil {
		s.boss.tb.Fatal(err)
	}
	return id
}

var (
	right = wire.NewSubmission{Suspects: []wire.Suspect{{Component: "db", Cause: "disk"}}, Reasoning: "slow reads"}
	wrong = wire.NewSubmission{Suspects: []wire.Suspect{{Component: "web", Cause: "deploy"}}}
)
