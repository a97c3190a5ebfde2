package replay_test

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"firedrill/replay"
)

// Drain may be as long as the engine's other waits: it counts from the end.
func TestDrainCountsFromTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(6, 2*time.Minute), newBackends()
		o := options(m)
		o.Drain = time.Second
		wantProof(t, run(t, mustNew(t, m, b.sinks(), o)), m)
	})
}

// What a back end does not take within Drain is cut off, and the proof shows it.
func TestCutOffAfterDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(7, 2*time.Minute), newBackends()
		var log bytes.Buffer
		o := options(m)
		o.Drain, o.Log = 10*time.Second, slog.New(slog.NewTextHandler(&log, nil))
		r := mustNew(t, m, b.sinks(), o)
		_, page := r.Timeline().Page()
		b.spans.fault = func(n int) (int, error) {
			if time.Now().After(page.Add(30 * time.Second)) {
				return 0, &replay.PushError{Retryable: true, Err: errors.New("connection refused")}
			}
			return n, nil
		}
		p := run(t, r)
		if end := page.Add(time.Minute); time.Since(end) < o.Drain || time.Since(end) > o.Drain+3*time.Second {
			t.Errorf("ended %v after the end, want %v", time.Since(end), o.Drain)
		}
		row := p.Signals[2]
		if p.OK() || row.Read != int64(len(m.spans)) || row.Stored != int64(len(b.spans.items)) || row.Sent != row.Stored || row.Difference != row.Stored-row.Read {
			t.Errorf("proof row %+v, want the spans that are missing", row)
		}
		for _, row := range p.Signals[:2] {
			if row.Difference != 0 || row.Read != row.Sent {
				t.Errorf("proof row %+v, want no difference: only the trace store was down", row)
			}
		}
		if !strings.Contains(log.String(), "did not take what was due in time") {
			t.Errorf("the log does not say so: %s", log.String())
		}
	})
}

// A damaged recording ends all signals with an error that names the damaged one. It leaves no goroutine:
// synctest.Test fails on one that stays blocked.
func TestReaderErrorNamesItsSignal(t *testing.T) {
	for _, atOpen := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(8, 2*time.Minute), newBackends()
			src := &damaged{memory: m, atOpen: atOpen}
			o := options(m)
			o.Checkpoint = filepath.Join(t.TempDir(), "s1.json")
			r := mustNew(t, src, b.sinks(), o)
			_, err := r.Run(t.Context())
			if err == nil || err.Error() != "read traces: block 7 is damaged" {
				t.Errorf("error %v, want the signal and the cause", err)
			}
			if atOpen {
				return
			}
			cp, err := replay.LoadCheckpoint(o.Checkpoint) // mended
			do(t, err)
			wantProof(t, run(t, mustNew(t, m, b.sinks(), replay.Options{Resume: cp})), m)
		})
	}
}

// damaged is a source whose spans cannot be read to the end, or at all.
type damaged struct {
	*memory
	atOpen bool
}

func (d *damaged) Spans(from, to time.Time) (replay.Reader[replay.Span], error) {
	if d.atOpen {
		return nil, errDamaged
	}
	r, _ := d.memory.Spans(from, to)
	return &damagedReader{r}, nil
}

var errDamaged = errors.New("block 7 is damaged")

type damagedReader struct{ replay.Reader[replay.Span] }

func (d *damagedReader) Read(p []replay.Span) (int, error) {
	if n, err := d.Reader.Read(p[:min(len(p), 100)]); err == nil {
		return n, nil
	}
	return 0, errDamaged
}

// A history that takes longer to load than Lead costs the player nothing: the time box starts when it
// is loaded.
func TestLateLoadingLeavesTheTimeBoxWhole(t *testing.T) {
	for _, slow := range []time.Duration{10 * time.Second, 50 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(30, 4*time.Minute), newBackends()
			o := options(m)
			o.For = 30 * time.Second
			first := true
			b.spans.fault = func(n int) (int, error) {
				if first {
					first = false
					time.Sleep(slow)
				}
				return n, nil
			}
			var live time.Time
			o.OnEvent = func(e replay.Event) {
				if e.Phase == replay.PhaseLive {
					live = time.Now()
				}
			}
			if p := run(t, mustNew(t, m, b.sinks(), o)); !p.OK() {
				t.Errorf("proof: %+v", p.Signals)
			}
			if took := time.Since(live); took < o.For || took > o.For+time.Second {
				t.Errorf("after %v of loading the session was live for %v, want %v", slow, took, o.For)
			}
		})
	}
}
