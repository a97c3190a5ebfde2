package challenge

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// pollVersions is how often other processes' changes are looked for.
const pollVersions = time.Second

// Watch sends the session's version whenever it may have changed, beginning with the present one, until ctx ends. What is not
// received in time is dropped in favour of what is newer. Changes by other processes arrive within about a second. What the clock alone
// changes (Session.AsOf) is not announced before it is stored. The channel is closed when ctx ends, or the Service is closed.
func (s *Service) Watch(ctx context.Context, id string) (<-chan int64, error) {
	w := s.watchers.add(ctx, id) // before it is read, so that no change is missed
	var version int64
	err := s.o.Store.View(ctx, func(tx Tx) error {
		v, err := findSession(tx, id)
		version = v.Version
		return err
	})
	if err != nil {
		s.watchers.remove(w)
		return nil, err
	}
	s.watchers.tell(id, version)
	return w.ch, nil
}

// versions reads which sessions have changed after a point.
func (s *Service) versions(ctx context.Context, after int64) (changed map[string]int64, upTo int64, err error) {
	err = s.o.Store.View(ctx, func(tx Tx) (err error) {
		changed, upTo, err = tx.SessionVersions(after)
		return err
	})
	return changed, upTo, err
}

// watcher is one who watches.
type watcher struct {
	session string
	ch      chan int64 // of one: the newest version that was not received yet
	last    int64      // that was sent
}

// watchers are all who watch. While there are any, one goroutine looks for changes by other processes.
type watchers struct {
	versions func(ctx context.Context, after int64) (map[string]int64, int64, error)
	log      *slog.Logger

	mu      sync.Mutex // guards what follows; channels are sent to and closed under it
	all     map[string]map[*watcher]struct{}
	stop    context.CancelFunc // ends the goroutine; nil when there is none
	running sync.WaitGroup
	after   int64 // up to where the store's order of changes was looked at
	closed  bool
}

func newWatchers(versions func(context.Context, int64) (map[string]int64, int64, error), log *slog.Logger) *watchers {
	return &watchers{versions: versions, log: log, all: map[string]map[*watcher]struct{}{}}
}

func (ws *watchers) add(ctx context.Context, session string) *watcher {
	w := &watcher{session: session, ch: make(chan int64, 1)}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed {
		close(w.ch)
		return w
	}
	if ws.all[session] == nil {
		ws.all[session] = map[*watcher]struct{}{}
	}
	ws.all[session][w] = struct{}{}
	if ws.stop == nil {
		var poll context.Context
		poll, ws.stop = context.WithCancel(context.Background())
		ws.running.Go(func() { ws.poll(poll) })
	}
	context.AfterFunc(ctx, func() { ws.remove(w) })
	return w
}

func (ws *watchers) remove(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if _, ok := ws.all[w.session][w]; !ok {
		return
	}
	close(w.ch)
	delete(ws.all[w.session], w)
	if len(ws.all[w.session]) == 0 {
		delete(ws.all, w.session)
	}
	if len(ws.all) == 0 {
		ws.stop()
		ws.stop = nil
	}
}

// tell sends a version to those who watch the session and have not got it.
func (ws *watchers) tell(session string, version int64) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all[session] {
		if version <= w.last {
			continue
		}
		select {
		case <-w.ch:
		default:
		}
		w.ch <- version
		w.last = version
	}
}

// poll looks for changes until ctx ends.
func (ws *watchers) poll(ctx context.Context) {
	tick := time.NewTicker(pollVersions)
	defer tick.Stop()
	for {
		ws.mu.Lock()
		after := ws.after
		ws.mu.Unlock()
		changed, upTo, err := ws.versions(ctx, after)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			ws.log.WarnContext(ctx, "changes by other processes cannot be read", "error", err)
		default:
			ws.mu.Lock()
			ws.after = upTo
			ws.mu.Unlock()
			for id, version := range changed {
				ws.tell(id, version)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (ws *watchers) close() {
	ws.mu.Lock()
	ws.closed = true
	for _, session := range ws.all {
		for w := range session {
			close(w.ch)
		}
	}
	clear(ws.all)
	if ws.stop != nil {
		ws.stop()
		ws.stop = nil
	}
	ws.mu.Unlock()
	ws.running.Wait()
}
