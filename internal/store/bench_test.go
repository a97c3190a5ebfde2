package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
	"firedrill/internal/store/pgtest"
)

func bothB(b *testing.B, f func(b *testing.B, s *store.Store)) {
	b.Run("db=sqlite", func(b *testing.B) { f(b, open(b, filepath.Join(b.TempDir(), "contest.db"))) })
	b.Run("db=postgres", func(b *testing.B) { f(b, open(b, pgtest.NewDatabase(b))) })
}

// submit is a call that does what the submission of one player does, when it comes alone.
func submit(s *store.Store, player, key string) (sub challenge.Submission, err error) {
	err = s.Update(context.Background(), func(tx challenge.Tx) error {
		v, err := tx.Session(session(1).ID)
		if err != nil {
			return err
		}
		if _, err := tx.Participant(v.ID, player); !errors.Is(err, challenge.ErrNotFound) {
			return err
		}
		if _, err := tx.Submissions(v.ID, player); err != nil {
			return err
		}
		sub = submission(v.ID, player, key)
		return errors.Join(tx.InsertSubmissions(&sub), tx.UpdateSession(v))
	})
	return sub, err
}

// BenchmarkUpdate: go test ./internal/store -run '^$' -bench Update -benchmem
func BenchmarkUpdate(b *testing.B) {
	bothB(b, func(b *testing.B, s *store.Store) {
		insert(b, s, 1)
		var keys atomic.Int64
		for _, callers := range []int{1, 100} {
			b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(callers) // times GOMAXPROCS
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						key := fmt.Sprint(keys.Add(1))
						if _, err := submit(s, key, key); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	})
}

// BenchmarkBurst is 1,000 such calls that come at once, and how long they take:
// go test ./internal/store -run '^$' -bench Burst -benchtime 20x
func BenchmarkBurst(b *testing.B) {
	bothB(b, func(b *testing.B, s *store.Store) {
		insert(b, s, 1)
		const players = 1000
		var took []time.Duration
		for round := 0; b.Loop(); round++ {
			var wait sync.WaitGroup
			start, each := make(chan struct{}), make([]time.Duration, players)
			for i := range players {
				wait.Go(func() {
					player := fmt.Sprintf("%d-%d", round, i)
					<-start
					began := time.Now()
					if _, err := submit(s, player, "k"); err != nil {
						b.Error(err)
					}
					each[i] = time.Since(began)
				})
			}
			close(start)
			wait.Wait()
			took = append(took, each...)
		}
		slices.Sort(took)
		for _, q := range []int{50, 99} {
			b.ReportMetric(took[len(took)*q/100].Seconds()*1000, fmt.Sprintf("p%d-ms", q))
		}
	})
}
