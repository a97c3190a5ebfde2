package gateway_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sync/errgroup"

	"firedrill/internal/challenge"
	"firedrill/internal/gateway"
	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/otlptrace"
	"firedrill/replay/rebase"
	"firedrill/replay/recording"
	"firedrill/replay/remotewrite"
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

var (
	recordedStart = time.Date(2024, 2, 29, 23, 40, 0, 0, time.UTC)
	recordedPage  = recordedStart.Add(5 * time.Minute)
	recordedEnd   = recordedStart.Add(10 * time.Minute)
)

// source is a recording with what its metrics say of themselves.
type source struct {
	*recording.Recording
	families map[string]replay.Family
}

func (s *source) Families() map[string]replay.Family { return s.families }

// makeSource writes a recording of ten minutes. What is called shop-... belongs to the shop called so; something with
// late in its name comes after the page only.
func makeSource(tb testing.TB, dir, shop string) *source {
	tb.Helper()
	check := func(err error) {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
	}
	dir = filepath.Join(dir, shop)
	w, err := recording.Create(dir, recording.Options{CreatedBy: "gateway test"})
	check(err)
	defer w.Abort()
	families := map[string]replay.Family{
		"http_requests":             {Type: "counter", Help: "Requests of " + shop},
		"latency_seconds":           {Type: "histogram", Help: "Latency of " + shop, Unit: "seconds"},
		shop + "_orders":            {Type: "gauge", Help: "Orders"},
		shop + "_late_orders":       {Type: "gauge", Help: "Orders of the time after the page"},
		"never_seen_metric_seconds": {Type: "gauge", Help: "Not in the recording"},
	}
	for at := recordedStart; at.Before(recordedEnd); at = at.Add(5 * time.Second) {
		n := float64(at.Sub(recordedStart) / time.Second)
		ms := at.UnixMilli()
		late := !at.Before(recordedPage.Add(2 * time.Minute))
		check(w.Sample(labels.FromStrings("__name__", "http_requests_total", "shop", shop, "job", "web"), ms, n))
		check(w.Sample(labels.FromStrings("__name__", shop+"_orders", "job", "web"), ms, 41))
		for _, le := range []string{"0.1", "+Inf"} {
			check(w.Sample(labels.FromStrings("__name__", "latency_seconds_bucket", "le", le, "job", "web"), ms, n))
		}
		if late {
			check(w.Sample(labels.FromStrings("__name__", shop+"_late_orders", "job", "web"), ms, 1))
		}
		trace := traceID(shop, at)
		check(w.Exemplar(labels.FromStrings("__name__", "http_requests_total", "shop", shop, "job", "web"),
			replay.Exemplar{Labels: labels.FromStrings("trace_id", trace.String()), V: 1, T: ms}))
		for i, service := range []string{"frontend", "payment"} {
			check(w.Record(labels.FromStrings("service_name", service, "shop", shop), at.UnixNano()+int64(i),
				fmt.Sprintf(`level=info msg="order of %s" took=%dms trace_id=%s`, shop, int(n), trace),
				[]replay.Pair{{Name: "trace_id", Value: trace.String()}}))
		}
		check(w.Spans(spans(shop, trace, at, late)))
	}
	_, err = w.Close()
	check(err)
	rec, err := recording.Open(dir)
	check(err)
	return &source{rec, families}
}

// traceID is the recorded id of a shop's trace; every fourth one has 64 bits only.
func traceID(shop string, at time.Time) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[8:], uint64(at.Unix())<<8|uint64(shop[0]))
	if at.Unix()%20 != 0 {
		binary.BigEndian.PutUint64(id[:8], uint64(at.Unix())<<16|uint64(shop[1]))
	}
	return id
}

