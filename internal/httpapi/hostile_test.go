package httpapi_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/internal/httpapi/apitest"
	"firedrill/internal/httpapi/wire"
)

// serve serves another API on the stage's Service.
func (s *stage) serve(tb testing.TB, identify httpapi.Identifier, l httpapi.Limits, tick func() time.Time) string {
	tb.Helper()
	if identify == nil {
		identify = httpapi.Bearer(s.Tokens)
	}
	api := httpapi.NewLimited(httpapi.Options{Service: s.Service, Identify: identify, Library: s.Library, Now: s.Now, Log: s.Logger()}, l, tick)
	server := httptest.NewUnstartedServer(nil)
	server.Config = httpapi.NewServer(api)
	server.Start()
	tb.Cleanup(func() {
		api.EndStreams()
		server.Close()
	})
	return server.URL + httpapi.Prefix
}

// at is the caller on another server.
func (c *caller) at(url string) *caller {
	out := *c
	out.url = url
	return &out
}

func TestBodies(t *testing.T) {
	s := newStage(t)
	big := `{"scenario":"lab","mode":"live","title":"` + strings.Repeat("a", 64<<10) + `"}`
	for name, try := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"oversized":    {big, http.StatusRequestEntityTooLarge, ""},
		"empty":        {``, http.StatusBadRequest, ""},
		"no JSON":      {`scenario: lab`, http.StatusBadRequest, ""},
		"cut":          {`{"scenario":"lab"`, http.StatusBadRequest, ""},
		"two":          {`{"scenario":"lab","mode":"live"}{}`, http.StatusBadRequest, ""},
		"null":         {`null`, http.StatusUnprocessableEntity, ""},
		"list":         {`[]`, http.StatusUnprocessableEntity, ""},
		"unknown key":  {`{"scenario":"lab","mode":"live","answer":true}`, http.StatusUnprocessableEntity, "/answer"},
		"other case":   {`{"scenario":"lab","mode":"live","Title":"a"}`, http.StatusUnprocessableEntity, "/Title"},
		"missing key":  {`{"mode":"live"}`, http.StatusUnprocessableEntity, ""},
		"wrong type":   {`{"scenario":1,"mode":"live"}`, http.StatusUnprocessableEntity, "/scenario"},
		"not a choice": {`{"scenario":"lab","mode":"round"}`, http.StatusUnprocessableEntity, "/mode"},
		"negative":     {`{"scenario":"lab","mode":"live","timebox":-1}`, http.StatusUnprocessableEntity, "/timebox"},
		"huge":         {`{"scenario":"lab","mode":"live","timebox":1e300}`, http.StatusUnprocessableEntity, "/timebox"},
		"bad time":     {`{"scenario":"lab","mode":"live","pageAt":"tomorrow"}`, http.StatusUnprocessableEntity, "/pageAt"},
		"past":         {`{"scenario":"lab","mode":"live","pageAt":"2020-01-01T00:00:00Z"}`, http.StatusUnprocessableEntity, "/pageAt"},
		"no scenario":  {`{"scenario":"../../etc/passwd","mode":"live"}`, http.StatusUnprocessableEntity, "/scenario"},
		"deep":         {strings.Repeat(`[`, 60000), http.StatusBadRequest, ""},
		"not UTF-8":    {"{\"scenario\":\"lab\",\"mode\":\"live\",\"title\":\"a\x00b\"}", http.StatusBadRequest, ""},
	} {
		a := s.boss.post("/sessions", try.body)
		a.request = name
		p := a.is(try.status, challenge.Invalid)
		if try.field != "" && p.Field != try.field {
			t.Errorf("%s: field %q, want %q (%+v)", name, p.Field, try.field, p)
		}
		if strings.Contains(p.Detail, "aaaa") || strings.Contains(p.Detail, "goroutine") {
			t.Errorf("%s: %s", name, p.Detail)
		}
	}
	for name, c := range map[string]*caller{
		"form": s.boss.with("Content-Type", "application/x-www-form-urlencoded"), "text": s.boss.with("Content-Type", "text/plain"),
		"another JSON": s.boss.with("Content-Type", "application/merge-patch+json"), "two types": s.boss.with("Content-Type", "application/json, text/plain"),
	} {
		if p := c.post("/sessions", `{"scenario":"lab","mode":"live"}`).is(http.StatusUnsupportedMediaType, challenge.Invalid); p.Field != "Content-Type" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	var all wire.List[wire.Session]
	if s.boss.get("/sessions").into(http.StatusOK, &all); len(all.Items) != 0 {
		t.Errorf("%d sessions were created", len(all.Items))
	}
	p := s.boss.post("/sessions", `{"mode":1,"timebox":"a","b":1}`).is(http.StatusUnprocessableEntity, challenge.Invalid)
	if len(p.Errors) != 4 {
		t.Errorf("%+v, want all four errors", p)
	}
}

