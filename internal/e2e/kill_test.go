package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
)

// A back end that is killed loses nothing: neither while the history is loaded nor while it is live.
func TestKilledBackEndLosesNothing(t *testing.T) {
	_, rec := makeRecording(t, size{length: 4 * time.Minute, series: 500, lines: 300, spans: 150}, 1)
	m := rec.Manifest()
	for _, c := range []struct {
		server string
		signal replay.Signal
	}{
		{stack.Prometheus, replay.Metrics}, {stack.Loki, replay.Logs}, {stack.Jaeger, replay.Traces},
	} {
		t.Run(c.server, func(t *testing.T) {
			st := stacktest.Start(t)
			r, err := replay.New(rec, sinksTo(t, st.URLs(), "kill"), replay.Options{
				Session: "kill", Page: m.End.Add(-6 * time.Second), History: time.Hour, KnownTrace: rec.HasTrace, Log: logger(t),
			})
			if err != nil {
				t.Fatal(err)
			}
			type result struct {
				proof *replay.Proof
				err   error
			}
			done := make(chan result, 1)
			go func() {
				proof, err := r.Run(t.Context())
				done <- result{proof, err}
			}()
			kill := func(when string, reached func(replay.Status) bool) {
				t.Helper()
				eventually(t, 2*time.Minute, when, func() bool { return reached(r.Status()) })
				if err := syscall.Kill(st.PID(c.server), syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				t.Logf("killed %s: %s, after %d items", c.server, when, r.Status().Signals[c.signal].Sent)
			}
			kill("while the history is loaded", func(s replay.Status) bool { return s.Signals[c.signal].Sent > 0 })
			kill("while live", func(s replay.Status) bool { return s.Phase == replay.PhaseLive && s.Live > 2*time.Second })
			got := <-done
			if got.err != nil {
				t.Fatal(got.err)
			}
			wantWhole(t, got.proof, m)
		})
	}
}
