package otlptrace_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/otlptrace"
)

func pushAll(tb testing.TB, s *otlptrace.Sink, spans []replay.Span) {
	tb.Helper()
	for len(spans) > 0 {
		n, err := s.Push(tb.Context(), spans)
		if err != nil {
			tb.Fatalf("Push of %d = %d, %v", len(spans), n, err)
		}
		spans = spans[n:]
	}
}

// BenchmarkPush measures encoding and sending to a receiver that discards everything:
//
//	go test -run '^$' -bench Push -benchmem ./replay/otlptrace
func BenchmarkPush(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	address := discardGRPC(b)
	spans := otlptrace.MakeSpans(20000, 20, 1700000000e9, 1)
	for _, o := range []otlptrace.Options{
		{Protocol: otlptrace.GRPC, Endpoint: endpoint.Config{URL: "http://" + address}},
		{Protocol: otlptrace.HTTP, Endpoint: endpoint.Config{URL: server.URL}},
	} {
		b.Run("protocol="+string(o.Protocol), func(b *testing.B) {
			s := mustNew(b, o)
			defer s.Close()
			b.ReportAllocs()
			for b.Loop() {
				pushAll(b, s, spans)
			}
			b.ReportMetric(float64(b.N*len(spans))/b.Elapsed().Seconds(), "spans/s")
		})
	}
}

// BenchmarkJaeger compares the sink with a bare loop that posts the same requests, encoded before, into
// the real Jaeger; each round has trace ids of its own. Then it counts them:
//
//	go test -run '^$' -bench Jaeger -benchtime 3x ./replay/otlptrace
func BenchmarkJaeger(b *testing.B) {
	const n = 20000
	at := receiver(b, otlptrace.HTTP)
	rounds := uint64(time.Now().UnixNano())
	next := func() []replay.Span {
		rounds++
		return otlptrace.MakeSpans(n, 20, time.Now().Add(-time.Hour).UnixNano(), rounds)
	}
	b.Run("by=bare", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for range b.N {
			b.StopTimer()
			bodies := encoded(b, next())
			b.StartTimer()
			for _, body := range bodies {
				resp, err := client.Post(at.URL+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					b.Fatal(resp.Status)
				}
			}
		}
		b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "spans/s")
	})
	for _, protocol := range []otlptrace.Protocol{otlptrace.GRPC, otlptrace.HTTP} {
		b.Run("by=sink/protocol="+string(protocol), func(b *testing.B) {
			s := mustNew(b, otlptrace.Options{Endpoint: receiver(b, protocol), Protocol: protocol})
			defer s.Close()
			for range b.N {
				b.StopTimer()
				spans := next()
				b.StartTimer()
				pushAll(b, s, spans)
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "spans/s")
		})
	}
	b.Run("by=readback", func(b *testing.B) {
		s := jaegerSink(b, "bench")
		spans := next()
		pushAll(b, s, spans)
		var ids []pcommon.TraceID
		for _, item := range spans {
			ids = append(ids, item.Span.TraceID())
		}
		b.ResetTimer()
		for range b.N {
			if got, err := s.StoredTraces(b.Context(), ids); err != nil || got.Items != n {
				b.Fatalf("StoredTraces = %+v, %v, want %d", got, err, n)
			}
		}
		b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "spans/s")
	})
}

// encoded returns the requests that a sink sends for spans.
func encoded(tb testing.TB, spans []replay.Span) [][]byte {
	tb.Helper()
	var bodies [][]byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Error(err)
		}
		bodies = append(bodies, body)
	}))
	defer server.Close()
	s := mustNew(tb, otlptrace.Options{Endpoint: endpoint.Config{URL: server.URL}, Protocol: otlptrace.HTTP})
	defer s.Close()
	pushAll(tb, s, spans)
	return bodies
}
