package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"firedrill/internal/challenge"
)

// locker implements Store.Lock.
type locker interface {
	lock(ctx context.Context, name string) (challenge.Lock, error)
	// close gives up all locks: their Lost is closed.
	close() error
}

// lockKey is the number of PostgreSQL's advisory lock for a name. Other programs on the database are unlikely to use it.
func lockKey(name string) int64 {
	sum := sha256.Sum256([]byte("firedrill lock " + name))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// heldLock is a lock that one of the lockers has given.
type heldLock struct {
	lost   chan struct{}
	unlock func()
	once   sync.Once
}

func (l *heldLock) Lost() <-chan struct{} { return l.lost }
func (l *heldLock) Unlock()               { l.once.Do(l.unlock) }

// localLocks are those of SQLite: the file belongs to this process, so a table of names is enough.
type localLocks struct {
	mu     sync.Mutex
	held   map[string]*heldLock // guarded by mu
	closed bool                 // guarded by mu
}

func newLocalLocks() *localLocks { return &localLocks{held: map[string]*heldLock{}} }

func (l *localLocks) lock(ctx context.Context, name string) (challenge.Lock, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case l.closed:
		return nil, ErrClosed
	case l.held[name] != nil:
		return nil, challenge.ErrLocked
	}
	h := &heldLock{lost: make(chan struct{})}
	h.unlock = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.held[name] == h {
			delete(l.held, name)
		}
	}
	l.held[name] = h
	return h, nil
}

func (l *localLocks) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, h := range l.held {
		close(h.lost)
	}
	l.held = nil
	return nil
}
