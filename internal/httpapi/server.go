package httpapi

import (
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// MaxConnections bounds the connections of a server.
const MaxConnections = 4096

// NewServer returns a server with limits on header, idle connections and slow requests. ReadTimeout ends the context of a
// handler too, so one that goes on for longer must lift it first, by SetReadDeadline of http.ResponseController. There is no
// limit on writing, since streams have none: handlers bound that.
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
