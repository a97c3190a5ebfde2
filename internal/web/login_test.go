package web_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/web"
)

// TestLogin tries tokens.
func TestLogin(t *testing.T) {
	s := newSite(t)
	ctx := context.Background()
	b := s.browser()
	if p := b.get("/session/s0123456789ab"); p.url != "/login?next=%2Fsession%2Fs0123456789ab" {
		t.Errorf("without a login one comes to %s", p.url)
	}
	b.post("/login", "token", "").want(t, http.StatusUnauthorized, "Paste your token")
	b.post("/login", "token", "fd_p_guess").want(t, http.StatusUnauthorized, "The token is not one of ours").wantNot(t, "fd_p_guess")
	b.post("/login", "token", s.secrets["ana"][:15]+s.secrets["ben"][15:]).want(t, http.StatusUnauthorized)
	grafana, _, err := s.tokens.Create(ctx, challenge.GrafanaRole, "grafana", time.Time{})
	must(t, err)
	b.post("/login", "token", grafana).want(t, http.StatusForbidden, "use one of a player or a facilitator")
	b.get("/").want(t, 200, "Log in")
	if p := b.post("/login", "token", " "+s.secrets["ana"]+"\n", "next", "/season/x"); p.url != "/season/x" {
		t.Errorf("after the login one comes to %s", p.url)
	}
	b.get("/").want(t, 200, "Play alone", "ana").wantNot(t, s.secrets["ana"])
	b.get("/console").want(t, http.StatusForbidden, "for facilitators")
	b.post("/logout")
	b.get("/").want(t, 200, "Your token")
	s.as("boss").get("/console/audit").want(t, 200, "web.refused", "login: unauthorized").wantNot(t, "fd_p_guess")
}

// TestLoginNext does not let a link lead elsewhere after the login.
func TestLoginNext(t *testing.T) {
	s := newSite(t)
	for _, next := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\r\nX: y", ""} {
		b := s.browser()
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if to := b.post("/login", "token", s.secrets["ana"], "next", next).header.Get("Location"); to != "/" {
			t.Errorf("next=%q leads to %q", next, to)
		}
	}
}

// TestLoginEnds ends logins: by revoking the token, by its expiry and by time.
func TestLoginEnds(t *testing.T) {
	s := newSite(t)
	ctx := context.Background()
	secret, token, err := s.tokens.Create(ctx, challenge.PlayerRole, "cleo", s.now().Add(time.Hour))
	must(t, err)
	revoked, expired, old := s.as("ana"), s.browser(), s.as("ben")
	expired.post("/login", "token", secret).want(t, 200, "cleo")
	list, err := s.tokens.List(ctx)
	must(t, err)
	for _, x := range list {
		if x.Name == "ana" {
			must(t, s.tokens.Revoke(ctx, x.ID))
		}
	}
	s.pass(3 * time.Second) // a list of tokens is as old as 2 s
	revoked.get("/").want(t, 200, "Your token")
	expired.get("/").want(t, 200, "cleo")
	s.pass(token.Expires.Sub(s.now()))
	expired.get("/").want(t, 200, "Your token")
	old.get("/").want(t, 200, "ben")
	s.pass(24 * time.Hour)
	old.get("/").want(t, 200, "Your token")
}

// TestLoginCode uses one-time codes.
func TestLoginCode(t *testing.T) {
	s := newSite(t)
	link := s.pages.LoginCode("dora", challenge.PlayerRole)
	u, err := url.Parse(link)
	must(t, err)
	code := u.Query().Get("code")
	b := s.browser()
	b.get(link).want(t, 200, "logs you in as dora")
	b.get(link).want(t, 200, "logs you in as dora") // looking at it does not use it up
	if p := b.post("/login", "code", code).want(t, 200, "dora"); p.url != "/" {
		t.Errorf("one comes to %s", p.url)
	}
	other := s.browser()
	other.post("/login", "code", code).want(t, http.StatusUnauthorized, "This link has been used")
	other.get(link).want(t, 200, "This link has been used", "Your token")
	late, err := url.Parse(s.pages.LoginCode("eve", challenge.FacilitatorRole))
	must(t, err)
	s.pass(10 * time.Minute)
	other.post("/login", "code", late.Query().Get("code")).want(t, http.StatusUnauthorized)
}

