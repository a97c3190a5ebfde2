package sim

import (
	"strings"

	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/telemetry"
)

// gateway is what a reverse proxy exposes: as ingress-nginx, or as Envoy if its log is Envoy's.
type gateway struct {
	process  *process
	envoy    bool
	routes   []route // by operation
	clusters []cluster
	upstream *flow.Attempt // the latest, copied
}

// route is one operation of ingress-nginx.
type route struct {
	labels []string
	ends   map[int]ended // by status
}

type ended struct {
	requests *telemetry.Counter
	duration *telemetry.Histogram
}

// cluster is an upstream of Envoy.
type cluster struct {
	labels   []string
	classes  map[int]*telemetry.Counter
	duration *telemetry.Histogram
	timeouts *telemetry.Counter
	resets   *telemetry.Counter
}

// envoyBuckets are Envoy's own, in milliseconds.
var envoyBuckets = []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000}

// plain is a family without a suffix that tells its type, as proxies have them.
func plain(name, kind, help string) telemetry.Family {
	return telemetry.Family{Name: name, Type: kind, Help: help}
}

func newGateway(p *process) *gateway {
	g := &gateway{process: p, envoy: p.unit.service.Model.Logs.Format == "envoy"}
	if g.envoy {
		g.observeEnvoy()
		return g
	}
	const name = "nginx_ingress_controller_nginx_process_connections"
	connections := plain(name, telemetry.TypeGauge, "current number of client connections with state {active, reading, writing, waiting}")
	r := p.replica
	p.group.Func(connections, func() float64 { return float64(r.InFlight + r.Queued + idleConnections) }, "state", "active")
	p.group.Func(connections, func() float64 { return float64(r.InFlight + r.Queued) }, "state", "writing")
	p.group.Func(connections, func() float64 { return idleConnections }, "state", "waiting")
	for _, o := range p.unit.service.Operations {
		method, path := cut(o.Model.Name)
		path, _, _ = strings.Cut(path, "{")
		if len(path) > 1 {
			path = strings.TrimSuffix(path, "/")
		}
		g.routes = append(g.routes, route{ends: map[int]ended{}, labels: []string{
			"ingress", p.unit.service.Model.Front(), "exported_namespace", p.unit.run.sys.Namespace, "exported_service", backend(o.Model.Steps),
			"method", method, "path", path,
		}})
	}
	return g
}

// idleConnections are those that browsers keep open for a while.
const idleConnections = 40

// backend is the service that a proxy passes an operation on to.
func backend(steps []model.Step) string {
	for _, s := range steps {
		if s.Call != nil {
			return s.Call.Service
		}
	}
	return ""
}

func (g *gateway) observeEnvoy() {
	p := g.process
	r := p.replica
	const prefix = "envoy_http_conn_manager_prefix"
	p.group.Func(plain("envoy_http_downstream_rq_active", telemetry.TypeGauge, "Total active requests"),
		func() float64 { return float64(r.InFlight + r.Queued) }, prefix, "ingress_http")
	for _, d := range r.Dependencies {
		name := []string{"envoy_cluster_name", d.Target.Model.Name}
		p.group.Func(plain("envoy_cluster_upstream_cx_active", telemetry.TypeGauge, "Total active connections"),
			func() float64 { return float64(max(d.Pool.Used+d.Pool.Idle, d.InFlight)) }, name...)
		p.group.Func(plain("envoy_cluster_upstream_rq_retry", telemetry.TypeCounter, "Total request retries"),
			func() float64 { return float64(d.Retries) }, name...)
		p.group.Func(plain("envoy_cluster_upstream_rq_pending_overflow", telemetry.TypeCounter, "Total requests that overflowed connection pool circuit breaking and were failed"),
			func() float64 { return float64(d.Pool.Timeouts + d.Breaker.Refused) }, name...)
		g.clusters = append(g.clusters, cluster{
			labels: name, classes: map[int]*telemetry.Counter{},
			duration: p.group.Histogram(plain("envoy_cluster_upstream_rq_time", telemetry.TypeHistogram, "Request time milliseconds"), telemetry.Buckets{Classic: envoyBuckets}, name...),
			timeouts: p.group.Counter(plain("envoy_cluster_upstream_rq_timeout", telemetry.TypeCounter, "Total requests that timed out waiting for a response"), name...),
			resets:   p.group.Counter(plain("envoy_cluster_upstream_rq_rx_reset", telemetry.TypeCounter, "Total requests that were reset remotely"), name...),
		})
	}
}

// handled counts a request that the proxy has answered.
func (g *gateway) handled(h *flow.Handled) {
	p := g.process
	status, took := statusOf(h.Failure), h.Ended-h.Arrived
	if g.envoy {
		const prefix = "envoy_http_conn_manager_prefix"
		p.group.Counter(plain("envoy_http_downstream_rq_xx", telemetry.TypeCounter, "Aggregate HTTP response codes"),
			prefix, "ingress_http", "envoy_response_code_class", itoa(status/100)).Inc()
		p.group.Histogram(plain("envoy_http_downstream_rq_time", telemetry.TypeHistogram, "Total time for request and response (milliseconds)"),
			telemetry.Buckets{Classic: envoyBuckets}, prefix, "ingress_http").Observe(float64(took) / 1e6)
		return
	}
	route := &g.routes[h.Operation.Index]
	e, ok := route.ends[status]
	if !ok {
		l := append(route.labels[:len(route.labels):len(route.labels)], "status", itoa(status))
		e.requests = p.group.Counter(plain("nginx_ingress_controller_requests", telemetry.TypeCounter, "The total number of client requests"), l...)
		e.duration = p.group.Histogram(plain("nginx_ingress_controller_request_duration_seconds", telemetry.TypeHistogram, "The request processing time in seconds"), p.buckets(), l...)
		route.ends[status] = e
	}
	e.requests.Inc()
	e.duration.Observe(took.Seconds())
}

// buckets are those of a histogram of what the process serves.
func (p *process) buckets() telemetry.Buckets {
	b := telemetry.Buckets{Classic: p.replica.Buckets}
	if b.Classic == nil {
		b.Classic = telemetry.DurationBuckets
	}
	switch p.unit.service.Model.Histograms {
	case "native":
		return telemetry.Buckets{Native: true}
	case "both":
		b.Native = true
	}
	return b
}

// attempted counts what an upstream has answered.
func (g *gateway) attempted(a *flow.Attempt) {
	copied := *a
	g.upstream = &copied
	if !g.envoy || a.NotSent {
		return
	}
	c := &g.clusters[a.Dependency.Index]
	status := statusOf(a.Failure)
	if a.Failure != nil && a.Failure.Status == 0 {
		if a.Failure.Reason == model.Timeout {
			c.timeouts.Inc()
		} else {
			c.resets.Inc()
		}
	}
	n := c.classes[status/100]
	if n == nil {
		n = g.process.group.Counter(plain("envoy_cluster_upstream_rq_xx", telemetry.TypeCounter, "Aggregate HTTP response codes"),
			append(c.labels[:len(c.labels):len(c.labels)], "envoy_response_code_class", itoa(status/100))...)
		c.classes[status/100] = n
	}
	n.Inc()
	c.duration.Observe(float64(a.Ended-a.Sent) / 1e6)
}

// statusOf is the HTTP status that a request ended with; a proxy says 502 or 504 when nobody answered it.
func statusOf(f *flow.Failure) int {
	switch {
	case f == nil:
		return 200
	case f.Status > 0:
		return f.Status
	case f.Reason == model.Timeout:
		return 504
	}
	return 502
}
