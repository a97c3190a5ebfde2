package flow_test

import (
	"fmt"
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
)

// waits sums the time that requests wait for a worker.
type waits struct {
	flow.Nop
	from           des.Time
	n, sum, inside float64
}

func (w *waits) Handled(h *flow.Handled) {
	if h.Arrived >= w.from {
		w.n++
		w.sum += (h.Started - h.Arrived).Seconds()
		w.inside += (h.Ended - h.Arrived).Seconds()
	}
}

// erlangC is the mean wait in M/M/c: C(c, a) / (c*mu - lambda), with Erlang B by its recursion.
func erlangC(c int, lambda, mu float64) float64 {
	a := lambda / mu
	b := 1.0
	for i := 1; i <= c; i++ {
		b = a * b / (float64(i) + a*b)
	}
	rho := a / float64(c)
	return b / (1 - rho*(1-b)) / (float64(c)*mu - lambda)
}

func TestWaitingTime(t *testing.T) {
	for _, c := range []struct {
		workers int
		load    float64
	}{{1, 0.5}, {1, 0.7}, {1, 0.8}, {2, 0.7}, {4, 0.8}, {16, 0.9}} {
		t.Run(fmt.Sprintf("%d workers at %g", c.workers, c.load), func(t *testing.T) {
			t.Parallel()
			const mu = 1000.0
			lambda := c.load * mu * float64(c.workers)
			sys := parse(t, "services:\n"+
				service("web", fmt.Sprintf("replicas: 1, workers: %d, operations: [{name: GET /, steps: [{work: {time: exp(1ms), cpu: 0}}]}]", c.workers))+
				fmt.Sprintf("clients:\n  - {name: users, service: web, rate: %g, mix: [{operation: GET /, weight: 1}]}\n", lambda))
			w := &waits{from: 10 * des.Second}
			start(t, sys, uint64(1+c.workers)*7+uint64(10*c.load), w).Run(des.FromSeconds(2e6 / lambda))
			near(t, "mean wait", w.sum/w.n, erlangC(c.workers, lambda, mu), 0.02)
		})
	}
}

// occupancy integrates how many requests are inside of all services over time.
type occupancy struct {
	waits
	flow   *flow.Flow
	area   float64
	looked int
}

func (o *occupancy) Handle(uint64) {
	n := 0
	for _, s := range o.flow.Services {
		for _, p := range s.Replicas {
			n += p.InFlight + p.Queued
		}
	}
	o.area += float64(n)
	o.looked++
	o.flow.Kernel.After(des.Millisecond, o, 0)
}

// TestLittle compares the mean number of requests inside with arrival rate times mean time inside, over a
// network of queues.
func TestLittle(t *testing.T) {
	sys := parse(t, `services:
`+service("web", `replicas: 2, workers: 20, dependencies: [{service: api}, {service: db}], operations: [{name: GET /, steps: [
    {work: {time: exp(2ms), cpu: 0}}, {parallel: [{call: {service: api, operation: GET /a}}, {call: {service: db, operation: SELECT x}}]}]}]`)+
		service("api", `replicas: 2, workers: 4, dependencies: [{service: db}], operations: [{name: GET /a, steps: [
    {work: {time: "lognormal(5ms, 30ms)", cpu: 0}}, {call: {service: db, operation: SELECT x}, share: 0.5}]}]`)+
		service("db", `kind: database, replicas: 1, workers: 6, operations: [{name: SELECT x, steps: [{work: {time: exp(8ms), cpu: 0}}]}]`)+`
clients:
  - {name: users, service: web, rate: 400, mix: [{operation: GET /, weight: 1}]}
`)
	o := &occupancy{}
	o.flow = start(t, sys, 1, o)
	o.flow.Kernel.After(0, o, 0)
	const seconds = 600
	o.flow.Run(seconds * des.Second)
	near(t, "requests inside", o.area/float64(o.looked), o.inside/seconds, 0.005)
	if o.area/float64(o.looked) < 10 {
		t.Errorf("only %v requests inside: nothing was tested", o.area/float64(o.looked))
	}
}

const flaky = `services:
  - {name: web, runtime: native, version: 1.0.0, replicas: 1, cpu: {request: 1}, memory: {base: 10Mi},
     dependencies: [{service: api, retry: {attempts: %d, backoff: 1ms, on: [internal], budget: %g}}],
     operations: [{name: GET /, steps: [{call: {service: api, operation: GET /a}}]}]}
` + "%s" + `clients:
  - {name: users, service: web, rate: 500, mix: [{operation: GET /, weight: 1}]}
`

func TestRetryAmplification(t *testing.T) {
	for _, c := range []struct {
		attempts           int
		fails, budget      float64
		amplification, tol float64
	}{
		{1, 0.5, 0, 1, 0},
		{3, 0.5, 0, 1.75, 0.01}, // 1 + 1/2 + 1/4
		{4, 0.9, 0, 3.439, 0.01},
		{4, 0.9, 0.2, 1.2, 0.001}, // bounded by 1 + budget
		{4, 0.05, 0.2, 1.0526, 0.005},
	} {
		t.Run(fmt.Sprintf("%d attempts, %g fail, budget %g", c.attempts, c.fails, c.budget), func(t *testing.T) {
			api := service("api", fmt.Sprintf("replicas: 1, operations: [{name: GET /a, steps: [{fail: {share: %g, error: no luck}}]}]", c.fails))
			f := start(t, parse(t, fmt.Sprintf(flaky, c.attempts, c.budget, api)), 1, nil)
			f.Run(200 * des.Second)
			d := f.Services[0].Replicas[0].Dependencies[0]
			near(t, "attempts per call", float64(d.Attempts)/float64(d.Calls), c.amplification, c.tol)
			near(t, "requests that arrive", float64(f.Services[1].Replicas[0].Begun), float64(d.Attempts), 0)
		})
	}
}

func TestDailyRhythm(t *testing.T) {
	sys := parse(t, "services:\n"+service("web", "replicas: 1, operations: [{name: GET /}]")+
		"clients:\n  - {name: users, service: web, rate: 20, daily: 0.5, mix: [{operation: GET /, weight: 1}]}\n"+
		"  - {name: probe, service: web, rate: 0.1, periodic: true, mix: [{operation: GET /, weight: 1}]}\n")
	f := start(t, sys, 1, nil) // from noon
	f.Run(des.Second)
	near(t, "rate at noon", f.Clients[0].Rate, 20, 0.001)
	f.Run(2*des.Hour + des.Second)
	near(t, "rate at 14:00", f.Clients[0].Rate, 20*1.5/(1+0.5*0.8660254), 0.001)
	f.Run(14*des.Hour + des.Second)
	near(t, "rate at 02:00", f.Clients[0].Rate, 20*0.5/(1+0.5*0.8660254), 0.001)
	near(t, "probes", float64(f.Clients[1].Sent), 14*360, 0.001)
}
