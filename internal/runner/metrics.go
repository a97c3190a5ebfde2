package runner

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a Runner says of itself. Lateness and counts of items are the engine's own, over all sessions.
type metrics struct {
	takenUp     prometheus.Counter
	failed      prometheus.Counter
	differences prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, r *Runner) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "firedrill", Subsystem: "runner", Name: name, Help: help})
	}
	m := &metrics{
		takenUp:     counter("resumed_sessions_total", "Sessions that were taken up from a checkpoint."),
		failed:      counter("failed_sessions_total", "Sessions that could not be played."),
		differences: counter("proof_differences_total", "Proofs in which a back end did not hold what was read."),
	}
	if reg == nil {
		return m, nil
	}
	sessions := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "firedrill", Subsystem: "runner", Name: "sessions", Help: "Sessions that are played here.",
	}, func() float64 { return float64(len(r.playing())) })
	return m, errors.Join(reg.Register(m.takenUp), reg.Register(m.failed), reg.Register(m.differences), reg.Register(sessions))
}
