package gateway

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firedrill/internal/challenge"
)

// metrics are the gateway's own. Their labels come from fixed lists: no players, no queries.
type metrics struct {
	requests     *prometheus.CounterVec
	duration     *prometheus.HistogramVec
	refusals     *prometheus.CounterVec
	trailDropped prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "firedrill_gateway_requests_total", Help: "Requests of Grafana's data sources, by class of the answer's status.",
		}, []string{"backend", "endpoint", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "firedrill_gateway_request_duration_seconds", Help: "From the first byte of a request to the last of its answer, or until a tail is open.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"backend", "endpoint"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "firedrill_gateway_refusals_total", Help: "Requests that were refused, by reason.",
		}, []string{"reason"}),
		trailDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "firedrill_gateway_trail_dropped_entries_total", Help: "Entries of the trail that could not be kept.",
		}),
	}
	for _, reason := range reasons {
		m.refusals.WithLabelValues(string(reason))
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.refusals, m.trailDropped} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(b challenge.Backend, endpoint string, status int, took time.Duration) {
	m.requests.WithLabelValues(string(b), endpoint, strconv.Itoa(status/100)+"xx").Inc()
	m.duration.WithLabelValues(string(b), endpoint).Observe(took.Seconds())
}

func (m *metrics) refused(r reason) { m.refusals.WithLabelValues(string(r)).Inc() }
