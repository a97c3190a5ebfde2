package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// probeWithin bounds one round of questions to one server.
const probeWithin = 5 * time.Second

// probeTenant is the Loki tenant that the probe asks about. Nothing is ever written to it.
const probeTenant = "firedrill-probe"

// probeClient keeps no connections: after a restart they would be dead ones.
var probeClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// probePrometheus writes a request without samples and runs a query.
func probePrometheus(base string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, probeWithin)
		defer cancel()
		if err := ask(ctx, http.MethodGet, base+"/-/ready", nil, nil, 200); err != nil {
			return err
		}
		// The one byte is the snappy block of nothing: an empty WriteRequest.
		write := map[string]string{"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
		if err := ask(ctx, http.MethodPost, base+"/api/v1/write", write, []byte{0}, 204); err != nil {
			return err
		}
		return ask(ctx, http.MethodGet, base+"/api/v1/query?query=vector(1)", nil, nil, 200)
	}
}

// probeLoki asks for readiness, which Loki answers once it takes pushes, and runs a query that
// passes through front end, querier and ingester.
func probeLoki(base string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, probeWithin)
		defer cancel()
		if err := ask(ctx, http.MethodGet, base+"/ready", nil, nil, 200); err != nil {
			return err
		}
		tenant := map[string]string{"X-Scope-OrgID": probeTenant, "Content-Type": "application/json"}
		// A push without streams is refused (422) by the distributor, not by its router.
		if err := ask(ctx, http.MethodPost, base+"/loki/api/v1/push", tenant, []byte(`{"streams":[]}`), 422, 204); err != nil {
			return err
		}
		q := url.Values{"query": {`{service_name="firedrill-probe"}`}, "limit": {"1"}}
		return ask(ctx, http.MethodGet, base+"/loki/api/v1/query_range?"+q.Encode(), tenant, nil, 200)
	}
}

// probeJaeger runs a query and sends a request without spans by both OTLP protocols.
func probeJaeger(u URLs) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, probeWithin)
		defer cancel()
		if err := ask(ctx, http.MethodGet, u.Jaeger+"/api/services", nil, nil, 200); err != nil {
			return err
		}
		json := map[string]string{"Content-Type": "application/json"}
		if err := ask(ctx, http.MethodPost, u.OTLPHTTP+"/v1/traces", json, []byte("{}"), 200); err != nil {
			return err
		}
		conn, err := grpc.NewClient("passthrough:///"+u.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return fmt.Errorf("connect to OTLP gRPC: %w", err)
		}
		defer conn.Close()
		if _, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequest()); err != nil {
			return fmt.Errorf("push to OTLP gRPC: %w", err)
		}
		return nil
	}
}

// ask sends one request and wants one of the given status codes.
func ask(ctx context.Context, method, url string, header map[string]string, body []byte, want ...int) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := probeClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	words, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
	for _, code := range want {
		if resp.StatusCode == code {
			return nil
		}
	}
	return fmt.Errorf("%s %s answered %s: %s", method, req.URL.Path, resp.Status, strings.TrimSpace(string(words)))
}
