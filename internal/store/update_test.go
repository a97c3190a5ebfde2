package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
)

var errTest = errors.New("test")

// TestUpdateTogether has calls wait until one transaction takes them all, some of which fail.
func TestUpdateTogether(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, url)
			insert(t, s, 1)
			id := session(1).ID
			taken := submission(id, "taken", "k")
			update(t, s, func(tx challenge.Tx) error { return tx.InsertSubmissions(&taken) })
			free := hold(t, s)

			var wait sync.WaitGroup
			runs := make([]int, 12)
			for i := range runs {
				wait.Go(func() {
					player := fmt.Sprint(i)
					defer func() {
						if v := recover(); (v != nil) != (i == 9) || v != nil && !strings.Contains(v.(string), "boom") {
							t.Errorf("call %d: panic %v", i, v)
						}
					}()
					err := s.Update(context.Background(), func(tx challenge.Tx) error {
						runs[i]++
						if i == 1 { // fails before it has written
							_, err := tx.Session("none")
							return err
						}
						v, err := tx.Session(id)
						if err != nil {
							return err
						}
						v.Timebox++
						sub := submission(id, player, "k")
						if err := errors.Join(tx.UpdateSession(v), tx.InsertSubmissions(&sub)); err != nil {
							return err
						}
						switch i {
						case 3:
							_, err := tx.Session(id) // which nobody may see afterwards
							return errors.Join(err, errTest)
						case 6: // a statement fails, and fn does not care
							again := taken
							_ = tx.InsertSubmissions(&again)
						case 9:
							panic("boom")
						}
						return nil
					})
					switch {
					case i == 1 && !errors.Is(err, challenge.ErrNotFound), i == 3 && !errors.Is(err, errTest), i == 6 && err == nil:
						t.Errorf("call %d: %v, want its own error", i, err)
					case i != 1 && i != 3 && i != 6 && err != nil:
						t.Errorf("call %d: %v", i, err)
					}
				})
				synctest.Wait() // so that they come in this order
			}
			free()
			wait.Wait()

			got := map[string]bool{}
			for _, sub := range read(t, s, func(tx challenge.Tx) ([]challenge.Submission, error) { return tx.Submissions(id, "") }) {
				got[sub.Player] = true
			}
			for i := range runs {
				if want := i != 1 && i != 3 && i != 6 && i != 9; got[fmt.Sprint(i)] != want {
					t.Errorf("submission of call %d is there: %v, want %v", i, !want, want)
				}
			}
			// The first that fails after it wrote makes those up to it run again.
			equal(t, "runs", runs, []int{2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1})
			v := read(t, s, func(tx challenge.Tx) (challenge.Session, error) { return tx.Session(id) })
			if count := v.Timebox - session(1).Timebox; count != 8 || v.Version != 9 {
				t.Errorf("the session was counted up %d times to version %d, want 8 and 9", count, v.Version)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	})
}

// hold keeps the writer busy until free is called, in a synctest bubble.
func hold(t *testing.T, s *store.Store) (free func()) {
	busy, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Update(context.Background(), func(challenge.Tx) error { <-busy; return nil }); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return func() { close(busy); <-done }
}

func TestUpdateWithdrawn(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, url)
			free := hold(t, s)
			never := func(challenge.Tx) error { t.Error("a call ran that was withdrawn"); return nil }
			result := make(chan error)
			ctx, cancel := context.WithCancel(context.Background())
			go func() { result <- s.Update(ctx, never) }()
			synctest.Wait()
			cancel()
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("withdrawn call: %v, want context.Canceled", err)
			}
			if err := s.Update(ctx, never); !errors.Is(err, context.Canceled) {
				t.Errorf("call with a context that has ended: %v, want context.Canceled", err)
			}
			closed := make(chan error)
			go func() { closed <- s.Close() }()
			go func() { result <- s.Update(context.Background(), never) }()
			if err := <-result; !errors.Is(err, store.ErrClosed) {
				t.Errorf("call while the store closes: %v, want ErrClosed", err)
			}
			free() // which also wants no error: what is under way ends well
			if err := <-closed; err != nil {
				t.Error(err)
			}
		})
	})
}

// TestBurst is the order and the count of 1,000 submissions at once; BenchmarkBurst is their time.
func TestBurst(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 1)
		const n = 1000
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() {
				if err := countUp(s, fmt.Sprint(i%50), fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		checkCount(t, s, n)
	})
}

// countUp adds a submission that carries the version of the session which it makes.
func countUp(s *store.Store, player, key string) error {
	return s.Update(context.Background(), func(tx challenge.Tx) error {
		v, err := tx.Session(session(1).ID)
		if err != nil {
			return err
		}
		sub := submission(v.ID, player, key)
		sub.Reasoning = fmt.Sprint(v.Version)
		return errors.Join(tx.UpdateSession(v), tx.InsertSubmissions(&sub))
	})
}

// checkCount wants n submissions of countUp, in the order in which they saw each other.
func checkCount(t *testing.T, s *store.Store, n int) {
	t.Helper()
	list := read(t, s, func(tx challenge.Tx) ([]challenge.Submission, error) { return tx.Submissions(session(1).ID, "") })
	if len(list) != n {
		t.Errorf("%d submissions, want %d", len(list), n)
	}
	for i, sub := range list {
		if want := fmt.Sprint(i + 1); sub.Reasoning != want {
			t.Fatalf("submission %d by ID saw version %s, want %s", i, sub.Reasoning, want)
		}
	}
}

func TestViewIsASnapshot(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		insert(t, s, 1)
		version := func(tx challenge.Tx) int64 {
			v, err := tx.Session(session(1).ID)
			if err != nil {
				t.Error(err)
			}
			return v.Version
		}
		view(t, s, func(tx challenge.Tx) error {
			before := version(tx)
			update(t, s, func(tx challenge.Tx) error { return tx.UpdateSession(session(1)) }) // does not wait for the view
			if after := version(tx); before != 1 || after != 1 {
				t.Errorf("one view saw versions %d and %d, want 1 and 1", before, after)
			}
			return nil
		})
		view(t, s, func(tx challenge.Tx) error {
			if v := version(tx); v != 2 {
				t.Errorf("a later view saw version %d, want 2", v)
			}
			return nil
		})
		err := s.View(context.Background(), func(tx challenge.Tx) error { return tx.UpdateSession(session(1)) })
		if err == nil {
			t.Error("a view has written")
		}
		if err := s.View(context.Background(), func(challenge.Tx) error { return errTest }); !errors.Is(err, errTest) {
			t.Errorf("View = %v, want the error of fn", err)
		}
	})
}

// TestSessionIsTheCallers checks that a session which was read can be changed without changing what the next call reads.
func TestSessionIsTheCallers(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		v := session(1)
		v.Clock = challenge.Clock{Page: t0, Pauses: []challenge.Pause{{From: t0}}}
		update(t, s, func(tx challenge.Tx) error { return tx.InsertSession(v, []byte("k")) })
		update(t, s, func(tx challenge.Tx) error {
			first, err := tx.Session(v.ID)
			if err != nil {
				return err
			}
			first.Clock.Pauses[0].To = t0.Add(1)
			second, err := tx.Session(v.ID)
			equal(t, "read again", second, v)
			if err != nil {
				return err
			}
			if err := tx.UpdateSession(first); err != nil {
				return err
			}
			third, err := tx.Session(v.ID)
			first.Version = 2
			equal(t, "read after its own update", third, first)
			return err
		})
	})
}
