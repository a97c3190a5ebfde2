package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

func equalJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// probes are one good request for each back end.
var probes = map[challenge.Backend]string{
	challenge.PrometheusBackend: "/prometheus/api/v1/query?query=up",
	challenge.LokiBackend:       "/loki/loki/api/v1/labels",
	challenge.JaegerBackend:     "/jaeger/api/services",
}

// wantRefused checks that a refusal is worded as the data source of the back end shows it.
func wantRefused(t *testing.T, b challenge.Backend, a answer, status int, text string) {
	t.Helper()
	a.want(t, status, text)
	switch b {
	case challenge.PrometheusBackend:
		var e struct{ Status, ErrorType, Error string }
		if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Status != "error" || e.ErrorType == "" || e.Error == "" {
			t.Errorf("%s: not Prometheus's form: %s", b, a.body)
		}
	case challenge.JaegerBackend:
		if f := decode[found](t, a); len(f.Errors) != 1 || f.Errors[0].Code != status {
			t.Errorf("%s: not Jaeger's form: %s", b, a.body)
		}
	default:
		if ct := a.header.Get("Content-Type"); ct != "text/plain; charset=utf-8" {
			t.Errorf("%s: content type %q", b, ct)
		}
	}
}

// Only Grafana, for a user of whom it is sure, who is in a session that has started, is answered.
func TestWhoMayAsk(t *testing.T) {
	w := newWorld(t)
	w.join("early", challenge.Session{ID: bobSession, Title: "Tonight", State: challenge.Scheduled, PageAt: time.Now().Add(100 * time.Hour)})
	w.join("loading", challenge.Session{ID: bobSession, Title: "Tonight", State: challenge.Loading, PageAt: time.Now().Add(100 * time.Hour)})
	w.join("lobby", challenge.Session{ID: bobSession, Title: "Tonight", State: challenge.Lobby, PageAt: time.Now().Add(100 * time.Hour), Clock: challenge.Clock{Page: time.Now().Add(100 * time.Hour)}})
	w.join("cancelled", challenge.Session{ID: bobSession, Title: "Tonight", State: challenge.Ended, EndedAt: time.Now()})
	for _, c := range []struct {
		name   string
		change func(http.Header)
		status int
		text   string
		audit  string // actor; "-" is none audited
	}{
		{"good", func(http.Header) {}, 200, "", "-"},
		{"no token", func(h http.Header) { h.Del("Authorization") }, 401, "token", ""},
		{"empty token", func(h http.Header) { h.Set("Authorization", "Bearer ") }, 401, "token", ""},
		{"basic auth", func(h http.Header) { h.Set("Authorization", "Basic YTpi") }, 401, "token", ""},
		{"unknown token", func(h http.Header) { h.Set("Authorization", "Bearer guess") }, 401, "token", ""},
		{"revoked token", func(h http.Header) { h.Set("Authorization", "Bearer "+oldToken) }, 401, "token", ""},
		{"endless token", func(h http.Header) { h.Set("Authorization", "Bearer "+strings.Repeat("x", 5000)) }, 401, "token", ""},
		{"two tokens", func(h http.Header) { h.Add("Authorization", "Bearer "+grafanaToken) }, 401, "token", ""},
		{"player's token", func(h http.Header) { h.Set("Authorization", "Bearer "+playerToken) }, 403, "role grafana", ""},
		{"plugin's token", func(h http.Header) { h.Set("Authorization", "Bearer "+pluginToken) }, 403, "role grafana", ""},
		{"no user", func(h http.Header) { h.Del("X-Grafana-User") }, 403, "send_user_header", ""},
		{"empty user", func(h http.Header) { h["X-Grafana-User"] = []string{""} }, 403, "send_user_header", ""},
		{"two users", func(h http.Header) { h["X-Grafana-User"] = []string{"ann", "bob"} }, 403, "send_user_header", ""},
		{"the same user twice", func(h http.Header) { h["X-Grafana-User"] = []string{"ann", "ann"} }, 403, "send_user_header", ""},
		{"a user that is no text", func(h http.Header) { h.Set("X-Grafana-User", "ann\xff") }, 403, "send_user_header", ""},
		{"a long user", func(h http.Header) { h.Set("X-Grafana-User", strings.Repeat("a", 191)) }, 403, "send_user_header", ""},
		{"other names of the user", func(h http.Header) {
			h.Del("X-Grafana-User")
			h["X_Grafana_User"], h["X-Webauth-User"], h["X-Firedrill-User"] = []string{"ann"}, []string{"ann"}, []string{"ann"}
		}, 403, "send_user_header", ""},
		{"a user in no session", func(h http.Header) { h.Set("X-Grafana-User", "stranger") }, 403,
			"You have not joined a session. Open https://drill.example/join and join one", "stranger"},
		{"users in a list", func(h http.Header) { h.Set("X-Grafana-User", "ann, bob") }, 403, "You have not joined", "ann, bob"},
		{"a session that has not started", func(h http.Header) { h.Set("X-Grafana-User", "early") }, 403, "has not started yet", "early"},
		{"a session that is loading", func(h http.Header) { h.Set("X-Grafana-User", "loading") }, 403, "being loaded", "loading"},
		{"a session whose page is ahead", func(h http.Header) { h.Set("X-Grafana-User", "lobby") }, 403, "being loaded", "lobby"},
		{"a session that was never played", func(h http.Header) { h.Set("X-Grafana-User", "cancelled") }, 403, "before its page", "cancelled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for b, target := range probes {
				w.mu.Lock()
				before := len(w.refused)
				w.mu.Unlock()
				// Each refusal of a kind is audited once a minute for a player or address: let an hour pass.
				w.set(w.now().Add(time.Hour))
				r := w.request(http.MethodGet, "ann", target, nil)
				c.change(r.Header)
				a := w.do(r)
				if c.status == 200 {
					a.want(t, 200)
				} else {
					wantRefused(t, b, a, c.status, c.text)
				}
				w.mu.Lock()
				audited := slices.Clone(w.refused[before:])
				w.mu.Unlock()
				if c.audit == "-" {
					if len(audited) > 0 {
						t.Errorf("%s: audited %v", b, audited)
					}
					continue
				}
				if len(audited) != 1 || audited[0].Actor != c.audit || audited[0].Action != "gateway.refused" || !audited[0].Refused || audited[0].Remote == "" {
					t.Errorf("%s: audited %+v", b, audited)
				}
				if strings.Contains(fmt.Sprint(audited), "Bearer ") && strings.Contains(fmt.Sprint(audited), "guess") {
					t.Errorf("%s: the audit has the token", b)
				}
			}
		})
	}
}

