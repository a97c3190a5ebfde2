package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firedrill/internal/challenge"
	"firedrill/internal/source"
	"firedrill/replay"
)

const (
	// lookEvery is how often the store is asked what is to be done, and so how late a command takes effect.
	lookEvery = 250 * time.Millisecond
	// lockEvery is how often the lock of a session that another replica plays is tried: a session whose replica died goes on within this
	// time and what it takes to read back what was under way.
	lockEvery = time.Second
	// ahead is how long before its page a scheduled session is loaded.
	ahead = 2 * time.Minute
	// DefaultFlushEvery is how long live items are gathered. A hundred sessions make about 600 requests a second with it, and
	// a request costs the same whatever it holds.
	DefaultFlushEvery = 500 * time.Millisecond
	// resumes is how many sessions catch up at a time: most of it is waiting for answers.
	resumes = 8
	// DefaultLoads is how many sessions load their history at a time: two cores are busy with two.
	DefaultLoads = 2
)

// Contest is what a Runner needs of challenge.Service.
type Contest interface {
	Work(ctx context.Context, ahead time.Duration) ([]challenge.Session, error)
	Session(ctx context.Context, c challenge.Call, id string) (challenge.Session, error)
	Advance(ctx context.Context, id string, p challenge.Progress) (challenge.Session, error)
	SessionKey(ctx context.Context, id string) (replay.Key, error)
	Checkpoint(ctx context.Context, id string) ([]byte, error)
	SetCheckpoint(ctx context.Context, id string, checkpoint []byte) error
}

var _ Contest = (*challenge.Service)(nil)

// Locker takes the locks of sessions; challenge.Store is one.
type Locker interface {
	Lock(ctx context.Context, name string) (challenge.Lock, error)
}

// Options are what a Runner needs. Contest, Locks, Sources and Sinks must be set.
type Options struct {
	Contest Contest
	Locks   Locker
	Sources *source.Pool
	// Sinks makes the sinks of a session, marked with its id.
	Sinks func(session string) (sinks replay.Sinks, closeAll func(), err error)

	History    time.Duration // the most that is loaded before the page; 0 is what the scenario says
	FlushEvery time.Duration // 0 is DefaultFlushEvery
	Loads      int           // 0 is DefaultLoads
	Log        *slog.Logger
	Registerer prometheus.Registerer // may be nil
	// OnProof, if set, is told what the back ends hold of a session, after the history was loaded and at the end; calls are concurrent.
	OnProof func(session string, p *replay.Proof)
}

// Runner plays sessions. Run may be called once; the other methods are safe for concurrent use with it.
type Runner struct {
	o       Options
	metrics *metrics
	loads   chan struct{} // a slot for each session that loads its history
	resumes chan struct{} // for each that catches up after its replica died
	proofs  chan struct{} // for each that proves what is stored at its end
	giveUp  time.Duration // as replay.Options.GiveUp

	mu      sync.Mutex
	players map[string]*player // those that are played here
	tried   map[string]time.Time
}

// New returns a Runner that plays nothing yet.
func New(o Options) (*Runner, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FlushEvery == 0 {
		o.FlushEvery = DefaultFlushEvery
	}
	if o.Loads == 0 {
		o.Loads = DefaultLoads
	}
	r := &Runner{o: o, loads: make(chan struct{}, o.Loads), resumes: make(chan struct{}, resumes), proofs: make(chan struct{}, o.Loads), players: map[string]*player{}, tried: map[string]time.Time{}}
	var err error
	if r.metrics, err = newMetrics(o.Registerer, r); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return r, nil
}

// Run plays sessions until ctx ends. It then stops at once, and whoever runs next goes on from the checkpoints.
func (r *Runner) Run(ctx context.Context) {
	var playing sync.WaitGroup
	defer playing.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := r.look(ctx, &playing); err != nil && ctx.Err() == nil {
			r.o.Log.Error("look for sessions to play, trying again", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look gives each player the present state of its session, and starts players for sessions that nobody plays.
func (r *Runner) look(ctx context.Context, playing *sync.WaitGroup) error {
	work, err := r.o.Contest.Work(ctx, ahead)
	if err != nil {
		return err
	}
	slices.SortStableFunc(work, func(a, b challenge.Session) int { return a.PageAt.Compare(b.PageAt) })
	listed := make(map[string]challenge.Session, len(work))
	for _, s := range work {
		listed[s.ID] = s
	}
	here := r.playing()
	for id, p := range here {
		if s, ok := listed[id]; ok {
			p.tell(s)
		} else if s, err := r.o.Contest.Session(ctx, asRunner, id); err != nil {
			return fmt.Errorf("read session %s: %w", id, err)
		} else {
			p.tell(s)
		}
	}
	for _, s := range work {
		id := s.ID
		if here[id] != nil || r.tooSoon(id) {
			continue
		}
		lock, err := r.o.Locks.Lock(ctx, "session/"+id)
		if errors.Is(err, challenge.ErrLocked) {
			continue
		}
		if err != nil {
			return fmt.Errorf("lock session %s: %w", id, err)
		}
		p := newPlayer(r, s, lock)
		r.mu.Lock()
		r.players[id] = p
		delete(r.tried, id)
		r.mu.Unlock()
		playing.Go(func() {
			defer r.forget(id)
			defer lock.Unlock()
			p.run(ctx)
		})
	}
	return nil
}

// asRunner is how the runner reads sessions.
var asRunner = challenge.Call{Role: challenge.FacilitatorRole, Name: "runner"}

// tooSoon tells whether the lock of a session was tried a moment ago.
func (r *Runner) tooSoon(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.tried[id]) < lockEvery {
		return true
	}
	for other, at := range r.tried {
		if now.Sub(at) > time.Minute {
			delete(r.tried, other)
		}
	}
	r.tried[id] = now
	return false
}

func (r *Runner) playing() map[string]*player {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]*player, len(r.players))
	for id, p := range r.players {
		out[id] = p
	}
	return out
}

func (r *Runner) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.players, id)
}

// Clock returns the timeline of a session's evidence and the recorded time at which its history begins, as they were last saved, which is
// before a change takes effect. A session that was never loaded is challenge.ErrNotFound.
func (r *Runner) Clock(ctx context.Context, id string) (*replay.Timeline, time.Time, error) {
	b, err := r.o.Contest.Checkpoint(ctx, id)
	if err != nil {
		return nil, time.Time{}, err
	}
	cp, err := replay.ParseCheckpoint(b)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("checkpoint of session %s: %w", id, err)
	}
	return cp.Timeline(), time.Unix(0, cp.From), nil
}

// Status returns how the replay of a session stands; ok is false where it is not played here.
func (r *Runner) Status(id string) (st replay.Status, ok bool) {
	r.mu.Lock()
	p := r.players[id]
	r.mu.Unlock()
	if p == nil {
		return st, false
	}
	rep := p.replay.Load()
	if rep == nil {
		return st, false
	}
	return rep.Status(), true
}

// acquire takes a slot, for as long as release is not called.
func acquire(ctx context.Context, slots chan struct{}) (release func(), err error) {
	select {
	case slots <- struct{}{}:
		return sync.OnceFunc(func() { <-slots }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
