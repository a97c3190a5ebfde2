package gateway_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/net/websocket"

	"firedrill/internal/challenge"
	"firedrill/internal/gateway"
	"firedrill/internal/stack"
	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// anySource has every trace.
type anySource struct{ replay.Source }

func (anySource) HasTrace(pcommon.TraceID) bool      { return true }
func (anySource) Families() map[string]replay.Family { return nil }

// newFake is a gateway before one made-up server that is all three back ends. Player ann is in a session.
func newFake(tb testing.TB, backend http.HandlerFunc, change ...func(*gateway.Options)) *world {
	srv := httptest.NewServer(backend)
	tb.Cleanup(srv.Close)
	w := &world{tb: tb, urls: stack.URLs{Prometheus: srv.URL, Loki: srv.URL, Jaeger: srv.URL}, registry: prometheus.NewRegistry()}
	w.ann = &played{
		session:  challenge.Session{ID: annSession, State: challenge.Live},
		evidence: gateway.Evidence{Key: replay.NewKey(), Timeline: replay.NewTimeline(recordedPage, time.Now(), 1), Source: anySource{}},
	}
	w.joined = map[string]challenge.Session{"ann": w.ann.session}
	w.start(change...)
	return w
}

// Of the client's headers only a few reach a back end, and of the back end's only a few come back; the credentials
// are the gateway's.
func TestHeaders(t *testing.T) {
	var mu sync.Mutex
	var got http.Header
	var path string
	w := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got, path = r.Header, r.Host+r.URL.Path
		mu.Unlock()
		for name, value := range map[string]string{
			"Content-Type": "application/json", "Set-Cookie": "a=b", "X-Prometheus-Version": "3", "Server": "x", "Access-Control-Allow-Origin": "*",
			"Www-Authenticate": "Basic", "Location": "http://elsewhere/", "Connection": "X-Hop", "X-Hop": "1", "Trailer": "X-Late",
		} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"status":"error"}`)
		w.Header().Set("X-Late", "1")
	}, func(o *gateway.Options) {
		for _, c := range []*endpoint.Config{&o.Prometheus, &o.Loki, &o.Jaeger} {
			c.URL += "/base/"
			c.BearerToken = "the-gateways-own"
			c.Headers = map[string]string{"X-Cluster": "blue"}
		}
	})
	for target, want := range map[string]struct{ path, tenant string }{
		"/prometheus/api/v1/query?query=up":           {"/base/api/v1/query", ""},
		"/loki/loki/api/v1/labels":                    {"/base/loki/api/v1/labels", annSession},
		"/loki/loki/api/v1/label/a%20b/values":        {"/base/loki/api/v1/label/a b/values", annSession},
		"/jaeger/api/traces/00000000000000ff":         {"/base/api/traces/000000000000000000000000000000ff", ""},
		"/jaeger/api/traces?service=a&minDuration=1s": {"/base/api/traces", ""},
	} {
		r := w.request(http.MethodGet, "ann", target, nil)
		for name, values := range map[string][]string{
			"Cookie": {"grafana_session=1"}, "X-Scope-OrgID": {bobSession}, "X-Grafana-Id": {"jwt"}, "X-Grafana-Org-Id": {"1"}, "X-Forwarded-For": {"10.0.0.1"},
			"Forwarded": {"for=x"}, "Connection": {"X-Secret, X-Scope-OrgID"}, "X-Secret": {"1"}, "Proxy-Authorization": {"Basic x"}, "Te": {"trailers"},
			"X-Loki-Response-Encoding-Flags": {"categorize-labels"}, "Accept-Encoding": {"gzip"}, "Upgrade": {"websocket"}, "X-Http-Method-Override": {"DELETE"},
			"X-Cluster": {"red"}, "Range": {"bytes=0-1"}, "Origin": {"http://evil"},
		} {
			r.Header[name] = values
		}
		a := w.do(r)
		a.want(t, http.StatusUnprocessableEntity, `{"status":"error"}`)
		mu.Lock()
		sent := got
		_, at, _ := strings.Cut(path, "/")
		mu.Unlock()
		if "/"+at != want.path {
			t.Errorf("%s: the back end was asked for %q, want %q", target, at, want.path)
		}
		keep := map[string]string{"Authorization": "Bearer the-gateways-own", "X-Cluster": "blue", "Accept-Encoding": "gzip", "X-Loki-Response-Encoding-Flags": "categorize-labels", "User-Agent": endpoint.UserAgent()}
		if want.tenant != "" {
			keep["X-Scope-Orgid"] = want.tenant
		}
		for name, values := range sent {
			if len(values) != 1 || values[0] != keep[name] {
				t.Errorf("%s: the back end got %s: %q", target, name, values)
			}
			delete(keep, name)
		}
		if len(keep) > 0 {
			t.Errorf("%s: the back end did not get %v", target, keep)
		}
		for name := range a.header {
			if !slices.Contains([]string{"Content-Type", "Content-Length", "Date", "X-Content-Type-Options"}, name) {
				t.Errorf("%s: the client got %s: %s", target, name, a.header.Get(name))
			}
		}
	}
}

// A tenant in the configuration would be everybody's.
func TestRefusesTenantInConfiguration(t *testing.T) {
	o := gateway.Options{
		Authenticate: authenticate, Sessions: &world{}, Evidence: (&world{}).evidence, Trail: func([]challenge.TrailEntry) error { return nil }, Refused: func(challenge.AuditEntry) {},
		Prometheus: endpoint.Config{URL: "http://a"}, Loki: endpoint.Config{URL: "http://b", Headers: map[string]string{"x-scope-orgid": "all"}}, Jaeger: endpoint.Config{URL: "http://c"},
	}
	if _, err := gateway.New(o); err == nil || !strings.Contains(err.Error(), "x-scope-orgid") {
		t.Errorf("New with a tenant for all: %v", err)
	}
	o.Loki.Headers = nil
	o.Jaeger.URL = ""
	if _, err := gateway.New(o); err == nil || !strings.Contains(err.Error(), "jaeger") {
		t.Errorf("New without Jaeger's address: %v", err)
	}
	if _, err := gateway.New(gateway.Options{}); err == nil || !strings.Contains(err.Error(), "must be set") {
		t.Errorf("New without anything: %v", err)
	}
}

// Answers are passed on as they come, whether or not their length is known, and compressed ones as they are.
func TestAnswersAreStreamed(t *testing.T) {
	next := make(chan bool)
	w := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		out := io.Writer(w)
		if r.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			out = z
		} else {
			w.Header().Set("Content-Length", "21") // of three parts
		}
		for i := range 3 {
			fmt.Fprintf(out, "part %d\n", i)
			if z, ok := out.(*gzip.Writer); ok {
				z.Flush()
			}
			w.(http.Flusher).Flush()
			<-next
		}
	})
	for _, encoding := range []string{"gzip", "identity"} {
		r := w.request(http.MethodGet, "ann", "/loki/loki/api/v1/labels", nil)
		r.Header.Set("Accept-Encoding", encoding)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body := io.Reader(resp.Body)
		if encoding == "gzip" {
			if resp.Header.Get("Content-Encoding") != "gzip" {
				t.Fatalf("headers %v, want gzip", resp.Header)
			}
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		} else if resp.ContentLength != 21 {
			t.Errorf("length %d, want 21", resp.ContentLength)
		}
		lines := bufio.NewReader(body)
		for i := range 3 { // each part arrives before the next is made
			line, err := lines.ReadString('\n')
			if err != nil || line != fmt.Sprintf("part %d\n", i) {
				t.Fatalf("%s: line %q, %v", encoding, line, err)
			}
			next <- true
		}
	}
}

// A back end that hangs is left when the client goes, and when the time is over.
func TestHangingBackEnd(t *testing.T) {
	came, gone := make(chan bool, 1), make(chan bool, 1)
	hang := func(w http.ResponseWriter, r *http.Request) {
		came <- true
		<-r.Context().Done()
		gone <- true
	}
	t.Run("the client goes", func(t *testing.T) {
		w := newFake(t, hang)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-came; cancel() }()
		_, err := http.DefaultClient.Do(w.request(http.MethodGet, "ann", probes[challenge.PrometheusBackend], nil).WithContext(ctx))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		<-gone
	})
	t.Run("the time is over", func(t *testing.T) {
		w := newFake(t, hang, func(o *gateway.Options) { o.Prometheus.Timeout = 50 * time.Millisecond })
		wantRefused(t, challenge.PrometheusBackend, w.get("ann", "/prometheus/api/v1/query", "query", "up"), http.StatusGatewayTimeout, "took longer")
		<-came
		<-gone
	})
}

// A back end that is down, or that wants to send the gateway elsewhere, is reported as such.
func TestBrokenBackEnd(t *testing.T) {
	w := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
	})
	for b, target := range map[challenge.Backend]string{
		challenge.PrometheusBackend: "/prometheus/api/v1/query?query=up", challenge.LokiBackend: "/loki/loki/api/v1/labels", challenge.JaegerBackend: "/jaeger/api/traces?service=a",
	} {
		wantRefused(t, b, w.do(w.request(http.MethodGet, "ann", target, nil)), http.StatusBadGateway, "does not answer")
	}
	down := newFake(t, nil, func(o *gateway.Options) { o.Loki.URL = "http://127.0.0.1:1" })
	wantRefused(t, challenge.LokiBackend, down.get("ann", "/loki/loki/api/v1/labels"), http.StatusBadGateway, "does not answer")
}

// One player's questions do not keep the others from the back end.
func TestPlayersShareTheBackEnd(t *testing.T) {
	came, open := make(chan string, 100), make(chan bool)
	w := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		came <- r.Header.Get("X-Scope-Orgid")
		<-open
	})
	w.join("bob", challenge.Session{ID: bobSession, State: challenge.Live})
	var asking sync.WaitGroup
	defer asking.Wait()
	defer close(open)
	for range 30 {
		asking.Go(func() { w.get("ann", "/loki/loki/api/v1/labels") })
	}
	for range 16 {
		<-came
	}
	asking.Go(func() { w.get("bob", "/loki/loki/api/v1/labels") })
	if got := <-came; got != bobSession {
		t.Errorf("after 16 questions of ann another one of %s came", got)
	}
}

// tailURL is the address of a tail.
func (w *world) tailURL(query string) string {
	return "ws" + strings.TrimPrefix(w.url, "http") + "/loki/loki/api/v1/tail?" + url.Values{"query": {query}}.Encode()
}

func (w *world) dial(player, query string) (*websocket.Conn, error) {
	c, err := websocket.NewConfig(w.tailURL(query), "http://grafana")
	if err != nil {
		return nil, err
	}
	c.Header.Set("Authorization", "Bearer "+grafanaToken)
	c.Header.Set("X-Grafana-User", player)
	c.Header.Set("X-Scope-OrgID", bobSession)
	return c.DialContext(w.tb.Context())
}

// A tail goes both ways, and when one side closes it the other learns of it.
func TestTailIsClosedOnBothSides(t *testing.T) {
	ended := make(chan error, 1)
	w := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Scope-Orgid") != annSession || r.Header.Get("Authorization") != "" || r.Header.Get("Origin") != "" {
			t.Errorf("the back end got %v", r.Header)
		}
		websocket.Server{Handler: func(c *websocket.Conn) {
			_, err := io.Copy(c, c)
			ended <- err
		}}.ServeHTTP(w, r)
	})
	talk := func() *websocket.Conn {
		t.Helper()
		c, err := w.dial("ann", `{a="b"}`)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := websocket.Message.Send(c, "hello"); err != nil {
			t.Fatal(err)
		}
		if err := websocket.Message.Receive(c, &got); err != nil || got != "hello" {
			t.Fatalf("received %q, %v", got, err)
		}
		return c
	}
	talk().Close()
	<-ended

	// With the connection alone, as when a browser's machine goes to sleep.
	c := talk()
	w.gateway.Close()
	<-ended
	if err := websocket.Message.Receive(c, new(string)); err == nil {
		t.Error("the gateway is closed and the tail goes on")
	}
	c.Close()
	if len(w.trail) != 2 || w.trail[0].Endpoint != "tail" || w.trail[0].Query != `{a="b"}` || w.trail[0].Status != http.StatusSwitchingProtocols {
		t.Errorf("trail %+v", w.trail)
	}
}

func TestTailRefusals(t *testing.T) {
	w := newFake(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "parse error: no", http.StatusBadRequest) })
	w.get("ann", "/loki/loki/api/v1/tail", "query", "x").want(t, http.StatusBadRequest, "websockets only")
	if _, err := w.dial("stranger", "x"); err == nil {
		t.Error("a stranger's tail is open")
	}
	if _, err := w.dial("ann", "x"); err == nil {
		t.Error("a tail that the back end refused is open")
	}
	// Other endpoints do not become websockets.
	r := w.request(http.MethodGet, "ann", "/loki/loki/api/v1/query?query=x", nil)
	r.Header["Connection"], r.Header["Upgrade"], r.Header["Sec-Websocket-Key"], r.Header["Sec-Websocket-Version"] = []string{"Upgrade"}, []string{"websocket"}, []string{"eHh4eHh4eHh4eHh4eHh4eA=="}, []string{"13"}
	w.do(r).want(t, http.StatusBadRequest, "parse error: no")
}

// On a real Loki a tail brings the lines of the player's tenant, and not those of another.
func TestTailOfARealLoki(t *testing.T) {
	w := newWorld(t)
	const danSession, mallorySession = "s0000000000d4", "s0000000000e5"
	w.join("dan", challenge.Session{ID: danSession, State: challenge.Live})
	push := func(tenant, line string) {
		t.Helper()
		body := fmt.Sprintf(`{"streams":[{"stream":{"app":"shop"},"values":[["%d",%q]]}]}`, time.Now().UnixNano(), line)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.urls.Loki+"/loki/api/v1/push", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Scope-OrgID", tenant)
		w.do(r).want(t, http.StatusNoContent)
	}
	push(danSession, "dan 0")
	push(mallorySession, "mallory 0")
	c, err := w.dial("dan", `{app=~".+"}`)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	receive := func(until string) (all string) {
		t.Helper()
		for !strings.Contains(all, until) {
			var got string
			if err := websocket.Message.Receive(c, &got); err != nil {
				t.Fatalf("after %q: %v", all, err)
			}
			all += got
		}
		return all
	}
	all := receive("dan 0")
	push(mallorySession, "mallory 1")
	push(danSession, "dan 1")
	if all += receive("dan 1"); strings.Contains(all, "mallory") {
		t.Errorf("the tail brought another tenant's lines: %s", all)
	}
}
