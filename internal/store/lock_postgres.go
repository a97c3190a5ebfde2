package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"firedrill/internal/challenge"
)

const (
	// pingEvery and pingTimeout bound how long a dead connection goes unnoticed: 2.5 s together.
	pingEvery   = 500 * time.Millisecond
	pingTimeout = 2 * time.Second
)

// lockParams make PostgreSQL notice within about 5 s that this machine is gone, which is after this process has noticed that
// PostgreSQL is: the lock is not given to another while its holder still believes in it. When the process alone
// dies, the kernel closes the connection, and the locks are free at once. (PostgreSQL documentation, 19.3.2; on
// Unix sockets they have no effect.)
var lockParams = map[string]string{
	"tcp_keepalives_idle":     "2",
	"tcp_keepalives_interval": "1",
	"tcp_keepalives_count":    "3",
	"tcp_user_timeout":        "5000", // ms
}

// postgresLocks are advisory locks of one connection, which nothing else uses: as long as it lives, all of
// them are held. It is made for the first lock, and made again after it was lost.
type postgresLocks struct {
	config *pgx.ConnConfig
	log    *slog.Logger
	quit   chan struct{}
	done   chan struct{}

	mu     sync.Mutex          // held over the statements on conn
	conn   *pgx.Conn           // nil: none; guarded by mu
	held   map[int64]*heldLock // guarded by mu
	closed bool                // guarded by mu
}

func newPostgresLocks(config *pgx.ConnConfig, log *slog.Logger) *postgresLocks {
	l := &postgresLocks{
		config: with(config, lockParams), log: log, held: map[int64]*heldLock{},
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	go l.watch()
	return l
}

func (l *postgresLocks) lock(ctx context.Context, name string) (challenge.Lock, error) {
	key := lockKey(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case l.closed:
		return nil, ErrClosed
	case l.held[key] != nil: // PostgreSQL would give it to its holder again
		return nil, challenge.ErrLocked
	}
	reused := l.conn != nil
	got, err := l.try(ctx, key)
	if err != nil && reused {
		got, err = l.try(ctx, key) // on a new connection
	}
	if err != nil {
		return nil, fmt.Errorf("take lock: %w", err)
	}
	if !got {
		return nil, challenge.ErrLocked
	}
	h := &heldLock{lost: make(chan struct{})}
	h.unlock = func() { l.unlock(key, h) }
	l.held[key] = h
	return h, nil
}

func (l *postgresLocks) try(ctx context.Context, key int64) (got bool, err error) {
	if l.conn == nil {
		if l.conn, err = pgx.ConnectConfig(ctx, l.config); err != nil {
			l.conn = nil
			return false, err
		}
	}
	err = l.do(func(ctx context.Context) error {
		return l.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&got)
	})
	return got, err
}

// do uses the connection. Its context is not a caller's: pgx closes a connection whose context ends, and with it would go
// the locks of all.
func (l *postgresLocks) do(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	err := f(ctx)
	if err != nil {
		l.drop(err)
	}
	return err
}

// drop gives up the connection and all locks.
func (l *postgresLocks) drop(cause error) {
	_ = l.conn.PgConn().Conn().Close() // without a farewell, which could block
	l.conn = nil
	if len(l.held) > 0 && !l.closed {
		l.log.Error("store locks lost", "locks", len(l.held), "err", cause)
	}
	for key, h := range l.held {
		close(h.lost)
		delete(l.held, key)
	}
}

func (l *postgresLocks) unlock(key int64, h *heldLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key] != h {
		return // lost before
	}
	delete(l.held, key)
	_ = l.do(func(ctx context.Context) error {
		_, err := l.conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", key)
		return err
	})
}

// watch looks after the connection while there are locks.
func (l *postgresLocks) watch() {
	defer close(l.done)
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.quit:
			return
		case <-tick.C:
			l.mu.Lock()
			if len(l.held) > 0 {
				_ = l.do(l.conn.Ping)
			}
			l.mu.Unlock()
		}
	}
}

func (l *postgresLocks) close() error {
	close(l.quit)
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn == nil {
		return nil
	}
	// PostgreSQL may take a while to notice that the connection has ended.
	err := l.do(func(ctx context.Context) error {
		_, err := l.conn.Exec(ctx, "SELECT pg_advisory_unlock_all()")
		return err
	})
	if err == nil {
		l.drop(ErrClosed)
	}
	return nil
}
