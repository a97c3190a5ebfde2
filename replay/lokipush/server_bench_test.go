package lokipush_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/sinktest"
)

// BenchmarkPush measures encoding and sending to a receiver that discards everything:
//
//	go test -run '^$' -bench Push -benchmem ./replay/lokipush
func BenchmarkPush(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	s := mustNew(b, lokipush.Options{Endpoint: endpoint.Config{URL: server.URL}, Tenant: "t"})
	defer s.Close()
	records := lokipush.MakeRecords(20000, 20, 200, 1700000000e9)
	b.ReportAllocs()
	for b.Loop() {
		pushAll(b, s, records)
	}
	b.ReportMetric(float64(b.N*len(records))/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkLoki compares the sink with a bare loop that posts the same requests, encoded before, into
// the real Loki; each round is a tenant of its own:
//
//	go test -run '^$' -bench Loki -benchtime 10x ./replay/lokipush
func BenchmarkLoki(b *testing.B) {
	at := loki(b)
	records := lokipush.MakeRecords(100000, 20, 200, time.Now().Add(-time.Hour).UnixNano())
	b.Run("by=bare", func(b *testing.B) {
		var bodies [][]byte
		recorder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				b.Error(err)
			}
			bodies = append(bodies, body)
			w.WriteHeader(http.StatusNoContent)
		}))
		s := mustNew(b, lokipush.Options{Endpoint: endpoint.Config{URL: recorder.URL}})
		pushAll(b, s, records)
		s.Close()
		recorder.Close()
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		b.ResetTimer()
		for range b.N {
			tenant := sinktest.NewSession()
			for _, body := range bodies {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, at.URL+"/loki/api/v1/push", bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				req.Header.Set("X-Scope-OrgID", tenant)
				req.Header.Set("Content-Type", "application/x-protobuf")
				resp, err := client.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusNoContent {
					b.Fatal(resp.Status)
				}
			}
		}
		b.ReportMetric(float64(b.N*len(records))/b.Elapsed().Seconds(), "lines/s")
	})
	b.Run("by=sink", func(b *testing.B) {
		for range b.N {
			s := mustNew(b, lokipush.Options{Endpoint: at, Tenant: sinktest.NewSession()})
			pushAll(b, s, records)
			s.Close()
		}
		b.ReportMetric(float64(b.N*len(records))/b.Elapsed().Seconds(), "lines/s")
	})
	b.Run("by=readback", func(b *testing.B) {
		s := mustNew(b, lokipush.Options{Endpoint: at, Tenant: sinktest.NewSession()})
		defer s.Close()
		pushAll(b, s, records)
		from, to := time.Unix(0, records[0].T), time.Unix(0, records[len(records)-1].T+1)
		b.ResetTimer()
		for range b.N {
			stored, err := s.Stored(b.Context(), from, to)
			if err != nil || stored.Items != int64(len(records)) {
				b.Fatalf("Stored = %+v, %v, want %d", stored, err, len(records))
			}
		}
		b.ReportMetric(float64(b.N*len(records))/b.Elapsed().Seconds(), "lines/s")
	})
}
