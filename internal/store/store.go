// Package store keeps the contest of package challenge in a database: SQLite, one file, or PostgreSQL, which several
// replicas can share. The entry point is Open; *Store is a challenge.Store.
//
// # Writing
//
// The Update calls of all callers go through one writer, which gathers those that wait into one transaction and
// answers after its commit. Each call has a savepoint: what fails leaves no trace and takes nobody along. A statement that
// fails makes its whole call fail, whatever fn returns. On PostgreSQL the writers of all replicas come
// one after the other, under one advisory lock that they hold for a transaction: so session rows need no locks of
// their own, there is nothing to deadlock with, and IDs rise, and changes become visible, in the order of commits.
//
// # Durability
//
// What Update has acknowledged survives kill -9 of the process. SQLite runs in WAL mode with synchronous=NORMAL: a
// commit is in the page cache of the kernel then, so a power failure or a crash of the machine may lose the last commits,
// but does not damage the file. PostgreSQL is as durable as it is configured to be.
//
// # Values
//
// Times have nanoseconds and are UTC when read; those before 1678 or after 2261 become the nearest that
// fits. PostgreSQL cannot keep NUL or invalid UTF-8 in texts, so both databases get U+FFFD instead.
//
// Names, IDs and keys are indexed: PostgreSQL refuses those of more than about 2,700 bytes.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"firedrill/internal/challenge"
)

// ErrClosed is returned by a Store after Close.
var ErrClosed = errors.New("store is closed")

var _ challenge.Store = (*Store)(nil)

// Store is a challenge.Store. It is safe for concurrent use.
type Store struct {
	dialect dialect
	reads   *sql.DB
	writer  *writer
	locks   locker
	// closers are run by Close, the last one first.
	closers []func() error
	closing sync.Once
	closed  error // what Close returns
}

// Open opens a database, which is created if it is a file that does not exist, and brings its schema up to date. A
// URL is "postgres://user:password@host:port/database", "sqlite:PATH", or a path. A SQLite file belongs to one
// process at a time, a second one is refused; it gets a folder "PATH-lock" beside it. PostgreSQL,
// 12 or newer, must be reached directly, or through a pooler that gives each client a connection of its own. ctx bounds the opening only. A nil log discards.
func Open(ctx context.Context, url string, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	scheme, rest, hasScheme := strings.Cut(url, ":")
	switch {
	case hasScheme && (scheme == "postgres" || scheme == "postgresql"):
		return openPostgres(ctx, url, log)
	case hasScheme && scheme == "sqlite":
		return openSQLite(ctx, strings.TrimPrefix(rest, "//"), log)
	case filepath.IsAbs(url):
		return openSQLite(ctx, url, log)
	default:
		// The text leaves the URL out: it may hold a password. A bare word makes no file, for the same reason.
		return nil, errors.New("unknown kind of URL: use postgres://…, sqlite:PATH or an absolute path")
	}
}

// Update implements challenge.Store. A ctx that ends while the call still waits for its turn takes it back; after that
// Update returns what became of it. When the connection breaks during a commit nobody can know whether it was made: the
// error says so, and idempotency keys make it safe to try again.
func (s *Store) Update(ctx context.Context, fn func(challenge.Tx) error) error {
	return s.writer.update(ctx, fn)
}

// View implements challenge.Store. It does not wait for writers.
func (s *Store) View(ctx context.Context, fn func(challenge.Tx) error) error {
	sqlTx, err := s.reads.BeginTx(ctx, s.dialect.readOptions)
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer func() { _ = sqlTx.Rollback() }()
	t := &tx{ctx: ctx, q: sqlTx, bind: s.dialect.bind}
	if err := fn(t); err != nil {
		return err
	}
	return t.failed
}

// Lock implements challenge.Store. Lost is also closed by Close, but not by Unlock; a second Unlock does nothing.
func (s *Store) Lock(ctx context.Context, name string) (challenge.Lock, error) {
	return s.locks.lock(ctx, name)
}

// Close waits for the transaction that is under way, gives up all locks and closes the database. Calls that wait return
// ErrClosed.
func (s *Store) Close() error {
	s.closing.Do(func() {
		for i := len(s.closers) - 1; i >= 0; i-- {
			s.closed = errors.Join(s.closed, s.closers[i]())
		}
	})
	return s.closed
}

func (s *Store) onClose(f func() error) { s.closers = append(s.closers, f) }
