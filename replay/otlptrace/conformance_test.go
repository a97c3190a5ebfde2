package otlptrace_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/otlptrace"
	"firedrill/replay/sinktest"
)

// sessionAttribute keeps sessions apart in one Jaeger.
const sessionAttribute = "firedrill.session"

func TestConformance(t *testing.T) {
	for _, protocol := range []otlptrace.Protocol{otlptrace.GRPC, otlptrace.HTTP} {
		t.Run("protocol="+string(protocol), func(t *testing.T) {
			suite := sinktest.Suite[replay.Span]{
				New: func(tb testing.TB, o sinktest.Options) replay.Sink[replay.Span] {
					return mustNew(tb, otlptrace.Options{
						Endpoint:           o.Endpoint,
						Protocol:           protocol,
						Query:              endpoint.Config{URL: backEnds(tb).Jaeger},
						ResourceAttributes: map[string]string{sessionAttribute: o.Session},
						MaxSpans:           o.MaxItems,
						MaxBytes:           o.MaxBytes,
					})
				},
				Make:   sinktest.Spans,
				Server: func(tb testing.TB) endpoint.Config { return receiver(tb, protocol) },
				Load:   load,
			}
			if protocol == otlptrace.GRPC {
				suite.Scripted = sinktest.GRPC
			}
			suite.Run(t)
		})
	}
}

func mustNew(tb testing.TB, o otlptrace.Options) *otlptrace.Sink {
	tb.Helper()
	s, err := otlptrace.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func backEnds(tb testing.TB) stack.URLs {
	tb.Helper()
	return stacktest.Shared(tb).URLs()
}

func receiver(tb testing.TB, p otlptrace.Protocol) endpoint.Config {
	tb.Helper()
	if p == otlptrace.HTTP {
		return endpoint.Config{URL: backEnds(tb).OTLPHTTP}
	}
	return endpoint.Config{URL: "http://" + backEnds(tb).OTLPGRPC}
}

// load returns the spans of a session by Jaeger's newer API, which returns OTLP.
func load(tb testing.TB, _ endpoint.Config, session string, pushed []replay.Span) []replay.Span {
	tb.Helper()
	var spans []replay.Span
	seen := map[pcommon.TraceID]bool{}
	for _, item := range pushed {
		id := item.Span.TraceID()
		if seen[id] {
			continue
		}
		seen[id] = true
		for _, rs := range getTrace(tb, id).ResourceSpans().All() {
			attributes := rs.Resource().Attributes()
			if v, ok := attributes.Get(sessionAttribute); !ok || v.Str() != session {
				continue
			}
			attributes.Remove(sessionAttribute)
			for _, ss := range rs.ScopeSpans().All() {
				r := &replay.Resource{Attributes: attributes, Scope: ss.Scope()}
				for _, span := range ss.Spans().All() {
					spans = append(spans, replay.Span{Resource: r, Span: span})
				}
			}
		}
	}
	return spans
}

// getTrace returns a trace as it is stored; an empty one when it is not.
func getTrace(tb testing.TB, id pcommon.TraceID) ptrace.Traces {
	tb.Helper()
	status, body := get(tb, "/api/v3/traces/"+id.String()+"?raw_traces=true")
	if status == http.StatusNotFound {
		return ptrace.NewTraces()
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		tb.Fatalf("%v in %.200s", err, body)
	}
	var u ptrace.JSONUnmarshaler
	traces, err := u.UnmarshalTraces(answer.Result)
	if err != nil {
		tb.Fatalf("%v in %.200s", err, body)
	}
	return traces
}

// get asks Jaeger's API.
func get(tb testing.TB, path string) (int, []byte) {
	tb.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, backEnds(tb).Jaeger+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, body
}
