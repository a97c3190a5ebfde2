package flow_test

import (
	"testing"
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// simple is one service whose requests take 10 ms without CPU.
const simple = `services:
  - {name: web, version: 1.0.0, replicas: %d, startup: 2s, cpu: {request: 1}, memory: {request: 64Mi, base: 10Mi},
     operations: [{name: GET /, steps: [{work: {time: 10ms, cpu: 0}}, {work: {time: 90ms, cpu: 0}, flag: slow}, {log: {message: fast}, flag: "!slow"}]},
       {name: GET /b, steps: [{work: {time: 10ms, cpu: 0}}]}]}
clients:
  - {name: users, service: web, rate: 50, periodic: true, mix: [{operation: GET /, weight: 1}]}
  - {name: bots, service: web, rate: 50, periodic: true, mix: [{operation: GET /b, weight: 1}]}
`

func slower(times string) []model.Setting {
	return []model.Setting{{Service: "web", Parameter: model.WorkTime, To: times}}
}

// times returns the mean of what handling took in ms, per second of the recording.
func times(r *recorder, keep func(*flow.Handled) bool) map[int]float64 {
	sum, n := map[int]float64{}, map[int]float64{}
	for i := range r.handled["web"] {
		if h := &r.handled["web"][i]; keep(h) {
			second := int(h.Arrived / des.Second)
			sum[second] += (h.Ended - h.Arrived).Seconds() * 1000
			n[second]++
		}
	}
	for second := range sum {
		sum[second] /= n[second]
	}
	return sum
}

func all(*flow.Handled) bool { return true }

func system(t *testing.T, replicas string) *model.System {
	t.Helper()
	text := simple
	for i := 0; i+1 < len(text); i++ {
		if text[i:i+2] == "%d" {
			text = text[:i] + replicas + text[i+2:]
		}
	}
	return parse(t, text)
}

func TestFaultShapes(t *testing.T) {
	for name, c := range map[string]struct {
		fault model.Fault
		want  map[int]float64 // ms at a second
	}{
		"step":  {model.Fault{At: at(10 * time.Second)}, map[int]float64{9: 10, 10: 30, 59: 30}},
		"until": {model.Fault{At: at(10 * time.Second), Until: at(20 * time.Second)}, map[int]float64{9: 10, 10: 30, 19: 30, 20: 10, 59: 10}},
		"ramp":  {model.Fault{At: at(10 * time.Second), Ramp: at(20 * time.Second)}, map[int]float64{9: 10, 15: 15, 20: 20, 25: 25, 31: 30}},
		"flap": {model.Fault{At: at(10 * time.Second), Until: at(40 * time.Second), Flap: &model.Flap{Period: at(10 * time.Second), Duty: 0.3}},
			map[int]float64{9: 10, 10: 30, 12: 30, 13: 10, 19: 10, 20: 30, 23: 10, 32: 30, 33: 10, 42: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			r := record()
			c.fault.Set = slower("3")
			start(t, system(t, "2"), 1, r, c.fault).Run(60 * des.Second)
			got := times(r, all)
			for second, want := range c.want {
				near(t, time.Duration(second*1e9).String(), got[second], want, 0.001)
			}
		})
	}
}

func TestTwoFaults(t *testing.T) {
	r := record()
	double := []model.Setting{{Service: "web", Parameter: model.WorkTime, Times: 2}}
	start(t, system(t, "1"), 1, r,
		model.Fault{At: at(10 * time.Second), Until: at(30 * time.Second), Set: double},
		model.Fault{At: at(20 * time.Second), Until: at(40 * time.Second), Set: double}).Run(50 * des.Second)
	got := times(r, all)
	for second, want := range map[int]float64{5: 10, 15: 20, 25: 40, 35: 20, 45: 10} {
		near(t, time.Duration(second*1e9).String(), got[second], want, 0.001)
	}
}

func TestOnly(t *testing.T) {
	first := func(h *flow.Handled) bool {
		for _, p := range h.Replica.Service.Replicas {
			if p.Name < h.Replica.Name {
				return false
			}
		}
		return true
	}
	for name, c := range map[string]struct {
		only  model.Only
		slow  func(*flow.Handled) bool
		share float64
	}{
		"replicas":   {model.Only{Replicas: 1}, first, 0.25},
		"zone":       {model.Only{Zone: "b"}, func(h *flow.Handled) bool { return h.Replica.Zone == "b" }, 0.5},
		"node":       {model.Only{Node: "node-a"}, func(h *flow.Handled) bool { return h.Replica.Node == "node-a" }, 0.5},
		"version":    {model.Only{Version: "1.0.0"}, all, 1},
		"other":      {model.Only{Version: "2.0.0"}, func(*flow.Handled) bool { return false }, 0},
		"operations": {model.Only{Operations: []string{"GET /b"}}, func(h *flow.Handled) bool { return h.Operation.Model.Name == "GET /b" }, 0.5},
		"callers":    {model.Only{Callers: []string{"bots"}}, func(h *flow.Handled) bool { return h.Client.Model.Name == "bots" }, 0.5},
		"all fields": {model.Only{Zone: "a", Callers: []string{"users"}}, func(h *flow.Handled) bool { return h.Client.Model.Name == "users" && h.Replica.Zone == "a" }, 0.25},
	} {
		t.Run(name, func(t *testing.T) {
			r := record()
			sys := system(t, "4")
			sys.Events = append(sys.Events, model.Event{At: model.Dur(time.Hour), Kind: "deploy", Service: "web", Version: "2.0.0"})
			start(t, sys, 1, r, model.Fault{Only: &c.only, Set: slower("3")}).Run(60 * des.Second)
			n := 0.0
			for i := range r.handled["web"] {
				h := &r.handled["web"][i]
				want := 10 * des.Millisecond
				if c.slow(h) {
					want = 30 * des.Millisecond
					n++
				}
				if got := h.Ended - h.Arrived; got != want {
					t.Fatalf("%s on %s for %s took %v, want %v", h.Operation.Model.Name, h.Replica.Name, h.Client.Model.Name, got, want)
				}
			}
			near(t, "share that is slow", n/float64(len(r.handled["web"])), c.share, 0.05)
		})
	}
}

// TestLaterPods: pods that start later get the values in force, if they match.
func TestLaterPods(t *testing.T) {
	sys := system(t, "2")
	sys.Events = []model.Event{
		{At: at(20 * time.Second), Kind: "scale", Service: "web", Replica: 4},
		{At: at(60 * time.Second), Kind: "deploy", Service: "web", Version: "1.1.0", Set: slower("5")},
		{At: at(160 * time.Second), Kind: "restart", Service: "web"},
	}
	r := record()
	f := start(t, sys, 1, r, model.Fault{At: at(10 * time.Second), Only: &model.Only{Version: "1.0.0"}, Set: slower("3")})
	f.Run(58 * des.Second)
	if n := len(f.Services[0].Replicas); n != 4 {
		t.Errorf("%d replicas after scaling, want 4", n)
	}
	f.Run(158 * des.Second)
	before := map[string]bool{}
	for _, p := range f.Services[0].Replicas {
		before[p.Name] = true
		if p.Version != "1.1.0" {
			t.Errorf("%s still has version %s", p.Name, p.Version)
		}
	}
	f.Run(260 * des.Second)
	for _, p := range f.Services[0].Replicas {
		if before[p.Name] {
			t.Errorf("%s has not been restarted", p.Name)
		}
	}
	for i := range r.handled["web"] {
		h := &r.handled["web"][i]
		want := 10 * des.Millisecond
		switch {
		case h.Replica.Version == "1.1.0":
			want = 50 * des.Millisecond
		case h.Arrived >= 10*des.Second:
			want = 30 * des.Millisecond
		}
		if got := h.Ended - h.Arrived; got != want {
			t.Fatalf("at %v version %s took %v, want %v", h.Arrived, h.Replica.Version, got, want)
		}
	}
	if bad := r.share(0, 260*des.Second); bad != 0 {
		t.Errorf("%.4f of requests failed: events are harmless", bad)
	}
}

func TestFlagAndConfig(t *testing.T) {
	sys := system(t, "2")
	sys.Events = []model.Event{
		{At: at(10 * time.Second), Kind: "flag", Service: "web", Flag: "slow", Log: &model.Line{Message: "flag slow is on"}},
		{At: at(20 * time.Second), Kind: "flag", Service: "web", Flag: "slow", Off: true},
		{At: at(30 * time.Second), Kind: "config", Service: "web", Set: slower("2")},
	}
	r := record()
	start(t, sys, 1, r).Run(40 * des.Second)
	got := times(r, func(h *flow.Handled) bool { return h.Client.Model.Name == "users" })
	for second, want := range map[int]float64{5: 10, 15: 100, 25: 10, 35: 20} {
		near(t, time.Duration(second*1e9).String(), got[second], want, 0.001)
	}
	events, steps := 0, 0
	for _, e := range r.entries {
		switch e.Kind {
		case flow.LogEvent:
			events++
		case flow.LogStep:
			steps++
			if e.Time > 10*des.Second+100*des.Millisecond && e.Time < 20*des.Second {
				t.Fatalf("a step for %q ran at %v", "!slow", e.Time)
			}
		}
	}
	if events != 2 || steps < 1400 {
		t.Errorf("%d event lines, want one for each pod; %d lines of steps", events, steps)
	}
}
