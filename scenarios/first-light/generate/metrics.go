package generate

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"firedrill/replay"
	"firedrill/replay/recording"
)

const serverDuration = "http_server_request_duration_seconds"

// families is what the metrics say of themselves, in the words of the OpenTelemetry semantic
// conventions and of the Prometheus client libraries.
var families = map[string]replay.Family{
	serverDuration:                          {Type: "histogram", Help: "Duration of HTTP server requests.", Unit: "seconds"},
	"http_client_request_duration_seconds":  {Type: "histogram", Help: "Duration of HTTP client requests.", Unit: "seconds"},
	"db_client_connection_count":            {Type: "gauge", Help: "The number of connections that are currently in the state described by the state attribute."},
	"db_client_connection_max":              {Type: "gauge", Help: "The maximum number of open connections allowed."},
	"db_client_connection_pending_requests": {Type: "gauge", Help: "The number of current pending requests for an open connection."},
	"process_cpu_seconds":                   {Type: "counter", Help: "Total user and system CPU time spent in seconds.", Unit: "seconds"},
	"process_resident_memory_bytes":         {Type: "gauge", Help: "Resident memory size in bytes.", Unit: "bytes"},
	"process_start_time_seconds":            {Type: "gauge", Help: "Start time of the process since unix epoch in seconds.", Unit: "seconds"},
	"process_open_fds":                      {Type: "gauge", Help: "Number of open file descriptors."},
	"target_info":                           {Type: "info", Help: "Target metadata"},
	"up":                                    {Type: "gauge", Help: "Whether the last scrape of the target succeeded."},
}

// bounds are the buckets that the semantic conventions advise for http.server.request.duration.
var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// observation is one measured duration.
type observation struct {
	at      time.Time
	seconds float64
}

// telemetry is what a pod exposes to a scrape.
type telemetry struct {
	target      labels.Labels
	routes      map[string]*histogram // by route and status
	order       []string              // of routes
	clientCalls []observation         // of the native histogram, by time once sorted
	client      native
	cpu         float64
	series      map[string]labels.Labels // exposed in the last scrape, by text
}

// histogram is a classic histogram with the newest exemplar of each bucket since the last scrape.
type histogram struct {
	labels    labels.Labels
	counts    []float64 // cumulative; the last is +Inf
	sum       float64
	exemplars map[int]replay.Exemplar
}

func newTelemetry(p *pod) *telemetry {
	return &telemetry{
		target: labels.FromStrings("job", p.service, "instance", p.instance, "namespace", "shop", "pod", p.name, "container", p.service),
		routes: map[string]*histogram{},
	}
}

// observe counts a call that ended.
func (t *telemetry) observe(c call) {
	status := strconv.Itoa(c.status)
	id := c.route + " " + status
	h := t.routes[id]
	if h == nil {
		h = &histogram{
			labels: with(t.target, "http_request_method", c.method, "http_route", c.route, "http_response_status_code", status),
			counts: make([]float64, len(bounds)+1), exemplars: map[int]replay.Exemplar{},
		}
		t.routes[id] = h
		t.order = append(t.order, id)
		slices.Sort(t.order)
	}
	seconds := c.end.Sub(c.begin).Seconds()
	h.sum += seconds
	first, _ := slices.BinarySearch(bounds, seconds)
	for i := first; i < len(h.counts); i++ {
		h.counts[i]++
	}
	h.exemplars[first] = replay.Exemplar{
		Labels: labels.FromStrings("trace_id", c.trace.String(), "span_id", c.span.String()),
		V:      seconds, T: c.end.UnixMilli(),
	}
	t.cpu += 0.004 + 0.02*min(seconds, 0.05)
}

