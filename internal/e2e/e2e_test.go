package e2e_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/otlptrace"
	"firedrill/replay/recording"
	"firedrill/replay/remotewrite"
)

func TestMain(m *testing.M) { os.Exit(stacktest.Run(m)) }

// size says how much a made-up recording holds: lines and spans per second, and series, of which a
// hundred at a time are scraped together.
type size struct {
	length               time.Duration
	series, lines, spans int
	scrape               int // seconds between two samples of a series; 0 is 5
}

// start of every made-up recording.
var recordedStart = time.Date(2024, 2, 29, 23, 40, 0, 0, time.UTC)

// makeRecording writes a recording of random content, the same for the same seed. Every log line names
// a trace that exists; every tenth trace has an exemplar.
func makeRecording(tb testing.TB, s size, seed uint64) (dir string, rec *recording.Recording) {
	tb.Helper()
	dir = filepath.Join(tb.TempDir(), "recording")
	w, err := recording.Create(dir, recording.Options{CreatedBy: "e2e"})
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Abort()
	check := func(err error) {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(seed, 7))
	services := []string{"frontend", "checkout", "payment", "currency"}
	scrape := cmp.Or(s.scrape, 5)
	var series, streams []labels.Labels
	for i := range s.series {
		series = append(series, labels.FromStrings("__name__", fmt.Sprintf("demo_metric_%d", i%17), "pod", fmt.Sprintf("pod-%d", i/17), "job", "demo"))
	}
	for _, service := range services {
		streams = append(streams, labels.FromStrings("service_name", service, "namespace", "demo"))
	}
	for at := time.Duration(0); at < s.length; at += time.Second {
		second := recordedStart.Add(at)
		for i, l := range series {
			if int(at/time.Second)%scrape == i/100%scrape {
				check(w.Sample(l, second.UnixMilli(), float64(rnd.IntN(1000))))
			}
		}
		var last pcommon.TraceID
		for range s.spans {
			var span pcommon.SpanID
			binary.BigEndian.PutUint64(span[:], rnd.Uint64()|1)
			if last.IsEmpty() || rnd.IntN(4) == 0 {
				binary.BigEndian.PutUint64(last[:8], rnd.Uint64()|1)
				binary.BigEndian.PutUint64(last[8:], rnd.Uint64())
			}
			td := ptrace.NewTraces()
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", services[rnd.IntN(len(services))])
			sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			end := second.Add(time.Duration(rnd.Int64N(int64(time.Second))))
			sp.SetName("GET /" + fmt.Sprint(rnd.IntN(9)))
			sp.SetTraceID(last)
			sp.SetSpanID(span)
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-time.Duration(1+rnd.IntN(300)) * time.Millisecond)))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
			check(w.Spans(td))
		}
		for i := range s.lines {
			t := second.Add(time.Duration(i) * time.Second / time.Duration(s.lines))
			check(w.Record(streams[rnd.IntN(len(streams))], t.UnixNano(),
				fmt.Sprintf(`{"ts":%q,"level":"info","msg":"request %d done","trace_id":"%s"}`, t.Format(time.RFC3339Nano), rnd.IntN(1e6), last),
				[]replay.Pair{{Name: "trace_id", Value: last.String()}}))
		}
	}
	if _, err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	rec, err = recording.Open(dir)
	check(err)
	tb.Cleanup(func() { rec.Close() })
	return dir, rec
}

// sinksTo connects to a running stack.
func sinksTo(tb testing.TB, u stack.URLs, session string) replay.Sinks {
	tb.Helper()
	rw, err := remotewrite.New(remotewrite.Options{
		Endpoint: endpoint.Config{URL: u.Prometheus}, Labels: []labels.Label{{Name: recording.SessionLabel, Value: session}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	loki, err := lokipush.New(lokipush.Options{Endpoint: endpoint.Config{URL: u.Loki}, Tenant: session})
	if err != nil {
		tb.Fatal(err)
	}
	otlp, err := otlptrace.New(otlptrace.Options{
		Endpoint: endpoint.Config{URL: "http://" + u.OTLPGRPC}, Protocol: otlptrace.GRPC,
		Query:              endpoint.Config{URL: u.Jaeger},
		ResourceAttributes: map[string]string{"firedrill.session": session},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { rw.Close(); loki.Close(); otlp.Close() })
	return replay.Sinks{Samples: rw, Records: loki, Spans: otlp}
}

// logger writes the engine's log into the test's.
func logger(tb testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(tb.Output(), nil))
}

// eventually waits until the condition holds.
func eventually(tb testing.TB, within time.Duration, what string, holds func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), within)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("not within %v: %s", within, what)
		}
	}
}

// wantWhole checks that all of the recording was stored, once.
func wantWhole(tb testing.TB, proof *replay.Proof, m recording.Manifest) {
	tb.Helper()
	if !proof.OK() {
		tb.Errorf("the proof has a difference: %+v", proof.Signals)
	}
	for i, want := range []int64{m.Metrics.Samples, m.Logs.Lines, m.Traces.Spans} {
		if got := proof.Signals[i]; got.Stored != want {
			tb.Errorf("%s: %d are stored, want all %d of the recording", got.Signal, got.Stored, want)
		}
	}
}
