package flow_test

import (
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
)

// TestLookUps: of a shared cache, each replica counts what it has asked itself.
func TestLookUps(t *testing.T) {
	text := "services:\n" +
		service("web", "replicas: 3, caches: [{name: c, shared: true, keys: 50, ttl: 10s}], operations: [{name: GET /, steps: [{cached: {cache: c, miss: [{work: {time: 5ms}}]}}]}]") +
		"clients:\n  - {name: users, service: web, rate: 30, mix: [{operation: GET /, weight: 1}]}\n"
	f := start(t, parse(t, text), 1, record())
	f.Run(60 * des.Second)
	var sum flow.LookUps
	for _, r := range f.Services[0].Replicas {
		own := r.LookUps[0]
		if n := own.Hits + own.Misses; n < 500 || n > 700 {
			t.Errorf("a replica looked up %d entries, want about 600", n)
		}
		sum.Hits += own.Hits
		sum.Misses += own.Misses
	}
	if c := f.Services[0].Replicas[0].Caches[0]; sum != (flow.LookUps{Hits: c.Hits, Misses: c.Misses}) {
		t.Errorf("the replicas counted %+v, the cache %d hits and %d misses", sum, c.Hits, c.Misses)
	}
}
