package sinktest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// secrets are what no error may show.
var secrets = []string{"hush-password", "hush-token", "hush-header"}

// withSecrets adds a header and, in turn, each kind of credential to c.
func withSecrets(c endpoint.Config) []endpoint.Config {
	c.Headers = map[string]string{"X-Secret": "hush-header"}
	basic, bearer := c, c
	basic.Username, basic.Password = "jane", "hush-password"
	bearer.BearerToken = "hush-token"
	return []endpoint.Config{basic, bearer}
}

func (s Suite[T]) runFaults(t *testing.T) {
	for name, test := range map[string]struct {
		answer Answer
		want   replay.PushError // Refused and Err are not compared
	}{
		"refused": {
			Answer{Status: http.StatusBadRequest, Words: "these items are no good"},
			replay.PushError{Words: "these items are no good"},
		},
		"forbidden": {
			Answer{Status: http.StatusForbidden, Words: "not you"},
			replay.PushError{Words: "not you"},
		},
		"too many": {
			Answer{Status: http.StatusTooManyRequests, RetryAfter: 7, Words: "slow down"},
			replay.PushError{Retryable: true, RetryAfter: 7 * time.Second, Words: "slow down"},
		},
		"unavailable": {
			Answer{Status: http.StatusServiceUnavailable, Words: "starting"},
			replay.PushError{Retryable: true, Unacknowledged: true, Words: "starting"},
		},
		"cut": {
			Answer{Cut: true},
			replay.PushError{Retryable: true, Unacknowledged: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			script := &Script{Accept: s.Accept}
			script.Always(test.answer)
			for _, c := range withSecrets(s.Scripted(t, script, false)) {
				sink := s.open(t, Options{Endpoint: c, Session: NewSession()})
				s.wantFault(t, sink, test.want)
			}
			if len(script.Requests()) == 0 {
				t.Error("no request reached the server")
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		for _, c := range withSecrets(endpoint.Config{URL: "http://" + l.Addr().String()}) {
			sink := s.open(t, Options{Endpoint: c, Session: NewSession()})
			s.wantFault(t, sink, replay.PushError{Retryable: true})
		}
	})
	t.Run("the caller gives up", s.testCancel)
	t.Run("the server takes too long", s.testTimeout)
	t.Run("headers and credentials reach the server", s.testCredentials)
	t.Run("own certificate authority", s.testTLS)
}

// wantFault pushes 30 items, all of which must end as want says.
func (s Suite[T]) wantFault(t *testing.T, sink replay.Sink[T], want replay.PushError) {
	t.Helper()
	items := s.Make(30, 9)
	refused := 0
	for rest := items; len(rest) > 0; {
		n, err := sink.Push(t.Context(), rest)
		pe := asPushError(t, err)
		if pe == nil {
			t.Fatalf("Push = %d, nil, want an error", n)
		}
		wantNoSecrets(t, pe)
		if pe.Retryable != want.Retryable || pe.RetryAfter != want.RetryAfter || !strings.Contains(pe.Words, want.Words) {
			t.Fatalf("Push = %+v, want %+v", *pe, want)
		}
		// A server that limits a rate may have taken part; a sink may say so.
		if pe.Unacknowledged != want.Unacknowledged && want.RetryAfter == 0 {
			t.Fatalf("Push: unacknowledged is %v, want %v: %+v", pe.Unacknowledged, want.Unacknowledged, *pe)
		}
		if want.Words == "" && pe.Err == nil {
			t.Fatalf("Push = %+v, want the cause in Err", *pe)
		}
		refused += pe.Refused
		rest = rest[wantPrefix(t, n, len(rest)):]
		if want.Retryable {
			if pe.Refused != 0 {
				t.Fatalf("Push = %+v, refused although it may be tried again", *pe)
			}
			return
		}
	}
	if refused != len(items) {
		t.Errorf("%d items were refused, want all %d", refused, len(items))
	}
}

func wantNoSecrets(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		text += fmt.Sprintf(" %v %+v", e, e)
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("the error shows %q: %s", secret, text)
		}
	}
}

