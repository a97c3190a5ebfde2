package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"firedrill/internal/challenge"
	"firedrill/internal/stack"
)

func (a *app) playCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "play [SCENARIO|RECORDING] [flags]",
		Short: "Start Prometheus, Loki and Jaeger here and play a scenario into them",
		Long: `Start a local stack of Prometheus, Loki and Jaeger, load the history before the page, prove what
the back ends stored, and start the clock. SCENARIO is a folder with a scenario.yaml or the name of a
scenario of the program; without one it is payment-latency. A bare RECORDING plays too: live from its
start, or with the --history before it loaded.

It ends at the time box or with Ctrl-C: the first delivers what is due, proves the session and takes
the stack down; a second one cuts it off. Everything listens on loopback only.`,
		Example: `  firedrill play
  firedrill play orders-unavailable --ports auto --for 2m
  firedrill play recording/ --history all --dir /tmp/stack -o json`,
		Args: args(0, 1, "at most one scenario or recording"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := defaultScenario
			if len(args) == 1 {
				name = args[0]
			}
			return a.play(cmd.Context(), name)
		},
	}
	addFlags(cmd.Flags(), keysIn("output", "scenarios", "history", "speed", "for", "page-at", "difficulty", "session", "ports", "prometheus.port", "loki.port",
		"otlp.grpc-port", "otlp.http-port", "jaeger.port", "server.port", "stack.dir", "stack.bin"))
	return cmd
}