// A player who joins a session reads it within a second, and no longer the one before.
func TestJoinShowsWithinASecond(t *testing.T) {
	w := newWorld(t)
	w.set(time.Now())
	w.get("new", "/loki/loki/api/v1/label/shop/values", nanoHour()...).want(t, 403)
	w.join("new", w.ann.session)
	w.set(w.now().Add(900 * time.Millisecond))
	w.get("new", "/loki/loki/api/v1/label/shop/values", nanoHour()...).want(t, 200, "aquarium")
	w.join("new", w.bob.session)
	w.set(w.now().Add(900 * time.Millisecond))
	w.get("new", "/loki/loki/api/v1/label/shop/values", nanoHour()...).want(t, 200, "bakery", "!aquarium")
}

// What is not on the list does not exist, however it is written.
func TestNothingElseIsServed(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{
		"/prometheus/federate", "/prometheus/metrics", "/prometheus/-/healthy", "/prometheus/-/reload", "/prometheus/graph", "/prometheus/api/v1",
		"/prometheus/api/v1/write", "/prometheus/api/v1/read", "/prometheus/api/v1/otlp/v1/metrics", "/prometheus/api/v1/targets", "/prometheus/api/v1/targets/metadata",
		"/prometheus/api/v1/status/config", "/prometheus/api/v1/status/flags", "/prometheus/api/v1/status/tsdb", "/prometheus/api/v1/status/runtimeinfo",
		"/prometheus/api/v1/status/walreplay", "/prometheus/api/v1/alertmanagers", "/prometheus/api/v1/scrape_pools", "/prometheus/api/v1/features",
		"/prometheus/api/v1/search/metric_names", "/prometheus/api/v1/search/label_values", "/prometheus/api/v1/notifications", "/prometheus/api/v1/openapi.yaml",
		"/prometheus/api/v1/admin/tsdb/delete_series", "/prometheus/api/v1/admin/tsdb/snapshot", "/prometheus/api/v1/label/job", "/prometheus/api/v1/label//values",
		"/prometheus/api/v1/label/a/b/values", "/prometheus/api/v1/query_rangex", "/prometheus/api/v1/Query",
		"/loki/ready", "/loki/config", "/loki/metrics", "/loki/flush", "/loki/services", "/loki/ring", "/loki/loki/api/v1/push", "/loki/otlp/v1/logs",
		"/loki/loki/api/v1/delete", "/loki/loki/api/v1/rules", "/loki/loki/api/v1/index/shards", "/loki/loki/api/v1/drilldown-limits", "/loki/loki/api/v1/label",
		"/loki/api/prom/query", "/loki/api/prom/tail", "/loki/prometheus/api/v1/rules", "/loki/loki/api/v1/cache/generation_numbers", "/loki/loki/api/v2alpha/tail",
		"/loki/debug/pprof/", "/loki/api/v1/query", "/loki/ingester/shutdown",
		"/jaeger/", "/jaeger/api/traces/a/b", "/jaeger/api/archive/" + w.ann.trace(recordedStart), "/jaeger/api/transform", "/jaeger/api/metrics/calls",
		"/jaeger/api/deep-dependencies", "/jaeger/api/quality-metrics", "/jaeger/api/v3/traces", "/jaeger/api/v3/services", "/jaeger/api/v3/traces/" + w.ann.trace(recordedStart),
		"/jaeger/search", "/jaeger/jaeger/api/services", "/other/api/services", "/prometheus", "/prometheusx/api/v1/query", "/",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			r := w.request(method, "ann", path, nil)
			if a := w.do(r); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
				t.Errorf("%s %s: status %d, want 404: %.200s", method, path, a.status, a.body)
			}
		}
	}
	for _, target := range probes {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodTrace, "PROPFIND"} {
			w.do(w.request(method, "ann", target, nil)).want(t, http.StatusMethodNotAllowed)
		}
		if a := w.do(w.request(http.MethodHead, "ann", target, nil)); a.body != "" {
			t.Errorf("HEAD %s: a body", target)
		}
	}
}

