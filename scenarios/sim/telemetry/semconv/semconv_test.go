package semconv_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/internal/scrapetest"
	"firedrill/scenarios/sim/telemetry/semconv"
)

var at = time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC).UnixNano()

// text is a span for comparison.
func text(s telemetry.Span) map[string]any {
	m := map[string]any{"name": s.Name, "kind": s.Kind.String(), "status": s.Status.String(), "message": s.StatusMessage, "scope": s.Scope.Name}
	for _, a := range s.Attributes {
		m[a.Key] = a.Value
	}
	return m
}

func TestOperations(t *testing.T) {
	set := func(g *telemetry.Group) semconv.Set { return semconv.Set{Group: g, Language: "go"} }
	const otelhttp, otelgrpc = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	for _, c := range []struct {
		name   string
		make   func(semconv.Set) *semconv.Operation
		out    semconv.Outcome
		series map[string]float64
		span   map[string]any
	}{
		{
			"http server error", func(s semconv.Set) *semconv.Operation {
				return s.HTTPServer(semconv.HTTP{Method: "POST", Route: "/pay/{id}", Address: "pay.example", Port: 8080})
			}, semconv.Outcome{Status: 503, Message: "overloaded"},
			map[string]float64{
				`{__name__="http_server_request_duration_seconds", error_type="503", http_request_method="POST", http_response_status_code="503", http_route="/pay/{id}", url_scheme="http"}`: 1,
				`{__name__="http_server_active_requests", http_request_method="POST", url_scheme="http"}`:                                                                                     0,
			},
			map[string]any{"name": "POST /pay/{id}", "kind": "Server", "status": "Error", "message": "overloaded", "scope": otelhttp, "http.request.method": "POST", "http.route": "/pay/{id}",
				"url.scheme": "http", "server.address": "pay.example", "server.port": int64(8080), "http.response.status_code": int64(503), "error.type": "503", "url.path": "/pay/7"},
		}, {
			"http server: a client's mistake", func(s semconv.Set) *semconv.Operation {
				return s.HTTPServer(semconv.HTTP{Method: "GET", Route: "/"})
			}, semconv.Outcome{Status: 404, Message: "unused"},
			map[string]float64{
				`{__name__="http_server_request_duration_seconds", http_request_method="GET", http_response_status_code="404", http_route="/", url_scheme="http"}`: 1,
				`{__name__="http_server_active_requests", http_request_method="GET", url_scheme="http"}`:                                                           0,
			},
			map[string]any{"name": "GET /", "kind": "Server", "status": "Unset", "message": "", "scope": otelhttp, "http.request.method": "GET", "http.route": "/", "url.scheme": "http",
				"http.response.status_code": int64(404), "url.path": "/pay/7"},
		}, {
			"http client without an answer", func(s semconv.Set) *semconv.Operation {
				return s.HTTPClient(semconv.HTTP{Method: "GET", Address: "risk", Port: 80})
			}, semconv.Outcome{Error: "timeout", Message: "context deadline exceeded"},
			map[string]float64{`{__name__="http_client_request_duration_seconds", error_type="timeout", http_request_method="GET", server_address="risk", server_port="80"}`: 1},
			map[string]any{"name": "GET", "kind": "Client", "status": "Error", "message": "context deadline exceeded", "scope": otelhttp, "http.request.method": "GET",
				"server.address": "risk", "server.port": int64(80), "error.type": "timeout", "url.path": "/pay/7"},
		}, {
			"rpc server: a client's mistake", func(s semconv.Set) *semconv.Operation {
				return s.RPCServer(semconv.RPC{Service: "risk.v1.Risk", Method: "Evaluate"})
			}, semconv.Outcome{Status: semconv.InvalidArgument},
			map[string]float64{`{__name__="rpc_server_call_duration_seconds", rpc_method="risk.v1.Risk/Evaluate", rpc_response_status_code="INVALID_ARGUMENT", rpc_system_name="grpc"}`: 1},
			map[string]any{"name": "risk.v1.Risk/Evaluate", "kind": "Server", "status": "Unset", "message": "", "scope": otelgrpc, "rpc.system.name": "grpc", "rpc.method": "risk.v1.Risk/Evaluate",
				"rpc.response.status_code": "INVALID_ARGUMENT", "url.path": "/pay/7"},
		}, {
			"rpc client", func(s semconv.Set) *semconv.Operation {
				return s.RPCClient(semconv.RPC{Service: "risk.v1.Risk", Method: "Evaluate", Address: "risk", Port: 9000})
			}, semconv.Outcome{Status: semconv.DeadlineExceeded},
			map[string]float64{`{__name__="rpc_client_call_duration_seconds", error_type="DEADLINE_EXCEEDED", rpc_method="risk.v1.Risk/Evaluate", rpc_response_status_code="DEADLINE_EXCEEDED", rpc_system_name="grpc", server_address="risk", server_port="9000"}`: 1},
			map[string]any{"name": "risk.v1.Risk/Evaluate", "kind": "Client", "status": "Error", "message": "", "scope": otelgrpc, "rpc.system.name": "grpc", "rpc.method": "risk.v1.Risk/Evaluate",
				"rpc.response.status_code": "DEADLINE_EXCEEDED", "error.type": "DEADLINE_EXCEEDED", "server.address": "risk", "server.port": int64(9000), "url.path": "/pay/7"},
		}, {
			"database", func(s semconv.Set) *semconv.Operation {
				return s.DB(semconv.DB{System: "postgresql", Namespace: "shop", Operation: "SELECT", Collection: "orders", Query: "SELECT $1", Address: "db", Port: 5432})
			}, semconv.Outcome{Error: "57014"},
			map[string]float64{`{__name__="db_client_operation_duration_seconds", db_collection_name="orders", db_namespace="shop", db_operation_name="SELECT", db_system_name="postgresql", error_type="57014", server_address="db", server_port="5432"}`: 1},
			map[string]any{"name": "SELECT orders", "kind": "Client", "status": "Error", "message": "", "scope": "github.com/XSAM/otelsql", "db.system.name": "postgresql", "db.namespace": "shop", "db.operation.name": "SELECT",
				"db.collection.name": "orders", "db.query.text": "SELECT $1", "server.address": "db", "server.port": int64(5432), "error.type": "57014", "url.path": "/pay/7"},
		}, {
			"producer", func(s semconv.Set) *semconv.Operation {
				return s.Producer(semconv.Messaging{System: "kafka", Destination: "orders"})
			}, semconv.Outcome{},
			map[string]float64{
				`{__name__="messaging_client_operation_duration_seconds", messaging_destination_name="orders", messaging_operation_name="send", messaging_system="kafka"}`: 1,
				`{__name__="messaging_client_sent_messages_total", messaging_destination_name="orders", messaging_operation_name="send", messaging_system="kafka"}`:        1,
			},
			map[string]any{"name": "send orders", "kind": "Producer", "status": "Unset", "message": "", "scope": "github.com/twmb/franz-go/plugin/kotel", "messaging.system": "kafka", "messaging.destination.name": "orders",
				"messaging.operation.name": "send", "messaging.operation.type": "send", "url.path": "/pay/7"},
		}, {
			"consumer", func(s semconv.Set) *semconv.Operation {
				return s.Consumer(semconv.Messaging{System: "kafka", Destination: "orders", Group: "mail"})
			}, semconv.Outcome{Error: "ParseError"},
			map[string]float64{
				`{__name__="messaging_process_duration_seconds", error_type="ParseError", messaging_consumer_group_name="mail", messaging_destination_name="orders", messaging_operation_name="process", messaging_system="kafka"}`:       1,
				`{__name__="messaging_client_consumed_messages_total", error_type="ParseError", messaging_consumer_group_name="mail", messaging_destination_name="orders", messaging_operation_name="process", messaging_system="kafka"}`: 1,
			},
			map[string]any{"name": "process orders", "kind": "Consumer", "status": "Error", "message": "", "scope": "github.com/twmb/franz-go/plugin/kotel", "messaging.system": "kafka", "messaging.destination.name": "orders",
				"messaging.operation.name": "process", "messaging.operation.type": "process", "messaging.consumer.group.name": "mail", "error.type": "ParseError", "url.path": "/pay/7"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := scrapetest.Once(t, func(g *telemetry.Group) {
				op := c.make(set(g))
				op.Begin()
				op.End(20*time.Millisecond, c.out, at, telemetry.TraceID{}, telemetry.SpanID{})
				if diff := cmp.Diff(c.span, text(op.Span(c.out, semconv.Path("/pay/7")...))); diff != "" {
					t.Error("span (-want +got):\n" + diff)
				}
			})
			if diff := cmp.Diff(c.series, got); diff != "" {
				t.Error("series (-want +got):\n" + diff)
			}
		})
	}
}

