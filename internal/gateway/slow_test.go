package gateway_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// oneConn is a listener with one connection.
type oneConn struct {
	net.Listener
	conns chan net.Conn
}

func (l oneConn) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l oneConn) Close() error { close(l.conns); return nil }

// A form that does not arrive is answered in time, and does not keep its connection.
func TestFormThatStopsIsRefused(t *testing.T) {
	w := newFake(t, func(http.ResponseWriter, *http.Request) { t.Error("the back end was asked") })
	authorization := w.request(http.MethodPost, "ann", "/", nil).Header.Get("Authorization")
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		l := oneConn{conns: make(chan net.Conn, 1)}
		l.conns <- there
		srv := &http.Server{Handler: w.gateway}
		go srv.Serve(l)
		defer srv.Close()
		began := time.Now()
		_ = here.SetDeadline(began.Add(time.Minute))
		fmt.Fprintf(here, "POST /prometheus/api/v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nX-Grafana-User: ann\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nquery=up", authorization)
		answer, err := http.ReadResponse(bufio.NewReader(here), nil)
		if err != nil {
			t.Fatalf("after %v: %v, want an answer", time.Since(began), err)
		}
		answer.Body.Close()
		if took := time.Since(began); answer.StatusCode != http.StatusRequestTimeout || !answer.Close || took > 11*time.Second {
			t.Errorf("status %d, closes %t, after %v; want 408 and a closed connection after 10s", answer.StatusCode, answer.Close, took)
		}
	})
}
