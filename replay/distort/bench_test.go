package distort_test

import (
	"testing"
	"time"

	"firedrill/replay/distort"
)

// BenchmarkRead reads a recording in memory at each difficulty:
// go test -run '^$' -bench Read -cpu 1 ./replay/distort
func BenchmarkRead(b *testing.B) {
	m := incident(1, time.Hour)
	for _, name := range []string{distort.Clean, distort.Hard} {
		spec, err := distort.Preset(name, nil)
		if err != nil {
			b.Fatal(err)
		}
		src := distorted(b, m, 1, spec...)
		b.Run("difficulty="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				readAll(b, src)
			}
			items := len(m.samples) + len(m.records) + len(m.spans)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*items), "ns/item")
		})
	}
}
