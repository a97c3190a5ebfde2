package replay_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"firedrill/replay"
)

// Markers of which a part was sent before a crash are counted, even when the session goes on
// long after its end.
func TestMarkersPartlySentBeforeACrash(t *testing.T) {
	for _, away := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(4, time.Minute), newBackends()
			o := options(m)
			o.Checkpoint = filepath.Join(t.TempDir(), "s1.json")
			ctx, cut := context.WithCancel(t.Context())
			defer cut()
			l := &life{checkpoint: o.Checkpoint, cut: cut}
			r := mustNew(t, m, b.sinks(), o)
			b.samples.fault = func(n int) (int, error) {
				if r.Timeline().Recorded(time.Now().UnixNano()) >= m.end.UnixNano()-1 {
					l.pushes = 1 // this is the push of the markers
				}
				return l.fault(n)
			}
			if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("run ended with %v, want the crash", err)
			}
			l.bury(t)
			stored := len(b.samples.items) - len(m.samples)
			if stored < 1 || stored > 6 {
				t.Fatalf("%d markers were stored before the crash, want some of 7", stored)
			}
			b.samples.fault = nil
			time.Sleep(away)
			cp, err := replay.LoadCheckpoint(o.Checkpoint)
			do(t, err)
			p := run(t, mustNew(t, m, b.sinks(), replay.Options{Resume: cp, Checkpoint: o.Checkpoint, ProveHistory: true,
				OnEvent: func(e replay.Event) {
					if e.Proof != nil && !e.Proof.OK() {
						t.Errorf("after %v: proof of the history: %+v", away, e.Proof.Signals)
					}
				}}))
			wantProof(t, p, m)
			wantMarkers(t, 4, b, p)
		})
	}
}

// The end of a session that is stopped at the very instant of a sample: the marker, a millisecond later, waits for its time.
func TestMarkersAreNotEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(5, 4*time.Minute), newBackends()
		r := mustNew(t, m, b.sinks(), options(m))
		recorded, page := r.Timeline().Page()
		done := start(t, r)
		for _, s := range m.samples {
			if at := sampleTime(s); at > recorded.Add(time.Second).UnixNano() {
				time.Sleep(time.Until(page) + time.Unix(0, at).Sub(recorded))
				break
			}
		}
		r.Stop()
		p := ends(t, done, time.Second)
		if !p.OK() {
			t.Errorf("proof: %+v", p.Signals)
		}
		wantMarkers(t, 5, b, p)
	})
}

func TestMarkersKeepTheKindOfTheirSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := &memory{end: recordedStart.Add(time.Minute)}, newBackends()
		ms := recordedStart.Add(45 * time.Second).UnixMilli()
		series := func(id uint32) *replay.Series {
			return &replay.Series{ID: id, Labels: labels.FromStrings("__name__", "m")}
		}
		m.samples = []replay.Sample{
			{Series: series(0), T: ms, H: &histogram.Histogram{Sum: 1}},
			{Series: series(1), T: ms, FH: &histogram.FloatHistogram{Sum: 1}},
			{Series: series(2), T: ms, V: math.Float64frombits(value.StaleNaN)},
		}
		p := run(t, mustNew(t, m, b.sinks(), options(m)))
		if p.Signals[0].MadeStale != 2 || !p.OK() {
			t.Errorf("proof %+v, want two markers: the third series has its own", p.Signals[0])
		}
		for _, s := range b.samples.items[3:] {
			switch {
			case s.Series.ID == 0 && s.H != nil && value.IsStaleNaN(s.H.Sum):
			case s.Series.ID == 1 && s.FH != nil && value.IsStaleNaN(s.FH.Sum):
			default:
				t.Errorf("marker %+v", s)
			}
		}
	})
}
