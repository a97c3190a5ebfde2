package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

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

// BenchmarkPrometheus replays at full speed into a real Prometheus, in turn with a bare loop that posts
// the same requests, encoded before, on one connection. ratio is replay over bare loop:
// go test -bench Prometheus ./internal/e2e
func BenchmarkPrometheus(b *testing.B) {
	u := stacktest.Shared(b).URLs()
	_, rec := makeRecording(b, size{length: 30 * time.Minute, series: 3000}, 4)
	samples := rec.Manifest().Metrics.Samples
	var bare, replayed time.Duration
	for b.Loop() {
		id := time.Now().Format("150405.000000")
		requests := capture(b, func(at string) { loadSamples(b, rec, at, "bare"+id) })
		begin := time.Now()
		for _, r := range requests {
			r.post(b, u.Prometheus)
		}
		bare += time.Since(begin)
		begin = time.Now()
		loadSamples(b, rec, u.Prometheus, "replay"+id)
		replayed += time.Since(begin)
	}
	b.ReportMetric(float64(samples)*float64(b.N)/bare.Seconds(), "bare-samples/s")
	b.ReportMetric(float64(samples)*float64(b.N)/replayed.Seconds(), "replay-samples/s")
	b.ReportMetric(bare.Seconds()/replayed.Seconds(), "ratio")
}

// loadSamples replays all samples of a recording in bulk, without the proof.
func loadSamples(tb testing.TB, rec *recording.Recording, at, session string) {
	tb.Helper()
	rw, err := remotewrite.New(remotewrite.Options{Endpoint: endpoint.Config{URL: at}, Labels: []labels.Label{{Name: recording.SessionLabel, Value: session}}})
	if err != nil {
		tb.Fatal(err)
	}
	defer rw.Close()
	r, err := replay.New(rec, replay.Sinks{Samples: &counted[replay.Sample]{Sink: rw}}, replay.Options{
		Session: session, Page: rec.Manifest().End, History: 24 * time.Hour, Wall: time.Now().Add(-2 * time.Second),
	})
	if err != nil {
		tb.Fatal(err)
	}
	proof, err := r.Run(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if got, want := proof.Signals[0].Sent, rec.Manifest().Metrics.Samples; got != want {
		tb.Fatalf("sent %d samples, want %d", got, want)
	}
}

// request is one captured remote write request.
type request struct {
	header http.Header
	body   []byte
}

// capture keeps the requests that do makes of a receiver at the given address.
func capture(tb testing.TB, do func(at string)) []request {
	tb.Helper()
	var mu sync.Mutex
	var all []request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		all = append(all, request{r.Header.Clone(), body})
		mu.Unlock()
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(samplesIn(body)))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	do(srv.URL)
	return all
}

// samplesIn counts the samples of a remote write 2.0 request, 0 in anything else.
func samplesIn(body []byte) int {
	var r writev2.Request
	plain, err := snappy.Decode(nil, body)
	if err != nil || r.Unmarshal(plain) != nil {
		return 0
	}
	n := 0
	for _, ts := range r.Timeseries {
		n += len(ts.Samples)
	}
	return n
}

func (r request) post(tb testing.TB, at string) {
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, at+"/api/v1/write", bytes.NewReader(r.body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header = r.header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		tb.Fatalf("write: %s: %s", resp.Status, answer)
	}
}

// BenchmarkLive plays at speed 1 into the real back ends, with 10,000 series every 15 s, 500 lines/s and
// 400 spans/s, and reports how late items were acknowledged and what the engine took of one core:
// go test -bench Live -benchtime 1x ./internal/e2e
func BenchmarkLive(b *testing.B) {
	const live = 45 * time.Second
	u := stacktest.Shared(b).URLs()
	_, rec := makeRecording(b, size{length: time.Minute + live, series: 10_000, scrape: 15, lines: 500, spans: 400}, 5)
	for b.Loop() {
		session := "live" + time.Now().Format("150405.000000")
		r, err := replay.New(rec, sinksTo(b, u, session), replay.Options{
			Session: session, Page: rec.Manifest().End.Add(-live), History: time.Hour, Lead: 10 * time.Second, KnownTrace: rec.HasTrace,
			OnEvent: func(e replay.Event) {
				if e.Phase == replay.PhaseLive {
					begin.at, begin.cpu = time.Now(), cpuTime(b)
				}
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		proof, err := r.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if !proof.OK() {
			b.Fatalf("proof: %+v", proof.Signals)
		}
		for signal, s := range r.Status().Signals {
			b.ReportMetric(float64(s.LatenessP99)/1e6, string(signal)+"-p99-ms")
		}
		b.ReportMetric(100*(cpuTime(b)-begin.cpu).Seconds()/time.Since(begin.at).Seconds(), "%core")
	}
}

// begin is when the live part of a benchmark began. The proof after it is in its CPU time.
var begin struct {
	at  time.Time
	cpu time.Duration
}

// BenchmarkMemory loads recordings of different length with the firedrill program and reports its
// largest resident memory:
// go test -bench Memory -benchtime 1x ./internal/e2e
func BenchmarkMemory(b *testing.B) {
	bin, err := program()
	if err != nil {
		b.Fatal(err)
	}
	u := stacktest.Shared(b).URLs()
	for _, minutes := range []int{10, 40} {
		dir, _ := makeRecording(b, size{length: time.Duration(minutes) * time.Minute, series: 5000, scrape: 15, lines: 200, spans: 100}, 6)
		b.Run(fmt.Sprintf("minutes=%d", minutes), func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(bin, "replay", dir, "--history", "all", "--state-dir", b.TempDir(), "-o", "json",
					"--prometheus-url", u.Prometheus, "--loki-url", u.Loki, "--otlp-endpoint", "http://"+u.OTLPGRPC, "--jaeger-url", u.Jaeger)
				b.ReportMetric(float64(peakMemory(b, cmd))/1024, "MiB-rss")
			}
		})
	}
}

// peakMemory runs a command and returns its largest resident memory in KiB. The kernel's VmHWM is read
// while it runs: the maxrss of a finished child also counts the memory of the parent that forked it.
func peakMemory(tb testing.TB, cmd *exec.Cmd) (peak int) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				tb.Fatalf("%v\n%s", err, out.Bytes())
			}
			return peak
		case <-tick.C:
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			for line := range strings.Lines(string(status)) {
				if n, ok := strings.CutPrefix(line, "VmHWM:"); ok {
					fmt.Sscanf(n, "%d", &peak)
				}
			}
		}
	}
}
