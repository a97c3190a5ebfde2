package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/internal/httpapi/wire"
)

// FuzzBodies sends bodies to every operation that takes one. Whatever comes, the answer is JSON, and a refusal a problem with
// a code; nothing fails in the server.
func FuzzBodies(f *testing.F) {
	s := newStage(f)
	id := s.live()
	// Bodies, not rates, are what is tried here.
	api := httpapi.NewLimited(httpapi.Options{
		Service: s.Service, Library: s.Library, Now: s.Now, Log: s.Logger(),
		Identify: func(r *http.Request) (challenge.Call, error) {
			role := challenge.FacilitatorRole
			if r.Header.Get("Test-Player") != "" {
				role = challenge.PlayerRole
			}
			return challenge.Call{Role: role, Name: "ana"}, nil
		},
	}, httpapi.Limits{ActorRate: 1e6, ActorBurst: 1e6, RemoteRate: 1e6, RemoteBurst: 1e6}, nil)
	at := httpapi.Prefix + "/sessions/" + id
	targets := []struct{ method, path string }{
		{http.MethodPost, httpapi.Prefix + "/sessions"}, {http.MethodPost, httpapi.Prefix + "/rounds"}, {http.MethodPost, httpapi.Prefix + "/me/session"},
		{http.MethodPost, at + "/schedule"}, {http.MethodPost, at + "/speed"}, {http.MethodPost, at + "/extend"}, {http.MethodPost, at + "/announcements"},
		{http.MethodPost, at + "/injects"}, {http.MethodPost, at + "/suspects"}, {http.MethodPost, at + "/hypotheses"}, {http.MethodPatch, at + "/hypotheses/1"},
	}
	for i, body := range []any{
		wire.NewSession{Scenario: "lab", Mode: "live", Timebox: 60, PageAt: wire.At(s.Now())}, wire.NewRound{Scenario: "lab", Closes: wire.At(s.Now())},
		wire.Join{ID: id}, wire.Schedule{}, wire.Speed{Speed: 2}, wire.Extension{By: 1}, wire.Announcement{Text: "a"}, wire.Inject{Inject: "call"}, wrong,
		wire.NewHypothesis{Text: "a"}, wire.HypothesisStatus{Status: "open"},
	} {
		b, err := json.Marshal(body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, string(b))
	}
	for _, text := range []string{``, `null`, `[]`, `{"suspects":null}`, `{"by":1e400}`, `{"speed":NaN}`, `{"text":"\ud800"}`, `{"timebox":0.0000001}`, `{"pageAt":"9999-12-31T23:59:60Z"}`} {
		f.Add(8, text)
	}
	f.Fuzz(func(t *testing.T, target int, body string) {
		if len(body) > 70<<10 {
			t.Skip()
		}
		to := targets[uint(target)%uint(len(targets))]
		for _, player := range []string{"", "yes"} {
			r := httptest.NewRequestWithContext(t.Context(), to.method, to.path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", body[:min(len(body), 50)])
			r.Header.Set("Test-Player", player)
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if !json.Valid(w.Body.Bytes()) || w.Code >= 500 {
				t.Fatalf("%s %s: %d %s", to.method, to.path, w.Code, w.Body)
			}
			var p wire.Problem
			if w.Code < 400 {
				continue
			}
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code == "" || p.Status != w.Code {
				t.Fatalf("%s %s: %d %s, want a problem", to.method, to.path, w.Code, w.Body)
			}
		}
	})
}
