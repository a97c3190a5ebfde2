package model_test

import (
	"strings"
	"testing"

	"firedrill/scenarios/sim/model"
)

const sound = `version: 1
namespace: shop
cluster: prod
nodes:
  - {name: node-a, zone: a, cores: 4, memory: 16Gi}
services:
  - name: web
    version: 1.0.0
    replicas: 2
    cpu: {request: 500m}
    memory: {request: 64Mi, limit: 128Mi, base: 32Mi}
    dependencies:
      - service: db
        timeout: 1s
        retry: {attempts: 3, backoff: 50ms}
    operations:
      - name: GET /
        steps:
          - work: {time: "lognormal(4ms, 20ms)", cpu: 0.5}
          - call: {service: db, operation: SELECT pages}
  - name: db
    kind: database
    version: "15.4"
    replicas: 1
    cpu: {request: 1}
    memory: {request: 1Gi, base: 500Mi}
    operations:
      - name: SELECT pages
        steps: [{work: {time: exp(3ms), cpu: 0.2}}]
clients:
  - {name: browsers, service: web, rate: 20, mix: [{operation: GET /, weight: 1}]}
`

func TestRead(t *testing.T) {
	s, err := model.Read("system.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	web := s.Service("web")
	if web.Kind != model.App || web.CPU.Request != 0.5 || web.Memory.Limit != 128<<20 || web.Operations[0].Protocol != model.HTTP {
		t.Errorf("got %+v", web)
	}
	if got, want := web.Operations[0].Steps[0].Work.Time, (model.Dist{Kind: model.LogNormal, A: 4e6, B: 20e6}); got != want {
		t.Errorf("time %+v, want %+v", got, want)
	}
	if got := s.Service("db").Operations[0].Protocol; got != model.SQL {
		t.Errorf("protocol %q, want %q", got, model.SQL)
	}
}

func TestReadErrors(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":       {"replicas: 2", "replica: 2", `system.yaml:9: unknown key "replica"`},
		"bad number":        {"cores: 4", "cores: many", `system.yaml:5: "many": expected a number`},
		"bad size":          {"64Mi", "64MB", `system.yaml:11: "64MB": expected a size`},
		"bad distribution":  {"lognormal(4ms, 20ms)", "gauss(4ms)", `system.yaml:19: "gauss(4ms)": expected a distribution`},
		"unknown service":   {"{service: db, op", "{service: cache, op", `system.yaml:7: service web: operation GET /: step 2: the service has no dependency "cache"`},
		"unknown operation": {"SELECT pages}", "SELECT users}", `db has no operation "SELECT users"`},
		"two steps in one":  {"- call:", "  call:", "expected exactly one of work, call"},
		"no client":         {"browsers, service: web", "browsers, service: shop", `client browsers: no service is called "shop"`},
		"attempts":          {"attempts: 3", "attempts: 0", "retry: attempts is 0, expected 1 to 20"},
		"behind":            {"replicas: 1\n", "replicas: 1\n    behind: web\n", "service db: behind is \"web\", expected another app"},
		"level":             {"replicas: 2\n", "replicas: 2\n    logs: {idle: [{message: late, level: warning, every: 1m}]}\n", `service web: logs.idle: level is "warning", expected one of`},
		"level of a step":   {"- call:", "- log: {message: late, level: warning}\n          - call:", `step 2: log: level is "warning"`},
		"reason":            {"- call:", "- fail: {share: 1, reason: broken, error: no}\n          - call:", `step 2: fail: reason is "broken", expected one of`},
		"blameless status":  {"- call:", "- fail: {share: 1, status: 404, error: no}\n          - call:", "status 404 is the caller's mistake: expected reason invalid"},
		"no such status":    {"- call:", "- fail: {share: 1, status: 200, error: no}\n          - call:", "fail: status is 200, expected 400 to 599"},
		"first":             {"rate: 20", "rate: 20, first: 5m", "client browsers: first belongs to a periodic client"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(sound, c.old) {
				t.Fatalf("the sound system has no %q", c.old)
			}
			_, err := model.Read("system.yaml", []byte(strings.Replace(sound, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestAllErrors: an author sees all that is wrong at once, in order of the lines.
func TestAllErrors(t *testing.T) {
	text := strings.NewReplacer("cores: 4, ", "", "SELECT pages}", "SELECT users}", "browsers, service: web", "browsers, service: shop").Replace(sound)
	_, err := model.Read("system.yaml", []byte(text))
	want := `system.yaml:5: node node-a: expected zone, cores and memory
system.yaml:7: service web: operation GET /: step 2: db has no operation "SELECT users"
system.yaml:31: client browsers: no service is called "shop"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCheckFaults(t *testing.T) {
	s, err := model.Read("system.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		setting model.Setting
		want    string
	}{
		"sound":               {model.Setting{Service: "web", Parameter: model.DepTimeout, Name: "db", To: "20ms"}, ""},
		"factor":              {model.Setting{Service: "db", Parameter: model.WorkTime, Times: 3}, ""},
		"no such parameter":   {model.Setting{Service: "web", Parameter: "speed", To: "1"}, "there is no such parameter"},
		"no such dependency":  {model.Setting{Service: "db", Parameter: model.DepTimeout, Name: "web", To: "20ms"}, `db has no dependency "web"`},
		"wrong notation":      {model.Setting{Service: "web", Parameter: model.DepTimeout, Name: "db", To: "20"}, "expected a duration"},
		"nothing set":         {model.Setting{Service: "web", Parameter: model.Workers}, "expected one of to and times"},
		"more than all":       {model.Setting{Service: "web", Parameter: model.NetworkLoss, To: "5"}, "expected a share from 0 to 1"},
		"a multiple of 0":     {model.Setting{Service: "web", Parameter: model.NetworkWait, Times: 3}, "expected to: it is 0"},
		"node instead of web": {model.Setting{Node: "node-a", Parameter: model.Workers, To: "1"}, `expected the name of a service, got ""`},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.CheckFaults([]model.Fault{{Set: []model.Setting{c.setting}}})
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCheckOnly(t *testing.T) {
	s, err := model.Read("system.yaml", []byte(sound+"events: [{at: 1m, kind: deploy, service: web, version: 1.0.1}, {at: 2m, kind: scale, service: web, replicas: 3}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	slow, lost := model.Setting{Service: "web", Parameter: model.WorkTime, Times: 3}, model.Setting{Service: "web", Parameter: model.NetworkLoss, To: "0.5"}
	for name, c := range map[string]struct {
		set  model.Setting
		only model.Only
		want string
	}{
		"sound":        {slow, model.Only{Replicas: 3, Zone: "a", Node: "node-a", Version: "1.0.1", Operations: []string{"GET /"}, Callers: []string{"browsers"}}, ""},
		"replicas":     {slow, model.Only{Replicas: 4}, "replicas is 4, and web has 3"},
		"zone":         {slow, model.Only{Zone: "b"}, `no node is in the zone "b"`},
		"node":         {slow, model.Only{Node: "node-b"}, `no node is called "node-b"`},
		"version":      {slow, model.Only{Version: "2.0.0"}, `web never has the version "2.0.0"`},
		"operation":    {slow, model.Only{Operations: []string{"GET /x"}}, `web has no operation "GET /x"`},
		"caller":       {slow, model.Only{Callers: []string{"bots"}}, `no service and no client is called "bots"`},
		"not by calls": {lost, model.Only{Callers: []string{"browsers"}}, "operations and callers apply to work.time"},
		"of a node":    {model.Setting{Node: "node-a", Parameter: model.NodeCores, To: "1"}, model.Only{Zone: "a"}, "a parameter of a node has no parts"},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.CheckFaults([]model.Fault{{Only: &c.only, Set: []model.Setting{c.set}}})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sound))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := model.Read("system.yaml", text); err == nil && len(s.Services) == 0 {
			t.Error("a system without services was taken")
		}
	})
}
