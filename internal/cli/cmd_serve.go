package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"firedrill/internal/challenge"
	"firedrill/internal/gateway"
	"firedrill/internal/runner"
	"firedrill/internal/source"
	"firedrill/internal/stack"
	"firedrill/replay"
	"firedrill/replay/endpoint"
)

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Run the challenge server: sessions, rounds, leaderboards, and the gateway for Grafana",
		Long: `Serve the contest: the web page, the API, and the addresses under /prometheus, /loki and /jaeger for
Grafana's data sources. Sessions are played into the back ends that are named; without any, a local
stack is started, whose data stays in --state-dir.

The first start makes one token each for a facilitator, for Grafana's data sources and for its plugins, and
prints them once; firedrill token makes more. The state is an SQLite file in --state-dir, or the PostgreSQL
database of FIREDRILL_STORE_URL, which several servers can share. When the server is started again, sessions go on where
they were.`,
		Example: `  firedrill serve
  firedrill serve --ports auto --listen 127.0.0.1:9000 --state-dir drill/
  firedrill serve --prometheus-url http://prom:9090 --loki-url http://loki:3100 --otlp-endpoint http://jaeger:4317 --jaeger-url http://jaeger:16686`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveContest(cmd.Context()) },
	}
	addFlags(cmd.Flags(), keysIn("output", "listen", "public-url", "grafana.url", "rules.lockout", "rules.penalty", "scenarios", "state-dir", "metrics-addr",
		"prometheus.", "loki.", "otlp.", "jaeger.", "ports", "prometheus.port", "loki.port", "otlp.grpc-port", "otlp.http-port", "jaeger.port", "stack.bin"))
	return cmd
}

// servingEvent says that the server takes requests.
type servingEvent struct {
	Event string `json:"event"` // serving
	URLs  urls   `json:"urls"`
}

// tokenEvent is a token that was made, which nobody can be told again.
type tokenEvent struct {
	Event string `json:"event"` // token
	Role  string `json:"role"`
	Name  string `json:"name"`
	Token string `json:"token"`
}

func (a *app) serveContest(ctx context.Context) (err error) {
	lib, err := a.library()
	if err != nil {
		return err
	}
	ctx, in := a.catch(ctx)
	defer in.stop()
	p := a.newPrinter()
	defer p.close()
	l, err := net.Listen("tcp", a.config.text("listen"))
	if err != nil {
		return fail(exitStack, fmt.Errorf("listen: %w", err), "choose another address with --listen")
	}
	defer l.Close()
	back, reach, stop, err := a.serveInto(ctx, in, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	var registry prometheus.Registerer
	if address := a.config.text("metrics-addr"); address != "" {
		srv, err := a.serve(address, "--metrics-addr")
		if err != nil {
			return err
		}
		defer srv.close()
		registry = srv.registry
	}
	pool := source.New(source.Options{Library: lib, Builder: a.builder()})
	defer pool.Close()
	public := a.config.text("public-url")
	if public == "" {
		public = "http://" + l.Addr().String()
	}
	var run *runner.Runner
	var c *contest
	c, err = a.newContest(ctx, contestOptions{
		store: a.storeURL(), library: lib, back: back, reach: reach, public: public, grafana: a.config.text("grafana.url"), registry: registry,
		evidence: func(ctx context.Context, s challenge.Session) (gateway.Evidence, error) {
			return evidenceOf(ctx, c.service, run, pool, s)
		},
	})
	if err != nil {
		return err
	}
	run, err = runner.New(runner.Options{
		Contest: c.service, Locks: c.store, Sources: pool, Log: a.log, Registerer: registry,
		Sinks: func(session string) (replay.Sinks, func(), error) { return a.openSinks(back, reach, session) },
	})
	if err != nil {
		c.close()
		return err
	}
	made, err := c.tokens.EnsureDefaults(ctx)
	if err != nil {
		c.close()
		return err
	}
	for _, t := range made {
		p.event(tokenEvent{Event: "token", Role: string(t.Token.Role), Name: t.Token.Name, Token: t.Secret})
	}
	p.event(servingEvent{Event: "serving", URLs: urls{Server: &public, Prometheus: &back.prometheus, Loki: &back.loki, Jaeger: &back.jaeger, OTLP: &back.otlp}})
	return a.runContest(ctx, in, c, run, l)
}

// runContest serves and plays until a signal.
func (a *app) runContest(ctx context.Context, in *interrupts, c *contest, run *runner.Runner, l net.Listener) error {
	playing, cut := context.WithCancel(ctx)
	failed := make(chan error, 1)
	var serving, running sync.WaitGroup
	defer serving.Wait()
	defer c.close()
	// The store stays open until the last checkpoints are in it.
	defer running.Wait()
	defer cut()
	running.Go(func() { run.Run(playing) })
	serving.Go(func() {
		if err := c.serve(l); err != nil {
			failed <- err
		}
	})
	select {
	case <-in.drain:
		return nil // stopping is how a server ends
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fail(exitFailed, err, "")
	}
}

// serveInto says which back ends the server plays into: those that are named, or a local stack.
func (a *app) serveInto(ctx context.Context, in *interrupts, p printer) (back addresses, reach func(section, url string) endpoint.Config, stop func() error, err error) {
	c := a.config
	if c.isSet("loki.tenant") {
		return back, nil, nil, fail(exitUsage, errors.New("the server gives each session a tenant of its own"), "leave loki.tenant out")
	}
	back = addresses{c.text("prometheus.url"), c.text("loki.url"), c.text("otlp.endpoint"), c.text("jaeger.url")}
	if back != (addresses{}) {
		if back.prometheus == "" || back.loki == "" || back.otlp == "" || back.jaeger == "" {
			return back, nil, nil, fail(exitUsage, errors.New("the server needs all back ends"), "give --prometheus-url, --loki-url, --otlp-endpoint and --jaeger-url, or none of them for a local stack")
		}
		return back, a.configuredReach, func() error { return nil }, nil
	}
	st, stop, err := a.runStack(ctx, in, stack.Options{
		Dir: filepath.Join(a.stateDir(), "stack"), Ports: a.stackPorts(), AutoPorts: c.text("ports") == "auto", OnEvent: stackEvents(p),
	})
	if err != nil {
		return back, nil, nil, err
	}
	at := st.URLs()
	return addresses{at.Prometheus, at.Loki, "http://" + at.OTLPGRPC, at.Jaeger}, localReach, stop, nil
}

// evidenceOf is what the gateway must know of a session.
func evidenceOf(ctx context.Context, service *challenge.Service, run *runner.Runner, pool *source.Pool, s challenge.Session) (gateway.Evidence, error) {
	timeline, from, err := run.Clock(ctx, s.ID)
	if err != nil {
		return gateway.Evidence{}, err
	}
	src, err := pool.Open(ctx, s.Scenario, s.Difficulty)
	if err != nil {
		return gateway.Evidence{}, err
	}
	key, err := service.SessionKey(ctx, s.ID)
	return gateway.Evidence{Key: key, Timeline: timeline, Source: src, From: from}, err
}

// stateDir is the folder for what must outlive a crash.
func (a *app) stateDir() string {
	if dir := a.config.text("state-dir"); dir != "" {
		return dir
	}
	return a.StateDir()
}

// storeURL is where the contest is kept.
func (a *app) storeURL() string {
	if url := a.config.text("store.url"); url != "" {
		return url
	}
	return "sqlite:" + filepath.Join(a.stateDir(), "firedrill.db")
}
