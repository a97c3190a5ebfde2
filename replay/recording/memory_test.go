package recording_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// A recording four times as long takes no more memory to read.
func TestMemoryDoesNotGrow(t *testing.T) {
	short, long := longRecording(t, 3*time.Hour), longRecording(t, 12*time.Hour)
	for name, most := range map[string]func(*recording.Recording) uint64{
		"samples": func(r *recording.Recording) uint64 { return mostHeap(t, r.Samples) },
		"records": func(r *recording.Recording) uint64 { return mostHeap(t, r.Records) },
		"spans":   func(r *recording.Recording) uint64 { return mostHeap(t, r.Spans) },
	} {
		s, l := most(short), most(long)
		t.Logf("%s: %d KiB for 3 h, %d KiB for 12 h", name, s>>10, l>>10)
		if l > s+s/4+1<<20 {
			t.Errorf("%s: %d KiB are held while reading 12 h, %d KiB for 3 h", name, l>>10, s>>10)
		}
	}
}

// longRecording has 100 samples, 10 lines and 10 spans for each 15 s.
func longRecording(t *testing.T, over time.Duration) *recording.Recording {
	w, dir := mustCreate(t)
	for at := time.Duration(0); at < over; at += 15 * time.Second {
		now := epoch.Add(at)
		for i := range 100 {
			check(t, w.Sample(labels.FromStrings("__name__", "m", "i", fmt.Sprint(i)), now.UnixMilli(), float64(at)))
		}
		for i := range 10 {
			check(t, w.Record(app, now.UnixNano()+int64(i), fmt.Sprintf("%d a line of ordinary length, neither short nor long", i), nil))
			check(t, w.Spans(oneSpan(byte(at/time.Minute)|1, byte(i+1), now.UnixNano(), now.UnixNano()+int64(i), "operation")))
		}
	}
	mustClose(t, w)
	return mustOpen(t, dir)
}

// mostHeap reads everything and returns the most that was live on the way, in bytes, beyond what was
// live before.
func mostHeap[T replay.Item](t *testing.T, open func(from, to time.Time) (replay.Reader[T], error)) uint64 {
	before := liveHeap()
	r, err := open(time.Time{}, forever)
	check(t, err)
	defer r.Close()
	p := make([]T, 64)
	most := before
	for i := 0; ; i++ {
		if _, err := r.Read(p); err == io.EOF {
			return most - before
		} else {
			check(t, err)
		}
		if i%200 == 0 {
			most = max(most, liveHeap())
		}
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
