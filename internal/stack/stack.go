// Package stack runs the back ends of a replay (Prometheus, Loki and Jaeger) as child processes on
// loopback. Start returns once all three take data and answer queries; Stop takes them down.
//
// # What it guarantees
//
// A back end that dies is started again, with a growing pause, on the same port and the same data;
// each keeps what it acknowledged through kill -9. On Linux no back end outlives the process
// that started it, even if that one is killed with -9; elsewhere only Stop takes them down. Signals from
// the terminal (Ctrl-C) do not reach the back ends, so that firedrill can drain first. Nothing
// listens outside Options.Host, and the internal ports of the servers never outside loopback.
package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"firedrill/internal/dirlock"
)

// Names of the back ends, as PID and Event use them.
const (
	Prometheus = "prometheus"
	Loki       = "loki"
	Jaeger     = "jaeger"
)

// Names lists the back ends in the order in which they are started.
var Names = []string{Prometheus, Loki, Jaeger}

const (
	// readyWithin bounds one start. On two busy cores all three are ready in under 5 s; a Loki
	// with gigabytes of write-ahead log takes longer.
	readyWithin = 2 * time.Minute
	// stopWithin is how long a back end may take to end after SIGTERM before it is killed. All of
	// them survive that; an orderly end only makes the next start faster.
	stopWithin = 20 * time.Second
	// portTries is how often a start is repeated when a free port was taken by somebody else
	// between the moment it was picked and the moment the back end listened.
	portTries = 3
)

// Ports are the TCP ports that clients use. The servers' internal ports are always free ones.
type Ports struct {
	Prometheus int
	Loki       int
	OTLPGRPC   int // of Jaeger
	OTLPHTTP   int // of Jaeger
	Jaeger     int // Jaeger's query API
}

// DefaultPorts returns the conventional ports of the three servers.
func DefaultPorts() Ports {
	return Ports{Prometheus: 9090, Loki: 3100, OTLPGRPC: 4317, OTLPHTTP: 4318, Jaeger: 16686}
}

// Window is how far back from now the stack's Prometheus and Loki take samples and lines, as their
// files under grafana/stack say (out_of_order_time_window, reject_old_samples_max_age).
const Window = 8 * 24 * time.Hour

// Options say where and how a stack runs. Only Dir and Bin must be set.
type Options struct {
	Dir  string // data in Dir/{prometheus,loki,jaeger}, logs in Dir/logs/NAME.log; made if missing
	Bin  string // folder of the binaries prometheus, loki and jaeger (make stack)
	Host string // IP address to listen on; "" is 127.0.0.1

	Ports     Ports // a zero port is the one of DefaultPorts
	AutoPorts bool  // pick free ports; Ports is ignored

	Log *slog.Logger // nil discards
	// OnEvent, if set, is told what happens to the back ends after Start has returned. Calls come
	// one at a time from a goroutine of the stack; it must return soon and must not call Stop.
	OnEvent func(Event)
}

// URLs are the addresses of a running stack, without a slash at the end.
type URLs struct {
	Prometheus string // http://host:port
	Loki       string // http://host:port
	OTLPGRPC   string // host:port, as gRPC clients take it
	OTLPHTTP   string // http://host:port, without /v1/traces
	Jaeger     string // http://host:port of the query API
}

// EventKind says what happened to a back end.
type EventKind string

// The kinds of events. A death is always followed by a restart, and a restart by ready or a death.
const (
	Died      EventKind = "died"      // Err says how, with the end of its log
	Restarted EventKind = "restarted" // the process runs again, but is not ready yet
	Ready     EventKind = "ready"     // takes data and answers queries again
)

// Event is one change of one back end.
type Event struct {
	Time   time.Time
	Server string // one of Names
	Kind   EventKind
	PID    int
	Err    error // of Died
}

// Stack is a set of running back ends. Its methods are safe for concurrent use.
type Stack struct {
	urls     URLs
	servers  map[string]*server
	launcher *launcher
	unlock   func()
	log      *slog.Logger

	onEvent func(Event)
	eventMu sync.Mutex // one call of onEvent at a time

	stopOnce sync.Once
	stopped  chan struct{} // closed when Stop is through
	stopErr  error
}