// spans is one trace: frontend calls payment, which calls a bank that is the shop's own.
func spans(shop string, trace pcommon.TraceID, at time.Time, late bool) ptrace.Traces {
	td := ptrace.NewTraces()
	add := func(service, name string, n byte, parent byte, from, to time.Duration, kind ptrace.SpanKind) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		rs.Resource().Attributes().PutStr("shop", shop)
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(trace)
		sp.SetSpanID(pcommon.SpanID{trace[12], trace[13], trace[14], trace[15], 0, 0, 1, n})
		if parent > 0 {
			sp.SetParentSpanID(pcommon.SpanID{trace[12], trace[13], trace[14], trace[15], 0, 0, 1, parent})
		}
		sp.SetName(name)
		sp.SetKind(kind)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(from)))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(to)))
		sp.Attributes().PutStr("http.route", "/pay now")
		sp.Attributes().PutInt("http.response.status_code", 200+at.Unix()%2)
	}
	add("frontend", "GET /", 1, 0, 0, 200*time.Millisecond, ptrace.SpanKindServer)
	add("payment", "POST /pay", 2, 1, 50*time.Millisecond, 150*time.Millisecond, ptrace.SpanKindServer)
	add(shop+"-bank", "book", 3, 2, 60*time.Millisecond, 100*time.Millisecond, ptrace.SpanKindClient)
	if late {
		add(shop+"-late", "rescue", 4, 2, 60*time.Millisecond, 90*time.Millisecond, ptrace.SpanKindInternal)
	}
	return td
}

// played is a session whose evidence is in the back ends up to just after its page.
type played struct {
	shop     string
	session  challenge.Session
	evidence gateway.Evidence
}

// trace is the id under which the trace of a recorded time is in the session, as Jaeger writes it.
func (p *played) trace(at time.Time) string {
	id := rebase.NewIDs(p.evidence.Key).Trace(traceID(p.shop, at))
	return strings.TrimPrefix(hex.EncodeToString(id[:]), "0000000000000000")
}

// play delivers the history of a source as a session and two seconds more.
func play(ctx context.Context, u stack.URLs, id, shop string, src *source) (*played, error) {
	rw, err := remotewrite.New(remotewrite.Options{Endpoint: endpoint.Config{URL: u.Prometheus}, Labels: []labels.Label{{Name: recording.SessionLabel, Value: id}}})
	if err != nil {
		return nil, err
	}
	defer rw.Close()
	loki, err := lokipush.New(lokipush.Options{Endpoint: endpoint.Config{URL: u.Loki}, Tenant: id})
	if err != nil {
		return nil, err
	}
	defer loki.Close()
	otlp, err := otlptrace.New(otlptrace.Options{
		Endpoint: endpoint.Config{URL: "http://" + u.OTLPGRPC}, Protocol: otlptrace.GRPC, Query: endpoint.Config{URL: u.Jaeger},
		ResourceAttributes: map[string]string{"firedrill.session": id},
	})
	if err != nil {
		return nil, err
	}
	defer otlp.Close()
	key := replay.NewKey()
	r, err := replay.New(src, replay.Sinks{Samples: rw, Records: loki, Spans: otlp}, replay.Options{
		Session: id, Key: key, Page: recordedPage, History: time.Hour, For: 2 * time.Second, KnownTrace: src.HasTrace,
	})
	if err != nil {
		return nil, err
	}
	proof, err := r.Run(ctx)
	if err != nil {
		return nil, err
	}
	if !proof.OK() {
		return nil, fmt.Errorf("the evidence of %s is not stored: %+v", id, proof.Signals)
	}
	_, page := r.Timeline().Page()
	return &played{
		shop,
		challenge.Session{ID: id, Title: "Session " + id, Scenario: "s", State: challenge.Ended, PageAt: page,
			Clock: challenge.Clock{Page: page}, Timebox: time.Hour, EndedAt: time.Now()},
		gateway.Evidence{Key: key, Timeline: r.Timeline(), Source: src},
	}, nil
}

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
	now     func() time.Time
}

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
	w := &world{tb: tb, urls: u, ann: fixture.ann, bob: fixture.bob, cat: fixture.cat, registry: prometheus.NewRegistry(), now: time.Now}
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
		Now: func() time.Time { return w.now() }, Registerer: w.registry,
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
