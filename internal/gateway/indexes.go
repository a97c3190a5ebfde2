package gateway

import (
	"context"
	"sync"
	"time"
)

// indexIdle is how long an index is kept that nobody asks for. It keeps its Source in memory, too.
const indexIdle = 10 * time.Minute

// indexes holds an index for each Source, built once for all sessions that play it. The zero value is ready; it is safe
// for concurrent use.
type indexes struct {
	mu sync.Mutex
	m  map[Source]*indexEntry
}

type indexEntry struct {
	built chan struct{} // closed when x or err is there
	x     *traceIndex
	err   error
	idle  *time.Timer
}

// get waits for the index of a source. life bounds the building, which goes on when ctx ends, for whoever asks next.
func (s *indexes) get(ctx, life context.Context, src Source) (*traceIndex, error) {
	s.mu.Lock()
	e := s.m[src]
	if e == nil {
		if s.m == nil {
			s.m = make(map[Source]*indexEntry)
		}
		e = &indexEntry{built: make(chan struct{})}
		e.idle = time.AfterFunc(indexIdle, func() { s.forget(src, e) })
		s.m[src] = e
		go func() {
			defer close(e.built)
			if e.x, e.err = buildIndex(life, src); e.err != nil {
				s.forget(src, e)
			}
		}()
	}
	e.idle.Reset(indexIdle)
	s.mu.Unlock()
	select {
	case <-e.built:
		return e.x, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *indexes) forget(src Source, e *indexEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.idle.Stop()
	if s.m[src] == e {
		delete(s.m, src)
	}
}
