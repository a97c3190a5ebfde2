package e2e_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/otlptrace"
	"firedrill/replay/recording"
	"firedrill/replay/remotewrite"
)

// counted is a sink whose back end cannot be asked: it counts what was acknowledged itself.
type counted[T replay.Item] struct {
	replay.Sink[T]
}

func (c *counted[T]) Stored(context.Context, time.Time, time.Time) (replay.Stored, error) {
	return replay.Stored{}, nil
}

// discarding is a server that reads requests and takes everything.
func discarding(tb testing.TB) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	tb.Cleanup(srv.Close)
	return srv.URL
}

// cpuTime is what this process has used of all cores, the receiver included: on a noisy machine the
// steadier measure.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReplay reads a recording, rebases it and encodes it into a receiver that discards:
// go test -bench Replay -cpu 1 ./internal/e2e
func BenchmarkReplay(b *testing.B) {
	url := discarding(b)
	at := endpoint.Config{URL: url}
	for _, c := range []struct {
		signal replay.Signal
		size   size
		sinks  func() (replay.Sinks, error)
	}{
		{replay.Metrics, size{length: 30 * time.Minute, series: 3000}, func() (replay.Sinks, error) {
			s, err := remotewrite.New(remotewrite.Options{Endpoint: at, Labels: []labels.Label{{Name: recording.SessionLabel, Value: "bench"}}, Protocol: remotewrite.V1})
			return replay.Sinks{Samples: &counted[replay.Sample]{Sink: s}}, err
		}},
		{replay.Logs, size{length: 5 * time.Minute, series: 1, lines: 1000, spans: 10}, func() (replay.Sinks, error) {
			s, err := lokipush.New(lokipush.Options{Endpoint: at, Tenant: "bench"})
			return replay.Sinks{Records: &counted[replay.Record]{Sink: s}}, err
		}},
		{replay.Traces, size{length: 5 * time.Minute, series: 1, spans: 600}, func() (replay.Sinks, error) {
			s, err := otlptrace.New(otlptrace.Options{Endpoint: at, Protocol: otlptrace.HTTP, ResourceAttributes: map[string]string{"firedrill.session": "bench"}})
			return replay.Sinks{Spans: &counted[replay.Span]{Sink: s}}, err
		}},
	} {
		_, rec := makeRecording(b, c.size, 3)
		b.Run("signal="+string(c.signal), func(b *testing.B) {
			b.ReportAllocs()
			var items int64
			begin := cpuTime(b)
			for b.Loop() {
				sinks, err := c.sinks()
				if err != nil {
					b.Fatal(err)
				}
				r, err := replay.New(rec, sinks, replay.Options{Session: "bench", Page: rec.Manifest().End, History: 24 * time.Hour,
					Wall: time.Now().Add(-time.Second), KnownTrace: rec.HasTrace})
				if err != nil {
					b.Fatal(err)
				}
				proof, err := r.Run(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				items += proof.Signals[0].Sent
			}
			b.ReportMetric(float64(items)/b.Elapsed().Seconds(), "items/s")
			b.ReportMetric(float64(items)/(cpuTime(b)-begin).Seconds(), "items/cpu-s")
		})
	}
}

// BenchmarkPrometheus replays at full speed into a real Prometheus:
// go test -bench Prometheus ./internal/e2e
func BenchmarkPrometheus(b *testing.B) {
	u := stacktest.Shared(b).URLs()
	_, rec := makeRecording(b, size{length: 30 * time.Minute, series: 3000}, 4)
	var items int64
	for b.Loop() {
		session := "bench" + time.Now().Format("150405.000000")
		rw, err := remotewrite.New(remotewrite.Options{Endpoint: endpoint.Config{URL: u.Prometheus}, Labels: []labels.Label{{Name: recording.SessionLabel, Value: session}}})
		if err != nil {
			b.Fatal(err)
		}
		r, err := replay.New(rec, replay.Sinks{Samples: &counted[replay.Sample]{Sink: rw}}, replay.Options{Session: session, Page: rec.Manifest().End, History: 24 * time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		proof, err := r.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		items += proof.Signals[0].Sent
		rw.Close()
	}
	b.ReportMetric(float64(items)/b.Elapsed().Seconds(), "samples/s")
}
