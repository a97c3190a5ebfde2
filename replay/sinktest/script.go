package sinktest

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"firedrill/replay/endpoint"
)

// Script is what a scripted server answers and what it was asked. Its zero value accepts
// everything. It is safe for concurrent use.
type Script struct {
	// Accept answers requests for which there is no Answer; nil is an empty 200. The body has been
	// read already and can be read again.
	Accept http.HandlerFunc

	mu       sync.Mutex
	always   *Answer
	requests []Request
	stop     chan struct{}
}

// Answer is one thing that a server may do with a request that it has read.
type Answer struct {
	Status     int    // HTTP status; a gRPC server gives the code that OTLP says stands for it
	RetryAfter int    // seconds; 0 is not to say
	Words      string // the body, or the gRPC status message
	Cut        bool   // close the connection instead of answering
	Hang       bool   // answer nothing until the client goes away
}

// Request is what a sink sent.
type Request struct {
	Header http.Header // gRPC metadata in a gRPC server
	Body   []byte
}

// Always answers all requests from now on with a.
func (s *Script) Always(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = &a
}

// Requests returns all requests so far.
func (s *Script) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// take records a request and returns how to answer it; nil is to accept it.
func (s *Script) take(r Request) (a *Answer, stop <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	return s.always, s.stop
}

// start makes hanging answers end when the test does.
func (s *Script) start(tb testing.TB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = make(chan struct{})
	tb.Cleanup(func() { close(s.stop) })
}

// HTTP serves s over HTTP until the test ends.
func HTTP(tb testing.TB, s *Script, tls bool) endpoint.Config {
	tb.Helper()
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a refused certificate is no news here
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	tb.Cleanup(server.Close)
	s.start(tb) // after server.Close, so that it is undone before it
	c := endpoint.Config{URL: server.URL}
	if tls {
		c.CAFile = writeCA(tb, server.Certificate())
	}
	return c
}

// ServeHTTP implements http.Handler.
func (s *Script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	a, stop := s.take(Request{Header: r.Header.Clone(), Body: body})
	switch {
	case a == nil && s.Accept != nil:
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.Accept(w, r)
	case a == nil:
	case a.Hang:
		select {
		case <-r.Context().Done():
		case <-stop:
		}
		panic(http.ErrAbortHandler)
	case a.Cut:
		panic(http.ErrAbortHandler)
	default:
		if a.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(a.RetryAfter))
		}
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Words)
	}
}

// writeCA writes a certificate to a file of the test.
func writeCA(tb testing.TB, cert *x509.Certificate) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
