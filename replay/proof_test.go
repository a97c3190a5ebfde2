package replay_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
)

// The proof counts exemplars, also those that were sent before a crash, and moves them with their samples.
func TestProofCountsExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(1, 2*time.Minute), newBackends()
		want := 0
		for i := range m.samples {
			for k := range i % 3 {
				want++
				m.samples[i].Exemplars = append(m.samples[i].Exemplars, replay.Exemplar{
					Labels: labels.FromStrings("trace_id", m.spans[i].Span.TraceID().String()), V: float64(k), T: m.samples[i].T - int64(k),
				})
			}
		}
		o := options(m)
		o.Checkpoint = filepath.Join(t.TempDir(), "s1.json")
		ctx, cut := context.WithCancel(t.Context())
		l := &life{checkpoint: o.Checkpoint, cut: cut, pushes: 9}
		b.samples.fault = l.fault
		if _, err := mustNew(t, m, b.sinks(), o).Run(ctx); err == nil {
			t.Fatal("no crash")
		}
		l.bury(t)
		b.samples.fault = nil
		cp, err := replay.LoadCheckpoint(o.Checkpoint)
		do(t, err)
		p := run(t, mustNew(t, m, b.sinks(), replay.Options{Resume: cp}))
		wantProof(t, p, m)
		if row := p.Signals[0]; row.ExemplarsRead != int64(want) || row.ExemplarsStored != int64(want) {
			t.Errorf("proof row %+v, want %d exemplars", row, want)
		}
		own := make(map[string]bool)
		for _, s := range b.spans.items {
			own[s.Span.TraceID().String()] = true
		}
		for _, s := range b.samples.items {
			for _, e := range s.Exemplars {
				if e.T != s.T-int64(e.V) || !own[e.Labels.Get("trace_id")] {
					t.Fatalf("exemplar %+v of a sample at %d: want its own distance and a trace of this session", e, s.T)
				}
			}
		}
		if text, _ := json.Marshal(p.Signals[1]); strings.Contains(string(text), "exemplars") {
			t.Errorf("the row of the logs has exemplars: %s", text)
		}
	})
}

// traces is a trace store that is asked trace by trace.
type traces struct{ *backend[replay.Span] }

func (b traces) StoredTraces(_ context.Context, ids []pcommon.TraceID) (replay.Stored, error) {
	var n replay.Stored
	for _, id := range ids {
		for _, s := range b.items {
			if s.Span.TraceID() == id {
				n.Items++
			}
		}
	}
	return n, nil
}

// Of a trace store that is cut off in the middle of a round, the proof counts the spans that it took of it.
func TestProofOfATraceStoreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, b := incident(2, 10*time.Minute), newBackends()
		o := options(m)
		o.Speed, o.For, o.Drain = 100, 2*time.Second, 5*time.Second
		down, up, left := time.Now().Add(o.Lead+time.Second), time.Now().Add(o.Lead+o.For), 20
		b.spans.most = 1
		b.spans.fault = func(n int) (int, error) { // down for a second, then a few spans are taken, then no more
			if now := time.Now(); now.After(down) && (now.Before(up) || left == 0) {
				return 0, &replay.PushError{Retryable: true, Status: "503"}
			} else if now.After(up) {
				left--
			}
			return n, nil
		}
		sinks := b.sinks()
		sinks.Spans = traces{b.spans}
		p := run(t, mustNew(t, m, sinks, o))
		if row := p.Signals[2]; row.Stored != int64(len(b.spans.items)) || row.Sent != row.Stored || row.Read <= row.Stored || p.OK() || left != 0 {
			t.Errorf("proof row %+v, want the %d that are stored", row, len(b.spans.items))
		}
	})
}
