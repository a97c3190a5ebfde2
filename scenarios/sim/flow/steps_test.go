package flow_test

import (
	"strings"
	"testing"
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// steps is an app with the steps given, two services to call and a client of one request a second.
func steps(text string) string {
	app := strings.Replace(service("web", "replicas: 1, dependencies: [{service: api}, {service: bad}], operations: [{name: GET /, steps: ["+text+"]}]"), "native", "go", 1)
	return "services:\n" + app +
		service("api", "replicas: 1, operations: [{name: GET /a, steps: [{work: {time: 100ms, cpu: 0}}]}]") +
		service("bad", "replicas: 1, operations: [{name: GET /x, steps: [{work: {time: 10ms, cpu: 0}}, {fail: {share: 1, reason: %s, error: broken}}]}]") +
		"clients:\n  - {name: users, service: web, rate: 1, periodic: true, mix: [{operation: GET /, weight: 1}]}\n"
}

func TestSteps(t *testing.T) {
	api, bad := "{call: {service: api, operation: GET /a}}", "{call: {service: bad, operation: GET /x}}"
	for name, c := range map[string]struct {
		steps    string
		took     des.Time
		status   int // 0: no failure
		attempts int
	}{
		"one after the other":  {api + ", " + api, 200, 0, 2},
		"times":                {"{call: {service: api, operation: GET /a, times: 3}}", 300, 0, 3},
		"at once":              {"{parallel: [" + api + ", " + api + ", {work: {time: 150ms, cpu: 0}}]}", 150, 0, 2},
		"at once, one fails":   {"{parallel: [" + api + ", " + bad + "]}, " + api, 100, 503, 2},
		"nested":               {"{parallel: [{span: {name: a, steps: [" + api + ", {parallel: [" + api + "]}]}}, " + api + "]}", 200, 0, 3},
		"fails":                {bad + ", " + api, 10, 503, 1},
		"optional":             {"{call: {service: bad, operation: GET /x, optional: true}}, " + api, 110, 0, 2},
		"fallback":             {"{call: {service: bad, operation: GET /x, optional: true, fallback: [{work: {time: 50ms, cpu: 0}}]}}", 60, 0, 1},
		"async":                {"{call: {service: api, operation: GET /a, async: true}}, {work: {time: 1ms, cpu: 0}}", 1, 0, 1},
		"async, and it fails":  {"{call: {service: bad, operation: GET /x, async: true}}", 0, 0, 1},
		"fail":                 {"{fail: {share: 1, error: no, status: 418, reason: invalid}}", 0, 418, 0},
		"never":                {"{work: {time: 1s}, share: 0.0000001}", 0, 0, 0},
		"CPU, then the rest":   {"{work: {time: 40ms, cpu: 0.25}}", 40, 0, 0},
		"nothing to do at all": {"", 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := record()
			f := start(t, parse(t, strings.Replace(steps(c.steps), "%s", "unavailable", 1)), 1, r)
			f.Run(21 * des.Second)
			if n := len(r.handled["web"]); n < 20 || n > 21 {
				t.Fatalf("%d requests", n)
			}
			for _, h := range r.handled["web"] {
				took := h.Ended - h.Arrived
				if took < c.took*des.Millisecond || took > c.took*des.Millisecond+des.Millisecond {
					t.Fatalf("took %v, want %v", took, c.took*des.Millisecond)
				}
				if status := 0; h.Failure != nil {
					if status = h.Failure.Status; status != c.status {
						t.Fatalf("failure %+v, want status %d", h.Failure, c.status)
					}
				} else if c.status != 0 {
					t.Fatalf("no failure, want status %d", c.status)
				}
			}
			if per := float64(len(r.attempts)) / float64(len(r.handled["web"])); per < float64(c.attempts)-0.3 || per > float64(c.attempts)+0.3 {
				t.Errorf("%g attempts a request, want %d", per, c.attempts)
			}
			web := f.Services[0].Replicas[0]
			if web.InFlight > 1 {
				t.Errorf("%d in flight", web.InFlight)
			}
		})
	}
}

