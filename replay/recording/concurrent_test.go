package recording_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// One Recording serves several readers at a time, and a Writer several signals.
func TestConcurrentUse(t *testing.T) {
	w, dir := mustCreate(t)
	const n = 1000
	var wg sync.WaitGroup
	for _, add := range []func(i int64) error{
		func(i int64) error { return w.Sample(up, i, float64(i)) },
		func(i int64) error { return w.Exemplar(up, replay.Exemplar{T: i}) },
		func(i int64) error { return w.Record(app, i, fmt.Sprint(i), nil) },
		func(i int64) error { return w.Spans(oneSpan(1, 1, 1000*i, 1000*i+1, "x")) },
	} {
		wg.Go(func() {
			for i := int64(1); i <= n; i++ { // read takes 0 for no time
				if err := add(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	m := mustClose(t, w)
	if m.Metrics != (recording.MetricsCounts{Series: 1, Samples: n, Exemplars: n}) || m.Logs.Lines != n || m.Traces.Spans != n {
		t.Errorf("got %+v %+v %+v, want %d of each", m.Metrics, m.Logs, m.Traces, n)
	}
	r := mustOpen(t, dir)
	want := read(t, r, time.Time{}, forever)
	for range 4 {
		wg.Go(func() {
			if d := cmp.Diff(want, read(t, r, time.Time{}, forever), cmp.AllowUnexported(contents{})); d != "" {
				t.Errorf("readers differ:\n%s", d)
			}
		})
	}
	wg.Wait()
}
