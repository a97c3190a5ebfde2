package httpapi

import (
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// MaxConnections bounds the connections of a server.
const MaxConnections = 4096

// NewServer returns a server with limits on headers, bodies and idle connections. There is none on answering, since streams go on
// for as long as clients like: handlers bound that.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
}

// Limit bounds the connections of a listener to MaxConnections; more wait to be accepted.
func Limit(l net.Listener) net.Listener { return netutil.LimitListener(l, MaxConnections) }
