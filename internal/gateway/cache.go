package gateway

import (
	"sync"
	"time"
)

const (
	// fresh is how long a token, a player's session and its evidence are taken as they were: a dashboard asks dozens of
	// questions at once, and somebody who has just joined must not wait.
	fresh = 500 * time.Millisecond
	// maxCached bounds a cache's entries.
	maxCached = 4096
)

// cache keeps values for a moment. The zero cache is ready; it is safe for concurrent use.
type cache[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]cached[V]
}

type cached[V any] struct {
	v     V
	until time.Time
}

func (c *cache[K, V]) get(k K, now time.Time) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.m[k]
	// A wall clock that was set back must not make entries last.
	if !ok || !now.Before(e.until) || e.until.Sub(now) > fresh {
		var none V
		return none, false
	}
	return e.v, true
}

func (c *cache[K, V]) put(k K, v V, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxCached {
		c.m = make(map[K]cached[V])
	}
	c.m[k] = cached[V]{v, now.Add(fresh)}
}
