package replay_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"firedrill/replay"
)

// Markers follow each series' last sample also where pushes were read back, which changes the order of
// the items in the engine's hands.
func TestMarkersAfterReadingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(3, time.Minute), newBackends()
		tries := 0
		b.samples.fault = func(n int) (int, error) {
			if tries++; tries%2 == 1 {
				return (n + 1) / 2, &replay.PushError{Retryable: true, Unacknowledged: true, Err: errors.New("connection reset")}
			}
			return n, nil
		}
		m.samples = slices.DeleteFunc(m.samples, func(s replay.Sample) bool { // some series end earlier
			return s.Series.ID%2 == 0 && sampleTime(s) > recordedStart.Add(35*time.Second).UnixNano()
		})
		o := options(m)
		o.Page, o.Lead = m.end.Add(-time.Second), 0 // nearly all is history, in one push
		p := run(t, mustNew(t, m, b.sinks(), o))
		wantProof(t, p, m)
		wantMarkers(t, 3, b, p)
	})
}

// A sink that breaks its contract is an error, not a panic or an endless loop.
func TestSinkThatBreaksItsContract(t *testing.T) {
	for _, took := range []int{0, -1, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(9, time.Minute), newBackends()
			sinks := b.sinks()
			sinks.Records = &wrong{Sink: b.records, took: took}
			_, err := mustNew(t, m, sinks, options(m)).Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), "push logs: the sink reports") {
				t.Errorf("took %d: error %v, want one that names the signal", took, err)
			}
		})
	}
}

type wrong struct {
	replay.Sink[replay.Record]
	took int
}

func (w *wrong) Push(context.Context, []replay.Record) (int, error) { return w.took, nil }

// An answer to reading back that makes no sense is tried again, but not for ever.
func TestReadingBackGivesUp(t *testing.T) {
	for _, mends := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(10, time.Minute), newBackends()
			tries := 0
			b.records.fault = func(n int) (int, error) {
				if tries++; tries == 30 {
					return n, &replay.PushError{Retryable: true, Unacknowledged: true, Err: errors.New("connection reset")}
				}
				return n, nil
			}
			sinks := b.sinks()
			blind := &unreadable{backend: b.records, times: 3}
			if !mends {
				blind.times = 1 << 30
			}
			sinks.Records = blind
			p, err := mustNew(t, m, sinks, options(m)).Run(t.Context())
			switch {
			case mends && err != nil:
				t.Error(err)
			case mends:
				wantProof(t, p, m)
			case err == nil || !strings.Contains(err.Error(), "read back logs: gave up after 30") || !strings.Contains(err.Error(), "answer is not JSON"):
				t.Errorf("error %v, want it to give up", err)
			}
		})
	}
}

type unreadable struct {
	*backend[replay.Record]
	times int
}

func (u *unreadable) Missing(ctx context.Context, items []replay.Record) ([]replay.Record, error) {
	if u.times--; u.times >= 0 {
		return nil, errors.New("answer is not JSON")
	}
	return u.backend.Missing(ctx, items)
}