// TestSlowBody sends half of a body, and the header before it slowly.
func TestSlowBody(t *testing.T) {
	s := newStage(t)
	url := s.serve(t, nil, httpapi.Limits{BodyTime: 50 * time.Millisecond}, nil)
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), httpapi.Prefix))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", httpapi.Prefix, s.boss.header.Get("Authorization"))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d, want 408: %s", resp.StatusCode, b)
	}
}

// TestTimeout checks that a request does not go on for ever.
func TestTimeout(t *testing.T) {
	s := newStage(t)
	p := s.boss.at(s.serve(t, nil, httpapi.Limits{Time: time.Nanosecond}, nil)).get("/sessions").is(http.StatusServiceUnavailable, challenge.Unavailable)
	if p.RetryAfter == 0 {
		t.Errorf("%+v, want to try again", p)
	}
}

func TestPathTricks(t *testing.T) {
	s := newStage(t)
	id := s.session()
	for _, path := range []string{
		"/../v1/me", "//me", "/./me", "/sessions/../me", "/sessions/%2e%2e/me", "/%2e%2e/v1/me", "/sessions/" + id + "%2Fstart", "/sessions/" + id + "%2fstart",
		"/sessions/" + id + "/", "/me/", "/ME", "/sessions/" + id + "/start/x", "", "/", "/sessions/" + id + "//start", `/sessions\..\me`, "/me%00", "/openapi.json/..",
	} {
		resp := raw(t, s.URL, "GET "+httpapi.Prefix+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: "+s.boss.header.Get("Authorization")+"\r\n\r\n")
		if resp != http.StatusNotFound {
			t.Errorf("%q: %d, want 404", path, resp)
		}
	}
	a := s.boss.do(http.MethodDelete, "/me", nil)
	if a.is(http.StatusMethodNotAllowed, challenge.NotFound); a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow %q", a.header.Get("Allow"))
	}
	s.boss.do("BREW", "/me", nil).is(http.StatusMethodNotAllowed, challenge.NotFound)
	s.boss.get("/sessions?answer=1").is(http.StatusUnprocessableEntity, challenge.Invalid)
}

// raw makes a request as it is written, and returns the status.
func raw(t *testing.T, url, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestHeaders sends more header than is read.
func TestHeaders(t *testing.T) {
	s := newStage(t)
	if got := raw(t, s.URL, "GET "+httpapi.Prefix+"/me HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("a", 64<<10)+"\r\n\r\n"); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", got)
	}
}

