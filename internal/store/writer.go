package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"firedrill/internal/challenge"
)

const (
	// maxBatch bounds the calls of one transaction, and with it how long other replicas wait for their turn.
	maxBatch = 256
	// maxAttempts bounds how often a transaction that was not committed runs.
	maxAttempts = 5
	// batchTimeout bounds all attempts together, where there is a network in between.
	batchTimeout = 15 * time.Second
	// firstRetry is the wait before the second attempt; it doubles.
	firstRetry = 20 * time.Millisecond
)

// writer is the only one in the process that writes. One goroutine runs the calls, on one connection.
type writer struct {
	db      *sql.DB
	dialect dialect
	log     *slog.Logger
	calls   chan *call
	quit    chan struct{} // closed by close
	done    chan struct{} // closed when the goroutine has ended
	conn    *writeConn    // nil when there is none; of the goroutine
}

// call is one Update.
type call struct {
	fn       func(challenge.Tx) error
	err      error
	panicked string        // value and stack, when fn panicked
	done     chan struct{} // closed when the rest is set
}

func newWriter(db *sql.DB, d dialect, log *slog.Logger) *writer {
	// calls has no buffer: who waits can still go away, and gather finds those that wait all the same.
	w := &writer{db: db, dialect: d, log: log, calls: make(chan *call), quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *writer) close() error {
	close(w.quit)
	<-w.done
	return nil
}

func (w *writer) update(ctx context.Context, fn func(challenge.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{fn: fn, done: make(chan struct{})}
	select {
	case w.calls <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return ErrClosed
	}
	<-c.done
	if c.panicked != "" {
		panic(c.panicked)
	}
	return c.err
}

func (w *writer) run() {
	defer close(w.done)
	defer w.disconnect()
	for {
		select {
		case <-w.quit:
			return
		case first := <-w.calls:
			w.commit(w.gather(first))
		}
	}
}

// gather takes the calls that wait.
func (w *writer) gather(first *call) []*call {
	batch := []*call{first}
	for len(batch) < maxBatch {
		select {
		case c := <-w.calls:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// commit runs calls in one transaction and answers them.
func (w *writer) commit(batch []*call) {
	ctx := context.Background() // SQLite pays for a context that can end, with every statement
	if w.dialect.remote {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, batchTimeout)
		defer cancel()
	}
	final, err := w.attempt(ctx, batch, false)
	if errors.Is(err, errSpoiled) {
		final, err = w.attempt(ctx, batch, true)
	}
	wait := firstRetry
	for attempt := 2; err != nil && !final && attempt <= maxAttempts && ctx.Err() == nil; attempt++ {
		w.log.Warn("store transaction is tried again", "attempt", attempt, "err", err)
		select {
		case <-time.After(wait):
		case <-w.quit:
		}
		wait *= 2
		final, err = w.attempt(ctx, batch, true)
	}
	for _, c := range batch {
		if err != nil {
			// What fn found may come from calls of this batch that are gone with it, so its own result counts for nothing.
			c.err = err
		}
		close(c.done)
	}
}

// errSpoiled says that a call failed that had written, and that the transaction was rolled back with it.
var errSpoiled = errors.New("a call failed after it had written")

// attempt runs the transaction once. Unless final, an error says that it was not committed.
func (w *writer) attempt(ctx context.Context, batch []*call, savepoints bool) (final bool, err error) {
	defer func() {
		if errors.Is(err, errSpoiled) {
			if _, rollbackErr := w.conn.ExecContext(ctx, "ROLLBACK"); rollbackErr == nil {
				return
			}
		}
		if err != nil {
			w.disconnect() // which rolls back
		}
	}()
	if err := w.connect(ctx); err != nil {
		return false, fmt.Errorf("connect to write: %w", err)
	}
	if _, err := w.conn.ExecContext(ctx, w.dialect.begin); err != nil {
		return false, fmt.Errorf("begin to write: %w", err)
	}
	sessions := map[string]challenge.Session{}
	for _, c := range batch {
		t := &tx{ctx: ctx, q: w.conn, bind: w.dialect.bind, sessions: sessions}
		if err := w.one(ctx, c, t, savepoints); err != nil {
			return false, err
		}
	}
	final, err = w.dialect.commit(ctx, w.conn.Conn)
	if final && err != nil {
		err = fmt.Errorf("commit, which may or may not have been made: %w", err)
	}
	return final, err
}

// one runs a call. Its error means that the whole transaction must be rolled back. Calls rarely fail once they have
// written, so savepoints, which cost a quarter of the time, are for a second run of the same calls.
func (w *writer) one(ctx context.Context, c *call, t *tx, savepoint bool) error {
	if savepoint {
		if _, err := w.conn.ExecContext(ctx, "SAVEPOINT fn"); err != nil {
			return fmt.Errorf("set savepoint: %w", err)
		}
	}
	c.run(t)
	failed, spoiled := c.err != nil || c.panicked != "", t.used || t.failed != nil
	end := "RELEASE SAVEPOINT fn"
	switch {
	case t.failed != nil && w.dialect.retry(t.failed):
		return t.failed
	case failed && spoiled && !savepoint:
		return errSpoiled
	case failed && spoiled:
		end = "ROLLBACK TO SAVEPOINT fn; " + end
		clear(t.sessions)
	}
	if savepoint {
		if _, err := w.conn.ExecContext(ctx, end); err != nil {
			return fmt.Errorf("end savepoint: %w", errors.Join(err, t.failed))
		}
	}
	return nil
}

// run runs fn. A panic is the caller's, not the writer's.
func (c *call) run(t *tx) {
	c.err, c.panicked = nil, ""
	defer func() {
		if v := recover(); v != nil {
			c.panicked = fmt.Sprintf("%v\n\n%s", v, debug.Stack())
		}
	}()
	if c.err = c.fn(t); c.err == nil {
		c.err = t.failed
	}
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn = &writeConn{Conn: conn}
	if !w.dialect.remote {
		w.conn.prepared = map[string]*sql.Stmt{}
	}
	return nil
}

// disconnect closes the connection, instead of giving it back to the pool in a state that nobody knows.
func (w *writer) disconnect() {
	if w.conn != nil {
		for _, stmt := range w.conn.prepared { // an open one would keep SQLite from closing
			_ = stmt.Close()
		}
		_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = w.conn.Close()
		w.conn = nil
	}
}

// writeConn is a connection that may keep prepared statements: compiling one takes SQLite longer than running it.
type writeConn struct {
	*sql.Conn
	prepared map[string]*sql.Stmt // by text, nil when they are not kept; there are few, since texts are constants or bounded lists
}

func (c *writeConn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if c.prepared == nil {
		return c.Conn.QueryContext(ctx, query, args...)
	}
	stmt := c.prepared[query]
	if stmt == nil {
		var err error
		if stmt, err = c.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		c.prepared[query] = stmt
	}
	return stmt.QueryContext(ctx, args...)
}