// TestReasons: what a caller returns for what went wrong further down.
func TestReasons(t *testing.T) {
	for reason, want := range map[model.Reason]struct {
		status int
		reason model.Reason
	}{
		model.Timeout: {504, model.Timeout}, model.Unavailable: {503, model.Unavailable}, model.Rejected: {503, model.Unavailable},
		model.Internal: {500, model.Internal}, model.Invalid: {400, model.Invalid},
	} {
		r := record()
		text := strings.Replace(steps("{call: {service: bad, operation: GET /x}}"), "%s", string(reason), 1)
		start(t, parse(t, text), 1, r).Run(5 * des.Second)
		h := r.handled["web"][0]
		if h.Failure == nil || h.Failure.Status != want.status || h.Failure.Reason != want.reason {
			t.Errorf("%s: got %+v, want %+v", reason, h.Failure, want)
		}
	}
}

// TestInvalid: a caller passes the status of its mistake on, as far as its own protocol has it.
func TestInvalid(t *testing.T) {
	for name, c := range map[string]struct {
		words  []string // and what stands for them
		status int
	}{
		"its own status": {[]string{"%s", "invalid, status: 402"}, 402},
		"by gRPC":        {[]string{"%s", "invalid", "GET /x}", "shop.Bad/X}", "GET /x,", "shop.Bad/X, protocol: grpc,"}, 400},
		"told by gRPC":   {[]string{"%s", "invalid, status: 402", "name: GET /,", "name: shop.Web/Get, protocol: grpc,", "operation: GET /,", "operation: shop.Web/Get,"}, 3},
	} {
		r := record()
		text := strings.NewReplacer(c.words...).Replace(steps("{call: {service: bad, operation: GET /x}}"))
		start(t, parse(t, text), 1, r).Run(5 * des.Second)
		h := r.handled["web"][0]
		if h.Failure == nil || h.Failure.Status != c.status || h.Failure.Reason != model.Invalid {
			t.Errorf("%s: got %+v, want invalid with status %d", name, h.Failure, c.status)
		}
	}
}

// TestExceptions: a failure that a step states has a class of the runtime's, since logs and spans show it.
func TestExceptions(t *testing.T) {
	for runtime, want := range map[model.Runtime]string{model.JVM: "java.lang.RuntimeException", model.Python: "RuntimeError"} {
		r := record()
		text := strings.Replace(steps("{fail: {share: 1, error: no}}"), "runtime: go", "runtime: "+string(runtime), 1)
		start(t, parse(t, strings.Replace(text, "%s", "internal", 1)), 1, r).Run(5 * des.Second)
		if f := r.handled["web"][0].Failure; f == nil || f.Type != want || f.Text != "no" {
			t.Errorf("%s: got %+v, want class %s", runtime, f, want)
		}
	}
}

