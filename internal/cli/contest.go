package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firedrill/internal/auth"
	"firedrill/internal/challenge"
	"firedrill/internal/gateway"
	"firedrill/internal/grade"
	"firedrill/internal/httpapi"
	"firedrill/internal/store"
	"firedrill/internal/web"
	"firedrill/replay/endpoint"
	"firedrill/scenarios"
)

// contest is the challenge server: the rules on their store, and all that speaks HTTP around them.
type contest struct {
	store   *store.Store
	service *challenge.Service
	tokens  *auth.Tokens
	pages   *web.Pages
	gateway *gateway.Gateway
	server  *http.Server

	endStreams func() // ends answers that would go on for ever
	log        *slog.Logger
}

// contestOptions are what a contest is made of.
type contestOptions struct {
	store    string // URL
	library  *scenarios.Library
	back     addresses
	reach    func(section, url string) endpoint.Config
	public   string // address at which people reach the server
	grafana  string // address of Grafana, or ""
	registry prometheus.Registerer
	evidence func(ctx context.Context, s challenge.Session) (gateway.Evidence, error)
}

// newContest opens the store and puts everything on it. It serves nothing yet.
func (a *app) newContest(ctx context.Context, o contestOptions) (c *contest, err error) {
	rules := challenge.Rules{Lockout: a.config.duration("rules.lockout"), Penalty: a.config.duration("rules.penalty")}
	if rules.Lockout < time.Second || rules.Penalty < time.Second {
		return nil, fail(exitUsage, errors.New("a wrong suspect that costs nothing makes guessing the best way to play"), "give --rules-lockout and --rules-penalty at least 1s each")
	}
	c = &contest{log: a.log}
	if c.store, err = store.Open(ctx, o.store, a.log); err != nil {
		return nil, fail(exitStack, fmt.Errorf("open the store: %w", err), "")
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	c.service = challenge.New(challenge.Options{Store: c.store, Library: o.library, Grader: grade.New(o.library), Rules: rules, Log: a.log})
	c.tokens = auth.New(c.store, nil)
	c.gateway, err = gateway.New(gateway.Options{
		Prometheus: o.reach("prometheus", o.back.prometheus), Loki: o.reach("loki", o.back.loki), Jaeger: o.reach("jaeger", o.back.jaeger),
		Authenticate: c.tokens.Authenticate, Sessions: c.service, Evidence: o.evidence, JoinURL: o.public, Log: a.log, Registerer: o.registry,
		Trail: func(entries []challenge.TrailEntry) error {
			return c.service.RecordTrail(context.WithoutCancel(ctx), entries)
		},
		Refused: func(e challenge.AuditEntry) {
			if err := c.service.Refused(context.WithoutCancel(ctx), e); err != nil {
				a.log.Error("audit what was refused", "err", err)
			}
		},
	})
	if err != nil {
		return nil, fail(exitUsage, err, "")
	}
	api := httpapi.New(httpapi.Options{Service: c.service, Identify: httpapi.Bearer(c.tokens), Library: o.library, Tokens: c.tokens, Rules: rules, Log: a.log, Registry: o.registry})
	c.pages = web.New(web.Options{Service: c.service, Tokens: c.tokens, Library: o.library, Grafana: o.grafana, TLS: strings.HasPrefix(o.public, "https:"), Log: a.log})
	c.server = httpapi.NewServer(route(api, c.gateway, c.pages))
	c.endStreams = func() { api.EndStreams(); c.pages.EndStreams() }
	c.server.RegisterOnShutdown(c.endStreams)
	return c, nil
}

// route sends a request to whom its path belongs. It is no http.ServeMux, which would redirect the paths that the gateway must see
// as they are.
func route(api, gateway, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case first == "prometheus" || first == "loki" || first == "jaeger":
			gateway.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, httpapi.Prefix+"/"):
			api.ServeHTTP(w, r)
		case r.URL.Path == "/healthz":
			_, _ = w.Write([]byte("ok\n")) // whoever asked has gone
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// serve answers on l until close.
func (c *contest) serve(l net.Listener) error {
	if err := c.server.Serve(httpapi.Limit(l)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// close ends what is under way, within a few seconds, and closes the store.
func (c *contest) close() {
	if c.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := c.server.Shutdown(ctx); err != nil {
			_ = c.server.Close()
		}
	}
	if c.gateway != nil {
		c.gateway.Close()
	}
	if c.service != nil {
		c.service.Close()
	}
	if err := c.store.Close(); err != nil {
		c.log.Error("close the store", "err", err)
	}
}
