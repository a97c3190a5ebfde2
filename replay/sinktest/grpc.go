package sinktest

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"firedrill/replay/endpoint"
)

// GRPC serves s over gRPC until the test ends, whatever the method. What it accepts it answers with
// an empty message, which is a success in OTLP. Script.Accept is not used.
func GRPC(tb testing.TB, s *Script, withTLS bool) endpoint.Config {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	cut := &cutListener{Listener: l}
	options := []grpc.ServerOption{
		grpc.ForceServerCodec(rawCodec{}),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error { return s.serveStream(stream, cut) }),
	}
	c := endpoint.Config{URL: "http://" + l.Addr().String()}
	if withTLS {
		// httptest has a certificate for 127.0.0.1.
		web := httptest.NewTLSServer(nil)
		web.Close()
		options = append(options, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: web.TLS.Certificates})))
		c.URL, c.CAFile = "https://"+l.Addr().String(), writeCA(tb, web.Certificate())
	}
	server := grpc.NewServer(options...)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(cut) })
	tb.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	s.start(tb)
	return c
}

// serveStream answers one call.
func (s *Script) serveStream(stream grpc.ServerStream, cut *cutListener) error {
	var body []byte
	if err := stream.RecvMsg(&body); err != nil {
		return err
	}
	md, _ := metadata.FromIncomingContext(stream.Context())
	header := make(http.Header)
	for k, vs := range md {
		header[http.CanonicalHeaderKey(k)] = vs
	}
	a, stop := s.take(Request{Header: header, Body: body})
	switch {
	case a == nil:
		return stream.SendMsg(new([]byte))
	case a.Hang:
		select {
		case <-stream.Context().Done():
		case <-stop:
		}
		return status.FromContextError(stream.Context().Err()).Err()
	case a.Cut:
		cut.closeAll()
		<-stream.Context().Done()
		return nil
	}
	st := status.New(codeOf(a.Status), a.Words)
	if a.RetryAfter > 0 {
		info := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Duration(a.RetryAfter) * time.Second)}
		with, err := st.WithDetails(info)
		if err != nil {
			return err
		}
		st = with
	}
	return st.Err()
}

// codeOf returns the code with which OTLP/gRPC says what the HTTP status says in OTLP/HTTP.
func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	return codes.InvalidArgument
}

// rawCodec leaves messages as they are: *[]byte.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func (rawCodec) Name() string { return "proto" }

// cutListener can close all connections that it has accepted.
type cutListener struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

// Accept implements net.Listener.
func (l *cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

func (l *cutListener) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}
