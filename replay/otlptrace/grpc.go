package otlptrace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

const (
	// exportMethod is the one method of OTLP's trace service
	// (opentelemetry-proto, collector/trace/v1/trace_service.proto).
	exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	// defaultPort is OTLP/gRPC's.
	defaultPort = "4317"
	// maxReconnect is the longest pause between attempts to connect. The engine paces its retries
	// itself, so gRPC's own 120 s would only hold it up after a back end has come back.
	maxReconnect = time.Second
)

// grpcExporter sends requests over one gRPC connection.
type grpcExporter struct {
	conn     *grpc.ClientConn
	endpoint endpoint.Config
	options  []grpc.CallOption
	log      *slog.Logger
}

func newGRPCExporter(o Options) (*grpcExporter, error) {
	tls, err := o.Endpoint.TLS()
	if err != nil {
		return nil, err
	}
	if _, err := o.Endpoint.Authorization(); err != nil {
		return nil, err
	}
	u, err := url.Parse(o.Endpoint.URL)
	if err != nil {
		return nil, errors.New("endpoint: url cannot be parsed")
	}
	if u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("endpoint: url has the path %s, but gRPC takes only host and port", u.Path)
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	creds := insecure.NewCredentials()
	if tls != nil {
		creds = credentials.NewTLS(tls)
	}
	conn, err := grpc.NewClient("dns:///"+net.JoinHostPort(u.Hostname(), port),
		grpc.WithTransportCredentials(creds),
		grpc.WithNoProxy(),
		grpc.WithUserAgent(endpoint.UserAgent()),
		grpc.WithStatsHandler(progressHandler{}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxReconnect},
			MinConnectTimeout: 5 * time.Second,
		}))
	if err != nil {
		return nil, err
	}
	x := &grpcExporter{conn: conn, endpoint: o.Endpoint, log: o.Log}
	x.options = []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})}
	if o.Gzip {
		x.options = append(x.options, grpc.UseCompressor(gzip.Name))
	}
	return x, nil
}

// Close implements io.Closer.
func (x *grpcExporter) Close() error { return x.conn.Close() }

func (x *grpcExporter) export(ctx context.Context, body []byte, n int) error {
	auth, err := x.endpoint.Authorization()
	if err != nil {
		return &replay.PushError{Retryable: true, Err: err}
	}
	header := make(metadata.MD, len(x.endpoint.Headers)+1)
	for name, value := range x.endpoint.Headers {
		header.Set(name, value)
	}
	if auth != "" {
		header.Set("authorization", auth)
	}
	timeout := x.endpoint.Timeout
	if timeout == 0 {
		timeout = endpoint.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var p progress
	call := metadata.NewOutgoingContext(context.WithValue(ctx, progressKey{}, &p), header)
	var answer []byte
	if err := x.conn.Invoke(call, exportMethod, &body, &answer, x.options...); err != nil {
		return grpcError(ctx, x.conn.Target(), err, n, &p)
	}
	return partial(answer, n, x.log)
}

// grpcError judges a failed call as the OTLP specification demands (section OTLP/gRPC, Failures).
func grpcError(ctx context.Context, target string, err error, n int, p *progress) *replay.PushError {
	if ctx.Err() != nil || !p.answered.Load() {
		// The status, if any, is gRPC's own.
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return &replay.PushError{
			Retryable:      true,
			Unacknowledged: p.sent.Load(),
			Err:            fmt.Errorf("export to %s: %w", target, err),
		}
	}
	st := status.Convert(err)
	e := &replay.PushError{Status: st.Code().String(), Words: cutWords(st.Message())}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			e.Retryable = st.Code() == codes.ResourceExhausted
			e.RetryAfter = min(max(info.GetRetryDelay().AsDuration(), 0), maxRetryAfter)
		}
	}
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		e.Retryable = true
	}
	if e.Retryable {
		e.Unacknowledged = true
	} else {
		e.RetryAfter, e.Refused = 0, n
	}
	return e
}

// progress is how far a call got.
type progress struct {
	sent     atomic.Bool // its headers went out: only then can the server know of it
	answered atomic.Bool // the server's own status came back
}

// progressKey is the context key of a call's *progress.
type progressKey struct{}

// progressHandler notes the progress of each call.
type progressHandler struct{}

// TagRPC implements stats.Handler.
func (progressHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (progressHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	p, ok := ctx.Value(progressKey{}).(*progress)
	if !ok {
		return
	}
	switch s.(type) {
	case *stats.OutHeader:
		p.sent.Store(true)
	case *stats.InTrailer:
		p.answered.Store(true)
	}
}

// TagConn implements stats.Handler.
func (progressHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (progressHandler) HandleConn(context.Context, stats.ConnStats) {}

// rawCodec passes encoded messages through, so that gRPC and HTTP share one encoder.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

// Marshal implements encoding.CodecV2 for *[]byte.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T: want *[]byte", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

// Unmarshal implements encoding.CodecV2 for *[]byte.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal %T: want *[]byte", v)
	}
	*b = data.Materialize()
	return nil
}

// Name implements encoding.CodecV2: on the wire it is protobuf.
func (rawCodec) Name() string { return "proto" }
