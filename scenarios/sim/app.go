package sim

import (
	"strings"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/exporter"
	"firedrill/scenarios/sim/telemetry/semconv"
)

// app is the instrumentation of a process of our own code: OpenTelemetry's SDK with the usual libraries.
type app struct {
	process   *process
	set       semconv.Set
	servers   []*semconv.Operation // by operation; nil for consumers
	clients   []client             // by dependency
	producers map[*flow.Topic]*semconv.Operation
	consumers map[*flow.Group]*semconv.Operation
	pauses    pauses
}

// client is what a process knows of one dependency.
type client struct {
	operations []*semconv.Operation // by operation of the target
	wait       *telemetry.Histogram // for a connection of the pool; nil without a database's pool
	phase      flow.BreakerPhase    // of the breaker, as the log last had it
}

func newApp(p *process) *app {
	m := p.unit.service.Model
	a := &app{process: p, producers: map[*flow.Topic]*semconv.Operation{}, consumers: map[*flow.Group]*semconv.Operation{}}
	a.set = semconv.Set{Group: p.group, Language: language(m.Runtime), Server: semconv.Classic, Client: semconv.Native, Buckets: p.replica.Buckets}
	switch m.Histograms {
	case "native":
		a.set.Server = semconv.Native
	case "both":
		a.set.Server, a.set.Client = semconv.Both, semconv.Both
	}
	http := false
	for _, o := range p.unit.service.Operations {
		a.servers = append(a.servers, a.server(o.Model, m))
		http = http || o.Model.Protocol == model.HTTP
	}
	if http {
		a.set.ActiveRequests(func() float64 { return float64(p.replica.InFlight + p.replica.Queued) })
	}
	for _, d := range p.replica.Dependencies {
		c := client{}
		for _, o := range d.Target.Operations {
			c.operations = append(c.operations, a.client(o.Model, d.Target.Model))
		}
		c.wait = a.observeDependency(d)
		a.clients = append(a.clients, c)
	}
	a.observeWorkers()
	for i, c := range p.replica.Caches {
		a.observeCache(c, &p.replica.LookUps[i])
	}
	if m.Runtime == model.JVM {
		a.pauses.jvm = map[platform.Collection]*telemetry.Histogram{}
	}
	return a
}

// server is an operation that the process serves.
func (a *app) server(o *model.Operation, m *model.Service) *semconv.Operation {
	switch o.Protocol {
	case model.HTTP:
		method, route := cut(o.Name)
		return a.set.HTTPServer(semconv.HTTP{Method: method, Route: route, Address: m.Name, Port: port(m, o.Protocol)})
	case model.GRPC:
		service, method, _ := strings.Cut(o.Name, "/")
		return a.set.RPCServer(semconv.RPC{Service: service, Method: method, Address: m.Name, Port: port(m, o.Protocol)})
	}
	return nil
}

// client is an operation that the process calls.
func (a *app) client(o *model.Operation, m *model.Service) *semconv.Operation {
	at := port(m, o.Protocol)
	switch o.Protocol {
	case model.HTTP:
		method, _ := cut(o.Name)
		return a.set.HTTPClient(semconv.HTTP{Method: method, Address: m.Name, Port: at})
	case model.GRPC:
		service, method, _ := strings.Cut(o.Name, "/")
		return a.set.RPCClient(semconv.RPC{Service: service, Method: method, Address: m.Name, Port: at})
	case model.SQL:
		verb, collection := cut(o.Name)
		return a.set.DB(semconv.DB{System: "postgresql", Namespace: database(m), Operation: verb, Collection: collection, Query: o.Query, Address: m.Name, Port: at})
	case model.Redis:
		verb, _ := cut(o.Name)
		return a.set.DB(semconv.DB{System: "redis", Namespace: "0", Operation: verb, Address: m.Name, Port: at})
	}
	return nil
}

func (a *app) producer(t *flow.Topic) *semconv.Operation {
	o := a.producers[t]
	if o == nil {
		o = a.set.Producer(semconv.Messaging{System: "kafka", Destination: t.Model.Name, Address: t.Broker.Model.Name, Port: port(t.Broker.Model, model.Message)})
		a.producers[t] = o
	}
	return o
}

func (a *app) consumer(g *flow.Group) *semconv.Operation {
	o := a.consumers[g]
	if o == nil {
		o = a.set.Consumer(semconv.Messaging{System: "kafka", Destination: g.Topic.Model.Name, Group: g.Model.Group})
		a.consumers[g] = o
	}
	return o
}

// cut splits the name of an operation at its blank.
func cut(name string) (first, rest string) {
	first, rest, _ = strings.Cut(name, " ")
	return first, rest
}

// database is the name of a database service's database: payments-db holds payments.
func database(m *model.Service) string {
	name := m.Name
	for _, end := range []string{"-db", "-database", "-postgres", "-postgresql", "-pg"} {
		name = strings.TrimSuffix(name, end)
	}
	return strings.ReplaceAll(name, "-", "_")
}

