package gateway

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"firedrill/internal/challenge"
	"firedrill/replay/endpoint"
)

const (
	// answerWithin bounds one request unless Config.Timeout does. It is what grafana/stack/loki.yaml allows a query.
	answerWithin = 5 * time.Minute
	// placeWithin is how long a request waits while too many others are under way.
	placeWithin = 10 * time.Second
	// How many requests may be under way at one back end, in all and of one player. Grafana asks about ten at once for a dashboard.
	maxUnderway, maxUnderwayEach = 64, 16
	// How many tails may be open, in all and of one player.
	maxTails, maxTailsEach = 128, 8
)

// passRequest are the headers of a client that a back end sees.
var passRequest = []string{
	"Accept", "Accept-Encoding",
	"X-Loki-Response-Encoding-Flags", // asks for structured metadata apart from labels
}

// passUpgrade are those of a websocket besides.
var passUpgrade = []string{"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"}

// passAnswer are the headers of a back end that the client sees.
var passAnswer = []string{"Content-Type", "Content-Encoding", "Content-Length", "Vary", "Retry-After"}

// passSwitch are those of an answer that switches to a websocket besides.
var passSwitch = []string{"Connection", "Upgrade", "Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"}

// upstream is a back end.
type upstream struct {
	backend  challenge.Backend
	base     *url.URL
	client   *http.Client // its Transport adds the credentials
	within   time.Duration
	underway *limiter
	tails    *limiter
}

func newUpstream(b challenge.Backend, c endpoint.Config) (*upstream, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	within := c.Timeout
	if within == 0 {
		within = answerWithin
	}
	return &upstream{
		backend: b, base: base, client: client, within: within,
		underway: newLimiter(maxUnderway, maxUnderwayEach), tails: newLimiter(maxTails, maxTailsEach),
	}, nil
}

// request makes a request of our own: nothing of the client's but what it is given. The path is decoded, and plain.
func (u *upstream) request(ctx context.Context, method, path string, form url.Values) *http.Request {
	target := *u.base
	target.Path = strings.TrimRight(u.base.Path, "/") + path
	target.RawPath = ""
	r := (&http.Request{Method: method, URL: &target, Host: target.Host, Header: make(http.Header), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if encoded := form.Encode(); method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.ContentLength = int64(len(encoded))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(encoded)), nil }
		r.Body, _ = r.GetBody()
	} else {
		target.RawQuery = encoded
	}
	return r
}

// forward asks the back end and passes its answer on as it comes.
func (g *Gateway) forward(w http.ResponseWriter, a *ask, u *upstream, path string, form url.Values, header http.Header) *problem {
	release, ok := u.underway.acquire(a.Context(), a.player, placeWithin)
	if !ok {
		return newProblem(http.StatusServiceUnavailable, "too many questions are under way: try again")
	}
	defer release()
	ctx, cancel := context.WithTimeout(a.Context(), u.within)
	defer cancel()
	// A client that does not read its answer must not keep the place.
	c := http.NewResponseController(w)
	_ = c.SetWriteDeadline(time.Now().Add(u.within))
	defer func() { _ = c.SetWriteDeadline(time.Time{}) }()
	g.pass(w, a, u, u.request(ctx, a.Method, path, form), header, passRequest, passAnswer)
	return nil
}

// tail opens a websocket and passes on both directions until either side, or the gateway, closes it.
func (g *Gateway) tail(w http.ResponseWriter, a *ask, u *upstream, path string, form url.Values, header http.Header) *problem {
	if !strings.EqualFold(a.Header.Get("Upgrade"), "websocket") {
		return newProblem(http.StatusBadRequest, "this endpoint takes websockets only")
	}
	release, ok := u.tails.acquire(a.Context(), a.player, 0)
	if !ok {
		return newProblem(http.StatusServiceUnavailable, "too many live tails are open: close one and try again")
	}
	defer release()
	ctx, cancel := context.WithCancel(a.Context())
	defer cancel()
	defer context.AfterFunc(g.ctx, cancel)()
	g.pass(w, a, u, u.request(ctx, http.MethodGet, path, form), header,
		append(passUpgrade, passRequest...), append(passSwitch, passAnswer...))
	return nil
}

// pass sends a request that was made for the back end and copies the answer to the client.
func (g *Gateway) pass(w http.ResponseWriter, a *ask, u *upstream, out *http.Request, header http.Header, ask, answer []string) {
	copyHeaders(out.Header, a.Header, ask)
	for name, values := range header {
		out.Header[name] = values
	}
	(&httputil.ReverseProxy{
		Rewrite:       func(*httputil.ProxyRequest) {},
		Transport:     u.client.Transport,
		FlushInterval: -1,
		BufferPool:    buffers{},
		ErrorLog:      log.New(io.Discard, "", 0), // what it says there the trail and the metrics say too
		ModifyResponse: func(resp *http.Response) error {
			if resp.StatusCode/100 == 3 {
				return errors.New("the back end redirects: its address is not the final one")
			}
			kept := make(http.Header, len(answer))
			copyHeaders(kept, resp.Header, answer)
			kept.Set("X-Content-Type-Options", "nosniff")
			resp.Header, resp.Trailer = kept, nil
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { g.unreachable(w, u, r, err) },
	}).ServeHTTP(w, out)
}

// unreachable answers when the back end did not.
func (g *Gateway) unreachable(w http.ResponseWriter, u *upstream, r *http.Request, err error) {
	switch {
	case errors.Is(r.Context().Err(), context.DeadlineExceeded):
		newProblem(http.StatusGatewayTimeout, "%s took longer than %v to answer: ask for less", u.backend, u.within).write(w, u.backend)
	case r.Context().Err() != nil:
		w.WriteHeader(statusGone)
	default:
		g.o.Log.Warn("back end does not answer", "backend", u.backend, "err", err)
		newProblem(http.StatusBadGateway, "%s does not answer: tell the facilitator", u.backend).write(w, u.backend)
	}
}

// statusGone is what nginx calls a client that went away; nobody receives it.
const statusGone = 499

func copyHeaders(dst, src http.Header, names []string) {
	for _, name := range names {
		if values, ok := src[name]; ok {
			dst[name] = values
		}
	}
}

// buffers lends out the memory through which answers are copied.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// Get implements httputil.BufferPool.
func (buffers) Get() []byte { return bufferPool.Get().(*[32 << 10]byte)[:] }

// Put implements httputil.BufferPool.
func (buffers) Put(b []byte) { bufferPool.Put((*[32 << 10]byte)(b)) }
