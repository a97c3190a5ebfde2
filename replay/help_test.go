package replay_test

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/value"

	"firedrill/replay"
)

// start runs a replay in the background and returns its proof.
func start(t *testing.T, r *replay.Replay) <-chan *replay.Proof {
	t.Helper()
	done := make(chan *replay.Proof, 1)
	go func() {
		proof, err := r.Run(t.Context())
		if err != nil {
			t.Error(err)
		}
		done <- proof
	}()
	return done
}

// ends waits for the proof, at most for d.
func ends(t *testing.T, done <-chan *replay.Proof, d time.Duration) *replay.Proof {
	t.Helper()
	select {
	case proof := <-done:
		if proof == nil {
			t.FailNow()
		}
		return proof
	case <-time.After(d):
		t.Fatalf("the replay has not ended after %v", d)
	}
	return nil
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantOrder checks that series rise in time.
func wantOrder(t *testing.T, b *backends) {
	t.Helper()
	last := make(map[uint32]int64)
	for _, s := range b.samples.items {
		if before, ok := last[s.Series.ID]; ok && before >= s.T {
			t.Errorf("series %d goes from %d to %d", s.Series.ID, before, s.T)
		}
		last[s.Series.ID] = s.T
	}
}

// wantMarkers checks that series rise in time, that each ends in a stale marker, and that the proof
// counts those.
func wantMarkers(t *testing.T, seed uint64, b *backends, proof *replay.Proof) {
	t.Helper()
	last := make(map[uint32]replay.Sample)
	markers := 0
	for i, s := range b.samples.items {
		if before, ok := last[s.Series.ID]; ok && before.T >= s.T {
			t.Errorf("seed %d: series %d goes from %d to %d", seed, s.Series.ID, before.T, s.T)
		}
		last[s.Series.ID] = s
		if value.IsStaleNaN(s.V) {
			markers++
		}
		if ahead := sampleTime(s) - b.samples.pushed[i].UnixNano(); ahead > 0 {
			t.Errorf("seed %d: a sample was pushed %v before its time", seed, time.Duration(ahead))
		}
	}
	for id, s := range last {
		if !value.IsStaleNaN(s.V) {
			t.Errorf("seed %d: series %d does not end in a stale marker", seed, id)
		}
	}
	if got := proof.Signals[0].MadeStale; got != int64(markers) || markers != len(last) {
		t.Errorf("seed %d: %d series have %d markers, and the proof counts %d", seed, len(last), markers, got)
	}
}
