package otlptrace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// maxAnswer limits the answer to an export, in bytes: a handful of numbers and a message.
const maxAnswer = 1 << 20

// httpExporter posts requests to /v1/traces.
type httpExporter struct {
	client *http.Client
	url    string
	gzip   bool
	log    *slog.Logger
}

func newHTTPExporter(o Options) (*httpExporter, error) {
	client, err := o.Endpoint.Client()
	if err != nil {
		return nil, err
	}
	return &httpExporter{
		client: client,
		url:    strings.TrimSuffix(o.Endpoint.URL, "/") + "/v1/traces",
		gzip:   o.Gzip,
		log:    o.Log,
	}, nil
}

// Close implements io.Closer.
func (x *httpExporter) Close() error {
	x.client.CloseIdleConnections()
	return nil
}

func (x *httpExporter) export(ctx context.Context, body []byte, n int) error {
	if x.gzip {
		var err error
		if body, err = zip(body); err != nil {
			return &replay.PushError{Err: fmt.Errorf("compress spans: %w", err), Refused: n}
		}
	}
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.url, bytes.NewReader(body))
	if err != nil {
		return &replay.PushError{Err: err, Refused: n}
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if x.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := x.client.Do(req)
	if err != nil {
		return endpoint.Lost(req, err, connected.Load())
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 {
		if err != nil {
			return endpoint.Lost(req, err, true)
		}
		return partial(answer, n, x.log)
	}
	return httpError(resp, answer, n)
}

// httpError judges an answer other than 2xx as the OTLP specification demands (section OTLP/HTTP,
// Failures): four statuses may be tried again, 500 is not among them.
func httpError(resp *http.Response, answer []byte, n int) *replay.PushError {
	resp.Body = io.NopCloser(strings.NewReader(statusWords(resp.Header, answer)))
	e := endpoint.Refusal(resp, time.Now())
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		// Also after a part of the request went to storage: say so, sending spans again is harmless.
		e.Unacknowledged = true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		e.Retryable, e.Unacknowledged, e.RetryAfter, e.Refused = false, false, 0, n
	}
	return e
}

// statusWords returns the message of an error: the body is a google.rpc.Status in protobuf, or text when
// something in between answered.
func statusWords(h http.Header, answer []byte) string {
	if strings.HasPrefix(h.Get("Content-Type"), "application/x-protobuf") {
		var st spb.Status
		if err := proto.Unmarshal(answer, &st); err == nil {
			return st.GetMessage()
		}
	}
	return string(answer)
}

func zip(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
