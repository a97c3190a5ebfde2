package replay_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Several sessions of one process share the metrics.
func TestSessionsShareARegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	var sent float64
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			m, b := incident(11, time.Minute), newBackends()
			o := options(m)
			o.Registerer = reg
			run(t, mustNew(t, m, b.sinks(), o))
			sent += float64(len(b.records.items))
		})
	}
	families, err := reg.Gather()
	do(t, err)
	got := make(map[string]float64)
	for _, f := range families {
		for _, metric := range f.Metric {
			for _, l := range metric.Label {
				if l.GetName() == "sink" && l.GetValue() == "loki_push" {
					got[f.GetName()] = metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
				}
			}
		}
	}
	if got["firedrill_replay_sent_items_total"] != sent || got["firedrill_replay_lateness_seconds"] == 0 {
		t.Errorf("metrics %v, want %v lines sent in both sessions, and their lateness", got, sent)
	}
}
