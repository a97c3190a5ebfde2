// Package client calls a Firedrill server's API. Requests that change something carry an idempotency key, so that
// they can be repeated, and are counted once, when an answer was lost.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"firedrill/internal/httpapi/wire"
)

const (
	prefix    = "/api/v1"
	maxAnswer = 32 << 20         // bytes
	timeout   = 20 * time.Second // of one try; the server gives up before
	tries     = 4
	patience  = 5 * time.Second // a server that wants longer is not waited for
)

// firstWait is what is waited before the second try. It doubles.
const firstWait = 200 * time.Millisecond

// Problem is what the server answered instead. Its text is for people.
type Problem struct{ wire.Problem }

func (p *Problem) Error() string { return p.Detail }

// Client calls one server with one token. It is safe for concurrent use.
type Client struct {
	base, token string
	http        *http.Client
}

// New returns a client of the server at an address such as http://127.0.0.1:8420.
func New(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("address %q: expected one such as http://127.0.0.1:8420", address)
	}
	return &Client{
		base: strings.TrimRight(address, "/") + prefix, token: token,
		// Nothing is followed: the API redirects nowhere, and a token must not go elsewhere.
		http: &http.Client{Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Get reads a path below the prefix of the API, such as /me, in a media type; "" is JSON. An answer that is an error is a
// *Problem.
func (c *Client) Get(ctx context.Context, path, accept string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, accept, nil)
}

// Post sends a body, as JSON, to a path, and returns the answer; a nil body is none. A call that cannot be answered is repeated a
// few times with one idempotency key.
func (c *Client) Post(ctx context.Context, path string, body any) ([]byte, error) {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	return c.do(ctx, http.MethodPost, path, "", b)
}

// GetAs is Get decoded.
func GetAs[T any](ctx context.Context, c *Client, path string) (v T, err error) {
	b, err := c.Get(ctx, path, "")
	if err != nil {
		return v, err
	}
	return Decode[T](b)
}

// PostAs is Post decoded.
func PostAs[T any](ctx context.Context, c *Client, path string, body any) (v T, err error) {
	b, err := c.Post(ctx, path, body)
	if err != nil {
		return v, err
	}
	return Decode[T](b)
}

// All reads a list with all its pages.
func All[T any](ctx context.Context, c *Client, path string, query url.Values) (all wire.List[T], err error) {
	with := url.Values{"limit": {"500"}}
	for name, values := range query {
		with[name] = values
	}
	all.Items = []T{}
	for {
		page, err := GetAs[wire.List[T]](ctx, c, path+"?"+with.Encode())
		if err != nil {
			return all, err
		}
		all.Items, all.ServerTime = append(all.Items, page.Items...), page.ServerTime
		if page.Next == "" {
			return all, nil
		}
		with.Set("after", page.Next)
	}
}

// Decode reads an answer.
func Decode[T any](b []byte) (v T, err error) {
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("the server's answer is not what this version expects: %w", err)
	}
	return v, nil
}

func (c *Client) do(ctx context.Context, method, path, accept string, body []byte) ([]byte, error) {
	key := rand.Text()
	wait := firstWait
	for try := 1; ; try++ {
		b, err := c.once(ctx, method, path, accept, key, body)
		again, after := worthAnother(err)
		if !again || try == tries || after > patience || ctx.Err() != nil {
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(max(wait, after)):
		}
		wait *= 2
	}
}

// worthAnother tells whether a request may succeed when it is repeated, and after how long.
func worthAnother(err error) (again bool, after time.Duration) {
	var p *Problem
	if errors.As(err, &p) {
		again = p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests && p.RetryAfter > 0 || p.Status == http.StatusBadGateway
		return again, time.Duration(p.RetryAfter) * time.Second
	}
	var failed *url.Error
	return errors.As(err, &failed), 0
}

// once makes one request.
func (c *Client) once(ctx context.Context, method, path, accept, key string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if accept == "" {
		accept = "application/json"
	}
	req.Header.Set("Accept", accept)
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", key)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, &url.Error{Op: "Read", URL: c.base + path, Err: err}
	case len(b) > maxAnswer:
		return nil, fmt.Errorf("the server's answer has more than %d MiB", maxAnswer>>20)
	case resp.StatusCode < http.StatusOK || resp.StatusCode > 299:
		return nil, problem(resp, b)
	}
	return b, nil
}

// problem reads what went wrong; what is no problem document comes from something in between.
func problem(resp *http.Response, b []byte) error {
	var p Problem
	if err := json.Unmarshal(b, &p.Problem); err != nil || p.Code == "" {
		p.Problem = wire.Problem{Code: "unknown", Detail: "the address answers " + resp.Status + ", and not as a Firedrill server does"}
	}
	p.Status = resp.StatusCode
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && p.RetryAfter == 0 {
		p.RetryAfter = n
	}
	return &p
}
