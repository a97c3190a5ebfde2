package flow_test

import (
	"testing"
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// kitchen has something of everything that parameters change.
const kitchen = `services:
  - {name: web, version: 1.0.0, replicas: 2, workers: 50, cpu: {request: 1}, memory: {request: 64Mi, limit: 512Mi, base: 10Mi},
     logs: {requests: 0.5}, buckets: [0.1, 1],
     caches: [{name: c, keys: 10, ttl: 20s}],
     dependencies: [{service: api, timeout: 200ms, retry: {attempts: 2, backoff: 1ms, on: [internal, timeout]}, pool: {size: 50}}, {service: db, timeout: 2s}],
     operations: [{name: GET /, steps: [{work: {time: 5ms, cpu: 0.5}}, {call: {service: api, operation: GET /a, optional: true}},
         {cached: {cache: c, miss: [{work: {time: 1ms, cpu: 0}}]}}, {call: {service: db, operation: SELECT x, optional: true}}, {publish: {topic: orders}}]},
       {name: GET /b, steps: [{work: {time: 5ms, cpu: 0}}]}]}
  - {name: api, runtime: native, version: 1.0.0, replicas: 2, cpu: {request: 1}, memory: {base: 10Mi},
     operations: [{name: GET /a, steps: [{work: {time: 2ms, cpu: 0.1}}, {work: {time: 190ms, cpu: 0}, share: 0.05}, {fail: {share: 0.1, error: no luck}}]}]}
  - {name: db, kind: database, version: "15", replicas: 1, cpu: {request: 1}, memory: {base: 10Mi}, operations: [{name: SELECT x, steps: [{work: {time: 20ms, cpu: 0}}]}]}
  - {name: mail, version: 1.0.0, replicas: 2, cpu: {request: 1}, memory: {base: 10Mi}, operations: [{name: process orders, protocol: message, steps: [{work: {time: 1ms}}]}]}
  - {name: bus, kind: broker, version: "3", replicas: 1, cpu: {request: 1}, memory: {base: 10Mi}}
topics:
  - {name: orders, broker: bus, partitions: 4, consumers: [{group: mail, service: mail, operation: process orders}]}
clients:
  - {name: users, service: web, rate: 50, mix: [{operation: GET /, weight: 1}, {operation: GET /b, weight: 1}]}
  - {name: bots, service: web, rate: 20, mix: [{operation: GET /b, weight: 1}]}
`

// seen is a run and what was observed of it.
type seen struct {
	*recorder
	f *flow.Flow
}

func (s seen) web() *flow.Replica         { return s.f.Services[0].Replicas[0] }
func (s seen) dep(i int) *flow.Dependency { return s.web().Dependencies[i] }

// mean time that requests of a service take, from arrival to end, in seconds.
func (s seen) mean(service string, keep func(*flow.Handled) bool) float64 {
	sum, n := 0.0, 0.0
	for i := range s.handled[service] {
		if h := &s.handled[service][i]; keep == nil || keep(h) {
			sum += (h.Ended - h.Arrived).Seconds()
			n++
		}
	}
	return sum / max(1, n)
}

func (s seen) sum(of func(*flow.Replica) float64) (sum float64) {
	for _, p := range s.f.Services[0].Replicas {
		sum += of(p)
	}
	return sum
}

func (s seen) attempted(service string, keep func(*flow.Attempt) bool) (n float64) {
	for i := range s.attempts {
		if a := &s.attempts[i]; a.Operation.Service.Model.Name == service && keep(a) {
			n++
		}
	}
	return n
}

func usage(p *flow.Replica) float64 { return p.Pod.CPU().Usage.Seconds() }

func failedHandling(s seen) (n float64) {
	for _, h := range s.handled["web"] {
		if h.Failure != nil {
			n++
		}
	}
	return n
}

// TestParameters changes each parameter alone and looks at one thing that has to follow.
func TestParameters(t *testing.T) {
	web := model.Setting{Service: "web"}
	on := func(name string) model.Setting { return model.Setting{Service: "web", Name: name} }
	type look func(seen) float64
	begun := func(s seen) float64 { return s.attempted("api", func(*flow.Attempt) bool { return true }) }
	timeouts := func(s seen) float64 {
		return s.attempted("api", func(a *flow.Attempt) bool { return a.Failure != nil && a.Failure.Reason == model.Timeout })
	}
	memory := func(s seen) float64 {
		return s.sum(func(p *flow.Replica) float64 { return float64(p.Pod.Memory().WorkingSet) })
	}
	logged := func(s seen) (n float64) {
		for _, e := range s.entries {
			if e.Kind == flow.LogRequest && e.Replica.Service.Model.Name == "web" && e.Failure == nil {
				n++
			}
		}
		return n
	}
	retryWait := func(s seen) float64 {
		sum, n := 0.0, 0.0
		for i, a := range s.attempts {
			if a.Number == 1 && a.Failure != nil {
				for _, b := range s.attempts[i+1:] {
					if b.Trace.Parent == a.Trace.Parent && b.Number == 2 {
						sum += (b.Started - a.Ended).Seconds()
						n++
						break
					}
				}
			}
		}
		return sum / max(1, n)
	}
	skew := func(s seen) float64 {
		p := s.f.Topics[0].Partitions
		return float64(p[0].End) / float64(p[0].End+p[1].End+p[2].End+p[3].End)
	}
	misses := func(s seen) float64 {
		return s.sum(func(p *flow.Replica) float64 { return float64(p.Caches[0].Misses) })
	}
	for _, c := range []struct {
		parameter model.Parameter
		of        model.Setting
		to        string
		look      look
		low, high float64 // of the value with the change, as a multiple of that without; 0, 0: from none to some
	}{
		{model.WorkTime, web, "4", func(s seen) float64 { return s.mean("web", nil) }, 1.3, 5},
		{model.WorkCPU, web, "4", func(s seen) float64 { return s.sum(usage) }, 2, 4},
		{model.WorkWait, web, "100ms", func(s seen) float64 { return s.mean("web", nil) }, 3, 100},
		{model.ErrorShare, web, "0.2", failedHandling, 0, 0},
		{model.LeakRequest, web, "50Ki", memory, 1.2, 100},
		{model.LeakRate, web, "2Mi", memory, 1.2, 100},
		{model.AllocBytes, web, "8Mi", func(s seen) float64 {
			return s.sum(func(p *flow.Replica) float64 { return float64(p.Pod.Memory().Allocated) })
		}, 5, 100},
		{model.Workers, web, "1", func(s seen) float64 { return s.mean("web", nil) }, 1.2, 1000},
		{model.QueueSize, web, "1", func(s seen) float64 { return float64(s.incidents[flow.QueueFull]) }, 0, 0},
		{model.CPULimit, web, "30m", func(s seen) float64 {
			return s.sum(func(p *flow.Replica) float64 { return p.Pod.CPU().Throttled.Seconds() })
		}, 0, 0},
		{model.MemLimit, web, "11Mi", func(s seen) float64 { return float64(s.incidents[flow.ReplicaLost]) }, 0, 0},
		{model.IdleCPU, web, "500m", func(s seen) float64 { return s.sum(usage) }, 3, 100},
		{model.Unready, web, "1", func(s seen) float64 {
			return s.attempted("api", func(a *flow.Attempt) bool { return a.Started > 45*des.Second })
		}, -1, 0.3},
		{model.Kill, web, "1", func(s seen) float64 { return float64(s.incidents[flow.ReplicaLost]) }, 0, 0},
		{model.NetworkWait, web, "50ms", func(s seen) float64 {
			sum := 0.0
			for _, a := range s.answers {
				sum += (a.Ended - a.Started).Seconds()
			}
			return sum / float64(len(s.answers))
		}, 1.5, 100},
		{model.NetworkLoss, web, "0.3", func(s seen) float64 { return float64(s.f.Clients[0].InFlight) }, 10, 100000},
		{model.Connections, model.Setting{Service: "db"}, "1", func(s seen) float64 { return float64(s.incidents[flow.ConnectionsFull]) }, 0, 0},
		{model.LogShare, web, "1", logged, 1.7, 2.2},
		{model.TraceShare, web, "0.1", func(s seen) (n float64) {
			for _, h := range s.handled["web"] {
				if h.Trace.Sampled {
					n++
				}
			}
			return n
		}, 0.05, 0.5},
		{model.DepTimeout, on("api"), "20ms", timeouts, 0, 0},
		{model.DepDeadline, on("api"), "20ms", timeouts, 0, 0},
		{model.DepAttempts, on("api"), "1", begun, 0.85, 0.97},
		{model.DepBackoff, on("api"), "100ms", retryWait, 5, 200},
		{model.DepBudget, on("api"), "0.01", func(s seen) float64 { return float64(s.incidents[flow.RetryDenied]) }, 0, 0},
		{model.DepPool, on("api"), "1", func(s seen) float64 { return float64(s.dep(0).Pool.Waits) }, 0, 0},
		{model.DepHedge, on("api"), "50ms", func(s seen) float64 { return float64(s.dep(0).Hedges) }, 0, 0},
		{model.CacheTTL, on("c"), "1s", misses, 3, 30},
		{model.CacheFlush, on("c"), "1", misses, 1.05, 3},
		{model.CacheAlign, on("c"), "1", func(s seen) float64 { return misses(s) }, 0.2, 0.99},
		{model.NodeNeighbour, model.Setting{Node: "node-a"}, "640", func(s seen) float64 { return s.mean("web", nil) }, 1.1, 1000},
		{model.NodeCores, model.Setting{Node: "node-a"}, "0.05", func(s seen) float64 { return s.mean("web", nil) }, 1.1, 1000},
		{model.ClientRate, model.Setting{Client: "users"}, "100", func(s seen) float64 { return float64(s.f.Clients[0].Sent) }, 1.4, 2},
		{model.Poison, model.Setting{Topic: "orders"}, "3", func(s seen) float64 { return float64(s.f.Topics[0].Groups[0].Failed) }, 0, 0},
		{model.Produce, model.Setting{Topic: "orders"}, "100", func(s seen) float64 { return float64(s.f.Topics[0].Groups[0].Done) }, 2, 8},
		{model.PartitionSkew, model.Setting{Topic: "orders"}, "0.9", skew, 2, 4},
	} {
		t.Run(string(c.parameter), func(t *testing.T) {
			see := func(faults ...model.Fault) float64 {
				sys := parse(t, kitchen)
				r := record()
				if c.parameter == model.QueueSize {
					sys.Services[0].Workers = 1 // So that there is a queue.
				}
				f := start(t, sys, 1, r, faults...)
				f.Run(70 * des.Second)
				return c.look(seen{r, f})
			}
			c.of.Parameter, c.of.To = c.parameter, c.to
			before, after := see(), see(model.Fault{At: at(15 * time.Second), Set: []model.Setting{c.of}})
			switch {
			case c.low == 0 && c.high == 0:
				if before != 0 || after == 0 {
					t.Errorf("%v without, %v with %s = %s; want none and some", before, after, c.parameter, c.to)
				}
			case after < c.low*before || after > c.high*before:
				t.Errorf("%v without, %v with %s = %s; want %g to %g times as much", before, after, c.parameter, c.to, c.low, c.high)
			}
		})
	}
}