func (s Suite[T]) testCancel(t *testing.T) {
	script := &Script{Accept: s.Accept}
	script.Always(Answer{Hang: true})
	sink := s.open(t, Options{Endpoint: s.Scripted(t, script, false), Session: NewSession()})
	items := s.Make(30, 10)

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for deadline := time.Now().Add(within); len(script.Requests()) == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}()
	n, err := sink.Push(ctx, items)
	wantPrefix(t, n, len(items))
	pe := asPushError(t, err)
	if pe == nil || !errors.Is(err, context.Canceled) || !pe.Retryable || !pe.Unacknowledged {
		t.Errorf("Push = %+v, want a retryable and unacknowledged context.Canceled", pe)
	}

	before := len(script.Requests())
	n, err = sink.Push(ctx, items)
	wantPrefix(t, n, len(items))
	if pe := asPushError(t, err); pe == nil || !errors.Is(err, context.Canceled) || !pe.Retryable {
		t.Errorf("Push with a cancelled context = %+v, want a retryable context.Canceled", pe)
	}
	if got := len(script.Requests()); got != before {
		t.Errorf("Push with a cancelled context sent %d requests", got-before)
	}
}

func (s Suite[T]) testTimeout(t *testing.T) {
	script := &Script{Accept: s.Accept}
	script.Always(Answer{Hang: true})
	c := s.Scripted(t, script, false)
	c.Timeout = 200 * time.Millisecond
	sink := s.open(t, Options{Endpoint: c, Session: NewSession()})
	s.wantFault(t, sink, replay.PushError{Retryable: true, Unacknowledged: true})
}

func (s Suite[T]) testCredentials(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		set  func(c *endpoint.Config)
		want map[string]string
	}{
		"headers":       {func(c *endpoint.Config) { c.Headers = map[string]string{"X-One": "1", "x-two": "2"} }, map[string]string{"X-One": "1", "X-Two": "2"}},
		"basic":         {func(c *endpoint.Config) { c.Username, c.Password = "jane", "pw" }, map[string]string{"Authorization": "Basic amFuZTpwdw=="}},
		"password file": {func(c *endpoint.Config) { c.Username, c.PasswordFile = "jane", file("pw", "pw\n") }, map[string]string{"Authorization": "Basic amFuZTpwdw=="}},
		"bearer":        {func(c *endpoint.Config) { c.BearerToken = "tok" }, map[string]string{"Authorization": "Bearer tok"}},
		"token file":    {func(c *endpoint.Config) { c.BearerTokenFile = file("token", " tok2\n") }, map[string]string{"Authorization": "Bearer tok2"}},
	} {
		t.Run(name, func(t *testing.T) {
			script := &Script{Accept: s.Accept}
			c := s.Scripted(t, script, false)
			test.set(&c)
			mustPush(t, s.open(t, Options{Endpoint: c, Session: NewSession()}), s.Make(3, 11))
			got := script.Requests()[0].Header
			for _, k := range sortedKeys(test.want) {
				if got.Get(k) != test.want[k] {
					t.Errorf("header %s = %q, want %q", k, got.Get(k), test.want[k])
				}
			}
			if ua := got.Get("User-Agent"); !strings.HasPrefix(ua, "firedrill/") {
				t.Errorf("User-Agent = %q, want firedrill/ and a version", ua)
			}
		})
	}
}

func (s Suite[T]) testTLS(t *testing.T) {
	script := &Script{Accept: s.Accept}
	c := s.Scripted(t, script, true)
	mustPush(t, s.open(t, Options{Endpoint: c, Session: NewSession()}), s.Make(3, 12))
	before := len(script.Requests())

	c.CAFile = ""
	sink := s.open(t, Options{Endpoint: c, Session: NewSession()})
	_, err := sink.Push(t.Context(), s.Make(3, 12))
	if pe := asPushError(t, err); pe == nil || pe.Unacknowledged || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Push to an unknown authority = %+v, want an error about the certificate, nothing sent", pe)
	}
	if len(script.Requests()) != before {
		t.Error("a request reached a server with an unknown certificate")
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
