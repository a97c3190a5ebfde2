package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"firedrill/internal/auth"
	"firedrill/internal/challenge"
	"firedrill/scenarios"
)

// maxDebriefs bounds the debriefs that are made at once; all players of a session ask for it when it is over.
const maxDebriefs = 4

// Prefix is where the API is served.
const Prefix = "/api/v1"

// Options are what an API needs. Service, Tokens, Identify and Library must be set.
type Options struct {
	Service  *challenge.Service
	Tokens   *auth.Tokens
	Identify Identifier
	Library  *scenarios.Library
	Rules    challenge.Rules       // as the Service has them; the zero Rules are challenge.DefaultRules
	Now      func() time.Time      // nil is time.Now
	Log      *slog.Logger          // nil discards
	Registry prometheus.Registerer // nil: no metrics
}

// API is the handler of everything under Prefix. It is safe for concurrent use.
type API struct {
	o       Options
	mux     *http.ServeMux
	huma    huma.API
	openAPI []byte
	limits  limits
	metrics *metrics
	csrf    *http.CrossOriginProtection
	tick    func() time.Time // for rates; time.Now but in tests

	remotes, actors, auditRemote, auditTotal *buckets
	streams                                  streams
	summaries                                func() []scenarios.Scenario
	debriefs                                 chan struct{} // holds one for each that is being made: they can be large

	ended     chan struct{} // closed by EndStreams
	endedOnce sync.Once
}

// New returns an API.
func New(o Options) *API { return newAPI(o, defaultLimits) }

func newAPI(o Options, l limits) *API {
	if o.Rules == (challenge.Rules{}) {
		o.Rules = challenge.DefaultRules
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{
		o: o, mux: http.NewServeMux(), limits: l, metrics: newMetrics(o.Registry), csrf: http.NewCrossOriginProtection(), tick: time.Now,
		remotes: newBuckets(l.remoteRate, l.remoteBurst), actors: newBuckets(l.actorRate, l.actorBurst),
		auditRemote: newBuckets(auditRate, auditBurst), auditTotal: newBuckets(auditTotal, auditTotalBurst),
		debriefs: make(chan struct{}, maxDebriefs), ended: make(chan struct{}),
	}
	a.summaries = sync.OnceValue(a.loadScenarios)
	a.huma = humago.NewWithPrefix(a.mux, Prefix, openAPIConfig())
	a.huma.UseMiddleware(a.identify, a.bound)
	a.register()
	a.mux.HandleFunc("GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		requestOf(r.Context()).route = Prefix + "/openapi.json"
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(a.openAPI) // whoever asked has gone
	})
	a.openAPI = a.describe()
	return a
}

// OpenAPI is the description of the API, JSON.
func (a *API) OpenAPI() []byte { return a.openAPI }

// describe encodes the description.
func (a *API) describe() []byte {
	b, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		panic(err) // it is made of what the program says
	}
	return append(b, '\n')
}

// EndStreams ends all streams of events, which would go on for as long as their clients like. Call it when the server shuts
// down: http.Server.RegisterOnShutdown(api.EndStreams).
func (a *API) EndStreams() { a.endedOnce.Do(func() { close(a.ended) }) }

// ServeHTTP serves one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	sw := &statusWriter{ResponseWriter: w}
	info := &request{route: noRoute}
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, info))
	control := http.NewResponseController(sw)
	// Not every writer has deadlines; those of tests do not.
	_ = control.SetWriteDeadline(begin.Add(a.limits.time + a.limits.writeTime))
	defer func() {
		a.recovered(recover(), sw, r)
		_ = control.SetWriteDeadline(time.Time{}) // for the next request of the connection
		a.metrics.observe(r, info, sw.status, time.Since(begin))
	}()
	SecurityHeaders(sw.Header(), "default-src 'none'; frame-ancestors 'none'")
	sw.Header().Set("Cache-Control", "no-store")
	if p := a.admit(r); p != nil {
		if p.Code == string(challenge.Forbidden) || p.Code == string(challenge.TooMany) {
			a.refused(r.Context(), challenge.Call{Remote: remoteHost(r.RemoteAddr)}, r.Method, info.route, p)
		}
		p.write(sw)
		return
	}
	a.mux.ServeHTTP(sw, r)
}

// SecurityHeaders sets what every answer has: browsers must not guess types, show it in a frame of another site or tell
// others where they come from. The policy is the Content-Security-Policy.
func SecurityHeaders(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// admit refuses what can be refused before anything is known of the caller.
func (a *API) admit(r *http.Request) *Problem {
	if !a.remotes.allow(remoteKey(remoteHost(r.RemoteAddr)), a.tick()) {
		return tooFast("this address")
	}
	if err := a.csrf.Check(r); err != nil {
		return newProblem(challenge.Forbidden, "another site made this request; the API is for its own pages and for programs")
	}
	if p := a.matches(r); p != nil {
		return p
	}
	if r.ContentLength == 0 {
		return nil
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		p := newProblem(challenge.Invalid, "the body must be JSON, with the header Content-Type: application/json")
		p.Status, p.Field = http.StatusUnsupportedMediaType, "Content-Type"
		return p
	}
	return nil
}

func tooFast(who string) *Problem {
	p := newProblem(challenge.TooMany, "too many requests from "+who+"; wait a little")
	p.RetryAfter = 1
	return p
}

// matches tells whether there is such a path, spelt in the one way, and method.
func (a *API) matches(r *http.Request) *Problem {
	clean := r.URL.Path == path.Clean(r.URL.Path) && (r.URL.RawPath == "" || !strings.Contains(strings.ToLower(r.URL.RawPath), "%2f"))
	if clean {
		h, pattern := a.mux.Handler(r)
		if pattern != "" {
			return nil
		}
		probe := allowed{header: http.Header{}}
		h.ServeHTTP(&probe, r)
		if probe.status == http.StatusMethodNotAllowed {
			p := newProblem(challenge.NotFound, "this path has no such method, but "+probe.header.Get("Allow"))
			p.Status, p.allow = probe.status, probe.header.Get("Allow")
			return p
		}
	}
	return newProblem(challenge.NotFound, "there is no such path; "+Prefix+"/openapi.json lists them all")
}

// allowed asks a ServeMux what it would answer.
type allowed struct {
	header http.Header
	status int
}

func (w *allowed) Header() http.Header         { return w.header }
func (w *allowed) WriteHeader(status int)      { w.status = status }
func (w *allowed) Write(b []byte) (int, error) { return len(b), nil }

// recovered answers after a panic. huma panics too when it cannot write an answer.
func (a *API) recovered(v any, w *statusWriter, r *http.Request) {
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && (errors.Is(err, http.ErrAbortHandler) || r.Context().Err() != nil) {
		panic(http.ErrAbortHandler) // whoever asked has gone
	}
	p := a.problem(r.Context(), fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // half of an answer must not look like a whole one
	}
	p.write(w)
}
