package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"firedrill/internal/httpapi"
)

// server is firedrill's own HTTP listener with /metrics and /healthz, and what is mounted beside them.
type server struct {
	url      string
	registry *prometheus.Registry
	http     *http.Server
	more     atomic.Pointer[http.Handler]
	done     chan struct{}
}

// newRegistry holds what the process says of itself; the engine adds its own metrics.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	return r
}

// serve listens on address until close is called.
func (a *app) serve(address, flag string) (*server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fail(exitStack, fmt.Errorf("listen for /metrics: %w", err), "choose another address with "+flag)
	}
	s := &server{url: "http://" + l.Addr().String(), registry: newRegistry(), done: make(chan struct{})}
	metrics := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry})
	s.http = httpapi.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch more := s.more.Load(); {
		case r.URL.Path == "/metrics":
			metrics.ServeHTTP(w, r)
		case r.URL.Path == "/healthz":
			_, _ = w.Write([]byte("ok\n")) // whoever asked has gone
		case more != nil:
			(*more).ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("serve /metrics", "err", err)
		}
	}()
	return s, nil
}

// mount serves all other paths by a handler. end is called when the server closes, to end answers that would go on for ever.
func (s *server) mount(h http.Handler, end func()) {
	s.http.RegisterOnShutdown(end)
	s.more.Store(&h)
}

// close ends the listener; requests under way get a second.
func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	<-s.done
}
