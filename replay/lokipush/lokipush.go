// Package lokipush delivers log lines to Loki, or anything that takes Loki's push API, and reads back
// what it stored.
//
// [New] makes a [Sink] from [Options]. A push is a snappy-compressed protobuf message, as
// github.com/grafana/loki/pkg/push defines it, to /loki/api/v1/push; reading back uses query_range,
// query and series of the same base address, as the same tenant.
//
// # What an answer of Loki is worth
//
// Loki stores the good lines of a request and refuses the others, stream by stream. It reports the
// refusals of one stream only, and when a later stream of the request went well it may report none
// (pkg/ingester/instance.go, Push overwrites the error of each stream by the next one's). So
// PushError.Refused is what the server says and can be too low; only [Sink.Stored] tells the truth.
//
// Lines of one stream with one time are stored in the order of the push, but queries return them in any.
package lokipush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

const (
	// DefaultMaxBytes is the size of a request before compression when Options.MaxBytes is 0. It stays
	// well below Loki's limits: 4 MiB between its own processes (grpc_server_max_recv_msg_size) and a
	// burst of 6 MB for a tenant (ingestion_burst_size_mb), above which no single request ever passes.
	DefaultMaxBytes = 1 << 20

	// tenantHeader names the tenant (Loki's documentation, "Multi-tenancy").
	tenantHeader = "X-Scope-OrgID"

	// maxRefusal limits how much of a refusal is read to count lines, in bytes: a line too old costs
	// about 200 bytes of text, and there may be one for each line of a request.
	maxRefusal = 4 << 20
)

// Options say where and how to push.
type Options struct {
	// Endpoint is the base address, without /loki/api.
	Endpoint endpoint.Config
	// Tenant is sent as X-Scope-OrgID; empty sends none.
	Tenant string
	// MaxBytes limits a request before compression; 0 is DefaultMaxBytes. A single line may exceed it.
	MaxBytes int
	// MaxLines limits the lines of a request; 0 sets no limit.
	MaxLines int
	// Log takes what is worth knowing and breaks nothing; nil discards it.
	Log *slog.Logger
}

// Sink pushes log lines to one tenant of one Loki. It is safe for concurrent use.
type Sink struct {
	options  Options
	client   *http.Client
	base     string
	labels   labelCache
	encoders sync.Pool // *encoder
	page     atomic.Int64
}

var (
	_ replay.Sink[replay.Record] = (*Sink)(nil)
	_ replay.Counter             = (*Sink)(nil)
)

// New checks the options and returns a Sink. It does not connect.
func New(o Options) (*Sink, error) {
	if o.MaxBytes < 0 || o.MaxLines < 0 {
		return nil, fmt.Errorf("loki push: negative limit (%d bytes, %d lines)", o.MaxBytes, o.MaxLines)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Tenant != "" {
		headers := map[string]string{tenantHeader: o.Tenant}
		for name, value := range o.Endpoint.Headers {
			if strings.EqualFold(name, tenantHeader) {
				return nil, errors.New("loki push: the tenant is given twice, as such and as header " + tenantHeader)
			}
			headers[name] = value
		}
		o.Endpoint.Headers = headers
	}
	client, err := o.Endpoint.Client()
	if err != nil {
		return nil, fmt.Errorf("loki push: %w", err)
	}
	s := &Sink{
		options:  o,
		client:   client,
		base:     strings.TrimSuffix(o.Endpoint.URL, "/"),
		encoders: sync.Pool{New: func() any { return newEncoder() }},
	}
	s.page.Store(maxPage)
	return s, nil
}

// Close implements replay.Sink.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Push implements replay.Sink.
func (s *Sink) Push(ctx context.Context, items []replay.Record) (int, error) {
	if len(items) == 0 {
		return 0, nil
	}
	e := s.encoders.Get().(*encoder)
	defer s.encoders.Put(e)
	defer e.release()
	n := e.gather(items, &s.labels, s.options.MaxBytes, s.options.MaxLines)
	// The transport may read the body after Do has returned, so the body is not pooled.
	body := bytes.Clone(e.compress(items[:n]))
	if perr := s.send(ctx, body, e, n); perr != nil {
		return n, perr
	}
	return n, nil
}

// send posts one request of n lines and tells what became of it; nil when all of it was stored.
func (s *Sink) send(ctx context.Context, body []byte, e *encoder, n int) *replay.PushError {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/loki/api/v1/push", bytes.NewReader(body))
	if err != nil {
		return &replay.PushError{Err: err, Refused: n}
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := s.client.Do(req)
	if err != nil {
		return endpoint.Lost(req, err, connected.Load())
	}
	defer resp.Body.Close()
	// Not all of 2xx: Loki answers 260 to a tenant whose ingestion is blocked (block_ingestion_status_code).
	if resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, replay.MaxWords))
		return nil
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		// The status is known, the words are incomplete: count as without any.
		s.options.Log.Debug("loki push: answer cut off", "status", resp.Status, "err", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	perr := endpoint.Refusal(resp, time.Now())
	judge(perr, string(answer), e.streams, n)
	return perr
}
