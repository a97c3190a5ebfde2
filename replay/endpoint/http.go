package endpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"firedrill/replay"
)

// maxDrain limits how much of an answer is read past its words so that its connection can be used
// again, in bytes. A longer one costs less to cut than to read.
const maxDrain = 256 << 10

// maxRetryAfter limits what a server may ask for: a longer wait is a mistake or an attack.
const maxRetryAfter = time.Hour

// UserAgent is what the project's clients call themselves.
var UserAgent = sync.OnceValue(func() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" && bi.Main.Version != "(devel)" {
		return "firedrill/" + bi.Main.Version
	}
	return "firedrill/devel"
})

// Client returns a client that adds headers and credentials to every request, keeps connections
// open, uses no proxy and follows no redirects, since a redirect would carry the credentials
// elsewhere and turn a push into a GET. Close its idle connections when done.
func (c Config) Client() (*http.Client, error) {
	tc, err := c.TLS()
	if err != nil {
		return nil, err
	}
	if _, err := c.Authorization(); err != nil {
		return nil, err
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	dialer := &net.Dialer{Timeout: min(timeout, 10*time.Second), KeepAlive: 30 * time.Second}
	transport := &http.Transport{
		DialContext:         dialer.DialContext,
		TLSClientConfig:     tc,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        64,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // what is read back is compressed by its own format or small
		WriteBufferSize:     64 << 10,
	}
	return &http.Client{
		Transport:     &roundTripper{config: c, next: transport},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// roundTripper adds what a Config says to each request.
type roundTripper struct {
	config Config
	next   *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	auth, err := r.config.Authorization()
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	req = req.Clone(req.Context())
	for name, value := range r.config.Headers {
		req.Header.Set(name, value)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	req.Header.Set("User-Agent", UserAgent())
	return r.next.RoundTrip(req)
}

// CloseIdleConnections makes http.Client.CloseIdleConnections work.
func (r *roundTripper) CloseIdleConnections() { r.next.CloseIdleConnections() }

// Send posts body to target with the given headers, which it does not keep, and returns the header
// of the answer. The error is nil for a status of 2xx and a *replay.PushError otherwise, whose
// Refused is 0: only the sink knows how many items it sent. The header is nil when there was no
// answer. The body is free to be used again when Send has returned.
func Send(ctx context.Context, client *http.Client, target string, header http.Header, body []byte) (http.Header, error) {
	// A transport may read the body even after it has answered, until it closes it. The last thing
	// is to wait for that, after closing the answer, which makes the transport give up writing.
	var reading sync.WaitGroup
	defer reading.Wait()
	if client.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, client.Timeout)
		defer cancel()
	}
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { written.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, nil)
	if err != nil {
		return nil, &replay.PushError{Err: err}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) {
		reading.Add(1)
		return &requestBody{Reader: bytes.NewReader(body), closed: sync.OnceFunc(reading.Done)}, nil
	}
	req.Body, _ = req.GetBody()

	// Not client.Do: before it asks whether to follow a redirect it takes a body that it never closes.
	transport := client.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, Lost(req, err, written.Load())
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		drain(resp.Body)
		return resp.Header, nil
	}
	return resp.Header, Refusal(resp, time.Now())
}

// requestBody reports when the transport has done with it.
type requestBody struct {
	*bytes.Reader
	closed func()
}

// Close implements io.Closer.
func (b *requestBody) Close() error {
	b.closed()
	return nil
}

// Lost is the error of a request that got no answer. Written says whether a connection had been
// found for it: the server may then have read it, and hold its items. It is retryable.
func Lost(req *http.Request, err error, written bool) *replay.PushError {
	// url.Error repeats the whole URL; host and path are enough, and hold no query.
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return &replay.PushError{
		Retryable:      true,
		Unacknowledged: written,
		Err:            fmt.Errorf("%s %s%s: %w", strings.ToLower(req.Method), req.URL.Host, req.URL.Path, err),
	}
}

// Refusal is the error of an answer whose status is not 2xx; it reads the body's words and drains it.
//
// 429 and 5xx are retryable, anything else is final, as the remote write specification demands and
// Loki and OTLP/HTTP agree to (408 Request Timeout included). A 5xx is unacknowledged as well: a
// gateway that gives up, or a cluster that missed its quorum, may have passed the items on.
func Refusal(resp *http.Response, now time.Time) *replay.PushError {
	e := &replay.PushError{
		Retryable:      resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode/100 == 5,
		Unacknowledged: resp.StatusCode/100 == 5,
		Status:         strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))),
		Words:          Words(resp.Body),
	}
	if e.Retryable {
		e.RetryAfter = RetryAfter(resp.Header, now)
	}
	if resp.StatusCode/100 == 3 && e.Words == "" {
		e.Words = "redirects are not followed, give the final address"
	}
	return e
}

// RetryAfter returns how long the server asked to wait, in seconds or until an HTTP date (RFC 9110,
// 10.2.3); 0 when it did not or when the date is past, at most an hour.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseUint(v, 10, 64); err == nil {
		return time.Duration(min(s, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// Words returns the beginning of an answer as text: at most replay.MaxWords bytes, trimmed, valid
// UTF-8. It drains the body within reason and leaves closing it to the caller.
func Words(body io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(body, replay.MaxWords+1))
	drain(body)
	if len(b) > replay.MaxWords {
		b = b[:replay.MaxWords]
		// Do not leave half a rune at the cut.
		for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
			if utf8.RuneStart(b[len(b)-i]) {
				if !utf8.FullRune(b[len(b)-i:]) {
					b = b[:len(b)-i]
				}
				break
			}
		}
	}
	return string(bytes.TrimSpace(bytes.ToValidUTF8(b, []byte("?"))))
}

// drain reads what is left of an answer within reason.
func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, maxDrain) }
