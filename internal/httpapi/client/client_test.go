package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/apitest"
	"firedrill/internal/httpapi/client"
	"firedrill/internal/httpapi/wire"
)

func newClient(tb testing.TB, address, token string) *client.Client {
	tb.Helper()
	c, err := client.New(address, token)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8420", "ftp://host", "http://", "://"} {
		if _, err := client.New(bad, ""); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestAgainst talks to the real server.
func TestAgainst(t *testing.T) {
	a := apitest.New(t)
	c := newClient(t, a.URL+"/", a.Token(challenge.FacilitatorRole, "boss"))
	v, err := client.PostAs[wire.Session](t.Context(), c, "/sessions", wire.NewSession{Scenario: apitest.Scenario, Mode: "live"})
	if err != nil || v.State != "scheduled" {
		t.Fatalf("%+v, %v", v, err)
	}
	all, err := client.All[wire.Session](t.Context(), c, "/sessions", url.Values{"limit": {"1"}})
	if err != nil || len(all.Items) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = c.Get(t.Context(), "/sessions/s000000000000", "")
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != "not_found" || p.Status != http.StatusNotFound {
		t.Errorf("%v", err)
	}
	if _, err := newClient(t, a.URL, "fd_x").Get(t.Context(), "/me", ""); !errors.As(err, &p) || p.Code != "unauthorized" {
		t.Errorf("%v", err)
	}
}

// TestRepeats loses answers, and checks that what is repeated has the same key.
func TestRepeats(t *testing.T) {
	var keys []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		switch len(keys) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, `{"state":"live"}`)
		}
	}))
	defer server.Close()
	v, err := client.PostAs[wire.Session](t.Context(), newClient(t, server.URL, "fd"), "/sessions", nil)
	if err != nil || v.State != "live" || len(keys) != 3 || keys[0] == "" || len(slices.Compact(keys)) != 1 {
		t.Errorf("%+v, %v, keys %q, want one key three times", v, err, keys)
	}
}

// TestNotRepeated checks that a refusal is final, also one that says when to come back.
func TestNotRepeated(t *testing.T) {
	for body, status := range map[string]int{
		`{"code":"locked_out","detail":"wait","retryAfter":90}`: http.StatusLocked, `{"code":"too_many","detail":"500 players"}`: http.StatusTooManyRequests,
		`{"code":"internal","detail":"oh"}`: http.StatusInternalServerError, `{"code":"unavailable","detail":"later","retryAfter":60}`: http.StatusServiceUnavailable,
		`<html>`: http.StatusNotFound,
	} {
		var n atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		_, err := newClient(t, server.URL, "fd").Post(t.Context(), "/x", nil)
		var p *client.Problem
		if n.Load() != 1 || !errors.As(err, &p) || p.Status != status {
			t.Errorf("%s: %d requests, %v", body, n.Load(), err)
		}
		server.Close()
	}
}

// TestRedirect checks that the token goes nowhere else.
func TestRedirect(t *testing.T) {
	var got atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Store(true) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	if _, err := newClient(t, server.URL, "fd").Get(t.Context(), "/me", ""); err == nil || got.Load() || !strings.Contains(err.Error(), "307") {
		t.Errorf("followed: %v, %v", got.Load(), err)
	}
}
