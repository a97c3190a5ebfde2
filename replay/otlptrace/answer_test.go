package otlptrace_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/gzip"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // the receiver understands it
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/otlptrace"
	"firedrill/replay/sinktest"
)

// receiverFn is an OTLP/gRPC receiver.
type receiverFn func(ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error)

type grpcReceiver struct {
	*ptraceotlp.UnimplementedGRPCServer
	exportFn receiverFn
}

func (r grpcReceiver) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return r.exportFn(req)
}

// serveGRPC serves f on address, a free port of loopback when empty, and returns where.
func serveGRPC(tb testing.TB, address string, f receiverFn) (string, *grpc.Server) {
	tb.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	ptraceotlp.RegisterGRPCServer(server, grpcReceiver{exportFn: f})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	tb.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return l.Addr().String(), server
}

// pushOnce pushes 3 spans in one request.
func pushOnce(tb testing.TB, o otlptrace.Options) *replay.PushError {
	tb.Helper()
	s := mustNew(tb, o)
	defer s.Close()
	n, err := s.Push(tb.Context(), sinktest.Spans(3, 1))
	if n != 3 {
		tb.Errorf("Push took %d of 3 spans", n)
	}
	if err == nil {
		return nil
	}
	var pe *replay.PushError
	if !errors.As(err, &pe) {
		tb.Fatalf("Push returned %T: %v", err, err)
	}
	return pe
}

func TestGRPCStatus(t *testing.T) {
	final := func(code string) *replay.PushError {
		return &replay.PushError{Refused: 3, Status: code, Words: "why"}
	}
	again := func(code string) *replay.PushError {
		return &replay.PushError{Retryable: true, Unacknowledged: true, Status: code, Words: "why"}
	}
	for _, tt := range []struct {
		code  codes.Code
		delay time.Duration // 0 sends no RetryInfo
		want  *replay.PushError
	}{
		{codes.Canceled, 0, again("Canceled")},
		{codes.Unknown, 0, final("Unknown")},
		{codes.InvalidArgument, 0, final("InvalidArgument")},
		{codes.InvalidArgument, time.Second, final("InvalidArgument")},
		{codes.DeadlineExceeded, 0, again("DeadlineExceeded")},
		{codes.NotFound, 0, final("NotFound")},
		{codes.AlreadyExists, 0, final("AlreadyExists")},
		{codes.PermissionDenied, 0, final("PermissionDenied")},
		{codes.Unauthenticated, 0, final("Unauthenticated")},
		{codes.ResourceExhausted, 0, final("ResourceExhausted")},
		{codes.ResourceExhausted, 1500 * time.Millisecond, &replay.PushError{
			Retryable: true, RetryAfter: 1500 * time.Millisecond, Unacknowledged: true, Status: "ResourceExhausted", Words: "why"}},
		{codes.FailedPrecondition, 0, final("FailedPrecondition")},
		{codes.Aborted, 0, again("Aborted")},
		{codes.OutOfRange, 0, again("OutOfRange")},
		{codes.Unimplemented, 0, final("Unimplemented")},
		{codes.Internal, 0, final("Internal")},
		{codes.Unavailable, 0, again("Unavailable")},
		{codes.Unavailable, 100 * time.Hour, &replay.PushError{
			Retryable: true, RetryAfter: time.Hour, Unacknowledged: true, Status: "Unavailable", Words: "why"}},
		{codes.DataLoss, 0, again("DataLoss")},
	} {
		address, _ := serveGRPC(t, "", func(ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
			st := status.New(tt.code, "why")
			if tt.delay > 0 {
				var err error
				if st, err = st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(tt.delay)}); err != nil {
					t.Error(err)
				}
			}
			return ptraceotlp.NewExportResponse(), st.Err()
		})
		got := pushOnce(t, otlptrace.Options{Endpoint: endpoint.Config{URL: "http://" + address}})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s, retry after %s (-want +got):\n%s", tt.code, tt.delay, diff)
		}
	}
}

func TestHTTPStatus(t *testing.T) {
	message, err := proto.Marshal(&spb.Status{Code: 13, Message: "why"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status int
		want   *replay.PushError
	}{
		{200, nil},
		{202, nil},
		{302, &replay.PushError{Refused: 3, Status: "302 Found", Words: "why"}},
		{400, &replay.PushError{Refused: 3, Status: "400 Bad Request", Words: "why"}},
		{413, &replay.PushError{Refused: 3, Status: "413 Request Entity Too Large", Words: "why"}},
		{429, &replay.PushError{Retryable: true, Unacknowledged: true, RetryAfter: 2 * time.Second, Status: "429 Too Many Requests", Words: "why"}},
		{500, &replay.PushError{Refused: 3, Status: "500 Internal Server Error", Words: "why"}},
		{502, &replay.PushError{Retryable: true, Unacknowledged: true, RetryAfter: 2 * time.Second, Status: "502 Bad Gateway", Words: "why"}},
		{503, &replay.PushError{Retryable: true, Unacknowledged: true, RetryAfter: 2 * time.Second, Status: "503 Service Unavailable", Words: "why"}},
		{504, &replay.PushError{Retryable: true, Unacknowledged: true, RetryAfter: 2 * time.Second, Status: "504 Gateway Timeout", Words: "why"}},
	} {
		for _, asText := range []bool{false, true} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "2")
				body := []byte("why")
				if !asText {
					w.Header().Set("Content-Type", "application/x-protobuf")
					body = message
				}
				w.WriteHeader(tt.status)
				if tt.status/100 != 2 {
					_, _ = w.Write(body)
				}
			}))
			got := pushOnce(t, otlptrace.Options{Protocol: otlptrace.HTTP, Endpoint: endpoint.Config{URL: server.URL}})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%d, as text: %v (-want +got):\n%s", tt.status, asText, diff)
			}
			server.Close()
		}
	}
}

