package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firedrill/internal/challenge"
)

// metrics are what the API tells of itself. Labels have few values: the route is a pattern, the code a class.
type metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	streams   prometheus.Gauge
	unaudited prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "firedrill_http_requests_total", Help: "Requests of the API.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "firedrill_http_request_duration_seconds", Help: "How long requests of the API took; streams are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "method"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "firedrill_http_event_streams", Help: "Streams of events that are open.",
		}),
		unaudited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "firedrill_http_refusals_unaudited_total", Help: "Refusals that were not audited, since there were too many or the store was away.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.duration, m.streams, m.unaudited)
	}
	return m
}

// noRoute is the route of what matches none.
const noRoute = "none"

// request is what is known of a request while it is served.
type request struct {
	route  string
	stream bool
	call   challenge.Call // once the caller is identified
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

func routeOf(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return r.route
	}
	return noRoute
}

// method keeps invented methods out of the labels.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// observe counts a request that was served.
func (m *metrics) observe(r *http.Request, info *request, status int, took time.Duration) {
	m.requests.WithLabelValues(info.route, method(r.Method), strconv.Itoa(status/100)+"xx").Inc()
	if !info.stream {
		m.duration.WithLabelValues(info.route, method(r.Method)).Observe(took.Seconds())
	}
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int // 0 until something is written
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