func (a *app) play(ctx context.Context, name string) (err error) {
	t, err := a.findTarget(ctx, name)
	if err != nil {
		return err
	}
	rec, err := openRecording(t.dir)
	if err != nil {
		return err
	}
	defer rec.Close()
	pl, err := newPlan(a.config, rec.Manifest(), t.scenario)
	if err != nil {
		return err
	}
	d, err := a.newDifficulty(t.scenario)
	if err != nil {
		return err
	}
	toSolve, err := a.gradable(t, pl)
	if err != nil {
		return err
	}
	p := a.newPrinter()
	defer p.close()
	ctx, in := a.catch(ctx)
	defer in.stop()

	srv, err := a.serve(a.serverAddress(), "--server-port or --ports auto")
	if err != nil {
		return err
	}
	defer srv.close()
	st, stop, err := a.startStack(ctx, in, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	o := pl.options()
	o.Session, o.ProveHistory, o.Registerer = a.config.text("session"), true, srv.registry
	if o.Session == "" {
		o.Session = newSessionID()
	}
	at := st.URLs()
	back := addresses{at.Prometheus, at.Loki, "http://" + at.OTLPGRPC, at.Jaeger}
	var g *game
	if toSolve {
		if g, err = a.newGame(ctx, t, pl, back, srv); err != nil {
			return err
		}
		defer g.close()
		o.Session, o.Key = g.id, g.key
	}
	sinks, closeSinks, err := a.openSinks(back, localReach, o.Session)
	if err != nil {
		return err
	}
	defer closeSinks()
	sinks.SamplesWindow, sinks.RecordsWindow = stack.Window, stack.Window
	s, err := a.newSession(rec, d, sinks, o, p)
	if err != nil {
		return err
	}
	loading := loadingEvent{Event: "loading", Session: o.Session, Difficulty: d.Name, Page: pl.page, History: pl.history.Seconds(), items: pl.items}
	ready := readyEvent{Event: "ready", URLs: urlsOf(srv, at)}
	if t.scenario != nil {
		loading.Scenario, loading.title, ready.alert = t.scenario.ID, t.scenario.Title, t.scenario.Page.Alert
	}
	p.event(loading)
	if g != nil {
		g.attach(s, rec, pl.page.Add(-pl.history))
		g.advance(ctx, challenge.Loading, s.replay.Status().Page)
		ready.URLs.Login = &g.login
	}
	if err := s.playOut(ctx, in, pl, ready); err != nil || g == nil || !a.StderrTerminal {
		return err
	}
	return a.debrief(ctx, in, srv.url+"/session/"+g.id)
}

// debrief keeps everything up for whoever sits at the terminal, until a signal.
func (a *app) debrief(ctx context.Context, in *interrupts, url string) error {
	if in.received.Load() != 0 {
		return nil
	}
	fmt.Fprintf(a.Stderr, "debrief: %s\nCtrl-C takes everything down\n", url)
	select {
	case <-in.drain:
	case <-ctx.Done():
	}
	return nil
}

// playOut runs the session and stays until its time is up.
func (s *session) playOut(ctx context.Context, in *interrupts, pl plan, ready readyEvent) error {
	s.onReady = func() {
		ready.Page = s.replay.Status().Page
		s.game.ready(ctx, s.replay)
		s.printer.event(ready)
	}
	var live bool // set before run returns
	s.onPage = func() {
		live = true
		s.game.advance(ctx, challenge.Live, ready.Page)
		st := s.replay.Status()
		left := st.Left
		if pl.box > 0 { // which the recording need not fill
			left = max(pl.box-st.Live, 0)
		}
		s.printer.event(liveEvent{Event: "live", Left: left.Seconds()})
	}
	proof, err := s.run(ctx, in)
	if err != nil {
		if in.err("") != nil {
			return in.err("")
		}
		return err
	}
	s.printer.event(newProofEvent("session", proof))
	if !live { // a signal came before the page
		s.printer.event(endedEvent{Event: "ended", Reason: endedSignal})
		return errors.Join(differences(proof), in.err(""))
	}
	page := s.replay.Status().Page
	reason := s.stay(ctx, in, pl, page)
	if s.game.end(ctx) {
		reason = endedSolved
	}
	length := time.Since(page)
	if reason == endedTimebox {
		length = pl.box // the proof is not part of it
	}
	s.printer.event(endedEvent{Event: "ended", Reason: reason, Live: length.Seconds()})
	return differences(proof)
}

// stay keeps the stack up when the recording is over before the player's time is: what was loaded
// with --history all, for example, can be looked at until --for is over, or until a signal. It returns
// why the session is over.
func (s *session) stay(ctx context.Context, in *interrupts, pl plan, page time.Time) string {
	reason := endReason(in, s, pl)
	if reason != endedRecording {
		return reason
	}
	var timeUp <-chan time.Time
	switch {
	case pl.box > 0:
		timeUp = time.After(time.Until(page.Add(pl.box)))
	case pl.live: // and it is over
		return reason
	}
	select {
	case <-timeUp:
		return endedTimebox
	case <-s.game.ended():
	case <-in.drain:
	case <-ctx.Done():
	}
	return endedSignal
}

// serverAddress is where firedrill's own listener goes.
func (a *app) serverAddress() string {
	port := a.config.port("server.port")
	if a.config.text("ports") == "auto" && !a.config.given("server.port") {
		port = 0
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// startStack starts the back ends; stop takes them down and removes their data if nobody asked to
// keep it.
func (a *app) startStack(ctx context.Context, in *interrupts, p printer) (st *stack.Stack, stop func() error, err error) {
	return a.runStack(ctx, in, stack.Options{
		Dir: a.config.text("stack.dir"), Ports: a.stackPorts(), AutoPorts: a.config.text("ports") == "auto",
		OnEvent: stackEvents(p),
	})
}

// stackEvents shows what happens to the back ends.
func stackEvents(p printer) func(stack.Event) {
	return func(e stack.Event) {
		n := noticeEvent{Event: "backend", Server: e.Server, Change: string(e.Kind)}
		if e.Err != nil {
			n.Error = e.Err.Error()
		}
		p.event(n)
	}
}

// runStack starts the back ends with options whose Dir may be empty: their data is then removed at the end.
func (a *app) runStack(ctx context.Context, in *interrupts, o stack.Options) (st *stack.Stack, stop func() error, err error) {
	bin, err := a.findBinaries()
	if err != nil {
		return nil, nil, err
	}
	dir, remove := o.Dir, func() error { return nil }
	if dir == "" {
		if dir, err = os.MkdirTemp("", "firedrill-stack-"); err != nil {
			return nil, nil, fail(exitStack, fmt.Errorf("make a folder for the stack: %w", err), "name one with --dir")
		}
		remove = func() error { return os.RemoveAll(dir) }
	}
	// A signal during the start ends it at once: nothing has been delivered yet.
	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan struct{})
	defer close(started)
	go func() {
		select {
		case <-in.drain:
			cancel()
		case <-started:
		}
	}()
	o.Dir, o.Bin, o.Log = dir, bin, a.log
	st, err = stack.Start(starting, o)
	if err != nil {
		if removeErr := remove(); removeErr != nil {
			a.log.Warn("remove the stack's folder", "err", removeErr)
		}
		if in.err("") != nil {
			return nil, nil, in.err("")
		}
		return nil, nil, fail(exitStack, err, "")
	}
	return st, func() error { return errors.Join(st.Stop(ctx), remove()) }, nil
}

func (a *app) stackPorts() stack.Ports {
	return stack.Ports{
		Prometheus: a.config.port("prometheus.port"), Loki: a.config.port("loki.port"), Jaeger: a.config.port("jaeger.port"),
		OTLPGRPC: a.config.port("otlp.grpc-port"), OTLPHTTP: a.config.port("otlp.http-port"),
	}
}

// findBinaries returns the folder that holds the back ends.
func (a *app) findBinaries() (string, error) {
	if dir := a.config.text("stack.bin"); dir != "" {
		return dir, nil
	}
	candidates := []string{"bin"}
	if a.ExecutableDir != "" {
		candidates = append(candidates, a.ExecutableDir)
	}
	for _, dir := range candidates {
		if info, err := os.Stat(filepath.Join(dir, stack.Prometheus)); err == nil && !info.IsDir() {
			return dir, nil
		}
	}
	return "", fail(exitStack, errors.New("the binaries of prometheus, loki and jaeger were not found"),
		"make stack builds them into bin/; --stack-bin names another folder")
}

// urlsOf collects what players and programs can open.
func urlsOf(srv *server, at stack.URLs) urls {
	otlp := "http://" + at.OTLPGRPC
	return urls{Server: &srv.url, Prometheus: &at.Prometheus, Loki: &at.Loki, Jaeger: &at.Jaeger, OTLP: &otlp}
}
