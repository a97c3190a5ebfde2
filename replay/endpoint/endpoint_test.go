package endpoint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

func TestValidate(t *testing.T) {
	const u = "http://127.0.0.1:9090"
	for _, test := range []struct {
		config endpoint.Config
		want   string // "" wants no error
	}{
		{endpoint.Config{URL: u}, ""},
		{endpoint.Config{URL: "https://h/prefix/", CAFile: "ca", CertFile: "c", KeyFile: "k", ServerName: "n"}, ""},
		{endpoint.Config{URL: u, Username: "jane", PasswordFile: "f", Headers: map[string]string{"X-Scope-OrgID": "t"}}, ""},
		{endpoint.Config{}, "url is empty"},
		{endpoint.Config{URL: "127.0.0.1:9090"}, "url cannot be parsed"},
		{endpoint.Config{URL: "localhost:9090"}, "must begin with http:// or https://"},
		{endpoint.Config{URL: "ftp://h"}, "must begin with http:// or https://"},
		{endpoint.Config{URL: "http:///x"}, "url has no host"},
		{endpoint.Config{URL: "http://jane:hush@h"}, "url holds a user or password"},
		{endpoint.Config{URL: "http://jane:hush@h:port"}, "url cannot be parsed"},
		{endpoint.Config{URL: "http://h/x?token=hush"}, "url http://h has a query or fragment"},
		{endpoint.Config{URL: u, Username: "jane", BearerToken: "hush"}, "basic auth and bearer token exclude each other"},
		{endpoint.Config{URL: u, Password: "hush"}, "a password needs a username"},
		{endpoint.Config{URL: u, Username: "a:b", Password: "hush"}, "username holds a colon"},
		{endpoint.Config{URL: u, Username: "a", Password: "hush", PasswordFile: "f"}, "password and password file exclude"},
		{endpoint.Config{URL: u, BearerToken: "hush", BearerTokenFile: "f"}, "bearer token and bearer token file exclude"},
		{endpoint.Config{URL: u, BearerToken: "hush\n"}, "bearer token holds a character"},
		{endpoint.Config{URL: u, Headers: map[string]string{"content-type": "hush"}}, "header Content-Type is set by the protocol"},
		{endpoint.Config{URL: u, Headers: map[string]string{"a b": "hush"}}, `"a b" is not a header name`},
		{endpoint.Config{URL: u, Headers: map[string]string{"A": "hush\n"}}, "the value of header A holds a character"},
		{endpoint.Config{URL: u, Headers: map[string]string{"A": "hush", "a": "hush"}}, "header A is given twice"},
		{endpoint.Config{URL: u, BearerToken: "t", Headers: map[string]string{"authorization": "hush"}}, "header Authorization and basic auth"},
		{endpoint.Config{URL: "https://h", CertFile: "c"}, "needs both cert file and key file"},
		{endpoint.Config{URL: u, CAFile: "c"}, "TLS settings need an https:// url, got http://127.0.0.1:9090"},
		{endpoint.Config{URL: u, Timeout: -1}, "timeout -1ns is negative"},
	} {
		err := test.config.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("Validate(%v) = %v, want %q", test.config, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func TestSecretsAreHidden(t *testing.T) {
	for _, c := range []endpoint.Config{
		{URL: "http://u:hush@h/p?x=hush", Username: "jane", Password: "hush", Headers: map[string]string{"X-Key": "hush"}},
		{URL: "http://h", BearerToken: "hush", PasswordFile: "hush"},
		{URL: "hush"},
	} {
		var text, js bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "endpoint", c, "pointer", &c)
		slog.New(slog.NewJSONHandler(&js, nil)).Info("x", "endpoint", c, "pointer", &c)
		all := fmt.Sprintf("%v %+v %#v %s", c, c, c, c) + text.String() + js.String()
		if strings.Contains(all, "hush") {
			t.Errorf("a secret is shown: %s", all)
		}
		if !json.Valid(js.Bytes()) {
			t.Errorf("not JSON: %s", js.Bytes())
		}
	}
	c := endpoint.Config{URL: "http://h:1/p", Username: "jane", Headers: map[string]string{"X-Key": "v", "A": "v"}}
	if got, want := c.String(), "http://h:1/p as jane with headers A, X-Key"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token := write("token", "one\n")
	c := endpoint.Config{URL: "http://h", BearerTokenFile: token}
	if got, err := c.Authorization(); got != "Bearer one" || err != nil {
		t.Errorf("Authorization = %q, %v", got, err)
	}
	write("token", "two")
	if got, err := c.Authorization(); got != "Bearer two" || err != nil {
		t.Errorf("Authorization after rotation = %q, %v", got, err)
	}
	for want, c := range map[string]endpoint.Config{
		"read bearer token file: ": {URL: "http://h", BearerTokenFile: filepath.Join(dir, "none")},
		"is empty":                 {URL: "http://h", Username: "u", PasswordFile: write("empty", " \n")},
		"holds a character":        {URL: "http://h", BearerTokenFile: write("bad", "hu\nsh")},
		"holds no PEM certificate": {URL: "https://h", CAFile: token},
		"read CA file: ":           {URL: "https://h", CAFile: filepath.Join(dir, "none")},
		"read client certificate " + token + " with key " + token: {URL: "https://h", CertFile: token, KeyFile: token},
	} {
		if _, err := c.Client(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Client of %v = %v, want %q", c, err, want)
		}
	}
	if tc, err := (endpoint.Config{URL: "http://h"}).TLS(); tc != nil || err != nil {
		t.Errorf("TLS of plain http = %v, %v, want nil, nil", tc, err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		" 8 ":                           8 * time.Second,
		"-1":                            0,
		"soon":                          0,
		"99999999999999":                time.Hour,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"Sat, 02 Jan 2027 03:04:00 GMT": time.Hour,
	} {
		if got := endpoint.RetryAfter(http.Header{"Retry-After": {v}}, now); got != want {
			t.Errorf("RetryAfter(%q) = %s, want %s", v, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		" plain \n":               "plain",
		"bad \xff\xfe byte":       "bad ? byte",
		strings.Repeat("a", 2000): strings.Repeat("a", replay.MaxWords),
		strings.Repeat("a", replay.MaxWords-1) + "ü": strings.Repeat("a", replay.MaxWords-1),
		strings.Repeat("a", replay.MaxWords-2) + "ü": strings.Repeat("a", replay.MaxWords-2) + "ü",
		strings.Repeat("☃", 1000):                    strings.Repeat("☃", replay.MaxWords/3),
	} {
		r := strings.NewReader(in)
		got := endpoint.Words(r)
		if got != want || len(got) > replay.MaxWords || !utf8.ValidString(got) {
			t.Errorf("Words of %d bytes = %q, want %q", len(in), got, want)
		}
		if r.Len() != 0 {
			t.Errorf("Words of %d bytes left %d", len(in), r.Len())
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	reached := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client, err := endpoint.Config{URL: server.URL, BearerToken: "hush"}.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	_, err = endpoint.Send(t.Context(), client, server.URL, nil, []byte("x"))
	pe, _ := err.(*replay.PushError)
	if pe == nil || pe.Retryable || pe.Status != "307 Temporary Redirect" || reached {
		t.Errorf("Send = %v, reached elsewhere: %v; want a final refusal", err, reached)
	}
}

// TestBodyIsFree changes the body as soon as Send has returned: the race detector would see a
// transport that still reads it. The server answers before it has read.
func TestBodyIsFree(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength%2 == 0 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	client, err := endpoint.Config{URL: server.URL}.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	body := make([]byte, 4<<20)
	for i := range 6 {
		_, _ = endpoint.Send(t.Context(), client, server.URL, nil, body[:len(body)-i])
		for j := range body {
			body[j]++
		}
	}
}