// TestOtherSites checks that pages of other sites get nothing changed, whatever cookie a browser may send with it.
func TestOtherSites(t *testing.T) {
	s := newStage(t)
	id := s.session()
	for name, c := range map[string]*caller{
		"origin": s.boss.with("Origin", "https://evil.example"), "fetch": s.boss.with("Sec-Fetch-Site", "cross-site"),
		"same site": s.boss.with("Sec-Fetch-Site", "same-site"), "null": s.boss.with("Origin", "null"),
	} {
		if a := c.post("/sessions/"+id+"/end", nil); a.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	s.boss.with("Sec-Fetch-Site", "same-origin").post("/sessions/"+id+"/start", nil).into(http.StatusOK, nil)
	var audit wire.List[wire.AuditEntry]
	s.boss.get("/audit").into(http.StatusOK, &audit)
	refused := 0
	for _, e := range audit.Items {
		if e.Action == "http.refused" {
			refused++
		}
	}
	if refused != 4 {
		t.Errorf("%d refusals are audited, want 4", refused)
	}
}

// TestInjection puts SQL into everything that reaches the store.
func TestInjection(t *testing.T) {
	s := newStage(t)
	id := s.session()
	for i, evil := range []string{"' OR '1'='1", `"; DROP TABLE sessions; --`, "1; SELECT * FROM tokens", "%' --", "\\'; --"} {
		q := strings.NewReplacer(" ", "%20", "%", "%25", `"`, "%22", ";", "%3B", "#", "%23", "\\", "%5C").Replace(evil)
		for _, path := range []string{"/sessions/" + q, "/rounds/" + q, "/sessions/" + q + "/suspects", "/rounds/" + q + "/leaderboard"} {
			s.boss.get(path).is(http.StatusNotFound, challenge.NotFound)
		}
		var none wire.List[wire.Session]
		s.boss.get("/sessions?player="+q).into(http.StatusOK, &none)
		if len(none.Items) != 0 {
			t.Errorf("%s finds %d sessions", evil, len(none.Items))
		}
		s.boss.get("/sessions?round="+q).into(http.StatusOK, &none)
		if len(none.Items) != 0 {
			t.Errorf("%s finds %d sessions", evil, len(none.Items))
		}
		for _, path := range []string{"/sessions?after=", "/rounds?after=", "/audit?after="} {
			if p := s.boss.get(path+q).is(http.StatusUnprocessableEntity, challenge.Invalid); p.Field != "after" {
				t.Errorf("%s: %+v", path, p)
			}
		}
		var season wire.List[wire.SeasonRank]
		s.boss.get("/seasons/"+q+"/leaderboard").into(http.StatusOK, &season)
		if len(season.Items) != 0 {
			t.Errorf("%s ranks %d", evil, len(season.Items))
		}
		var h wire.Hypothesis
		s.ana.with("Idempotency-Key", evil).post("/sessions/"+id+"/hypotheses", wire.NewHypothesis{Text: evil}).into(http.StatusCreated, &h)
		if h.Text != evil {
			t.Errorf("%q became %q", evil, h.Text)
		}
		plugin := newCaller(s.Arena, t, challenge.PluginRole, fmt.Sprint("plugin", i)).with(httpapi.UserHeader, evil)
		plugin.post("/me/session", wire.Join{ID: id}).into(http.StatusOK, nil)
	}
	var all wire.List[wire.Session]
	s.boss.get("/sessions").into(http.StatusOK, &all)
	if len(all.Items) != 1 {
		t.Errorf("%d sessions, want 1", len(all.Items))
	}
}

func TestRates(t *testing.T) {
	s := newStage(t)
	now := apitest.Start
	url := s.serve(t, nil, httpapi.Limits{ActorRate: 1, ActorBurst: 3}, func() time.Time { return now })
	ana, ben := s.ana.at(url), s.ben.at(url)
	for range 3 {
		ana.get("/me").into(http.StatusOK, nil)
	}
	a := ana.get("/me")
	if p := a.is(http.StatusTooManyRequests, challenge.TooMany); p.RetryAfter != 1 || a.header.Get("Retry-After") != "1" {
		t.Errorf("%+v %v, want to try again in 1 s", p, a.header)
	}
	ben.get("/me").into(http.StatusOK, nil)
	now = now.Add(time.Second)
	ana.get("/me").into(http.StatusOK, nil)

	url = s.serve(t, nil, httpapi.Limits{RemoteRate: 1, RemoteBurst: 3}, func() time.Time { return now })
	for range 3 {
		newCaller(s.Arena, t, "", "").at(url).get("/me").is(http.StatusUnauthorized, challenge.Unauthorized)
	}
	s.ana.at(url).get("/me").is(http.StatusTooManyRequests, challenge.TooMany)
}

// TestUnexpected checks that what went wrong is told to the log alone.
func TestUnexpected(t *testing.T) {
	s := newStage(t)
	for name, identify := range map[string]httpapi.Identifier{
		"error": func(*http.Request) (challenge.Call, error) { return challenge.Call{}, errors.New("disk on fire") },
		"panic": func(*http.Request) (challenge.Call, error) { panic("disk on fire") },
	} {
		a := s.boss.at(s.serve(t, identify, httpapi.Limits{}, nil)).get("/me")
		p := a.is(http.StatusInternalServerError, "internal")
		if strings.Contains(string(a.body), "disk") || !strings.HasPrefix(p.Instance, "urn:firedrill:failure:") {
			t.Errorf("%s: %s", name, a.body)
		}
		if log := s.Log(); !strings.Contains(log, "disk on fire") || !strings.Contains(log, p.Instance) {
			t.Errorf("%s: the log has neither the cause nor %s: %s", name, p.Instance, log)
		}
	}
}
