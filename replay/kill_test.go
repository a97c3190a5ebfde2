package replay_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"firedrill/replay"
)

// errKilled is what a dead process's pushes come to.
var errKilled = &replay.PushError{Retryable: true, Err: errors.New("the process is dead")}

// life is one process of a session. It can be killed as by kill -9: from one instant on nothing it does
// reaches a back end or the disk.
type life struct {
	checkpoint string
	cut        context.CancelFunc

	mu     sync.Mutex
	dead   bool
	onDisk []byte // the checkpoint at the time of death
	pushes int    // left until it is killed in the middle of one
}

// fault is a backend.fault that kills in the middle of a push. It is called before what it keeps is stored.
func (l *life) fault(n int) (keep int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return 0, errKilled
	}
	if l.pushes--; l.pushes == 0 {
		l.die()
		return n / 2, errKilled
	}
	return n, nil
}

func (l *life) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.die()
}

func (l *life) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *life) die() {
	if l.dead {
		return
	}
	l.dead = true
	l.onDisk, _ = os.ReadFile(l.checkpoint) // may not exist yet
	l.cut()
}

// bury undoes what the process wrote after its death.
func (l *life) bury(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.onDisk == nil {
		err = os.RemoveAll(l.checkpoint)
	} else {
		err = os.WriteFile(l.checkpoint, l.onDisk, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A session that is killed at any time, any number of times, while it is paused, resumed and played at other
// speeds, delivers everything once.
func TestKilledAnywhere(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			m, b := incident(seed, 2*time.Minute), newBackends()
			o := options(m)
			o.Checkpoint = filepath.Join(t.TempDir(), "s1.json")
			begun := false
			for lives := 0; ; lives++ {
				ctx, cut := context.WithCancel(t.Context())
				l := &life{checkpoint: o.Checkpoint, cut: cut}
				if lives < 5 {
					switch rnd.IntN(3) {
					case 0:
						time.AfterFunc(time.Duration(rnd.Int64N(int64(30*time.Second))), l.kill)
					default:
						l.pushes = 1 + rnd.IntN(100)
					}
				}
				b.samples.fault, b.records.fault, b.spans.fault = l.fault, l.fault, l.fault
				if begun {
					cp, err := replay.LoadCheckpoint(o.Checkpoint)
					if err != nil {
						t.Fatal(err)
					}
					o = replay.Options{Resume: cp, Checkpoint: o.Checkpoint}
				}
				r := mustNew(t, m, b.sinks(), o)
				driven := make(chan struct{})
				go func() {
					defer close(driven)
					drive(ctx, rnd.Uint64(), l, r)
				}()
				proof, err := r.Run(ctx)
				cut()
				<-driven
				if !l.isDead() {
					do(t, err)
					wantProof(t, proof, m)
					wantOnce(t, seed, m, b, proof)
					return
				}
				l.bury(t)
				begun = l.onDisk != nil
				time.Sleep([]time.Duration{0, 777 * time.Millisecond, 13 * time.Second, 10 * time.Minute}[rnd.IntN(4)])
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// drive pauses, resumes and changes the speed at random, and leaves the clock running after a while.
func drive(ctx context.Context, seed uint64, l *life, r *replay.Replay) {
	rnd := rand.New(rand.NewPCG(seed, 4))
	for i := range 12 {
		select {
		case <-time.After(time.Duration(rnd.Int64N(int64(4 * time.Second)))):
		case <-ctx.Done():
			return
		}
		switch {
		case l.isDead():
			return
		case i == 11 || rnd.IntN(3) == 0:
			r.Resume()
		case rnd.IntN(2) == 0:
			r.Pause()
		default:
			r.SetSpeed([]float64{0.5, 1, 1, 2, 7}[rnd.IntN(5)])
		}
	}
}

// wantOnce checks that each item of the recording arrived once, and one stale marker a series, last.
func wantOnce(t *testing.T, seed uint64, m *memory, b *backends, proof *replay.Proof) {
	t.Helper()
	records := make(map[string]int)
	for _, rec := range b.records.items {
		records[rec.Metadata[0].Value]++
	}
	spans := make(map[string]int)
	for _, s := range b.spans.items {
		spans[s.Span.SpanID().String()]++
	}
	if len(records) != len(m.records) || len(b.records.items) != len(m.records) {
		t.Errorf("seed %d: %d different records of %d arrived, in all %d", seed, len(records), len(m.records), len(b.records.items))
	}
	if len(spans) != len(m.spans) || len(b.spans.items) != len(m.spans) {
		t.Errorf("seed %d: %d different spans of %d arrived, in all %d", seed, len(spans), len(m.spans), len(b.spans.items))
	}
	wantMarkers(t, seed, b, proof)
}
