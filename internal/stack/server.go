package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	pollEvery = 25 * time.Millisecond
	// The pause before a restart doubles from the first to the second value, and starts over once
	// a back end has stayed up for steadyAfter.
	minBackoff  = 100 * time.Millisecond
	maxBackoff  = 10 * time.Second
	steadyAfter = 30 * time.Second
)

// spec is what makes one server: its command line, its environment, and how to tell that it is ready.
type spec struct {
	name  string
	path  string
	args  []string
	env   []string // all of it; nothing is inherited
	dir   string   // working directory
	probe func(context.Context) error
}

// server keeps one back end running.
type server struct {
	spec
	launcher *launcher
	logFile  string
	log      *slog.Logger
	emit     func(Event)

	stopping   chan struct{} // closed by stop
	supervised chan struct{} // closed when supervise has returned; nil when it never ran

	mu    sync.Mutex // guards the fields below, and the decision to launch against stop
	proc  *process
	ready bool // proc has answered the probe
}

// process is one life of a server.
type process struct {
	pid     int
	began   time.Time
	logFrom int64 // where its part of the log begins
	cmd     *exec.Cmd
	exited  chan struct{}
	err     error // how it ended; set before exited is closed
}

func newServer(sp spec, l *launcher, logFile string, log *slog.Logger, emit func(Event)) *server {
	return &server{spec: sp, launcher: l, logFile: logFile, log: log, emit: emit, stopping: make(chan struct{})}
}

// launch starts the process. After stop it returns ErrStopped.
func (s *server) launch() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopping:
		return nil, ErrStopped
	default:
	}
	f, err := openLog(s.logFile)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", s.name, err)
	}
	defer f.Close() // the child has its own descriptor, and writes on when we are gone
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", s.name, err)
	}
	cmd := exec.Command(s.path, s.args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = procAttr()
	if err := s.launcher.start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	p := &process{pid: cmd.Process.Pid, began: time.Now(), logFrom: info.Size(), cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		if p.err == nil {
			p.err = errors.New("exit status 0")
		}
		close(p.exited)
	}()
	s.proc, s.ready = p, false
	return p, nil
}

// start launches the server for the first time and waits until it is ready.
func (s *server) start(ctx context.Context) error {
	p, err := s.launch()
	if err != nil {
		return err
	}
	return s.awaitReady(ctx, p)
}

// awaitReady polls the probe until p answers it, ends, or ctx ends.
func (s *server) awaitReady(ctx context.Context, p *process) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.exited: // a probe under way need not wait for its time-out
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		err := s.probe(ctx)
		select {
		case <-p.exited:
			return s.deathOf(p, "ended before it was ready")
		default:
		}
		if err == nil {
			s.mu.Lock()
			s.ready = true
			s.mu.Unlock()
			return nil
		}
		select {
		case <-p.exited:
			return s.deathOf(p, "ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready when the wait for it ended (%w): %w; its log is %s%s",
				s.name, context.Cause(ctx), err, s.logFile, s.endOfLog(p))
		case <-time.After(pollEvery):
		}
	}
}

// deathOf describes how p ended. It is a portTakenError when p could not listen.
func (s *server) deathOf(p *process, what string) error {
	end := s.endOfLog(p)
	err := fmt.Errorf("%s %s (%w); its log is %s%s", s.name, what, p.err, s.logFile, end)
	if strings.Contains(end, "address already in use") {
		return &portTakenError{err}
	}
	return err
}

func (s *server) endOfLog(p *process) string {
	if end := tail(s.logFile, p.logFrom); end != "" {
		return ", its last lines:\n" + end
	}
	return ", and is empty"
}

// supervise restarts the server whenever it dies, until stop. It runs as one goroutine from the time
// the server was first ready.
func (s *server) supervise() {
	defer close(s.supervised)
	backoff := minBackoff
	s.mu.Lock()
	p := s.proc
	s.mu.Unlock()
	for {
		select {
		case <-s.stopping:
			return
		case <-p.exited:
		}
		s.mu.Lock()
		s.ready = false
		s.mu.Unlock()
		select {
		case <-s.stopping: // the death was ours
			return
		default:
		}
		if time.Since(p.began) > steadyAfter {
			backoff = minBackoff
		}
		s.emit(Event{Time: time.Now(), Server: s.name, Kind: Died, PID: p.pid, Err: s.deathOf(p, "died")})
		if p = s.relaunch(&backoff); p == nil {
			return
		}
		s.emit(Event{Time: time.Now(), Server: s.name, Kind: Restarted, PID: p.pid})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			select {
			case <-s.stopping:
				cancel()
			case <-ctx.Done():
			}
		}()
		if s.awaitReady(ctx, p) == nil {
			s.emit(Event{Time: time.Now(), Server: s.name, Kind: Ready, PID: p.pid})
		} // else it died again, or stop was called: both are seen above
		cancel()
	}
}

// relaunch pauses, starts the process anew, and grows the pause for the next time. It returns nil
// after stop.
func (s *server) relaunch(backoff *time.Duration) *process {
	for {
		select {
		case <-s.stopping:
			return nil
		case <-time.After(*backoff):
		}
		*backoff = min(2**backoff, maxBackoff)
		p, err := s.launch()
		if err == nil {
			return p
		}
		if errors.Is(err, ErrStopped) {
			return nil
		}
		s.log.Error("back end could not be started again", "server", s.name, "next_try_in", *backoff, "err", err)
	}
}

func (s *server) runningPID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return 0
	}
	select {
	case <-s.proc.exited:
		return 0
	default:
		return s.proc.pid
	}
}

// waitReady returns once the process that runs now has answered a probe of its own. Right after a
// kill the supervisor may not know of the death yet, so its word alone is not enough.
func (s *server) waitReady(ctx context.Context) error {
	for {
		s.mu.Lock()
		p, ready := s.proc, s.ready
		s.mu.Unlock()
		var err error
		if ready {
			if err = s.probe(ctx); err == nil {
				s.mu.Lock()
				same := s.proc == p && s.ready
				s.mu.Unlock()
				if same {
					return nil
				}
			}
		} else {
			err = errors.New("it is being restarted")
		}
		select {
		case <-s.stopping:
			return ErrStopped
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; %w", s.name, ctx.Err(), err)
		case <-time.After(pollEvery):
		}
	}
}

// stop ends the process and the supervision.
func (s *server) stop(ctx context.Context) error {
	s.mu.Lock()
	close(s.stopping)
	p := s.proc
	s.mu.Unlock()
	var err error
	if p != nil {
		err = s.end(ctx, p)
	}
	if s.supervised != nil {
		<-s.supervised
	}
	return err
}

func (s *server) end(ctx context.Context, p *process) error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := terminate(p.cmd.Process); err != nil {
		s.log.Debug("back end could not be signalled", "server", s.name, "err", err)
	}
	late := time.NewTimer(stopWithin)
	defer late.Stop()
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
	case <-late.C:
	}
	err := p.cmd.Process.Kill()
	<-p.exited
	if err == nil {
		err = fmt.Errorf("%s did not end in time after SIGTERM and was killed; what it had acknowledged is kept", s.name)
	}
	return err
}
