package gateway

import (
	"context"
	"sync"
	"time"
)

// limiter bounds how many requests are under way, in all and for each player, so that no player can keep the back end from
// the others. It is safe for concurrent use.
type limiter struct {
	all  chan struct{}
	each int

	mu      sync.Mutex
	players map[string]*share
}

// share is a player's part. It is forgotten when nobody uses it.
type share struct {
	slots chan struct{}
	users int // in or waiting
}

func newLimiter(all, each int) *limiter {
	return &limiter{all: make(chan struct{}, all), each: each, players: make(map[string]*share)}
}

// acquire waits for a place, at most that long; release gives it back. ok is false when there was none.
func (l *limiter) acquire(ctx context.Context, player string, within time.Duration) (release func(), ok bool) {
	l.mu.Lock()
	s := l.players[player]
	if s == nil {
		s = &share{slots: make(chan struct{}, l.each)}
		l.players[player] = s
	}
	s.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if s.users--; s.users == 0 {
			delete(l.players, player)
		}
	}
	// The usual case, without a timer.
	select {
	case s.slots <- struct{}{}:
		select {
		case l.all <- struct{}{}:
			return func() { <-l.all; <-s.slots; leave() }, true
		default:
			<-s.slots
		}
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		leave()
		return nil, false
	}
	select {
	case l.all <- struct{}{}:
	case <-ctx.Done():
		<-s.slots
		leave()
		return nil, false
	}
	return func() { <-l.all; <-s.slots; leave() }, true
}
