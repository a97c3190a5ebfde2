package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"firedrill/internal/challenge"
)

// Gateway is the handler of the paths under /prometheus/, /loki/ and /jaeger/. It is safe for concurrent use.
type Gateway struct {
	o Options

	prometheus, loki, jaeger *upstream

	tokens    cache[[32]byte, challenge.Token] // by SHA-256, so that no secret stays in memory
	sessions  cache[string, membership]        // by player
	evidences cache[string, Evidence]          // by session
	indexes   indexes

	metrics *metrics
	audit   *auditor
	trail   *trail

	ctx  context.Context // ends with Close
	stop context.CancelFunc
}

var _ http.Handler = (*Gateway)(nil)

// New returns a Gateway. It contacts nobody. Close it when no request comes any more.
func New(o Options) (*Gateway, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	g := &Gateway{o: o}
	var err error
	if g.prometheus, err = newUpstream(challenge.PrometheusBackend, o.Prometheus); err != nil {
		return nil, fmt.Errorf("gateway: prometheus: %w", err)
	}
	if g.loki, err = newUpstream(challenge.LokiBackend, o.Loki); err != nil {
		return nil, fmt.Errorf("gateway: loki: %w", err)
	}
	if g.jaeger, err = newUpstream(challenge.JaegerBackend, o.Jaeger); err != nil {
		return nil, fmt.Errorf("gateway: jaeger: %w", err)
	}
	if g.metrics, err = newMetrics(o.Registerer); err != nil {
		return nil, fmt.Errorf("gateway: register metrics: %w", err)
	}
	g.ctx, g.stop = context.WithCancel(context.Background())
	g.audit = newAuditor(o.Refused)
	g.trail = newTrail(o.Trail, g.metrics, o.Log)
	return g, nil
}

// Close ends the tails that are open, and returns when the trail is handed on.
func (g *Gateway) Close() {
	g.stop()
	g.trail.close()
	for _, u := range []*upstream{g.prometheus, g.loki, g.jaeger} {
		u.client.CloseIdleConnections()
	}
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	backend := backendOf(r.URL.Path)
	rec := &recorder{ResponseWriter: w}
	began := g.o.Now()
	a := &ask{Request: r, backend: backend, trail: &challenge.TrailEntry{At: began, Backend: backend}}
	record := sync.OnceFunc(func() {
		name := "other"
		if a.route != nil {
			name = a.name
		}
		took := g.o.Now().Sub(began)
		g.metrics.observe(backend, name, rec.code(), took)
		if a.session.ID != "" && a.route != nil {
			e := *a.trail
			e.Session, e.Player, e.Endpoint = a.session.ID, a.player, name
			e.Query = cut(e.Query, challenge.MaxTrailQuery)
			e.Status, e.Took, e.Bytes = rec.code(), took, rec.bytes
			g.trail.add(e)
		}
	})
	rec.switched = record // a tail may go on for hours
	// Deferred, since a proxy that loses one side in the middle of an answer panics with http.ErrAbortHandler.
	defer record()
	if p := g.serve(rec, a); p != nil {
		g.refuse(a, p)
		p.write(rec, backend)
	}
}

// serve answers, or returns why not.
func (g *Gateway) serve(w http.ResponseWriter, a *ask) (p *problem) {
	path, p := cleanPath(a.URL)
	if p != nil {
		// Whoever has no token learns nothing but that.
		if bad := g.authenticate(a.Request); bad != nil {
			return bad
		}
		return p
	}
	if a.player, a.session, p = g.identify(a.Request); p != nil {
		return p
	}
	b, rest, ok := split(path)
	if ok {
		a.backend = b
		a.route, a.arg, ok = find(b, rest)
	}
	if !ok {
		return refusal(http.StatusNotFound, reasonEndpoint, "the gateway has no such endpoint: it serves the queries of Grafana's data sources and nothing else")
	}
	switch a.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		if !a.post {
			return refusal(http.StatusMethodNotAllowed, reasonEndpoint, "this endpoint takes GET")
		}
	default:
		return refusal(http.StatusMethodNotAllowed, reasonEndpoint, "this endpoint takes GET and, with a form, POST")
	}
	if a.form, p = readForm(w, a.Request, a.post); p != nil {
		return p
	}
	return a.serve(g, w, a)
}

// refuse counts and audits a refusal, and logs a trouble of ours.
func (g *Gateway) refuse(a *ask, p *problem) {
	if p.err != nil {
		g.o.Log.Warn("gateway cannot answer", "backend", a.backend, "err", p.err)
	}
	if p.reason == "" {
		return
	}
	g.metrics.refused(p.reason)
	e := challenge.AuditEntry{
		At: g.o.Now(), Actor: a.player, Remote: a.RemoteAddr, Action: "gateway.refused", Session: a.session.ID,
		Detail: fmt.Sprintf("%s %q: %s", a.Method, cut(a.URL.EscapedPath(), 200), p.text), Refused: true,
	}
	if p.reason != reasonToken && p.reason != reasonRole {
		e.Role = challenge.GrafanaRole
	}
	g.audit.add(p.reason, e)
}

// backendOf guesses from the beginning of a path whose data source asks, for the form of errors.
func backendOf(path string) challenge.Backend {
	for prefix, b := range prefixes {
		if strings.HasPrefix(path, prefix) {
			return b
		}
	}
	return ""
}

// cut shortens a text to at most n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
