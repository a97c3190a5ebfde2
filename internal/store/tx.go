package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"firedrill/internal/challenge"
)

var _ challenge.Tx = (*tx)(nil)

// tx implements challenge.Tx: its methods are in the files tx_*.go, one for each group of tables.
type tx struct {
	ctx  context.Context
	q    querier
	bind func(query string) string
	used bool // a statement that may write has run
	// sessions are those that were read or nil in View. Nobody else writes between begin and commit, so they stay true from one call
	// of the batch to the next.
	sessions map[string]challenge.Session
	// failed is the first error of a statement. The transaction is good for nothing after it, on PostgreSQL at least.
	failed error
}

// querier runs statements: a transaction that reads, or the writer's connection.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanner is the present row.
type scanner interface{ Scan(dest ...any) error }

// list runs a query and reads all rows. what names it in errors.
func list[T any](t *tx, what string, scan func(scanner) (T, error), query string, args ...any) (out []T, err error) {
	if t.failed != nil {
		return nil, t.failed
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
			t.failed = err
		}
	}()
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clean(s)
		}
	}
	rows, err := t.q.QueryContext(t.ctx, t.bind(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// one reads the first row, or returns challenge.ErrNotFound.
func one[T any](t *tx, what string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	out, err := list(t, what, scan, query, args...)
	if err != nil || len(out) == 0 {
		var zero T
		if err == nil {
			err = challenge.ErrNotFound
		}
		return zero, err
	}
	return out[0], nil
}

// exec runs a statement that writes. It may return rows of one integer, such as new IDs.
func (t *tx) exec(what, query string, args ...any) ([]int64, error) {
	t.used = true
	return list(t, what, scanOne[int64], query, args...)
}

// change is exec for a statement that must return a row: challenge.ErrNotFound says that there was nothing to change.
func (t *tx) change(what, query string, args ...any) (int64, error) {
	ids, err := t.exec(what, query, args...)
	if err != nil || len(ids) == 0 {
		if err == nil {
			err = challenge.ErrNotFound
		}
		return 0, err
	}
	return ids[0], nil
}

func scanOne[T any](row scanner) (v T, err error) { return v, row.Scan(&v) }

// clean replaces what PostgreSQL cannot keep in a text.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}
