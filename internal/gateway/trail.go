package gateway

import (
	"log/slog"
	"sync"

	"firedrill/internal/challenge"
)

const (
	maxTrailWaiting = 8192 // entries that wait to be kept
	maxTrailBatch   = 256
)

// trail hands entries on in batches: while one batch is written, the next gathers.
type trail struct {
	keep    func([]challenge.TrailEntry) error
	metrics *metrics
	log     *slog.Logger

	mu     sync.RWMutex // guards closed, against entries
	closed bool
	queue  chan challenge.TrailEntry
	done   chan struct{}
}

func newTrail(keep func([]challenge.TrailEntry) error, m *metrics, log *slog.Logger) *trail {
	t := &trail{keep: keep, metrics: m, log: log, queue: make(chan challenge.TrailEntry, maxTrailWaiting), done: make(chan struct{})}
	go t.run()
	return t
}

// add never waits: an entry for which there is no room is dropped, and counted.
func (t *trail) add(e challenge.TrailEntry) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.closed {
		select {
		case t.queue <- e:
			return
		default:
		}
	}
	t.metrics.trailDropped.Inc()
}

// close returns when all entries are handed on.
func (t *trail) close() {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.queue)
	}
	t.mu.Unlock()
	<-t.done
}

func (t *trail) run() {
	defer close(t.done)
	for e := range t.queue {
		batch := []challenge.TrailEntry{e}
	more:
		for len(batch) < maxTrailBatch {
			select {
			case e, ok := <-t.queue:
				if !ok {
					break more
				}
				batch = append(batch, e)
			default:
				break more
			}
		}
		if err := t.keep(batch); err != nil {
			t.metrics.trailDropped.Add(float64(len(batch)))
			t.log.Warn("trail is not kept", "entries", len(batch), "err", err)
		}
	}
}
