//go:build unix

package remotewrite

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// BenchmarkEncode encodes and compresses, without sending:
//
//	go test -run '^$' -bench Encode -cpu 1 -count 6 -benchmem ./replay/remotewrite
func BenchmarkEncode(b *testing.B) {
	const n = 5000
	families := []*replay.Family{{Type: "counter", Help: "Things that were handled."}, {Type: "gauge", Help: "Things.", Unit: "bytes"}}
	series := make([]*replay.Series, n)
	for i := range series {
		series[i] = &replay.Series{ID: uint32(i), Family: families[i%2], Labels: labels.FromStrings(
			"__name__", fmt.Sprintf("service_things_%d_total", i%50),
			"cluster", "eu-west-1", "container", "server", "endpoint", "http-metrics", "instance", fmt.Sprintf("10.0.0.%d:9090", i/50),
			"job", "shop/checkout", "namespace", "shop", "pod", fmt.Sprintf("checkout-6b7f9c5d4-%05d", i/50), "code", "200", "method", "GET",
		)}
	}
	for _, bench := range []struct {
		load      string
		perSeries int
	}{{"live", 1}, {"bulk", 20}} {
		items := make([]replay.Sample, n)
		distinct := n / bench.perSeries
		for i := range items {
			items[i] = replay.Sample{Series: series[i%distinct], T: 1795345152034 + int64(i/distinct)*15000, V: float64(i) * 1.7}
		}
		for _, version := range []Protocol{V2, V1} {
			b.Run(fmt.Sprintf("load=%s/protocol=%d", bench.load, version), func(b *testing.B) {
				s := &Sink{maxSamples: n, maxBytes: DefaultMaxBytes, cache: newSeriesCache([]labels.Label{{Name: "firedrill_session", Value: "x"}})}
				sc := new(scratch)
				b.ReportAllocs()
				start := cpuTime()
				for b.Loop() {
					if p := s.encode(sc, items, version); p.n != n {
						b.Fatalf("encoded %d", p.n)
					}
				}
				b.SetBytes(int64(len(sc.body)))
				b.ReportMetric(float64(b.N)*n/(cpuTime()-start).Seconds(), "samples/cpu-s")
				b.ReportMetric(float64(len(sc.body))/n, "B/sample")
				b.ReportMetric(float64(len(sc.packed))/n, "packedB/sample")
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