func TestPartialSuccess(t *testing.T) {
	for _, tt := range []struct {
		rejected int64
		words    string
		want     *replay.PushError
	}{
		{0, "", nil},
		{0, "slow disk", nil}, // a warning
		{2, "two are bad", &replay.PushError{Refused: 2, Status: "partial success", Words: "two are bad"}},
		{1 << 40, "", &replay.PushError{Refused: 3, Status: "partial success"}},
	} {
		response := ptraceotlp.NewExportResponse()
		response.PartialSuccess().SetRejectedSpans(tt.rejected)
		response.PartialSuccess().SetErrorMessage(tt.words)
		address, _ := serveGRPC(t, "", func(ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) { return response, nil })
		got := pushOnce(t, otlptrace.Options{Endpoint: endpoint.Config{URL: "http://" + address}})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("grpc, %d rejected (-want +got):\n%s", tt.rejected, diff)
		}

		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := response.MarshalProto()
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(body)
		}))
		got = pushOnce(t, otlptrace.Options{Protocol: otlptrace.HTTP, Endpoint: endpoint.Config{URL: server.URL + "/"}})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("http, %d rejected (-want +got):\n%s", tt.rejected, diff)
		}
		server.Close()
	}
}

func TestHTTPAnswerThatIsNoOTLP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<html>not a receiver</html>")
	}))
	defer server.Close()
	got := pushOnce(t, otlptrace.Options{Protocol: otlptrace.HTTP, Endpoint: endpoint.Config{URL: server.URL}})
	want := &replay.PushError{Retryable: true, Unacknowledged: true}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(replay.PushError{}, "Err")); diff != "" || !strings.HasPrefix(got.Error(), "parse answer to export: ") {
		t.Errorf("Push = %v (-want +got):\n%s", got, diff)
	}
}

// TestGRPCReconnects pushes while nobody listens, then to a server that came up late: gRPC's own pause
// must not hold up the next try.
func TestGRPCReconnects(t *testing.T) {
	accept := func(ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
		return ptraceotlp.NewExportResponse(), nil
	}
	address, first := serveGRPC(t, "", accept)
	s := mustNew(t, otlptrace.Options{Endpoint: endpoint.Config{URL: "http://" + address}})
	defer s.Close()
	items := sinktest.Spans(3, 1)
	if _, err := s.Push(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	first.Stop()
	for range 20 {
		_, err := s.Push(t.Context(), items)
		var pe *replay.PushError
		if !errors.As(err, &pe) || !pe.Retryable {
			t.Fatalf("Push to a stopped server = %v, want a retryable error", err)
		}
	}
	serveGRPC(t, address, accept)
	deadline := time.Now().Add(5 * time.Second)
	for {
		_, err := s.Push(t.Context(), items)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("5 s after the server is back: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestGzip(t *testing.T) {
	items := sinktest.Spans(100, 1)
	var got int
	address, _ := serveGRPC(t, "", func(r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
		got += r.Traces().SpanCount()
		return ptraceotlp.NewExportResponse(), nil
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		zr, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(zr)
		if err != nil {
			t.Error(err)
		}
		request := ptraceotlp.NewExportRequest()
		if err := request.UnmarshalProto(body); err != nil {
			t.Error(err)
		}
		got += request.Traces().SpanCount()
	}))
	defer server.Close()
	for _, o := range []otlptrace.Options{
		{Gzip: true, Endpoint: endpoint.Config{URL: "http://" + address}},
		{Gzip: true, Endpoint: endpoint.Config{URL: server.URL}, Protocol: otlptrace.HTTP},
	} {
		got = 0
		s := mustNew(t, o)
		if n, err := s.Push(t.Context(), items); n != len(items) || err != nil || got != len(items) {
			t.Errorf("%s: Push = %d, %v and %d spans arrived, want all %d", o.Protocol, n, err, got, len(items))
		}
		s.Close()
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		o    otlptrace.Options
		want string
	}{
		{otlptrace.Options{}, "otlp: endpoint: url is empty"},
		{otlptrace.Options{Endpoint: endpoint.Config{URL: "http://h:1/v1/traces"}}, "otlp: endpoint: url has the path /v1/traces, but gRPC takes only host and port"},
		{otlptrace.Options{Endpoint: endpoint.Config{URL: "http://h"}, Protocol: "thrift"}, `otlp: protocol "thrift" is neither grpc nor http`},
		{otlptrace.Options{Endpoint: endpoint.Config{URL: "http://h"}, MaxSpans: -1}, "otlp: negative limit (0 bytes, -1 spans)"},
		{otlptrace.Options{Endpoint: endpoint.Config{URL: "http://h"}, Query: endpoint.Config{URL: "h:1"}},
			"otlp: query address: endpoint: url must begin with http:// or https://"},
	} {
		if _, err := otlptrace.New(tt.o); err == nil || err.Error() != tt.want {
			t.Errorf("New(%v) = %v, want %s", tt.o.Endpoint, err, tt.want)
		}
	}
}

// discardGRPC serves a receiver that accepts all requests without decoding them.
func discardGRPC(tb testing.TB) string {
	tb.Helper()
	return strings.TrimPrefix(sinktest.GRPC(tb, &sinktest.Script{}, false).URL, "http://")
}
