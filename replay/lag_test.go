package replay_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/distort"
)

// lagging is a recording of which all signals lag, each a different time, one host's clock is wrong either way, and items are lost.
func lagging(t *testing.T, m *memory) *distort.Source {
	t.Helper()
	second := distort.Duration(time.Second)
	traces := make(map[pcommon.TraceID]bool)
	for _, s := range m.spans {
		traces[s.Span.TraceID()] = true
	}
	src, err := distort.New(m, []distort.Distortion{
		{Kind: distort.IngestionLag, Signal: replay.Metrics, Delay: 2 * second, Jitter: 5 * second},
		{Kind: distort.IngestionLag, Signal: replay.Logs, Delay: 10 * second, Jitter: 15 * second, From: 20 * second, To: 100 * second},
		{Kind: distort.IngestionLag, Signal: replay.Traces, Jitter: 30 * second},
		{Kind: distort.ClockSkew, Skew: 7 * second, From: 30 * second, To: 60 * second},
		{Kind: distort.ClockSkew, Skew: -9 * second, From: 70 * second},
		{Kind: distort.TraceSampling, Keep: 0.5},
		{Kind: distort.LogLoss, Share: 0.2},
		{Kind: distort.BrokenPropagation, Service: "cart", From: 40 * second},
		{Kind: distort.DecoyAlert, Alert: "DiskFull", From: 10 * second, To: 50 * second},
	}, 1, func(id pcommon.TraceID) bool { return traces[id] })
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// wantLagged checks that all of a source has arrived once, nothing before it was due and nothing from the future, and
// that items are stamped by their own time, whatever the lag: signals stay beside each other.
func wantLagged[T replay.Item](t *testing.T, name string, b *backend[T], recorded []T, at func(T) int64, lag func(T) time.Duration, tl *replay.Timeline) {
	t.Helper()
	for i, it := range b.items {
		switch early := time.Unix(0, at(it)).Add(lag(it)).Sub(b.pushed[i]); {
		case early > 0:
			t.Errorf("%s: an item that lags %v arrived %v early", name, lag(it), early)
		case at(it) > b.pushed[i].UnixNano():
			t.Errorf("%s: an item came from the future", name)
		}
	}
	var got, want []int64
	for _, it := range b.items {
		got = append(got, at(it))
	}
	for _, it := range recorded {
		wall := tl.Wall(at(it))
		if name == "samples" { // whole milliseconds
			wall -= wall % 1e6
		}
		want = append(want, wall)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d arrived, %d were recorded, or their stamps differ", name, len(got), len(want))
	}
}

func wantAllLagged(t *testing.T, src replay.Source, start time.Time, b *backends, tl *replay.Timeline) {
	t.Helper()
	_, end := src.Bounds()
	samples := slices.DeleteFunc(slices.Clone(b.samples.items), func(s replay.Sample) bool { return staleAtEnd(b, s) })
	made := &backend[replay.Sample]{items: samples, pushed: b.samples.pushed}
	wantLagged(t, "samples", made, readAll(t, src.Samples, start, end), sampleTime, func(s replay.Sample) time.Duration { return s.Lag }, tl)
	wantLagged(t, "records", b.records, readAll(t, src.Records, start, end), recordTime, func(r replay.Record) time.Duration { return r.Lag }, tl)
	wantLagged(t, "spans", b.spans, readAll(t, src.Spans, start, end), spanTime, func(s replay.Span) time.Duration { return s.Lag }, tl)
	wantOrder(t, b)
}

// staleAtEnd tells whether the engine made a sample: it stands one millisecond after another of its series.
func staleAtEnd(b *backends, s replay.Sample) bool {
	return b.samples.ids[fmt.Sprint(s.Series.ID, "@", s.T-1)] > 0
}

func readAll[T replay.Item](t *testing.T, open func(from, to time.Time) (replay.Reader[T], error), from, to time.Time) []T {
	t.Helper()
	r, err := open(from, to)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for buf := make([]T, 100); err == nil; {
		var n int
		n, err = r.Read(buf)
		out = append(out, buf[:n]...)
	}
	return out
}

func TestLag(t *testing.T) {
	for seed := range uint64(5) {
		for _, speed := range []float64{1, 3} {
			synctest.Test(t, func(t *testing.T) {
				m, b := incident(seed, 4*time.Minute), newBackends()
				src, o := lagging(t, m), options(m)
				o.Speed = speed
				if seed%2 == 1 { // what is due from here on carries times from before
					o.History = 40 * time.Second
				}
				r := mustNew(t, src, b.sinks(), o)
				done := start(t, r)
				time.Sleep(20 * time.Second)
				do(t, r.Pause())
				time.Sleep(90*time.Second + 300*time.Millisecond)
				do(t, r.Resume())
				proof := ends(t, done, 10*time.Minute)
				if !proof.OK() {
					t.Errorf("proof: %+v", proof.Signals)
				}
				if speed == 1 {
					wantAllLagged(t, src, o.Page.Add(-o.History), b, r.Timeline())
				}
				wantOrder(t, b)
			})
		}
	}
}

// drivePause pauses for a while.
func drivePause(ctx context.Context, after int64, r *replay.Replay) {
	for _, change := range []func() error{r.Resume, r.Pause, r.Resume} { // the first, where the life before was killed in a pause
		if change() != nil {
			return
		}
		select {
		case <-time.After(time.Duration(after)):
		case <-ctx.Done():
			return
		}
	}
}

// A session of items that lag is paused and killed several times, and all of them arrive once.
func TestLagAfterCrashes(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 4))
			m, b := incident(seed, 2*time.Minute), newBackends()
			src, o := lagging(t, m), options(m)
			o.Checkpoint = filepath.Join(t.TempDir(), "s1.json")
			for lives := 0; ; lives++ {
				ctx, cut := context.WithCancel(t.Context())
				l := &life{checkpoint: o.Checkpoint, cut: cut}
				if lives < 4 {
					l.pushes = 1 + rnd.IntN(60)
				}
				b.samples.fault, b.records.fault, b.spans.fault = l.fault, l.fault, l.fault
				if cp, err := replay.LoadCheckpoint(o.Checkpoint); err == nil {
					o = replay.Options{Resume: cp, Checkpoint: o.Checkpoint}
				}
				r := mustNew(t, src, b.sinks(), o)
				paused := make(chan struct{})
				go func() {
					defer close(paused)
					drivePause(ctx, rnd.Int64N(int64(30*time.Second)), r)
				}()
				proof, err := r.Run(ctx)
				cut()
				<-paused
				if l.isDead() {
					l.bury(t)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if !proof.OK() {
					t.Errorf("seed %d: proof: %+v", seed, proof.Signals)
				}
				wantAllLagged(t, src, recordedStart, b, r.Timeline())
				break
			}
			for id, n := range b.records.ids {
				if n != 1 {
					t.Errorf("seed %d: %s arrived %d times", seed, id, n)
				}
			}
		})
	}
}
