package recording_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// go test -run '^$' -bench BenchmarkRead -cpu 1 -count 6 -benchmem ./replay/recording
//
// Each reports items/s, and items/cpu-s by the time that the process got, garbage collection included.
// The goals for one core are 3 M samples, 1 M lines and 400 k spans.

func BenchmarkReadSamples(b *testing.B) {
	for _, nSeries := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("series=%d", nSeries), func(b *testing.B) {
			w, dir := mustCreate(b)
			rnd := rand.New(rand.NewPCG(1, 1))
			series := make([]labels.Labels, nSeries)
			values := make([]float64, nSeries)
			for i := range series {
				series[i] = labels.FromStrings("__name__", fmt.Sprintf("http_requests_%d_total", i%100), "pod", fmt.Sprint("pod-", i), "namespace", "shop")
			}
			start := epoch.UnixMilli()
			for t := int64(0); t < 2*3600*1000; t += 15000 {
				for i, l := range series {
					values[i] += float64(rnd.IntN(20))
					check(b, w.Sample(l, start+t+int64(i%15000), values[i]))
				}
			}
			mustClose(b, w)
			r := mustOpen(b, dir)
			b.ReportAllocs()
			benchRead(b, r.Samples)
		})
	}
}

func BenchmarkReadRecords(b *testing.B) {
	w, dir := mustCreate(b)
	rnd := rand.New(rand.NewPCG(1, 1))
	var streams []labels.Labels
	for i := range 50 {
		streams = append(streams, labels.FromStrings("namespace", "shop", "app", fmt.Sprint("app", i%10), "pod", fmt.Sprintf("app%d-6f7d9c5b8-%d", i%10, i), "container", "server"))
	}
	for i := range 300_000 {
		line := fmt.Sprintf(`{"level":"info","ts":%d,"caller":"server/handler.go:%d","msg":"request served","path":"/api/v1/cart/%d","status":200,"duration_ms":%d}`, i, rnd.IntN(500), rnd.IntN(1e6), rnd.IntN(900))
		check(b, w.Record(streams[rnd.IntN(len(streams))], epoch.UnixNano()+int64(i)*2e6, line,
			[]replay.Pair{{Name: "span_id", Value: fmt.Sprintf("%016x", rnd.Uint64())}, {Name: "trace_id", Value: fmt.Sprintf("%016x%016x", rnd.Uint64(), rnd.Uint64())}}))
	}
	mustClose(b, w)
	r := mustOpen(b, dir)
	b.ReportAllocs()
	benchRead(b, r.Records)
}

func BenchmarkReadSpans(b *testing.B) {
	w, dir := mustCreate(b)
	writeBenchSpans(b, w, 100_000)
	mustClose(b, w)
	r := mustOpen(b, dir)
	b.ReportAllocs()
	benchRead(b, r.Spans)
}

// writeBenchSpans writes n spans in traces of ten from eight services, with six attributes each.
func writeBenchSpans(tb testing.TB, w *recording.Writer, n int) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := 0; i < n; i += 10 {
		td := ptrace.NewTraces()
		var trace pcommon.TraceID
		copy(trace[:], fmt.Sprintf("%016x", rnd.Uint64()))
		for j := range 10 {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service", (i+j)%8))
			rs.Resource().Attributes().PutStr("k8s.pod.name", fmt.Sprint("service", (i+j)%8, "-6f7d9c5b8-x2x"))
			s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			s.SetTraceID(trace)
			s.SetSpanID(pcommon.SpanID{byte(j + 1), byte(i)})
			s.SetParentSpanID(pcommon.SpanID{byte(j), byte(i)})
			s.SetName("GET /api/v1/cart")
			s.SetKind(ptrace.SpanKindServer)
			start := epoch.UnixNano() + int64(i)*1e6
			s.SetStartTimestamp(pcommon.Timestamp(start))
			s.SetEndTimestamp(pcommon.Timestamp(start + rnd.Int64N(1e8)))
			a := s.Attributes()
			a.PutStr("http.request.method", "GET")
			a.PutStr("url.path", "/api/v1/cart")
			a.PutInt("http.response.status_code", 200)
			a.PutStr("server.address", "cart.shop.svc.cluster.local")
			a.PutInt("server.port", 8080)
			a.PutStr("user_agent.original", "Mozilla/5.0")
		}
		check(tb, w.Spans(td))
	}
}

func benchRead[T replay.Item](b *testing.B, open func(from, to time.Time) (replay.Reader[T], error)) {
	n := 0
	p := make([]T, 1024)
	before := cpuTime(b)
	for b.Loop() {
		r, err := open(time.Time{}, forever)
		check(b, err)
		for {
			m, err := r.Read(p)
			if err == io.EOF {
				break
			}
			check(b, err)
			n += m
		}
		check(b, r.Close())
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "items/s")
	b.ReportMetric(float64(n)/(cpuTime(b)-before).Seconds(), "items/cpu-s")
}

// cpuTime is what the process has used. It tells more than the clock on a machine that is shared.
func cpuTime(tb testing.TB) time.Duration {
	var u unix.Rusage
	check(tb, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// go test -run '^$' -bench BenchmarkWrite -cpu 1 -count 6 -benchmem ./replay/recording
func BenchmarkWriteSpans(b *testing.B) {
	n := 0
	before := cpuTime(b)
	for b.Loop() {
		w, err := recording.Create(filepath.Join(b.TempDir(), fmt.Sprint(n)), recording.Options{})
		check(b, err)
		writeBenchSpans(b, w, 20_000)
		mustClose(b, w)
		n += 20_000
	}
	b.ReportMetric(float64(n)/(cpuTime(b)-before).Seconds(), "items/cpu-s")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "items/s")
}
