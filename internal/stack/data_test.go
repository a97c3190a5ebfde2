package stack_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"firedrill/internal/stack"
)

// Writing and reading one item of each signal, as clients do. The readers poll nothing: what was
// acknowledged must be there.

func pushSample(t *testing.T, u stack.URLs, name string, at time.Time, value float64) {
	t.Helper()
	req := prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: name}, {Name: "job", Value: "stack-test"}},
		Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: value}},
	}}}
	b, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	post(t, u.Prometheus+"/api/v1/write", snappy.Encode(nil, b), 204, map[string]string{
		"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
		"X-Prometheus-Remote-Write-Version": "0.1.0",
	})
}

// samples returns the values of a metric in the 5 minutes up to at.
func samples(t *testing.T, u stack.URLs, name string, at time.Time) []string {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	q := url.Values{"query": {name + "[5m]"}, "time": {strconv.FormatInt(at.Unix()+1, 10)}}
	getJSON(t, u.Prometheus+"/api/v1/query?"+q.Encode(), "", &answer)
	var values []string
	for _, series := range answer.Data.Result {
		for _, v := range series.Values {
			values = append(values, fmt.Sprint(v[1]))
		}
	}
	return values
}

func pushLine(t *testing.T, u stack.URLs, tenant string, at time.Time, line string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"streams": []any{map[string]any{
		"stream": map[string]string{"service_name": "stack-test"},
		"values": [][]any{{strconv.FormatInt(at.UnixNano(), 10), line, map[string]string{"trace_id": "abc"}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	post(t, u.Loki+"/loki/api/v1/push", body, 204, map[string]string{"Content-Type": "application/json", "X-Scope-OrgID": tenant})
}

// lines returns the log lines of a tenant within a minute of at.
func lines(t *testing.T, u stack.URLs, tenant string, at time.Time) []string {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]string }
		}
	}
	q := url.Values{
		"query": {`{service_name="stack-test"}`}, "limit": {"1000"}, "direction": {"forward"},
		"start": {strconv.FormatInt(at.Add(-time.Minute).UnixNano(), 10)},
		"end":   {strconv.FormatInt(at.Add(time.Minute).UnixNano(), 10)},
	}
	getJSON(t, u.Loki+"/loki/api/v1/query_range?"+q.Encode(), tenant, &answer)
	var all []string
	for _, stream := range answer.Data.Result {
		for _, v := range stream.Values {
			all = append(all, v[1])
		}
	}
	return all
}

func pushSpan(t *testing.T, u stack.URLs, trace uint64, name string, start time.Time) {
	t.Helper()
	req := ptraceotlp.NewExportRequest()
	rs := req.Traces().ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "stack-test")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(traceID(trace))
	span.SetSpanID(pcommon.SpanID{1, 2, 3, 4, 5, 6, 7, byte(trace)})
	span.SetName(name)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Millisecond)))
	conn, err := grpc.NewClient("passthrough:///"+u.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, req); err != nil {
		t.Fatalf("push span: %v", err)
	}
}

// spans returns the names of the spans of a trace.
func spans(t *testing.T, u stack.URLs, trace uint64) []string {
	t.Helper()
	var answer struct {
		Data []struct {
			Spans []struct{ OperationName string }
		}
	}
	getJSON(t, u.Jaeger+"/api/traces/"+traceID(trace).String()+"?raw=true", "", &answer)
	var names []string
	for _, tr := range answer.Data {
		for _, s := range tr.Spans {
			names = append(names, s.OperationName)
		}
	}
	return names
}

func traceID(n uint64) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:8], 0xf1ed)
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// client keeps no connections, so that none outlives a test or dies with a killed server.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}

func post(t *testing.T, url string, body []byte, want int, header map[string]string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	words, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != want {
		t.Fatalf("POST %s answered %s, want %d: %s", url, resp.Status, want, words)
	}
}

func getJSON(t *testing.T, url, tenant string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tenant != "" {
		req.Header.Set("X-Scope-OrgID", tenant)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		t.Fatalf("GET %s answered %s: %s", url, resp.Status, b)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("GET %s answered %s: %v", url, b, err)
	}
}
