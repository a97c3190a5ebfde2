package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"firedrill/internal/challenge"
	"firedrill/internal/gateway"
	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
	"firedrill/replay/endpoint"
)

func TestMain(m *testing.M) {
	code := stacktest.Run(m)
	for _, p := range []*played{fixture.ann, fixture.bob} {
		if p != nil {
			p.evidence.Source.(*source).Close()
		}
	}
	if fixture.dir != "" {
		os.RemoveAll(fixture.dir)
	}
	os.Exit(code)
}

const (
	grafanaToken = "fd_g_grafana"
	playerToken  = "fd_p_player"
	pluginToken  = "fd_x_plugin"
	oldToken     = "fd_g_revoked"
)

// The sessions of all tests on the back ends: ann and bob play recordings of their own, cat the same as ann.
const (
	annSession = "s0000000000a1"
	bobSession = "s0000000000b2"
	catSession = "s0000000000c3"
)

// fixture is what the tests on the back ends share. Its recordings are in memory no longer than the tests run.
var fixture struct {
	sync.Once
	dir           string
	ann, bob, cat *played
	err           error
}

// world is a gateway before the shared back ends, with three players.
type world struct {
	tb            testing.TB
	urls          stack.URLs
	gateway       *gateway.Gateway
	url           string
	ann, bob, cat *played
	registry      *prometheus.Registry

	mu      sync.Mutex
	joined  map[string]challenge.Session
	trail   []challenge.TrailEntry
	refused []challenge.AuditEntry
	fixed   atomic.Pointer[time.Time] // what the clock shows, where it is not the real one
}

// now is the gateway's clock.
func (w *world) now() time.Time {
	if t := w.fixed.Load(); t != nil {
		return *t
	}
	return time.Now()
}

// set stops the gateway's clock at a time.
func (w *world) set(t time.Time) { w.fixed.Store(&t) }

// newWorld starts a gateway; with changes its options.
func newWorld(tb testing.TB, change ...func(*gateway.Options)) *world {
	tb.Helper()
	u := stacktest.Shared(tb).URLs()
	fixture.Do(func() {
		if fixture.dir, fixture.err = os.MkdirTemp("", "firedrill-gateway-"); fixture.err != nil {
			return
		}
		ann, bob := makeSource(tb, fixture.dir, "aquarium"), makeSource(tb, fixture.dir, "bakery")
		g, ctx := errgroup.WithContext(context.Background())
		for _, p := range []struct {
			to       **played
			id, shop string
			src      *source
		}{{&fixture.ann, annSession, "aquarium", ann}, {&fixture.bob, bobSession, "bakery", bob}, {&fixture.cat, catSession, "aquarium", ann}} {
			g.Go(func() (err error) {
				*p.to, err = play(ctx, u, p.id, p.shop, p.src)
				return err
			})
		}
		if fixture.err = g.Wait(); fixture.err != nil {
			return
		}
		// index/stats counts what is in the index only.
		resp, err := http.Post(u.Loki+"/flush", "", nil)
		if fixture.err = err; err == nil {
			resp.Body.Close()
		}
	})
	if fixture.err != nil {
		tb.Fatal(fixture.err)
	}
	w := &world{tb: tb, urls: u, ann: fixture.ann, bob: fixture.bob, cat: fixture.cat, registry: prometheus.NewRegistry()}
	w.joined = map[string]challenge.Session{"ann": w.ann.session, "bob": w.bob.session, "cat": w.cat.session}
	w.start(change...)
	return w
}

