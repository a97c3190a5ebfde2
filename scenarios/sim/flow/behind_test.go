package flow_test

import (
	"testing"
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// TestBehind: callers spread over a service and the canary behind it, faults and deaths are those of one alone, and
// flags are of both.
func TestBehind(t *testing.T) {
	rest := "operations: [{name: GET /, steps: [{work: {time: 1ms}}]}, {name: GET /a, steps: [{flag: \"!new\", work: {time: 10ms, cpu: 0}}, {flag: new, work: {time: 50ms, cpu: 0}}]}]"
	text := "services:\n" +
		service("web", "replicas: 1, dependencies: [{service: api, balance: least}], operations: [{name: GET /, steps: [{call: {service: api, operation: GET /a}}]}]") +
		service("api", "replicas: 3, "+rest) + service("api-canary", "behind: api, replicas: 1, "+rest) +
		"clients:\n  - {name: users, service: web, rate: 100, mix: [{operation: GET /, weight: 1}]}\n" +
		"events:\n  - {at: 20s, kind: flag, service: api, flag: new}\n"
	r := record()
	fault := model.Fault{At: at(40 * time.Second), Set: []model.Setting{{Service: "api-canary", Parameter: model.WorkTime, Times: 10}}}
	kill := model.Fault{At: at(60 * time.Second), Set: []model.Setting{{Service: "api-canary", Parameter: model.Kill, To: "1"}}}
	start(t, parse(t, text), 1, r, fault, kill).Run(61 * des.Second)
	served := func(name string, from des.Time) (n int, took des.Time) {
		for _, h := range r.handled[name] {
			if h.Arrived >= from && h.Arrived < from+18*des.Second {
				if name != "web" && (h.Operation.Service.Model.Name != name || h.Operation.Model.Name != "GET /a") {
					t.Fatalf("%s served %s of %s", name, h.Operation.Model.Name, h.Operation.Service.Model.Name)
				}
				n, took = n+1, h.Ended-h.Started
			}
		}
		return n, took
	}
	for _, c := range []struct {
		from        des.Time
		stable, new des.Time
	}{{0, 10 * des.Millisecond, 10 * des.Millisecond}, {21 * des.Second, 50 * des.Millisecond, 50 * des.Millisecond}, {41 * des.Second, 50 * des.Millisecond, 500 * des.Millisecond}} {
		n, took := served("api", c.from)
		canary, longer := served("api-canary", c.from)
		if took != c.stable || longer != c.new {
			t.Errorf("from %v: a request took %v and %v, want %v and %v", c.from, took, longer, c.stable, c.new)
		}
		if share := float64(canary) / float64(n+canary); c.from < 40*des.Second && (share < 0.2 || share > 0.3) {
			t.Errorf("from %v: the canary got %.2f of the requests, want a quarter", c.from, share)
		}
	}
	if n, _ := served("web", 60*des.Second); n == 0 {
		t.Error("nothing is served after the canary has died")
	}
}