// scrape writes the samples of all scrapes, in the order of time.
func (s *simulation) scrape(w *recording.Writer) error {
	var calls int
	for tick := start; tick.Before(end); tick = tick.Add(scrapeEvery) {
		for _, p := range s.shop.pods {
			at := tick.Add(p.scrapeAt)
			if at.Before(p.from) || !at.Before(end) {
				continue
			}
			// Calls are handed out by time: to whichever pod they belong, up to this scrape.
			for ; calls < len(s.calls) && s.calls[calls].end.Before(at); calls++ {
				s.calls[calls].pod.telemetry.observe(s.calls[calls])
			}
			if !p.to.IsZero() && at.After(p.to) {
				if err := p.vanish(w, at); err != nil {
					return err
				}
				continue
			}
			if err := s.expose(w, p, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// expose writes one scrape of one pod.
func (s *simulation) expose(w *recording.Writer, p *pod, at time.Time) error {
	t := p.telemetry
	e := &exposition{w: w, at: at.UnixMilli(), target: t.target, series: map[string]labels.Labels{}}
	e.gauge("up", 1)
	e.gauge("process_start_time_seconds", float64(p.started.UnixMilli())/1000)
	t.cpu += scrapeEvery.Seconds() * 0.003
	e.gauge("process_cpu_seconds_total", math.Round(t.cpu*100)/100)
	uptime := min(at.Sub(p.started).Hours(), 1)
	e.gauge("process_resident_memory_bytes", 4096*math.Round((38e6+14e6*uptime+1.5e6*s.rng.Float64())/4096))
	e.gauge("process_open_fds", float64(18+s.rng.IntN(6)))
	e.put(with(t.target, model.MetricNameLabel, "target_info", "service_name", p.service, "service_namespace", "shop",
		"service_instance_id", p.name, "service_version", version), 1)
	for _, id := range t.order {
		e.histogram(t.routes[id])
	}
	switch p.service {
	case "frontend":
		t.client.observe(t.clientCalls, at)
		e.native(with(t.target, model.MetricNameLabel, "http_client_request_duration_seconds"), &t.client)
	case "product-catalog":
		used, pending := s.connections(at)
		e.gauge("db_client_connection_max", 10)
		e.gauge("db_client_connection_count", used, "state", "used")
		e.gauge("db_client_connection_count", 10-used, "state", "idle")
		e.gauge("db_client_connection_pending_requests", pending)
	}
	t.series = e.series
	return e.err
}

// vanish ends what the pod exposed last with stale markers, as the first scrape after its end does.
func (p *pod) vanish(w *recording.Writer, at time.Time) error {
	for _, l := range sorted(p.telemetry.series) {
		if err := w.Sample(l, at.UnixMilli(), math.Float64frombits(value.StaleNaN)); err != nil {
			return err
		}
	}
	p.telemetry.series = nil
	return nil
}

// connections is how the pool of database connections stands: how many are used and how many requests
// wait for one.
func (s *simulation) connections(at time.Time) (used, pending float64) {
	if at.Before(poolTrouble) {
		return float64(1 + s.rng.IntN(3)), 0
	}
	waiting := 0
	for _, c := range s.calls {
		if c.pod.service == "product-catalog" && c.begin.Before(at) && at.Before(c.begin.Add(c.waited)) {
			waiting++
		}
	}
	return 10, float64(waiting)
}

// exposition writes the samples of one scrape and keeps the first error.
type exposition struct {
	w      *recording.Writer
	at     int64 // ms
	target labels.Labels
	series map[string]labels.Labels
	err    error
}

func (e *exposition) gauge(name string, v float64, more ...string) {
	e.put(with(e.target, append(more, model.MetricNameLabel, name)...), v)
}

func (e *exposition) put(l labels.Labels, v float64) {
	e.series[l.String()] = l
	if e.err == nil {
		e.err = e.w.Sample(l, e.at, v)
	}
}

func (e *exposition) histogram(h *histogram) {
	for i, n := range h.counts {
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(bounds[i], 'f', -1, 64)
			if !slices.Contains([]byte(le), '.') {
				le += ".0" // as Prometheus 3 writes bounds
			}
		}
		l := with(h.labels, model.MetricNameLabel, serverDuration+"_bucket", "le", le)
		e.put(l, n)
		if x, ok := h.exemplars[i]; ok && e.err == nil {
			e.err = e.w.Exemplar(l, x)
		}
	}
	clear(h.exemplars)
	e.put(with(h.labels, model.MetricNameLabel, serverDuration+"_sum"), h.sum)
	e.put(with(h.labels, model.MetricNameLabel, serverDuration+"_count"), h.counts[len(h.counts)-1])
}

func (e *exposition) native(l labels.Labels, n *native) {
	e.series[l.String()] = l
	if e.err == nil {
		e.err = e.w.Histogram(l, e.at, n.histogram())
	}
}

// with returns l with more names and values.
func with(l labels.Labels, pairs ...string) labels.Labels {
	b := labels.NewBuilder(l)
	for i := 0; i < len(pairs); i += 2 {
		b.Set(pairs[i], pairs[i+1])
	}
	return b.Labels()
}

// sorted returns the label sets in a fixed order.
func sorted(m map[string]labels.Labels) []labels.Labels {
	var out []labels.Labels
	for _, l := range m {
		out = append(out, l)
	}
	slices.SortFunc(out, labels.Compare)
	return out
}
