package flow_test

import (
	"testing"
	"time"

	"firedrill/scenarios/sim/des"
)

// TestFirst: a periodic client that names its first request sends on schedule from then on.
func TestFirst(t *testing.T) {
	text := "services:\n" + service("web", "replicas: 1, operations: [{name: POST /job, steps: [{work: {time: 1ms}}]}]") +
		"clients:\n  - {name: cron, service: web, rate: 0.1, periodic: true, first: 7s, mix: [{operation: POST /job, weight: 1}]}\n"
	r := record()
	start(t, parse(t, text), 1, r).Run(60 * des.Second)
	if len(r.answers) != 6 {
		t.Fatalf("%d requests in 60 s, want 6", len(r.answers))
	}
	for i, a := range r.answers {
		want := 7*des.Second + des.Time(i)*10*des.Second
		if off := (a.Started - want).Duration().Abs(); off > time.Millisecond {
			t.Errorf("request %d at %v, want %v", i, a.Started, want)
		}
	}
}

// TestOnTheSecond: a request that is due when the rate is set anew is sent once.
func TestOnTheSecond(t *testing.T) {
	text := "services:\n" + service("web", "replicas: 1, operations: [{name: POST /job, steps: [{work: {time: 1ms}}]}]") +
		"clients:\n  - {name: cron, service: web, rate: 0.00166666666666667, periodic: true, first: 15m, mix: [{operation: POST /job, weight: 1}]}\n"
	r := record()
	start(t, parse(t, text), 1, r).Run(95 * 60 * des.Second)
	if len(r.answers) != 8 {
		t.Errorf("%d requests in 95 min, want 8: every 10 min from the 15th on", len(r.answers))
	}
}