// port is where a service listens.
func port(m *model.Service, p model.Protocol) int {
	switch {
	case m.Kind == model.External:
		return 443
	case p == model.GRPC:
		return 9090
	case p == model.SQL:
		return 5432
	case p == model.Redis:
		return 6379
	case p == model.Message:
		return 9092
	}
	return 8080
}

// family is a metric of the application itself, named as its type demands.
func family(name, help string) telemetry.Family {
	f := telemetry.Family{Name: name, Type: telemetry.TypeGauge, Help: help}
	if strings.HasSuffix(name, "_total") {
		f.Type = telemetry.TypeCounter
	}
	return f
}

// observeWorkers exposes the worker pool, of a service that has one.
func (a *app) observeWorkers() {
	r, g := a.process.replica, a.process.group
	if a.process.unit.service.Model.Workers == 0 && r.Workers == 0 {
		return
	}
	g.Func(family("worker_pool_busy", "Workers that serve a request."), func() float64 { return float64(r.InFlight) })
	g.Func(family("worker_pool_size", "Workers that the process has."), func() float64 { return float64(r.Workers) })
	g.Func(family("worker_pool_queue_length", "Requests that wait for a worker."), func() float64 { return float64(r.Queued) })
	if a.process.unit.service.Model.Queue > 0 {
		g.Func(family("worker_pool_rejected_total", "Requests refused because the queue was full."), func() float64 { return float64(r.Refused) })
	}
}

// observeDependency exposes pool, retries and breaker of a client, as far as it has them.
func (a *app) observeDependency(d *flow.Dependency) (wait *telemetry.Histogram) {
	g, m, target := a.process.group, d.Model, d.Target.Model
	address := []string{"server_address", target.Name}
	switch {
	case target.Kind == model.Database || target.Kind == model.Cache && m.Pool != nil:
		pool := exporter.ConnectionPool{
			Name: database(target), Used: func() float64 { return float64(d.Pool.Used) }, Idle: func() float64 { return float64(d.Pool.Idle) },
			Pending: func() float64 { return float64(d.Pool.Pending) }, Timeouts: func() float64 { return float64(d.Pool.Timeouts) },
		}
		if d.Pool.Max > 0 {
			pool.Max = func() float64 { return float64(d.Pool.Max) }
		}
		wait = pool.Add(g, telemetry.Buckets{Native: true})
	case m.Pool != nil:
		open := family("http_client_open_connections", "Number of outbound HTTP connections that are currently active or idle on the client.")
		g.Func(open, func() float64 { return float64(d.Pool.Used) }, append(address, "http_connection_state", "active")...)
		g.Func(open, func() float64 { return float64(d.Pool.Idle) }, append(address, "http_connection_state", "idle")...)
		g.Func(family("http_client_pending_requests", "Number of requests that wait for an outbound connection."),
			func() float64 { return float64(d.Pool.Pending) }, address...)
	}
	if m.Retry != nil && m.Retry.Attempts > 1 {
		g.Func(family("client_request_retries_total", "Attempts after the first one."), func() float64 { return float64(d.Retries) }, address...)
		if m.Retry.Budget > 0 {
			g.Func(family("client_request_retries_denied_total", "Retries that the budget did not allow."),
				func() float64 { return float64(d.RetriesDenied) }, address...)
		}
	}
	if m.Hedge != nil {
		g.Func(family("client_request_hedges_total", "Second attempts that were sent before the first had answered."),
			func() float64 { return float64(d.Hedges) }, address...)
	}
	if m.Breaker != nil {
		for _, phase := range []flow.BreakerPhase{flow.Closed, flow.HalfOpen, flow.Open} {
			g.Func(family("circuit_breaker_state", "1 for the state that the circuit breaker is in."),
				func() float64 { return truth(d.Breaker.Phase == phase) }, "name", target.Name, "state", phase.String())
		}
		g.Func(family("circuit_breaker_rejected_calls_total", "Calls that the circuit breaker did not let out."),
			func() float64 { return float64(d.Breaker.Refused) }, "name", target.Name)
	}
	return wait
}

// observeCache exposes a cache under the names of Micrometer, which most dashboards of caches know.
// The look-ups are the process's own, also of a cache that it shares.
func (a *app) observeCache(c *flow.CacheState, l *flow.LookUps) {
	g, name := a.process.group, c.Model.Name
	gets := family("cache_gets_total", "The number of times cache lookup methods have returned a cached (hit) or uncached (miss) value.")
	g.Func(gets, func() float64 { return float64(l.Hits) }, "cache", name, "result", "hit")
	g.Func(gets, func() float64 { return float64(l.Misses) }, "cache", name, "result", "miss")
	if !c.Model.Shared {
		g.Func(family("cache_size", "The number of entries in the cache."), func() float64 { return float64(c.Size()) }, "cache", name)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// sampled tells whether spans of a trace are made for something that began at a time: what began before the recording
// is left out of it.
func sampled(t flow.Trace, began des.Time) bool { return t.Sampled && began >= warmUp }

// exemplar is the trace that an observation names, zero for none.
func exemplar(t flow.Trace, began des.Time) telemetry.TraceID {
	if sampled(t, began) {
		return telemetry.TraceID(t.ID)
	}
	return telemetry.TraceID{}
}
