package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
	"firedrill/internal/store/pgtest"
)

// within bounds how long a test waits for what must come.
const within = 30 * time.Second

func lock(tb testing.TB, s *store.Store, name string) challenge.Lock {
	tb.Helper()
	l, err := s.Lock(context.Background(), name)
	if err != nil {
		tb.Fatalf("lock %s: %v", name, err)
	}
	return l
}

func isLost(l challenge.Lock) bool {
	select {
	case <-l.Lost():
		return true
	default:
		return false
	}
}

func TestLock(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		a := lock(t, s, "session/a")
		b := lock(t, s, "session/b")
		if _, err := s.Lock(context.Background(), "session/a"); !errors.Is(err, challenge.ErrLocked) {
			t.Errorf("second lock of a name: %v, want ErrLocked", err)
		}
		a.Unlock()
		again := lock(t, s, "session/a")
		a.Unlock() // of who does not hold it any more
		if _, err := s.Lock(context.Background(), "session/a"); !errors.Is(err, challenge.ErrLocked) {
			t.Errorf("lock after another's second Unlock: %v, want ErrLocked", err)
		}
		if isLost(a) || isLost(b) || isLost(again) {
			t.Error("a lock was lost for no reason")
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.Lock(ctx, "session/c"); !errors.Is(err, context.Canceled) {
			t.Errorf("lock with a context that has ended: %v", err)
		}
		if isLost(b) {
			t.Error("another's context took a lock along")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !isLost(b) || !isLost(again) || isLost(a) {
			t.Errorf("after Close: held locks lost %v and %v, one given back %v; want true, true, false", isLost(b), isLost(again), isLost(a))
		}
		b.Unlock()
		if _, err := s.Lock(context.Background(), "session/b"); !errors.Is(err, store.ErrClosed) {
			t.Errorf("lock after Close: %v, want ErrClosed", err)
		}
	})
}

func TestLocksOfTwoStores(t *testing.T) {
	url := pgtest.NewDatabase(t)
	one, two := open(t, url), open(t, url)
	var locks []challenge.Lock
	for i := range 100 {
		locks = append(locks, lock(t, one, fmt.Sprint("session/", i)))
	}
	if n := query[int](t, url, "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory'"); n != 1 {
		t.Errorf("100 locks are on %d connections, want 1", n)
	}
	if _, err := two.Lock(context.Background(), "session/7"); !errors.Is(err, challenge.ErrLocked) {
		t.Errorf("lock that another store holds: %v, want ErrLocked", err)
	}
	locks[7].Unlock()
	lock(t, two, "session/7")
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	lock(t, two, "session/8")
}

// TestLockLost ends the connection of the locks on PostgreSQL's side.
func TestLockLost(t *testing.T) {
	url := pgtest.NewDatabase(t)
	one, two := open(t, url), open(t, url)
	a, b := lock(t, one, "session/a"), lock(t, one, "session/b")
	query[bool](t, url, "SELECT bool_and(pg_terminate_backend(pid)) FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory') l")
	began := time.Now()
	for _, l := range []challenge.Lock{a, b} {
		select {
		case <-l.Lost():
		case <-time.After(within):
			t.Fatal("the lock's connection has ended, and Lost is open")
		}
	}
	t.Logf("lost after %v", time.Since(began))
	lock(t, two, "session/a")
	a.Unlock() // changes nothing: it is another's
	if _, err := one.Lock(context.Background(), "session/a"); !errors.Is(err, challenge.ErrLocked) {
		t.Errorf("lock that another store has taken over: %v, want ErrLocked", err)
	}
	lock(t, one, "session/b") // on a new connection
	b.Unlock()                // of the one that was lost
	if _, err := two.Lock(context.Background(), "session/b"); !errors.Is(err, challenge.ErrLocked) {
		t.Errorf("lock after an Unlock of the one that was lost: %v, want ErrLocked", err)
	}
}

// TestLockConnectionEndsUnnoticed is the same with nothing held: the next lock finds out, and is taken all the same.
func TestLockConnectionEndsUnnoticed(t *testing.T) {
	url := pgtest.NewDatabase(t)
	s := open(t, url)
	held := lock(t, s, "session/a")
	pid := query[int](t, url, "SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
	held.Unlock()
	query[bool](t, url, "SELECT pg_terminate_backend($1, 10000)", pid)
	lock(t, s, "session/a")
	if isLost(held) {
		t.Error("a lock that was given back was lost")
	}
}