// Start runs the three back ends and returns when all of them are ready. ctx bounds the start only; a
// running stack ends with Stop. On an error nothing is left running, and the error of a server that
// did not come up holds the end of its log.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Dir == "" || o.Bin == "" {
		return nil, errors.New("a stack needs a data folder and a folder of binaries")
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if net.ParseIP(o.Host) == nil {
		return nil, fmt.Errorf("host %q of the stack is not an IP address", o.Host)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if o.Bin, err = filepath.Abs(o.Bin); err != nil {
		return nil, fmt.Errorf("find folder of binaries: %w", err)
	}
	if err := checkBinaries(o.Bin); err != nil {
		return nil, err
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	if err := prepare(o.Dir); err != nil {
		return nil, err
	}
	unlock, err := dirlock.Lock(o.Dir) // Loki would write into another's data without noticing
	if errors.Is(err, dirlock.ErrHeld) {
		return nil, fmt.Errorf("data folder %s is in use by another running stack; stop it or choose another folder", o.Dir)
	}
	if err != nil {
		return nil, err
	}
	s, err := startRetrying(ctx, o)
	if err != nil {
		unlock()
		return nil, err
	}
	s.unlock = unlock
	return s, nil
}

func startRetrying(ctx context.Context, o Options) (*Stack, error) {
	for try := 1; ; try++ {
		ports, err := choosePorts(o)
		if err != nil {
			return nil, err
		}
		s, err := startOnce(ctx, o, ports)
		if err == nil {
			return s, nil
		}
		var taken *portTakenError
		if !errors.As(err, &taken) || try == portTries {
			return nil, err
		}
		// choosePorts names a fixed port that is taken; here it was one that had been free.
		o.Log.Warn("a port was taken while a back end started, trying others", "try", try, "err", err)
	}
}

func startOnce(ctx context.Context, o Options, ports allPorts) (*Stack, error) {
	began := time.Now()
	s := &Stack{
		urls:     urlsOf(o.Host, ports.Ports),
		servers:  map[string]*server{},
		launcher: newLauncher(),
		log:      o.Log,
		onEvent:  o.OnEvent,
		stopped:  make(chan struct{}),
	}
	for _, sp := range specs(o, ports, s.urls) {
		s.servers[sp.name] = newServer(sp, s.launcher, filepath.Join(o.Dir, "logs", sp.name+".log"), o.Log, s.emit)
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range Names {
		g.Go(func() error {
			if err := s.servers[name].start(ctx); err != nil {
				return err
			}
			o.Log.Debug("back end is ready", "server", name, "pid", s.servers[name].runningPID(), "after", time.Since(began).Round(time.Millisecond))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		_ = s.Stop(context.Background())
		return nil, err
	}
	for _, srv := range s.servers {
		srv.supervised = make(chan struct{})
		go srv.supervise()
	}
	o.Log.Info("back ends are ready", "prometheus", s.urls.Prometheus, "loki", s.urls.Loki,
		"jaeger", s.urls.Jaeger, "otlp", s.urls.OTLPGRPC, "after", time.Since(began).Round(time.Millisecond))
	return s, nil
}

// emit reports one event to the log and to OnEvent.
func (s *Stack) emit(e Event) {
	s.eventMu.Lock()
	defer s.eventMu.Unlock()
	if e.Kind == Died {
		s.log.Warn("back end died", "server", e.Server, "pid", e.PID, "err", e.Err)
	} else {
		s.log.Info("back end "+string(e.Kind), "server", e.Server, "pid", e.PID)
	}
	if s.onEvent != nil {
		s.onEvent(e)
	}
}

// URLs returns the addresses of the back ends; they stay the same over restarts.
func (s *Stack) URLs() URLs { return s.urls }

// PID returns the process id of a back end, or 0 while it does not run or when there is none of that name.
func (s *Stack) PID(name string) int {
	if srv := s.servers[name]; srv != nil {
		return srv.runningPID()
	}
	return 0
}

// LogFile returns the path of a back end's log.
func (s *Stack) LogFile(name string) string {
	if srv := s.servers[name]; srv != nil {
		return srv.logFile
	}
	return ""
}

// WaitReady returns when every back end takes data and answers queries, which it asks them afresh. It
// returns ctx's error with the name of the one that is missing, or ErrStopped.
func (s *Stack) WaitReady(ctx context.Context) error {
	for _, name := range Names {
		if err := s.servers[name].waitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ErrStopped is returned by WaitReady when the stack has been stopped.
var ErrStopped = errors.New("the stack is stopped")

// Stop ends all back ends: SIGTERM first, and kill for those that still run after 20 s or when ctx
// ends. Later calls wait for the first and return what it returned.
func (s *Stack) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		defer close(s.stopped)
		var wg sync.WaitGroup
		errs := make([]error, len(Names))
		for i, name := range Names {
			wg.Go(func() { errs[i] = s.servers[name].stop(ctx) })
		}
		wg.Wait()
		s.launcher.close()
		if s.unlock != nil {
			s.unlock()
		}
		s.stopErr = errors.Join(errs...)
	})
	<-s.stopped
	return s.stopErr
}

func checkBinaries(dir string) error {
	for _, name := range Names {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("back end binary %s is missing; run `make stack`, or name its folder", path)
		}
		if info.IsDir() || info.Mode()&0o111 == 0 {
			return fmt.Errorf("back end binary %s is not an executable file; run `make stack`", path)
		}
	}
	return nil
}

func urlsOf(host string, p Ports) URLs {
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	at := func(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
	return URLs{
		Prometheus: "http://" + at(p.Prometheus),
		Loki:       "http://" + at(p.Loki),
		OTLPGRPC:   at(p.OTLPGRPC),
		OTLPHTTP:   "http://" + at(p.OTLPHTTP),
		Jaeger:     "http://" + at(p.Jaeger),
	}
}
