package flow_test

import (
	"testing"
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// pair is a web service that calls one other service by the dependency settings given.
func pair(dependency, web, api, rate string) string {
	return "services:\n" +
		service("web", "replicas: 1, dependencies: [{service: api"+dependency+"}], operations: [{name: GET /, steps: ["+web+"]}]") +
		service("api", api) +
		"clients:\n  - {name: users, service: web, rate: " + rate + ", timeout: 20s, mix: [{operation: GET /, weight: 1}]}\n"
}

const calls = "{call: {service: api, operation: GET /a}}"

func TestHedging(t *testing.T) {
	// One in ten answers takes a second. Hedged after 20 ms, only one in a hundred does.
	api := "replicas: 2, operations: [{name: GET /a, steps: [{work: {time: 5ms, cpu: 0}}, {work: {time: 1s, cpu: 0}, share: 0.1}]}]"
	for _, c := range []struct {
		dependency string
		slow       float64
		hedges     float64
	}{{"", 0.1, 0}, {", hedge: {after: 20ms}", 0.01, 0.1}} {
		r := record()
		f := start(t, parse(t, pair(c.dependency, calls, api, "200")), 1, r)
		f.Run(100 * des.Second)
		slow := 0.0
		for _, a := range r.answers {
			if a.Ended-a.Started > 500*des.Millisecond {
				slow++
			}
		}
		near(t, "share of slow answers", slow/float64(len(r.answers)), c.slow, 0.15)
		d := f.Services[0].Replicas[0].Dependencies[0]
		near(t, "hedges per call", float64(d.Hedges)/float64(d.Calls), c.hedges, 0.1)
		near(t, "attempts cancelled", float64(r.failed()[model.Cancelled]), float64(d.Hedges), 0.02)
	}
}

func TestBreaker(t *testing.T) {
	dependency := ", timeout: 100ms, breaker: {window: 10s, requests: 20, ratio: 0.5, open: 5s}"
	api := "replicas: 1, operations: [{name: GET /a, steps: [{work: {time: 1ms, cpu: 0}}]}]"
	r := record()
	f := start(t, parse(t, pair(dependency, calls, api, "50")), 1, r, model.Fault{
		At: at(30 * time.Second), Until: at(60 * time.Second),
		Set: []model.Setting{{Service: "api", Parameter: model.WorkTime, To: "1000"}},
	})
	phase := func() flow.BreakerPhase { return f.Services[0].Replicas[0].Dependencies[0].Breaker.Phase }
	expect := func(when des.Time, want flow.BreakerPhase) {
		t.Helper()
		if f.Run(when); phase() != want {
			t.Errorf("at %v the breaker is %v, want %v", when, phase(), want)
		}
	}
	expect(30*des.Second, flow.Closed)
	// The window holds 500 successes: 5 s of failures make a ratio of a half.
	expect(34*des.Second, flow.Closed)
	expect(37*des.Second, flow.Open)
	before := f.Services[1].Replicas[0].Begun
	expect(58*des.Second, flow.Open)
	if trials := f.Services[1].Replicas[0].Begun - before; trials < 3 || trials > 5 {
		t.Errorf("%d requests got through in 21 s, want one every 5 s", trials)
	}
	expect(70*des.Second, flow.Closed)
	if r.incidents[flow.BreakerClosed] != 1 || r.incidents[flow.BreakerOpened] != r.incidents[flow.BreakerHalfOpen] {
		t.Errorf("incidents %v", r.incidents)
	}
	near(t, "failures at the end", r.share(65*des.Second, 70*des.Second), 0, 0)
}

// TestBreakerTrial: half open, one attempt is out at a time, whatever comes back from before.
func TestBreakerTrial(t *testing.T) {
	dependency := ", timeout: 1s, breaker: {window: 10s, requests: 20, ratio: 0.5, open: 200ms}"
	api := "replicas: 1, operations: [{name: GET /a, steps: [{work: {time: 5s, cpu: 0}}]}]"
	f := start(t, parse(t, pair(dependency, calls, api, "50")), 1, nil)
	f.Run(3 * des.Second)
	before := f.Services[1].Replicas[0].Begun
	f.Run(63 * des.Second)
	near(t, "trials in a minute", float64(f.Services[1].Replicas[0].Begun-before), 60/1.22, 0.03)
}

// TestReconnect: an attempt that is given up takes its connection with it, unless the protocol multiplexes.
func TestReconnect(t *testing.T) {
	for _, c := range []struct {
		protocol string
		closes   bool
	}{{"http", true}, {"sql", true}, {"redis", true}, {"grpc", false}} {
		api := "replicas: 1, operations: [{name: GET /a, protocol: " + c.protocol + ", steps: [{work: {time: 10ms, cpu: 0}}, {work: {time: 1s, cpu: 0}, share: 0.2}]}]"
		r := record()
		f := start(t, parse(t, pair(", timeout: 100ms, pool: {size: 30}", calls, api, "100")), 1, r)
		f.Run(60 * des.Second)
		pool, timeouts := f.Services[0].Replicas[0].Dependencies[0].Pool, r.failed()[model.Timeout]
		want := 0.0
		if c.closes {
			want = float64(timeouts)
		}
		near(t, c.protocol+" connections closed", float64(pool.Closed), want, 0)
		if timeouts < 1000 {
			t.Errorf("%d time-outs", timeouts)
		}
	}
}

func TestNetworkTime(t *testing.T) {
	sys := parse(t, pair("", calls, "replicas: 2, operations: [{name: GET /a}]", "50"))
	sys.Network = model.Net{Zone: model.Dist{Kind: model.Constant, A: 1e6}, Cross: model.Dist{Kind: model.Constant, A: 5e6}}
	r := record()
	start(t, sys, 1, r).Run(10 * des.Second)
	zones := map[bool]int{}
	for _, a := range r.attempts {
		same := a.Server.Zone == a.Dependency.Replica.Zone
		zones[same]++
		if want := map[bool]des.Time{true: 2, false: 10}[same] * des.Millisecond; a.Ended-a.Started != want {
			t.Fatalf("to %s in zone %s took %v, want %v", a.Server.Name, a.Server.Zone, a.Ended-a.Started, want)
		}
	}
	if zones[true] < 200 || zones[false] < 200 {
		t.Errorf("attempts by zone %v", zones)
	}
}

func TestPoolExhaustion(t *testing.T) {
	// 100 requests a second with 10 ms each use one connection of five; at 100 ms each they want ten.
	dependency := ", timeout: 2s, pool: {size: 5, wait: 300ms}"
	api := "kind: database, replicas: 1, operations: [{name: GET /a, steps: [{work: {time: 10ms, cpu: 0}}]}]"
	r := record()
	f := start(t, parse(t, pair(dependency, calls, api, "100")), 1, r, model.Fault{
		At: at(time.Minute), Set: []model.Setting{{Service: "api", Parameter: model.WorkTime, To: "10"}},
	})
	f.Run(60 * des.Second)
	d := f.Services[0].Replicas[0].Dependencies[0]
	if d.Pool.Timeouts != 0 || d.Pool.Used+d.Pool.Idle > 5 {
		t.Errorf("before: %+v", d.Pool)
	}
	server := &f.Services[1].Replicas[0].Connections
	if server.Active+server.Idle != d.Pool.Used+d.Pool.Idle {
		t.Errorf("the database counts %+v, the pool %+v", *server, d.Pool)
	}
	f.Run(120 * des.Second)
	if d.Pool.Used != 5 || d.Pool.Pending < 10 || d.Pool.Idle != 0 {
		t.Errorf("after: %+v", d.Pool)
	}
	// Five connections serve 50 a second; the other 50 wait in vain.
	near(t, "share that fails", r.share(70*des.Second, 110*des.Second), 0.5, 0.05)
	near(t, "pool time-outs", float64(d.Pool.Timeouts), 50*60, 0.05)
	if r.incidents[flow.PoolTimeout] != int(d.Pool.Timeouts) {
		t.Errorf("%d incidents for %d time-outs", r.incidents[flow.PoolTimeout], d.Pool.Timeouts)
	}
	last := r.attempts[len(r.attempts)-1]
	for i := len(r.attempts) - 1; last.Failure == nil; i-- {
		last = r.attempts[i]
	}
	if !last.NotSent || last.Failure.Reason != model.Unavailable || last.Ended-last.Started != 300*des.Millisecond {
		t.Errorf("a failed attempt: %+v, %+v", last, last.Failure)
	}
}

func TestConnectionsFull(t *testing.T) {
	api := "kind: database, max_connections: 20, replicas: 1, operations: [{name: GET /a, steps: [{work: {time: 500ms, cpu: 0}}]}]"
	r := record()
	f := start(t, parse(t, pair("", calls, api, "60")), 1, r)
	f.Run(30 * des.Second)
	if k := f.Services[1].Replicas[0].Connections; k.Active > 20 || k.Refused == 0 || k.Refused != uint64(r.incidents[flow.ConnectionsFull]) {
		t.Errorf("connections %+v, incidents %v", k, r.incidents)
	}
	for _, a := range r.attempts {
		if a.Failure != nil && a.Failure.Code != "53300" {
			t.Fatalf("failure %+v, want SQLSTATE 53300", a.Failure)
		}
	}
}

// TestDeadline: what is left of a caller's deadline bounds the calls further down.
func TestDeadline(t *testing.T) {
	for _, c := range []struct {
		extra string
		bound des.Time
	}{{"", 500 * des.Millisecond}, {", no_propagation: true", 3 * des.Second}} {
		text := "services:\n" +
			service("web", "replicas: 1, dependencies: [{service: api, timeout: 500ms}], operations: [{name: GET /, steps: ["+calls+"]}]") +
			service("api", "replicas: 1, dependencies: [{service: db, timeout: 3s"+c.extra+"}], operations: [{name: GET /a, steps: [{call: {service: db, operation: SELECT x}}]}]") +
			service("db", "replicas: 1, operations: [{name: SELECT x, steps: [{work: {time: 10s, cpu: 0}}]}]") +
			"clients:\n  - {name: users, service: web, rate: 1, periodic: true, mix: [{operation: GET /, weight: 1}]}\n"
		sys := parse(t, text)
		sys.Services[1].OnCancel = "stop"
		r := record()
		f := start(t, sys, 1, r)
		f.Run(30 * des.Second)
		for _, a := range r.attempts {
			if a.Dependency.Replica.Service.Model.Name != "api" {
				continue
			}
			// A stopped caller abandons its call, at the same moment as the deadline.
			if took := a.Ended - a.Started; took > 500*des.Millisecond || a.Failure == nil {
				t.Fatalf("a call of the database took %v with %q", took, c.extra)
			}
		}
		deadline := r.failed()[model.Timeout]
		if alone := deadline > 30; alone != (c.extra == "") {
			t.Errorf("with %q %d attempts timed out and %d were cancelled", c.extra, deadline, r.failed()[model.Cancelled])
		}
	}
}

func TestCancelledWork(t *testing.T) {
	// Four steps of 100 ms each, and a caller that gives up after 150 ms.
	for _, c := range []struct {
		on    string
		took  des.Time
		waits int
	}{{"stop", 200 * des.Millisecond, 0}, {"finish", 400 * des.Millisecond, 0}} {
		step := "{work: {time: 100ms, cpu: 0}}, "
		api := "replicas: 1, on_cancel: " + c.on + ", cancelled_uncounted: true, operations: [{name: GET /a, steps: [" + step + step + step + step + "]}]"
		r := record()
		start(t, parse(t, pair(", timeout: 150ms", calls, api, "10")), 1, r).Run(20 * des.Second)
		for _, h := range r.handled["api"] {
			if h.Ended-h.Arrived != c.took || !h.CallerGone || !h.Uncounted {
				t.Fatalf("%s: took %v, caller gone %v, uncounted %v; want %v", c.on, h.Ended-h.Arrived, h.CallerGone, h.Uncounted, c.took)
			}
			if (h.Failure == nil) != (c.on == "finish") {
				t.Fatalf("%s: failure %v", c.on, h.Failure)
			}
		}
		for _, a := range r.attempts {
			if a.Ended-a.Started != 150*des.Millisecond || a.Failure.Reason != model.Timeout {
				t.Fatalf("attempt took %v: %v", a.Ended-a.Started, a.Failure)
			}
		}
	}
}

// TestMetastable: retries keep a service overloaded after what overloaded it has passed; without retries it
// recovers. The service finishes what nobody waits for.
func TestMetastable(t *testing.T) {
	for _, c := range []struct {
		dependency string
		recovers   bool
	}{
		{", timeout: 400ms", true},
		{", timeout: 400ms, retry: {attempts: 4, backoff: 50ms}", false},
		{", timeout: 400ms, retry: {attempts: 4, backoff: 50ms, budget: 0.1}", true},
	} {
		// Ten workers of 50 ms each serve 200 a second; 140 come, and 420 during the burst.
		api := "replicas: 1, workers: 10, queue: 1000, on_cancel: finish, operations: [{name: GET /a, steps: [{work: {time: exp(50ms), cpu: 0}}]}]"
		text := pair(c.dependency, calls, api, "140, bursts: [{at: 60s, for: 20s, factor: 3}]")
		r := record()
		f := start(t, parse(t, text), 1, r)
		f.Run(400 * des.Second)
		if before := r.share(0, 60*des.Second); before > 0.01 {
			t.Errorf("%s: %.3f of requests fail before the burst", c.dependency, before)
		}
		after := r.share(300*des.Second, 400*des.Second)
		t.Logf("%s: %.3f fail two minutes later, %d queued", c.dependency, after, f.Services[1].Replicas[0].Queued)
		if c.recovers != (after < 0.01) || !c.recovers && after < 0.5 {
			t.Errorf("%s: %.3f of requests fail long after the burst", c.dependency, after)
		}
	}
}
