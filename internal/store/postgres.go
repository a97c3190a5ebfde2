package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// postgresReaders is how many transactions of a process can read at once. With the writer's connection and that of the
	// locks a process has ten; PostgreSQL's max_connections is 100 by default.
	postgresReaders = 8
	// connectTimeout holds unless the URL has connect_timeout.
	connectTimeout = 5 * time.Second
)

// These parameters bound what a process that hangs, or whose machine is gone, can hold up: a writer all others. It runs
// its transaction again when it was only slow.
var (
	writeParams = map[string]string{"statement_timeout": "10s", "idle_in_transaction_session_timeout": "3s"}
	readParams  = map[string]string{"statement_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}
)

var postgresDialect = dialect{
	bind:        dollars,
	readOptions: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	// The first statement after the lock sees everything that was committed before it was given, since each has
	// a snapshot of its own at this level.
	begin:  fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(%d)", lockKey("writer")),
	commit: commitPostgres,
	retry:  retryPostgres,
	remote: true,
}

// commitPostgres looks at the answer: COMMIT of a transaction that PostgreSQL has given up succeeds, as ROLLBACK.
func commitPostgres(ctx context.Context, conn *sql.Conn) (final bool, err error) {
	var answer string
	err = conn.Raw(func(driver any) error {
		tag, err := driver.(*stdlib.Conn).Conn().Exec(ctx, "COMMIT")
		answer = tag.String()
		return err
	})
	if err == nil && answer != "COMMIT" {
		return false, fmt.Errorf("commit was answered with %s", answer)
	}
	return !retryPostgres(err), err
}

// retryPostgres knows serialization_failure and deadlock_detected (PostgreSQL documentation, appendix A).
func retryPostgres(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

func openPostgres(ctx context.Context, rawURL string, log *slog.Logger) (_ *Store, err error) {
	config, err := parseURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open store postgres://%s:%d/%s: %w", config.Host, config.Port, config.Database, err)
		}
	}()
	// Migrations may take longer than the statements of every day.
	setup := stdlib.OpenDB(*config)
	defer setup.Close()
	if err := migrate(ctx, setup, goose.DialectPostgres, log); err != nil {
		return nil, err
	}

	s := &Store{dialect: postgresDialect, locks: newPostgresLocks(config, log)}
	s.onClose(s.locks.close)
	s.reads = stdlib.OpenDB(*with(config, readParams))
	s.reads.SetMaxOpenConns(postgresReaders)
	s.reads.SetMaxIdleConns(postgresReaders)
	s.onClose(s.reads.Close)
	writes := stdlib.OpenDB(*with(config, writeParams))
	s.onClose(writes.Close)
	s.writer = newWriter(writes, s.dialect, log)
	s.onClose(s.writer.close)
	return s, nil
}

// with is a copy of a configuration with more parameters.
func with(config *pgx.ConnConfig, params map[string]string) *pgx.ConnConfig {
	config = config.Copy()
	maps.Copy(config.RuntimeParams, params)
	return config
}

// parseURL reads a URL. Its errors never hold the password, as those of pgx and net/url can.
func parseURL(rawURL string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("the URL is malformed: use postgres://user:password@host:port/database, with special characters of the password as %XX")
	}
	config, err := pgx.ParseConfig(rawURL)
	if err != nil {
		password, _ := u.User.Password()
		text := err.Error()
		if inner := errors.Unwrap(err); inner != nil {
			text = inner.Error()
		}
		for _, secret := range []string{password, u.Query().Get("password"), u.Query().Get("sslpassword")} {
			if secret != "" && strings.Contains(text, secret) {
				text = "a part of it cannot be used"
			}
		}
		return nil, fmt.Errorf("the URL of PostgreSQL: %s", text)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "firedrill"
	}
	return config, nil
}
