package telemetry

import (
	"cmp"
	"encoding/hex"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// seen is one observation with its trace; at is 0 when there is none.
type seen struct {
	v     float64
	at    int64 // ns
	trace TraceID
	span  SpanID
}

// milli is the time of an exemplar as Prometheus stores it.
func (s *seen) milli() int64 { return s.at / int64(time.Millisecond) }

// exemplar is an observation that was exposed with a series.
type exemplar struct {
	seen
	series labels.Labels
}

// expose hands out the exemplars that came since the last scrape: each with its classic bucket, and all of
// them with the native series, in the order that Prometheus demands there: scrape.go sorts by time, which it
// knows in milliseconds, and by value, and refuses any other order.
func (h *Histogram) expose(e *exposition) {
	for i, x := range h.exemplars {
		if x.at != 0 && h.bucket != nil {
			e.exemplars = append(e.exemplars, exemplar{x, h.bucket[i].labels})
		}
	}
	if h.native != nil {
		begin := len(e.exemplars)
		for _, x := range h.exemplars {
			if x.at != 0 {
				e.exemplars = append(e.exemplars, exemplar{x, h.native.labels})
			}
		}
		slices.SortStableFunc(e.exemplars[begin:], func(a, b exemplar) int {
			return cmp.Or(cmp.Compare(a.milli(), b.milli()), cmp.Compare(a.v, b.v))
		})
	}
	clear(h.exemplars)
}

// writeExemplar writes an exemplar whose trace is in the recording.
func (o *output) writeExemplar(x *exemplar) error {
	l := labels.FromStrings("trace_id", hex.EncodeToString(x.trace[:]), "span_id", hex.EncodeToString(x.span[:]))
	return o.w.Exemplar(x.series, replay.Exemplar{Labels: l, V: x.v, T: x.milli()})
}
