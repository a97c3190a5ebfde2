package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/internal/httpapi/apitest"
	"firedrill/internal/httpapi/wire"
)

// whoMay says for every operation whom it is for: f facilitators, p players.
var whoMay = map[string]string{
	"GET /me": "fp", "GET /scenarios": "fp", "GET /rules": "fp", "GET /audit": "f",
	"POST /sessions": "fp", "GET /sessions": "fp", "GET /sessions/{id}": "fp", "GET /sessions/{id}/participants": "fp", "GET /sessions/{id}/events": "fp",
	"POST /sessions/{id}/start": "fp", "POST /sessions/{id}/schedule": "fp", "POST /sessions/{id}/pause": "fp", "POST /sessions/{id}/resume": "fp",
	"POST /sessions/{id}/end": "fp", "POST /sessions/{id}/reveal": "fp",
	"POST /sessions/{id}/speed": "f", "POST /sessions/{id}/extend": "f", "POST /sessions/{id}/announcements": "f", "POST /sessions/{id}/injects": "f",
	"GET /me/session": "fp", "POST /me/session": "p",
	"GET /sessions/{id}/briefing": "fp", "GET /sessions/{id}/timeline": "fp",
	"GET /sessions/{id}/suspects": "fp", "POST /sessions/{id}/suspects": "p", "GET /sessions/{id}/standing": "p",
	"GET /sessions/{id}/hypotheses": "p", "POST /sessions/{id}/hypotheses": "p", "PATCH /sessions/{id}/hypotheses/{hypothesis}": "p",
	"GET /sessions/{id}/leaderboard": "fp", "GET /rounds/{id}/leaderboard": "fp", "GET /seasons/{season}/leaderboard": "fp", "GET /sessions/{id}/debrief": "fp",
	"POST /rounds": "f", "GET /rounds": "fp", "GET /rounds/{id}": "fp", "POST /rounds/{id}/close": "f", "POST /rounds/{id}/reveal": "f",
	"POST /tokens": "f", "GET /tokens": "f", "POST /tokens/{id}/revoke": "f",
}

// TestRoles tries every operation with every kind of token. What is allowed fails later, since there is no such session.
func TestRoles(t *testing.T) {
	a := apitest.New(t)
	callers := map[string]func(name string) *caller{
		"nobody":      func(string) *caller { return newCaller(a, t, "", "") },
		"facilitator": func(name string) *caller { return newCaller(a, t, challenge.FacilitatorRole, name) },
		"player":      func(name string) *caller { return newCaller(a, t, challenge.PlayerRole, name) },
		"grafana": func(name string) *caller {
			return newCaller(a, t, challenge.GrafanaRole, name).with(httpapi.UserHeader, "ana")
		},
		"plugin": func(name string) *caller {
			return newCaller(a, t, challenge.PluginRole, name).with(httpapi.UserHeader, name)
		},
		"plugin for nobody": func(name string) *caller { return newCaller(a, t, challenge.PluginRole, name) },
		"player as somebody else": func(name string) *caller {
			return newCaller(a, t, challenge.PlayerRole, name).with(httpapi.UserHeader, "ana")
		},
		"somebody without a token": func(string) *caller { return newCaller(a, t, "", "").with(httpapi.UserHeader, "ana") },
		"plugin for two": func(name string) *caller {
			return newCaller(a, t, challenge.PluginRole, name).with(httpapi.UserHeader, "ana").with(httpapi.UserHeader, "ben")
		},
		"plugin for no login": func(name string) *caller {
			return newCaller(a, t, challenge.PluginRole, name).with(httpapi.UserHeader, strings.Repeat("a", 191))
		},
		"facilitator as a player": func(name string) *caller {
			return newCaller(a, t, challenge.FacilitatorRole, name).with(httpapi.UserHeader, "ana")
		},
		"two tokens, one a player's": func(name string) *caller {
			return newCaller(a, t, challenge.PlayerRole, name).with("Authorization", "Bearer x")
		},
	}
	letter := map[string]string{"facilitator": "f", "player": "p", "plugin": "p"}
	var d description
	if err := json.Unmarshal(a.API.OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, o := range operations(d) {
		op := o.method + " " + o.path
		may, ok := whoMay[op]
		if !ok {
			t.Errorf("%s is in no table", op)
		}
		seen++
		path := strings.NewReplacer("{id}", "s000000000000", "{hypothesis}", "1", "{season}", "autumn").Replace(o.path)
		var body any
		if o.RequestBody != nil {
			body = sample(d, o.RequestBody.Content["application/json"].Schema)
		}
		if op == "POST /sessions" { // the kind that players create
			body = wire.NewSession{Scenario: apitest.Scenario, Mode: "solo"}
		}
		for name, c := range callers {
			got := c(fmt.Sprint(name[:4], seen)).do(o.method, path, body)
			allowed := strings.Contains(may, letter[name]) && letter[name] != ""
			if refused := got.status == http.StatusUnauthorized || got.status == http.StatusForbidden; refused == allowed || got.status >= 500 {
				t.Errorf("%s by %s: %d %s", op, name, got.status, got.body)
			}
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s by %s: headers %v", op, name, got.header)
			}
		}
	}
	if seen != len(whoMay) {
		t.Errorf("%d operations, the table has %d", seen, len(whoMay))
	}
}

// TestTokens checks tokens that were good once, and what can be made of good ones.
func TestTokens(t *testing.T) {
	s := newStage(t)
	expiring, _, err := s.Tokens.Create(t.Context(), challenge.PlayerRole, "cleo", s.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	revoked, token, err := s.Tokens.Create(t.Context(), challenge.PlayerRole, "cleo", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	nobody := newCaller(s.Arena, t, "", "")
	use := func(value string) *answer { return nobody.with("Authorization", value).get("/me") }
	use("Bearer "+expiring).into(http.StatusOK, nil)
	use("bearer "+revoked).into(http.StatusOK, nil)
	if err := s.Tokens.Revoke(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	s.Pass(time.Minute)
	for name, value := range map[string]string{
		"expired": "Bearer " + expiring, "revoked": "Bearer " + revoked, "of another role": "Bearer fd_f_" + expiring[5:],
		"basic": "Basic " + expiring, "bare": expiring, "empty": "Bearer ", "sql": "Bearer ' OR '1'='1", "long": "Bearer fd_p_" + strings.Repeat("a", 5000),
	} {
		a := use(value)
		p := a.is(http.StatusUnauthorized, challenge.Unauthorized)
		if a.header.Get("Www-Authenticate") == "" || strings.Contains(p.Detail, expiring) {
			t.Errorf("%s: %v %s", name, a.header, a.body)
		}
	}
	// All of it is in the audit, without the tokens.
	list, _, err := s.Service.Audit(t.Context(), challenge.Call{Role: challenge.FacilitatorRole, Name: "boss"}, "", challenge.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, e := range list {
		if e.Action == "http.refused" && e.Refused && e.Remote == "127.0.0.1" {
			refused++
		}
		if strings.Contains(fmt.Sprint(e), expiring[5:]) || strings.Contains(fmt.Sprint(e), revoked[5:]) {
			t.Errorf("a token is in the audit: %+v", e)
		}
	}
	if refused != 8 {
		t.Errorf("%d refusals are audited, want 8", refused)
	}
	if strings.Contains(s.Log(), "fd_") {
		t.Errorf("a token is in the log: %s", s.Log())
	}
}
