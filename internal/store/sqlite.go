package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"firedrill/internal/dirlock"
)

// sqliteReaders is how many transactions can read at once; each has a connection with a cache of its own.
const sqliteReaders = 8

var sqliteDialect = dialect{
	bind:  questionMarks,
	begin: "BEGIN IMMEDIATE",
	commit: func(ctx context.Context, conn *sql.Conn) (bool, error) {
		_, err := conn.ExecContext(ctx, "COMMIT")
		return true, err
	},
	retry: func(error) bool { return false }, // there is no other writer
}

func openSQLite(ctx context.Context, path string, log *slog.Logger) (_ *Store, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open store %s: %w", path, err)
		}
	}()
	if path == "" || path == ":memory:" {
		return nil, errors.New("a path of a file is needed")
	}
	s := &Store{dialect: sqliteDialect, locks: newLocalLocks()}
	s.onClose(s.locks.close)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if path, err = createFile(path); err != nil {
		return nil, err
	}
	if err := s.own(path); err != nil {
		return nil, err
	}
	// _error_rc=1: without it errors of opening are worded as if memory had run out.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_error_rc=1&_dqs=0&_busy_timeout=5000&_foreign_keys=1"
	writes, err := sql.Open("sqlite", dsn+"&_journal_mode=WAL&_synchronous=NORMAL")
	if err != nil {
		return nil, err
	}
	writes.SetMaxOpenConns(1)
	s.onClose(func() error {
		// What is in the write-ahead log goes into the file, so that a copy of the file alone is a backup of a store that is closed.
		_, err := writes.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
		return errors.Join(err, writes.Close())
	})
	if err := migrate(ctx, writes, goose.DialectSQLite3, log); err != nil {
		return nil, err
	}
	if s.reads, err = sql.Open("sqlite", dsn+"&_query_only=1"); err != nil {
		return nil, err
	}
	s.reads.SetMaxOpenConns(sqliteReaders)
	s.reads.SetMaxIdleConns(sqliteReaders)
	s.onClose(s.reads.Close)
	s.writer = newWriter(writes, s.dialect, log)
	s.onClose(s.writer.close)
	return s, nil
}

// createFile makes sure that the file exists, readable by its owner alone since it holds keys, and returns its real
// absolute path: two names of one file must meet at one lock.
func createFile(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// own claims the file for this Store until Close, or until the process ends.
func (s *Store) own(path string) error {
	dir := path + "-lock"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unlock, err := dirlock.Lock(dir)
	if errors.Is(err, dirlock.ErrHeld) {
		return errors.New("another firedrill uses this file: stop it, or use PostgreSQL, which several can share")
	}
	if err != nil {
		return err
	}
	s.onClose(func() error { unlock(); return nil })
	return nil
}