func (w *world) start(change ...func(*gateway.Options)) {
	w.tb.Helper()
	o := gateway.Options{
		Prometheus: endpoint.Config{URL: w.urls.Prometheus}, Loki: endpoint.Config{URL: w.urls.Loki}, Jaeger: endpoint.Config{URL: w.urls.Jaeger},
		Authenticate: authenticate, Sessions: w, Evidence: w.evidence, JoinURL: "https://drill.example/join",
		Trail: func(entries []challenge.TrailEntry) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.trail = append(w.trail, entries...)
			return nil
		},
		Refused: func(e challenge.AuditEntry) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.refused = append(w.refused, e)
		},
		Now: w.now, Registerer: w.registry,
		Log: slog.New(slog.NewTextHandler(w.tb.Output(), nil)),
	}
	for _, c := range change {
		c(&o)
	}
	g, err := gateway.New(o)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.gateway = g
	srv := httptest.NewServer(g)
	w.url = srv.URL
	w.tb.Cleanup(func() { srv.Close(); g.Close() })
}

func authenticate(_ context.Context, bearer string) (challenge.Token, error) {
	switch bearer {
	case grafanaToken:
		return challenge.Token{ID: "1", Role: challenge.GrafanaRole}, nil
	case playerToken:
		return challenge.Token{ID: "2", Role: challenge.PlayerRole, Name: "ann"}, nil
	case pluginToken:
		return challenge.Token{ID: "3", Role: challenge.PluginRole}, nil
	case oldToken:
		return challenge.Token{ID: "4", Role: challenge.GrafanaRole, Revoked: time.Now().Add(-time.Second)}, nil
	}
	return challenge.Token{}, challenge.Errorf(challenge.Unauthorized, "no such token")
}

// PlayerSession implements gateway.Sessions.
func (w *world) PlayerSession(_ context.Context, player string) (challenge.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.joined[player]
	if !ok {
		return s, challenge.Errorf(challenge.NoSession, "not joined")
	}
	return s, nil
}

func (w *world) join(player string, s challenge.Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.joined[player] = s
}

func (w *world) evidence(_ context.Context, s challenge.Session) (gateway.Evidence, error) {
	for _, p := range []*played{w.ann, w.bob, w.cat} {
		if p != nil && p.session.ID == s.ID {
			return p.evidence, nil
		}
	}
	return gateway.Evidence{}, fmt.Errorf("no session %q", s.ID)
}

// request makes a request as Grafana makes it for a player.
func (w *world) request(method, player, target string, form url.Values) *http.Request {
	w.tb.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(w.tb.Context(), method, w.url+target, body)
	if err != nil {
		w.tb.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Authorization", "Bearer "+grafanaToken)
	r.Header.Set("X-Grafana-User", player)
	return r
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(r *http.Request) answer {
	w.tb.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.tb.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (w *world) get(player, path string, query ...string) answer {
	w.tb.Helper()
	return w.do(w.request(http.MethodGet, player, path+"?"+pairs(query).Encode(), nil))
}

func (w *world) post(player, path string, form ...string) answer {
	w.tb.Helper()
	return w.do(w.request(http.MethodPost, player, path, pairs(form)))
}

// pairs makes parameters of names and values in turn.
func pairs(list []string) url.Values {
	v := make(url.Values)
	for i := 0; i < len(list); i += 2 {
		v.Add(list[i], list[i+1])
	}
	return v
}

// want checks a status and what the body holds; what begins with a ! it must not hold.
func (a answer) want(tb testing.TB, status int, texts ...string) {
	tb.Helper()
	if a.status != status {
		tb.Errorf("status %d, want %d: %.600s", a.status, status, a.body)
		return
	}
	for _, text := range texts {
		if not, ok := strings.CutPrefix(text, "!"); ok {
			if strings.Contains(a.body, not) {
				tb.Errorf("the answer has %q: %.600s", not, a.body)
			}
		} else if !strings.Contains(a.body, text) {
			tb.Errorf("the answer has no %q: %.600s", text, a.body)
		}
	}
}

// decode reads a JSON answer.
func decode[T any](tb testing.TB, a answer) (v T) {
	tb.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		tb.Fatalf("status %d, %v: %.300s", a.status, err, a.body)
	}
	return v
}

// eventually waits until the condition holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("never: %s", what)
		}
	}
}
