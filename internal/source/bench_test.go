package source_test

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"firedrill/internal/source"
	"firedrill/replay"
	"firedrill/replay/distort"
	"firedrill/replay/recording"
)

// BenchmarkReaders reads nine minutes with 50 readers at once, as 50 sessions do: from one Source, or each from the recording
// itself. heap is what is in use when all have read half of it:
// go test -run '^$' -bench Readers -benchtime 1x ./internal/source
func BenchmarkReaders(b *testing.B) {
	library, dir := newLibrary(b, 20)
	for _, shared := range []bool{true, false} {
		b.Run(fmt.Sprintf("shared=%t", shared), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pool := source.New(source.Options{Library: library})
				s := open(b, pool, distort.Clean)
				items := s.Manifest.Metrics.Samples + s.Manifest.Logs.Lines + s.Manifest.Traces.Spans
				halfway, begin := sync.WaitGroup{}, time.Now()
				halfway.Add(50)
				measured := make(chan struct{})
				var readers sync.WaitGroup
				for range 50 {
					readers.Go(func() {
						var src replay.Source = s
						if !shared {
							rec, err := recording.Open(dir)
							if err != nil {
								b.Error(err)
								return
							}
							defer rec.Close()
							src = rec
						}
						readAll(b, src, func() { halfway.Done(); <-measured })
					})
				}
				halfway.Wait()
				var heap runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&heap)
				close(measured)
				readers.Wait()
				b.ReportMetric(float64(heap.HeapInuse>>20), "MiB-heap")
				b.ReportMetric(float64(50*items)/time.Since(begin).Seconds(), "items/s")
				pool.Close()
			}
		})
	}
}

// readAll reads all three signals in turns, and calls a function in the middle.
func readAll(b *testing.B, src replay.Source, middle func()) {
	start, end := src.Bounds()
	samples, err1 := src.Samples(start, end)
	records, err2 := src.Records(start, end)
	spans, err3 := src.Spans(start, end)
	if err1 != nil || err2 != nil || err3 != nil {
		b.Error(err1, err2, err3)
		return
	}
	defer samples.Close()
	defer records.Close()
	defer spans.Close()
	half := start.Add(end.Sub(start) / 2)
	a, l, s := make([]replay.Sample, 256), make([]replay.Record, 256), make([]replay.Span, 256)
	for ended, called := 0, false; ended < 3; {
		ended = 0
		n, err := samples.Read(a)
		if err == io.EOF {
			ended++
		} else if !called && n > 0 && time.UnixMilli(a[n-1].T).After(half) {
			called = true
			middle()
		}
		if _, err := records.Read(l); err == io.EOF {
			ended++
		}
		if _, err := spans.Read(s); err == io.EOF {
			ended++
		}
	}
}