// Paths that servers read in different ways are refused.
func TestPathTricks(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{
		"/prometheus/../loki/loki/api/v1/labels", "/prometheus/api/v1/../../federate", "/prometheus/api/v1/label/..%2f..%2fstatus/values",
		"/prometheus/%2e%2e/loki/config", "/prometheus/api/v1/label/%2e%2e/values", "/prometheus//api/v1/query", "//prometheus/api/v1/query", "/prometheus/api/v1/query/",
		"/prometheus/api/v1/./query", "/prometheus/api/v1/label/a%2Fvalues/values", "/prometheus/api/v1/label/a%252Fb/values", "/prometheus/api/v1/label/a%5cb/values",
		`/prometheus/api\v1\query`, "/prometheus/api/v1/label/a%00/values", "/prometheus/api/v1/label/a%0d%0aX-Scope-OrgID:%20b/values", "/prometheus/api/v1/label/a%0ab/values",
		"/prometheus/api/v1/label/a%7f/values", "/prometheus/api/v1/label/%ff/values", "/prometheus/api/v1/label/a;b/values", "/prometheus/api/v1/label/a%3fb/values/../../../federate",
		"/jaeger/api/services/a%2fb/operations", "/jaeger/api/traces/%2e%2e/services", "/loki/loki/api/v1/label/..%2f..%2fpush/values", "/prometheus/api/v1/label/" + strings.Repeat("a", 5000) + "/values",
	} {
		// Sent as it is: a client library would clean it.
		status, body := raw(t, w, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+grafanaToken+"\r\nX-Grafana-User: ann\r\nConnection: close\r\n\r\n")
		if status != http.StatusBadRequest && status != http.StatusRequestURITooLong {
			t.Errorf("%.100s: status %d, want 400: %.200s", path, status, body)
		}
	}
	// A token comes first, whatever the path.
	status, _ := raw(t, w, "GET /prometheus/../x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if status != http.StatusUnauthorized {
		t.Errorf("a trick without a token: status %d, want 401", status)
	}
	// A label in UTF-8 is none.
	w.get("ann", "/prometheus/api/v1/label/"+url.PathEscape("größe 1")+"/values").want(t, 200, `"data":[]`)
}