func TestActiveRequestsAreShared(t *testing.T) {
	got := scrapetest.Once(t, func(g *telemetry.Group) {
		in := semconv.Set{Group: g}
		in.HTTPServer(semconv.HTTP{Method: "GET", Route: "/a"}).Begin()
		in.HTTPServer(semconv.HTTP{Method: "GET", Route: "/b"}).Begin()
	})
	if diff := cmp.Diff(map[string]float64{`{__name__="http_server_active_requests", http_request_method="GET", url_scheme="http"}`: 2}, got); diff != "" {
		t.Error("series (-want +got):\n" + diff)
	}
}

func TestExposure(t *testing.T) {
	for exposure, want := range map[semconv.Exposure]int{semconv.Native: 1, semconv.Classic: 17, semconv.Both: 18} {
		got := scrapetest.Once(t, func(g *telemetry.Group) {
			semconv.Set{Group: g, Client: exposure}.HTTPClient(semconv.HTTP{Method: "GET"}).End(time.Second, semconv.Outcome{Status: 200}, at, telemetry.TraceID{}, telemetry.SpanID{})
		})
		if len(got) != want {
			t.Errorf("exposure %d: %d series: %v", exposure, len(got), slices.Sorted(maps.Keys(got)))
		}
	}
}

func TestPath(t *testing.T) {
	for given, want := range map[string]map[string]any{
		"/search":           {"url.path": "/search"},
		"/search?city=7&n=": {"url.path": "/search", "url.query": "city=7&n="},
	} {
		got := map[string]any{}
		for _, a := range semconv.Path(given) {
			got[a.Key] = a.Value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", given, diff)
		}
	}
}
