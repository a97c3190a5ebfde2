package semconv

import (
	"strconv"

	"firedrill/scenarios/sim/telemetry"
)

// HTTP is an HTTP endpoint, as its server or a client of it sees it.
type HTTP struct {
	Method  string
	Route   string // template, such as /orders/{id}; clients have none
	Scheme  string // http when empty
	Address string // server.address: the host that clients ask
	Port    int
}

func (h HTTP) scheme() string {
	if h.Scheme == "" {
		return "http"
	}
	return h.Scheme
}

var activeRequests = telemetry.Family{Name: "http_server_active_requests", Type: telemetry.TypeGauge, Help: "Number of active HTTP server requests."}

// ActiveRequests exposes how many requests the process serves, of all methods together, as read tells it: for those
// who do not call Operation.Begin.
func (s Set) ActiveRequests(read func() float64) {
	s.Group.Func(activeRequests, read, "url_scheme", "http")
}

// HTTPServer is an endpoint that the process serves.
func (s Set) HTTPServer(h HTTP) *Operation {
	var f fixed
	f.both("http_request_method", "http.request.method", h.Method)
	f.both("http_route", "http.route", h.Route)
	f.both("url_scheme", "url.scheme", h.scheme())
	f.span("server.address", h.Address)
	f.span("server.port", h.Port)
	return s.operation(Operation{
		kind: telemetry.KindServer, name: h.Method + " " + h.Route, scope: scope(s.Language, "http"), judge: judgeHTTPServer,
		active: s.Group.Gauge(activeRequests, "http_request_method", h.Method, "url_scheme", h.scheme()),
	}, f, telemetry.Family{Name: "http_server_request_duration_seconds", Type: telemetry.TypeHistogram, Help: "Duration of HTTP server requests."},
		s.served())
}

// HTTPClient is an endpoint that the process calls.
func (s Set) HTTPClient(h HTTP) *Operation {
	var f fixed
	f.both("http_request_method", "http.request.method", h.Method)
	f.both("server_address", "server.address", h.Address)
	f.both("server_port", "server.port", h.Port)
	return s.operation(Operation{
		kind: telemetry.KindClient, name: h.Method, scope: scope(s.Language, "http client"), judge: judgeHTTPClient,
	}, f, telemetry.Family{Name: "http_client_request_duration_seconds", Type: telemetry.TypeHistogram, Help: "Duration of HTTP client requests."},
		s.Client.buckets(telemetry.DurationBuckets))
}

// judgeHTTPServer: a client's mistake is not an error of the server.
func judgeHTTPServer(o Outcome) verdict { return judgeHTTP(o, 500) }

// judgeHTTPClient: any answer from 400 on is an error, and so is none.
func judgeHTTPClient(o Outcome) verdict { return judgeHTTP(o, 400) }

func judgeHTTP(o Outcome, failsFrom int) verdict {
	v := verdict{statusLabel: "http_response_status_code", statusAttribute: "http.response.status_code", errorType: o.Error}
	if o.Status != 0 {
		v.status = int64(o.Status)
	}
	if v.errorType == "" && o.Status >= failsFrom {
		v.errorType = strconv.Itoa(o.Status)
	}
	if v.errorType == "" && o.Status == 0 {
		v.errorType = "_OTHER"
	}
	v.failed = v.errorType != ""
	return v
}