// raw sends bytes and returns the status and body of the first answer.
func raw(t *testing.T, w *world, request string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.100q: %v", request, err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// Bodies are forms, small, plain and quick.
func TestBodies(t *testing.T) {
	w := newWorld(t)
	target := "/prometheus/api/v1/query"
	send := func(change func(*http.Request)) answer {
		t.Helper()
		r := w.request(http.MethodPost, "ann", target, url.Values{"query": {"1"}})
		change(r)
		return w.do(r)
	}
	send(func(*http.Request) {}).want(t, 200)
	send(func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }).want(t, 415)
	send(func(r *http.Request) { r.Header.Del("Content-Type") }).want(t, 415)
	send(func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }).want(t, 415)
	send(func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }).want(t, 415)
	w.post("ann", target, "query", "1", "x", strings.Repeat("y", 300<<10)).want(t, 413)
	w.get("ann", target, "query", "1", "x", strings.Repeat("y", 300<<10)).want(t, 414)
	w.post("ann", target, "query", `"`+strings.Repeat("y", 40<<10)+`"`).want(t, 400, "longer than")
	many := url.Values{"query": {"1"}, "x": slices.Repeat([]string{"y"}, 600)}
	w.do(w.request(http.MethodPost, "ann", target, many)).want(t, 400, "parameters")

	auth := "Host: x\r\nAuthorization: Bearer " + grafanaToken + "\r\nX-Grafana-User: ann\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"half a body, then silence":   {"POST " + target + " HTTP/1.1\r\n" + auth + "Content-Length: 100\r\n\r\nquery=1", 408},
		"a chunk without end":         {"POST " + target + " HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n8\r\nquery=", 408},
		"a broken escape":             {"POST " + target + " HTTP/1.1\r\n" + auth + "Content-Length: 12\r\n\r\nquery=1&a=%z", 400},
		"a semicolon":                 {"POST " + target + " HTTP/1.1\r\n" + auth + "Content-Length: 13\r\n\r\nquery=1;a=b+c", 400},
		"length and chunks":           {"POST " + target + " HTTP/1.1\r\n" + auth + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nquery=1\r\n0\r\n\r\n", 200}, // chunks count, and the gateway sends a length of its own
		"two lengths":                 {"POST " + target + " HTTP/1.1\r\n" + auth + "Content-Length: 7\r\nContent-Length: 9\r\n\r\nquery=1&a", 400},
		"a header with a space in it": {"GET " + target + "?query=1 HTTP/1.1\r\n" + auth + "X-Scope-OrgID : " + bobSession + "\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, body := raw(t, w, c.request); status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, body)
			}
		})
	}
}

// What players ask is in the trail, questions that were refused included.
func TestTrail(t *testing.T) {
	w := newWorld(t)
	page := w.ann.session.PageAt.Truncate(time.Millisecond)
	seconds := fmt.Sprintf("%.3f", float64(page.UnixMilli())/1e3)
	trace := w.ann.trace(recordedStart)
	w.post("ann", "/prometheus/api/v1/query_range", "query", "http_requests_total", "start", seconds, "end", seconds, "step", "15")
	w.get("ann", "/prometheus/api/v1/query", "query", "sum(", "time", seconds)
	w.get("bob", "/prometheus/api/v1/label/job/values", "match[]", "bakery_orders")
	w.get("ann", "/loki/loki/api/v1/query_range", "query", `{shop="aquarium"}`, "start", fmt.Sprint(page.UnixNano()), "end", fmt.Sprint(page.UnixNano()))
	w.get("ann", "/jaeger/api/traces", "service", "payment", "operation", "POST /pay", "tags", `{"b":"1","a":"x y"}`, "minDuration", "5ms", "start", fmt.Sprint(page.UnixMicro()), "end", fmt.Sprint(page.UnixMicro()))
	w.get("ann", "/jaeger/api/traces/"+trace)
	w.get("ann", "/jaeger/api/traces", "traceID", trace)
	w.get("stranger", "/jaeger/api/services")
	w.get("ann", "/jaeger/nothing")
	w.gateway.Close()

	type row struct {
		Session, Player string
		Backend         challenge.Backend
		Endpoint, Query string
		Status          int
		Ranged          bool
	}
	want := []row{
		{annSession, "ann", "prometheus", "query_range", "http_requests_total", 200, true},
		{annSession, "ann", "prometheus", "query", "sum(", 400, true},
		{bobSession, "bob", "prometheus", "label_values", "job bakery_orders", 200, false},
		{annSession, "ann", "loki", "query_range", `{shop="aquarium"}`, 200, true},
		{annSession, "ann", "jaeger", "search", `service=payment operation="POST /pay" tags={"a":"x y","b":"1"} minDuration=5ms`, 200, true},
		{annSession, "ann", "jaeger", "trace", trace, 200, false},
		{annSession, "ann", "jaeger", "search", "traceID=" + trace, 400, false},
	}
	var got []row
	for _, e := range w.trail {
		got = append(got, row{e.Session, e.Player, e.Backend, e.Endpoint, e.Query, e.Status, e.From.Equal(page) && e.To.Equal(page)})
		if e.At.IsZero() || e.Took <= 0 || e.Bytes == 0 {
			t.Errorf("%s: at %v, took %v, %d bytes", e.Endpoint, e.At, e.Took, e.Bytes)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("trail:\n%v\nwant:\n%v", got, want)
	}
}