// TestTraces: every request is one tree without holes, and messages belong to it.
func TestTraces(t *testing.T) {
	sys, err := model.Read("system.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	r := record()
	start(t, sys, 1, r).Run(20 * des.Second)
	type node struct {
		id     flow.TraceID
		parent flow.SpanID
		server bool
	}
	spans := map[flow.SpanID]node{}
	add := func(x flow.Trace, server bool) {
		if _, twice := spans[x.Span]; twice {
			t.Fatalf("span %x twice", x.Span)
		}
		spans[x.Span] = node{x.ID, x.Parent, server}
	}
	for _, name := range []string{"web", "cart", "catalog", "search", "checkout", "mailer"} {
		for _, h := range r.handled[name] {
			add(h.Trace, true)
		}
	}
	for _, a := range r.attempts {
		if a.Dependency.Replica.Service.Model.Kind == model.App {
			add(a.Trace, false)
		}
	}
	for _, p := range r.published {
		add(p.Trace, false)
	}
	roots, holes := map[flow.TraceID]int{}, 0
	for _, n := range spans {
		if n.parent == (flow.SpanID{}) {
			roots[n.id]++
		} else if up, ok := spans[n.parent]; !ok {
			holes++ // The parent has not ended yet.
		} else if up.id != n.id {
			t.Fatal("a span's parent is in another trace")
		} else if up.server == n.server {
			t.Fatal("a server's parent is no client or producer, or the other way round")
		}
	}
	if len(spans) < 30_000 || holes > len(spans)/100 {
		t.Errorf("%d spans, %d without their parents", len(spans), holes)
	}
	for id, n := range roots {
		if n != 1 {
			t.Fatalf("trace %x has %d roots", id, n)
		}
	}
	if len(roots) < 3500 || len(r.handled["mailer"]) < 500 {
		t.Errorf("%d traces, %d messages", len(roots), len(r.handled["mailer"]))
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ runtime, api, dependency, want, class string }{
		{"go", "", ", timeout: 50ms", `Get "http://api:8080/a": context deadline exceeded`, "context.deadlineExceededError"},
		{"jvm", "", ", timeout: 50ms", `I/O error on GET request for "http://api:8080/a": Read timed out`, "java.net.SocketTimeoutException"},
		{"go", "external", ", timeout: 50ms", `Get "https://api/a": context deadline exceeded`, "context.deadlineExceededError"},
		{"node", "", ", timeout: 50ms", "timeout of 50ms exceeded", "ETIMEDOUT"},
		{"python", "", ", timeout: 50ms", "HTTPConnectionPool(host='api', port=8080): Read timed out. (read timeout=0.05)", "requests.exceptions.ReadTimeout"},
		{"go", "unready", "", `Get "http://api:8080/a": dial tcp 10.96.0.11:8080: connect: connection refused`, "*net.OpError"},
		{"go", "grpc", ", timeout: 50ms", "rpc error: code = DeadlineExceeded desc = context deadline exceeded", "DEADLINE_EXCEEDED"},
		{"go", "grpc unready", "", `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.96.0.11:9090: connect: connection refused"`, "UNAVAILABLE"},
		{"go", "database", ", timeout: 50ms", "pq: canceling statement due to user request", "*pq.Error"},
		{"jvm", "database", ", pool: {size: 1, wait: 30ms}", "HikariPool-1 - Connection is not available, request timed out after 30ms.", "java.sql.SQLTransientConnectionException"},
	} {
		protocol, kind := "http", "app"
		if strings.HasPrefix(c.api, "grpc") {
			protocol = "grpc"
		}
		switch c.api {
		case "database":
			protocol, kind = "sql", "database"
		case "external":
			kind = "external"
		}
		text := "services:\n" +
			strings.Replace(service("web", "replicas: 1, dependencies: [{service: api"+c.dependency+"}], operations: [{name: GET /, steps: ["+calls+"]}]"), "native", c.runtime, 1) +
			service("api", "kind: "+kind+", replicas: 1, operations: [{name: GET /a, path: /a, protocol: "+protocol+", steps: [{work: {time: 200ms, cpu: 0}}]}]") +
			"clients:\n  - {name: users, service: web, rate: 20, mix: [{operation: GET /, weight: 1}]}\n"
		var faults []model.Fault
		if strings.Contains(c.api, "unready") {
			faults = append(faults, model.Fault{At: at(time.Second), Set: []model.Setting{{Service: "api", Parameter: model.Unready, To: "1"}}})
		}
		r := record()
		start(t, parse(t, text), 1, r, faults...).Run(60 * des.Second)
		found := map[string]string{}
		for _, a := range r.attempts {
			if a.Failure != nil {
				found[a.Failure.Text] = a.Failure.Type
			}
		}
		if found[c.want] != c.class {
			t.Errorf("%s, %s: got %q, want %q (%s)", c.runtime, c.api, found, c.want, c.class)
		}
	}
}
