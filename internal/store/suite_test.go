package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
	"firedrill/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		playChild(url)
		return
	}
	code := pgtest.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// t0 has nanoseconds, which must survive.
var t0 = time.Date(2030, 1, 2, 3, 4, 5, 123456789, time.UTC)

// both runs a test on an empty database of each kind.
func both(t *testing.T, f func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, "sqlite:"+filepath.Join(t.TempDir(), "contest.db")) })
	t.Run("postgres", func(t *testing.T) { f(t, pgtest.NewDatabase(t)) })
}

// eachStore is both with a Store opened.
func eachStore(t *testing.T, f func(t *testing.T, s *store.Store)) {
	both(t, func(t *testing.T, url string) { f(t, open(t, url)) })
}

func open(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := store.Open(context.Background(), url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

func update(tb testing.TB, s *store.Store, fn func(tx challenge.Tx) error) {
	tb.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		tb.Fatal(err)
	}
}

func view(tb testing.TB, s *store.Store, fn func(tx challenge.Tx) error) {
	tb.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		tb.Fatal(err)
	}
}

// read is a View of one value.
func read[T any](tb testing.TB, s *store.Store, fn func(tx challenge.Tx) (T, error)) (v T) {
	tb.Helper()
	view(tb, s, func(tx challenge.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v
}

func equal(tb testing.TB, what string, got, want any) {
	tb.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// session is the n-th of sessions that are a minute apart.
func session(n int) challenge.Session {
	return challenge.Session{
		ID: fmt.Sprintf("s%012x", n), Title: "Checkout is slow", Mode: challenge.Together, Scenario: "payment-latency", Difficulty: "normal",
		CreatedBy: "fay", CreatedAt: t0.Add(time.Duration(n) * time.Minute), State: challenge.Scheduled, Timebox: 20 * time.Minute, Speed: 1, Version: 1,
	}
}

// insert adds sessions 1 to n.
func insert(tb testing.TB, s *store.Store, n int) {
	tb.Helper()
	update(tb, s, func(tx challenge.Tx) error {
		for i := 1; i <= n; i++ {
			if err := tx.InsertSession(session(i), []byte{byte(i)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func submission(session, player, key string) challenge.Submission {
	return challenge.Submission{
		Session: session, Player: player, Key: key, Suspects: []challenge.Suspect{{Component: "db", Cause: "lock", Onset: t0}, {Component: "cart", Cause: "cpu"}},
		Reasoning: "the pool is full", At: t0, Elapsed: 90 * time.Second, Penalty: time.Minute, LockedFor: 2 * time.Minute,
	}
}
