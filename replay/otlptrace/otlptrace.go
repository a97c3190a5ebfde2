// Package otlptrace delivers spans by OTLP, over gRPC or HTTP, and reads back from Jaeger what it
// stored.
//
// [New] makes a [Sink] from [Options]. Any OTLP receiver can be pushed to; [Sink.Missing] and
// [Sink.StoredTraces] speak the JSON API of Jaeger's query service (Options.Query).
//
// # What Jaeger keeps
//
// Jaeger v2 with Badger translates spans into its older model and back. A start is a key in
// microseconds: two spans of a trace with the same id and start in microseconds are one to it, so a
// span that is sent again overwrites itself. The tests of this package list what gets lost on the way.
package otlptrace

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// Protocol is how requests travel.
type Protocol string

// The protocols of the OTLP specification that are supported, named as in OTEL_EXPORTER_OTLP_PROTOCOL
// but for the encoding, which is always protobuf.
const (
	GRPC Protocol = "grpc"
	HTTP Protocol = "http"
)

const (
	// DefaultMaxBytes is the size of a request when Options.MaxBytes is 0: below the 4 MiB that gRPC
	// servers take by default (google.golang.org/grpc, defaultServerMaxReceiveMessageSize).
	DefaultMaxBytes = 3 << 20
	// DefaultMaxSpans is the number of spans of a request when Options.MaxSpans is 0. Jaeger commits span by span: while
	// many senders share a busy one, a span takes tens of milliseconds, and a request of thousands would not be
	// answered before its timeout, read back and sent again, over and over.
	DefaultMaxSpans = 256
)

// Options say where and how to push.
type Options struct {
	// Endpoint is the OTLP receiver: the base address without /v1/traces for HTTP; for gRPC only
	// scheme, host and port (4317 when left out), https meaning TLS.
	Endpoint endpoint.Config
	// Protocol is GRPC or HTTP; empty is GRPC.
	Protocol Protocol
	// Gzip compresses requests.
	Gzip bool
	// Query is the base address of Jaeger's HTTP API, without /api. Without its URL nothing can be
	// read back.
	Query endpoint.Config
	// ResourceAttributes are set on each resource that is sent, in place of its own of the same name.
	ResourceAttributes map[string]string
	// MaxSpans and MaxBytes limit a request before compression; 0 is the default. A single span may
	// exceed MaxBytes.
	MaxSpans, MaxBytes int
	// Log takes what is worth knowing and breaks nothing; nil discards it.
	Log *slog.Logger
}

// Sink pushes spans to one OTLP receiver. It is safe for concurrent use.
type Sink struct {
	options Options
	exporter
	query *http.Client // nil when nothing can be read back
}

var (
	_ replay.Sink[replay.Span] = (*Sink)(nil)
	_ replay.TraceCounter      = (*Sink)(nil)
)

// exporter sends one encoded request of n spans.
type exporter interface {
	export(ctx context.Context, body []byte, n int) error
	io.Closer
}

// New checks the options and returns a Sink. It does not connect.
func New(o Options) (*Sink, error) {
	if o.MaxBytes < 0 || o.MaxSpans < 0 {
		return nil, fmt.Errorf("otlp: negative limit (%d bytes, %d spans)", o.MaxBytes, o.MaxSpans)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxSpans == 0 {
		o.MaxSpans = DefaultMaxSpans
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sink{options: o}
	if o.Query.URL != "" {
		var err error
		if s.query, err = o.Query.Client(); err != nil {
			return nil, fmt.Errorf("otlp: query address: %w", err)
		}
	}
	var err error
	switch o.Protocol {
	case GRPC, "":
		s.exporter, err = newGRPCExporter(o)
	case HTTP:
		s.exporter, err = newHTTPExporter(o)
	default:
		err = fmt.Errorf("protocol %q is neither %s nor %s", o.Protocol, GRPC, HTTP)
	}
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	return s, nil
}

// Push implements replay.Sink. While it runs, the spans are not to be read; when it has returned, they
// are as they were.
func (s *Sink) Push(ctx context.Context, items []replay.Span) (int, error) {
	if len(items) == 0 {
		return 0, nil
	}
	body, n, err := encode(items, s.options)
	if err != nil {
		return n, &replay.PushError{Err: fmt.Errorf("encode spans: %w", err), Refused: n}
	}
	return n, s.export(ctx, body, n)
}

// Close implements replay.Sink.
func (s *Sink) Close() error {
	if s.query != nil {
		s.query.CloseIdleConnections()
	}
	return s.exporter.Close()
}