// TestLoginsOfOne keeps the newest logins of one person, and everybody else's.
func TestLoginsOfOne(t *testing.T) {
	s := newSite(t)
	ben := s.as("ben")
	first := s.as("ana")
	for range 10 {
		s.pass(time.Second)
		s.as("ana")
	}
	first.get("/").want(t, 200, "Your token")
	ben.get("/").want(t, 200, "Play alone")
}

// TestCookie looks at what a browser is told about the cookie, with and without TLS.
func TestCookie(t *testing.T) {
	s := newSite(t)
	behind := web.New(web.Options{Service: s.service, Tokens: s.tokens, Library: s.library, TLS: true, Now: s.now})
	for _, c := range []struct {
		what    string
		handler http.Handler
		tls     *tls.ConnectionState
		name    string
		secure  bool
	}{
		{"plain", s.pages, nil, "firedrill", false},
		{"TLS", s.pages, &tls.ConnectionState{}, "__Host-firedrill", true},
		{"proxy", behind, nil, "__Host-firedrill", true},
	} {
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"token": {s.secrets["ana"]}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.TLS = c.tls
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, r)
		cookies := w.Result().Cookies()
		if len(cookies) != 1 {
			t.Fatalf("%s: %d cookies, answer %d", c.what, len(cookies), w.Code)
		}
		got := cookies[0]
		if got.Name != c.name || got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Path != "/" || got.Domain != "" || got.MaxAge != 24*3600 {
			t.Errorf("%s: %+v", c.what, got)
		}
		if len(got.Value) < 26 || strings.Contains(s.secrets["ana"], got.Value) {
			t.Errorf("%s: the cookie's value is %q", c.what, got.Value)
		}
	}
}

// TestForeignForm refuses forms of other sites, before they are read.
func TestForeignForm(t *testing.T) {
	s := newSite(t)
	ana := s.as("ana")
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		r, err := http.NewRequest(http.MethodPost, s.server.URL+"/play", strings.NewReader("scenario=lab"))
		must(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header[0], header[1])
		ana.do(r).want(t, http.StatusForbidden, "Another site sent this form")
	}
	ana.get("/").want(t, 200, "You have not joined a session")
}

// TestBounds sends too much.
func TestBounds(t *testing.T) {
	s := newSite(t)
	ana := s.as("ana")
	ana.post("/play", "scenario", strings.Repeat("x", 65<<10)).want(t, http.StatusUnprocessableEntity, "The form is too long")
	s.browser().post("/login", "token", strings.Repeat("x", 65<<10)).want(t, http.StatusBadRequest, "too long")
	v := s.live("lab")
	s.start(v.ID)
	ana.post("/session/"+v.ID+"/hypothesis", "key", "k", "text", strings.Repeat("é", challenge.MaxText)).want(t, 422, "at most 4096 are possible", "éé")
	many := []string{"key", "m", "step", "add", "claim", "suspects"}
	for range 9 {
		many = append(many, "component", "db", "cause", "disk", "onset", "")
	}
	ana.post("/session/"+v.ID+"/suspect", many...).want(t, 200, "Suspect 5").wantNot(t, "Suspect 6", "Add another")
	for i := 0; ; i++ {
		if p := ana.get("/static/x/icon.svg"); p.status != 200 {
			t.Fatalf("a file answers %d", p.status)
		}
		if p := ana.get("/season/x"); p.status == http.StatusTooManyRequests {
			break
		} else if i > 100 {
			t.Fatal("100 requests at once are let through")
		}
	}
	s.pass(time.Second)
	ana.get("/season/x").want(t, 200)
}

// TestHeaders looks at what keeps pages from being framed, scripted, kept and guessed at.
func TestHeaders(t *testing.T) {
	s := newSite(t)
	p := s.as("ana").get("/").want(t, 200)
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, inline := range []string{"<style", " style=", " onclick=", "<script>"} {
		if strings.Contains(p.html, inline) {
			t.Errorf("the page has %q inline", inline)
		}
	}
	style := p.html[strings.Index(p.html, "/static/"):]
	style = style[:strings.Index(style, `"`)]
	if got := s.browser().get(style); got.status != 200 || got.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || got.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%s: %d %v", style, got.status, got.header)
	}
	for _, path := range []string{"/static/x/..%2flogin.html", "/static/x/nothing.js", "/nothing", "/session/nothing", "/round/r0123456789ab"} {
		s.as("ana").get(path).want(t, http.StatusNotFound)
	}
}
