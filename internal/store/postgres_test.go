package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
	"firedrill/internal/store/pgtest"
)

// connect opens a connection beside those of a Store.
func connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// query reads one value.
func query[T any](tb testing.TB, url, sql string, args ...any) (v T) {
	tb.Helper()
	conn := connect(tb, url)
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return v
}

// TestTwoStores has two replicas write the same sessions, and watches their changes from a third.
func TestTwoStores(t *testing.T) {
	url := pgtest.NewDatabase(t)
	const sessions, each, callers = 5, 40, 8
	watcher := open(t, url)
	insert(t, watcher, sessions)
	writing, watched := make(chan struct{}), make(chan struct{})
	seen := map[string]int64{}
	go func() {
		defer close(watched)
		for after, last := int64(0), false; ; {
			err := watcher.View(context.Background(), func(tx challenge.Tx) error {
				changed, upTo, err := tx.SessionVersions(after)
				for id, v := range changed {
					if v < seen[id] {
						t.Errorf("session %s went from version %d to %d", id, seen[id], v)
					}
				}
				maps.Copy(seen, changed)
				after = upTo
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if last {
				return
			}
			select {
			case <-writing:
				last = true
			default:
			}
		}
	}()
	var wait sync.WaitGroup
	for r, s := range []*store.Store{open(t, url), open(t, url)} {
		for c := range callers {
			wait.Go(func() {
				for n := range each {
					if err := countUp(s, fmt.Sprint(r, c), fmt.Sprint(n)); err != nil {
						t.Error(err)
					}
					// In another order in each replica.
					err := s.Update(context.Background(), func(tx challenge.Tx) error {
						for i := range sessions - 1 {
							id := 2 + i
							if r == 1 {
								id = sessions - i
							}
							v, err := tx.Session(session(id).ID)
							if err := errors.Join(err, tx.UpdateSession(v)); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wait.Wait()
	close(writing)
	<-watched
	checkCount(t, watcher, 2*each*callers)
	for i := 1; i <= sessions; i++ {
		v := read(t, watcher, func(tx challenge.Tx) (challenge.Session, error) { return tx.Session(session(i).ID) })
		if want := int64(1 + 2*each*callers); v.Version != want || seen[v.ID] != want {
			t.Errorf("session %d has version %d, and %d was seen, want %d", i, v.Version, seen[v.ID], want)
		}
	}
}

// TestUpdateAfterTheConnectionEnded has PostgreSQL end the writer's connection before and in the middle of a transaction.
func TestUpdateAfterTheConnectionEnded(t *testing.T) {
	url := pgtest.NewDatabase(t)
	s := open(t, url)
	insert(t, s, 1)
	end := func() {
		query[int](t, url, "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = 'firedrill'")
	}
	view(t, s, func(challenge.Tx) error { return nil })
	end()
	if err := countUp(s, "ann", "1"); err != nil {
		t.Errorf("update after the connection had ended: %v", err)
	}
	runs := 0
	err := s.Update(context.Background(), func(tx challenge.Tx) error {
		if runs++; runs == 1 {
			end()
		}
		v, err := tx.Session(session(1).ID)
		if err != nil {
			return err
		}
		sub := submission(v.ID, "bob", "1")
		sub.Reasoning = fmt.Sprint(v.Version)
		return errors.Join(tx.UpdateSession(v), tx.InsertSubmissions(&sub))
	})
	if err != nil || runs < 2 {
		t.Errorf("update whose connection ended: %v after %d runs, want it to run again and succeed", err, runs)
	}
	checkCount(t, s, 2)
}

// TestUpdateAfterADeadlock makes a deadlock with a program that does not take the writers' lock. PostgreSQL cancels one of the two,
// whichever looks first.
func TestUpdateAfterADeadlock(t *testing.T) {
	url := pgtest.NewDatabase(t)
	s := open(t, url)
	insert(t, s, 2)
	ctx := context.Background()
	const touch = "UPDATE sessions SET title = title WHERE id = $1"
	other, err := connect(t, url).Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(ctx, "SET LOCAL deadlock_timeout = '60s'"); err != nil { // so that it is not the one
		t.Fatal(err)
	}
	if _, err := other.Exec(ctx, touch, session(1).ID); err != nil {
		t.Fatal(err)
	}
	runs, done := 0, make(chan error, 1)
	err = s.Update(ctx, func(tx challenge.Tx) error {
		if err := tx.UpdateSession(session(2)); err != nil {
			return err
		}
		if runs++; runs == 1 {
			go func() {
				_, err := other.Exec(ctx, touch, session(2).ID)
				done <- errors.Join(err, other.Commit(ctx))
			}()
		}
		return tx.UpdateSession(session(1))
	})
	if err := <-done; err != nil {
		t.Errorf("the other program: %v", err)
	}
	if err != nil || runs != 2 {
		t.Errorf("update after a deadlock: %v after %d runs, want success after 2", err, runs)
	}
	for i := 1; i <= 2; i++ {
		if v := read(t, s, func(tx challenge.Tx) (challenge.Session, error) { return tx.Session(session(i).ID) }).Version; v != 2 {
			t.Errorf("session %d has version %d, want 2", i, v)
		}
	}
}

// TestWriterThatHangs checks that a replica which stops in the middle of a transaction does not hold up the others for long.
func TestWriterThatHangs(t *testing.T) {
	url := pgtest.NewDatabase(t)
	one, two := open(t, url), open(t, url)
	insert(t, one, 1)
	hangs, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		once := sync.OnceFunc(func() { close(hangs); <-release })
		done <- one.Update(context.Background(), func(tx challenge.Tx) error { once(); return tx.UpdateSession(session(1)) })
	}()
	<-hangs
	began := time.Now()
	if err := countUp(two, "ann", "1"); err != nil {
		t.Error(err)
	}
	t.Logf("waited %v", time.Since(began))
	close(release)
	if err := <-done; err != nil {
		t.Errorf("the replica that hung: %v, want it to run again", err)
	}
}
