// Package web is the small web page of the challenge server, for people whose Grafana cannot load the panel.
//
// New returns the pages as one http.Handler, to be mounted at /. They are rendered on the server; a page of a session
// follows it by server-sent events where there is JavaScript, and reloads itself where there is none.
//
// # Guarantees
//
// The pages hold no rules: they show what [challenge.Service] lets the reader see, and so no answer before it is open. Texts of
// scenarios and people are escaped, Markdown's raw HTML included. There is no inline script or style, and nothing from elsewhere: the
// content security policy forbids it. Who is logged in is kept in memory, so that everybody logs in again when the
// server is started again; several replicas need sticky routing.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/scenarios"
)

// Tokens checks tokens; package auth implements it.
type Tokens interface {
	// Authenticate returns the token of a secret, or an error for people when it is not good.
	Authenticate(ctx context.Context, secret string) (challenge.Token, error)
	// List returns all tokens, revoked and expired ones included.
	List(ctx context.Context) ([]challenge.Token, error)
}

// Options are what the pages need. Service, Tokens and Library must be set.
type Options struct {
	Service *challenge.Service
	Tokens  Tokens
	Library *scenarios.Library
	// Grafana is the address of Grafana, to link to; may be "".
	Grafana string
	// TLS says that browsers reach the server by https even where a request does not show it, as behind a proxy.
	TLS bool
	Now func() time.Time // nil is time.Now
	Log *slog.Logger     // nil discards
}

// Pages are the web page. They are safe for concurrent use.
type Pages struct {
	o       Options
	mux     *http.ServeMux
	logins  logins
	tokens  tokenList
	choices []choice
	csrf    *http.CrossOriginProtection
	audits  *rate.Limiter // of what is refused here: a flood must not fill the store

	ended     chan struct{} // closed by EndStreams
	endedOnce sync.Once
}

// New returns the pages. Scenarios of the library that cannot be loaded are logged and not offered.
func New(o Options) *Pages {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pages{
		o: o, mux: http.NewServeMux(), csrf: http.NewCrossOriginProtection(), audits: rate.NewLimiter(1, 20), ended: make(chan struct{}),
	}
	p.logins.init()
	p.loadChoices()
	p.routes()
	return p
}

func (p *Pages) now() time.Time { return p.o.Now().UTC() }

func (p *Pages) routes() {
	p.mux.HandleFunc("GET /static/{version}/{file}", serveStatic)
	p.mux.HandleFunc("GET /login", p.loginForm)
	p.mux.HandleFunc("POST /login", p.login)
	p.mux.HandleFunc("POST /logout", p.logout)
	p.mux.HandleFunc("/", p.in(p.nowhere))

	p.mux.HandleFunc("GET /{$}", p.in(p.home))
	p.mux.HandleFunc("POST /play", p.in(p.play))
	p.mux.HandleFunc("POST /join", p.in(p.join))
	p.mux.HandleFunc("GET /session/{id}", p.in(p.session))
	p.mux.HandleFunc("GET /session/{id}/stream", p.in(p.stream))
	p.mux.HandleFunc("GET /session/{id}/debrief", p.in(p.debrief))
	p.mux.HandleFunc("POST /session/{id}/suspect", p.in(p.suspect))
	p.mux.HandleFunc("POST /session/{id}/hypothesis", p.in(p.hypothesis))
	p.mux.HandleFunc("POST /session/{id}/{action}", p.in(p.command))
	p.mux.HandleFunc("GET /round/{id}", p.in(p.round))
	p.mux.HandleFunc("POST /round/{id}/{action}", p.in(p.roundCommand))
	p.mux.HandleFunc("GET /season/{name}", p.in(p.season))

	p.mux.HandleFunc("GET /console", p.in(p.console))
	p.mux.HandleFunc("POST /console/session", p.in(p.createSession))
	p.mux.HandleFunc("POST /console/round", p.in(p.createRound))
	p.mux.HandleFunc("GET /console/audit", p.in(p.auditLog))
}

// policy is the content security policy: everything comes from this server, and nothing is inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// writeTime is how long a browser may take for a page.
const writeTime = 30 * time.Second

// ServeHTTP serves the pages.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Streams set deadlines of their own. Not every writer has them; those of tests do not.
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTime))
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }() // for the next request of the connection
	httpapi.SecurityHeaders(w.Header(), policy)
	w.Header().Set("Cache-Control", "no-store")
	if err := p.csrf.Check(r); err != nil {
		p.audit(r, nil, "another site's form")
		p.fail(w, r, nil, challenge.Errorf(challenge.Forbidden, "another site sent this form; use the form of this page"))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	p.mux.ServeHTTP(w, r)
}

// EndStreams ends all streams of events, which would go on for as long as browsers like. Call it when the server shuts down:
// http.Server.RegisterOnShutdown(pages.EndStreams).
func (p *Pages) EndStreams() { p.endedOnce.Do(func() { close(p.ended) }) }

func (p *Pages) secure(r *http.Request) bool { return p.o.TLS || r.TLS != nil }
