package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// server is firedrill's own HTTP listener with /metrics and /healthz.
type server struct {
	url      string
	registry *prometheus.Registry
	http     *http.Server
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
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n")) // whoever asked has gone
	})
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("serve /metrics", "err", err)
		}
	}()
	return s, nil
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
