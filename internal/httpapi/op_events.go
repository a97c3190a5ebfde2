package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

type eventsIn struct {
	InSession
	Last string `header:"Last-Event-ID" maxLength:"64" doc:"Version that the client has; the state is sent at once if there is a newer one."`
}

type eventsOut struct{ Body func(huma.Context) }

func (a *API) registerEvents() {
	o := a.operation(op{
		id: "watch-session", method: http.MethodGet, path: "/sessions/{id}/events", tag: sessionsTag, stream: true,
		summary: "Watch a session",
		text: "Server-sent events. Each has the name state, the session as data and its version as id; one comes at once, and whenever the session " +
			"has changed. A comment comes every 15 s at least. Nothing in them is about one player. What the clock alone changes is not announced: " +
			"compare serverTime with deadline.",
		codes: []challenge.Code{challenge.NotFound},
	})
	o.Responses = map[string]*huma.Response{"200": {
		Description: "A stream of events named state.",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[wire.Session](), true, ""),
		}},
	}}
	huma.Register(a.huma, o, func(ctx context.Context, in *eventsIn) (*eventsOut, error) {
		c := a.call(ctx, in)
		s, err := a.o.Service.Session(ctx, c, in.ID)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		if !a.streams.open(actor(c), a.limits) {
			p := tooFast("this user")
			p.Detail = fmt.Sprintf("too many streams are open; %d are possible for a user, close one", a.limits.actorStreams)
			return nil, p
		}
		last, err := strconv.ParseInt(in.Last, 10, 64)
		if err != nil {
			last = -1
		}
		return &eventsOut{func(hc huma.Context) {
			defer a.streams.close(actor(c))
			r, w := humago.Unwrap(hc)
			a.watch(r, &stream{w: w, control: http.NewResponseController(w), limit: a.limits.writeTime}, c, s.ID, last)
		}}, nil
	})
}

// watch sends the session's state until the client goes, may not see it any more, or the server shuts down.
func (a *API) watch(r *http.Request, out *stream, c challenge.Call, id string, last int64) {
	a.metrics.streams.Inc()
	defer a.metrics.streams.Dec()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	h := out.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	if r.Method == http.MethodHead || out.send([]byte(":\n\n")) != nil {
		return
	}
	versions, err := a.o.Service.Watch(ctx, id)
	if err != nil {
		a.o.Log.WarnContext(ctx, "api: watch session", "session", id, "err", err)
		return
	}
	alive := time.NewTicker(a.limits.keepAlive)
	defer alive.Stop()
	for {
		select {
		case version, ok := <-versions:
			if !ok {
				return
			}
			if version <= last {
				continue
			}
			s, err := a.o.Service.Session(ctx, c, id)
			if err != nil {
				return
			}
			if last = s.Version; out.state(viewSession(s, a.o.Now())) != nil {
				return
			}
		case <-alive.C:
			// A token may have been revoked, or taken from somebody else, since.
			if now, err := a.o.Identify(r); err != nil || actor(now) != actor(c) || out.send([]byte(":\n\n")) != nil {
				return
			}
		case <-ctx.Done():
			return
		case <-a.ended:
			return
		}
	}
}

// stream writes server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html).
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration // for the client to take what is sent
}

func (s *stream) state(v wire.Session) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %d\nevent: state\ndata: %s\n\n", v.Version, data)
	return s.send(b.Bytes())
}

func (s *stream) send(b []byte) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.limit)) // not every writer has deadlines
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}
