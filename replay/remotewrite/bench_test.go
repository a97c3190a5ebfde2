//go:build unix

package remotewrite_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/remotewrite"
	"firedrill/replay/sinktest"
)

// benchSeries returns series as a Kubernetes cluster has them: about ten labels each.
func benchSeries(n int) []*replay.Series {
	families := make([]*replay.Family, 50)
	for i := range families {
		families[i] = &replay.Family{Type: "counter", Help: fmt.Sprintf("Total number of things of kind %d that were handled.", i)}
	}
	all := make([]*replay.Series, n)
	for i := range all {
		pod := i / 50
		all[i] = &replay.Series{ID: uint32(i), Family: families[i%50], Labels: labels.FromStrings(
			"__name__", fmt.Sprintf("service_things_%d_total", i%50),
			"cluster", "eu-west-1", "container", "server", "endpoint", "http-metrics",
			"instance", fmt.Sprintf("10.0.%d.%d:9090", pod/250, pod%250), "job", "shop/checkout",
			"namespace", "shop", "pod", fmt.Sprintf("checkout-6b7f9c5d4-%05d", pod),
			"code", strconv.Itoa(200+i%5), "method", "GET",
		)}
	}
	return all
}

// batch returns n samples. live: each series once; otherwise each series perSeries times, in order of time.
func batch(series []*replay.Series, n, perSeries int, start int64) []replay.Sample {
	items := make([]replay.Sample, 0, n)
	distinct := n / perSeries
	for i := range n {
		items = append(items, replay.Sample{
			Series: series[i%distinct],
			T:      start + int64(i/distinct)*15000,
			V:      float64(start/1000%100000) + float64(i*7),
		})
	}
	return items
}

// discard is a transport without a network: it reads the request and acknowledges it all.
func discard(n *int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		setWritten(w, *n, 0, 0)
		w.WriteHeader(http.StatusNoContent)
	}
}

// BenchmarkPush pushes into a receiver that discards, over loopback:
//
//	go test -run '^$' -bench Push -cpu 1 -count 6 -benchmem ./replay/remotewrite
func BenchmarkPush(b *testing.B) {
	const n = 5000
	series := benchSeries(n)
	for _, bench := range []struct {
		load      string
		perSeries int
	}{{"live", 1}, {"bulk", 20}} {
		for _, protocol := range []remotewrite.Protocol{remotewrite.V2, remotewrite.V1} {
			b.Run(fmt.Sprintf("load=%s/protocol=%d", bench.load, protocol), func(b *testing.B) {
				count := n
				server := httptest.NewServer(discard(&count))
				defer server.Close()
				sink := newSink(b, remotewrite.Options{
					Endpoint: endpoint.Config{URL: server.URL}, Protocol: protocol,
					Labels: []labels.Label{{Name: sessionLabel, Value: sinktest.NewSession()}},
				})
				defer sink.Close()
				items := batch(series, n, bench.perSeries, time.Now().UnixMilli())
				b.ReportAllocs()
				start := cpuTime()
				for b.Loop() {
					if got, err := sink.Push(context.Background(), items); got != n || err != nil {
						b.Fatalf("Push = %d, %v", got, err)
					}
				}
				b.ReportMetric(float64(b.N)*n/(cpuTime()-start).Seconds(), "samples/cpu-s")
			})
		}
	}
}

// cpuTime returns the processor time of this process: on a machine that others use, elapsed time
// says little.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPrometheus pushes into a real Prometheus, in turn with a bare loop that posts the same
// requests encoded beforehand. The metric ratio is how much of that loop's rate Push reaches:
//
//	go test -run '^$' -bench Prometheus -benchtime 100x -count 3 ./replay/remotewrite
func BenchmarkPrometheus(b *testing.B) {
	at := prometheus(b)
	for _, n := range []int{2000, 5000, 10000} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			series := benchSeries(n)
			open := func(c endpoint.Config) *remotewrite.Sink {
				return newSink(b, remotewrite.Options{
					Endpoint: c, MaxSamples: n, Protocol: remotewrite.V2,
					Labels: []labels.Label{{Name: sessionLabel, Value: sinktest.NewSession()}},
				})
			}
			// The bare loop's requests are what another sink sends, caught on the way.
			var body []byte
			var header http.Header
			catch := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				header = r.Header.Clone()
				body, _ = io.ReadAll(r.Body)
				setWritten(w, n, 0, 0)
			}))
			defer catch.Close()
			encoder, sink := open(endpoint.Config{URL: catch.URL}), open(at)
			defer encoder.Close()
			defer sink.Close()
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()

			push := func(s *remotewrite.Sink, items []replay.Sample) {
				if got, err := s.Push(context.Background(), items); got != n || err != nil {
					b.Fatalf("Push = %d, %v", got, err)
				}
			}
			post := func() {
				req, err := http.NewRequest(http.MethodPost, at.URL+"/api/v1/write", bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				req.Header = header
				resp, err := client.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				defer resp.Body.Close()
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode/100 != 2 {
					b.Fatalf("answer %s, %v", resp.Status, err)
				}
			}
			start := time.Now().Add(-time.Hour).UnixMilli()
			var bare, pushed []float64 // seconds
			timed := func(f func()) float64 {
				t := time.Now()
				f()
				return time.Since(t).Seconds()
			}
			for i := 0; b.Loop(); i++ {
				items := batch(series, n, 1, start+int64(i)*1000)
				push(encoder, items)
				if i%2 == 0 { // neither is always the first
					bare = append(bare, timed(post))
				}
				pushed = append(pushed, timed(func() { push(sink, items) }))
				if i%2 == 1 {
					bare = append(bare, timed(post))
				}
			}
			// Medians, since other work on the machine comes in bursts.
			slices.Sort(bare)
			slices.Sort(pushed)
			m, p := bare[len(bare)/2], pushed[len(pushed)/2]
			b.ReportMetric(0, "ns/op") // it would be the time of all three
			b.ReportMetric(float64(n)/m, "bare-samples/s")
			b.ReportMetric(float64(n)/p, "push-samples/s")
			b.ReportMetric(m/p, "ratio")
		})
	}
}
