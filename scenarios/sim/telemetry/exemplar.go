package telemetry

import (
	"cmp"
	"encoding/hex"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// exemplar is one observation with its trace; at is 0 when there is none.
type exemplar struct {
	series labels.Labels // once it was exposed
	v      float64
	at     int64 // ns
	trace  TraceID
	span   SpanID
}

// expose hands out the exemplars that came since the last scrape: each with its classic bucket, and all of
// them with the native series, in the order that Prometheus demands there (scrape.go sorts by time, value
// and labels).
func (h *Histogram) expose(e *exposition) {
	begin := len(e.exemplars)
	for i, x := range h.exemplars {
		if x.at != 0 && h.bucket != nil {
			x.series = h.bucket[i].labels
			e.exemplars = append(e.exemplars, x)
		}
	}
	if h.native != nil {
		begin = len(e.exemplars)
		for _, x := range h.exemplars {
			if x.at != 0 {
				x.series = h.native.labels
				e.exemplars = append(e.exemplars, x)
			}
		}
	}
	slices.SortStableFunc(e.exemplars[begin:], func(a, b exemplar) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.v, b.v))
	})
	clear(h.exemplars)
}

// writeExemplar writes an exemplar whose trace is in the recording.
func (o *output) writeExemplar(x *exemplar) error {
	l := labels.FromStrings("trace_id", hex.EncodeToString(x.trace[:]), "span_id", hex.EncodeToString(x.span[:]))
	return o.w.Exemplar(x.series, replay.Exemplar{Labels: l, V: x.v, T: x.at / int64(time.Millisecond)})
}
