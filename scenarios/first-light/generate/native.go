package generate

import (
	"maps"
	"math"
	"slices"
	"time"

	promhistogram "github.com/prometheus/prometheus/model/histogram"
)

// nativeSchema is the resolution: eight buckets for each power of two.
const nativeSchema = 3

// native is a native histogram that grows.
type native struct {
	counts map[int32]int64 // by bucket index
	sum    float64
	total  uint64
	next   int // first observation that is not counted yet
}

// observe counts what ended before at. The observations are in the order of time.
func (n *native) observe(all []observation, at time.Time) {
	if n.counts == nil {
		n.counts = map[int32]int64{}
	}
	for ; n.next < len(all) && all[n.next].at.Before(at); n.next++ {
		// Bucket i holds (2^((i-1)/8), 2^(i/8)].
		i := int32(math.Ceil(math.Log2(all[n.next].seconds) * (1 << nativeSchema)))
		n.counts[i]++
		n.sum += all[n.next].seconds
		n.total++
	}
}

// histogram is the state as a sample: spans of neighbouring buckets, counts as differences.
func (n *native) histogram() *promhistogram.Histogram {
	h := &promhistogram.Histogram{Schema: nativeSchema, ZeroThreshold: math.Ldexp(1, -128), Count: n.total, Sum: n.sum}
	var last int64
	next := int32(0) // the bucket after the last one
	for _, i := range slices.Sorted(maps.Keys(n.counts)) {
		if len(h.PositiveSpans) == 0 || i != next {
			h.PositiveSpans = append(h.PositiveSpans, promhistogram.Span{Offset: i - next})
		}
		h.PositiveSpans[len(h.PositiveSpans)-1].Length++
		h.PositiveBuckets = append(h.PositiveBuckets, n.counts[i]-last)
		last, next = n.counts[i], i+1
	}
	return h
}
