package telemetry

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
)

// Buckets tell how a histogram counts. With both kinds it is exposed as both, under the same name, as
// client_golang and a Prometheus with always_scrape_classic_histograms do.
type Buckets struct {
	Classic []float64 // upper bounds, ascending, without +Inf; none means no classic buckets
	Native  bool      // exponential buckets of schema 3: eight for each power of two
}

// DurationBuckets are the classic buckets that the semantic conventions advise for durations in seconds
// (http.server.request.duration).
var DurationBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// nativeSchema is what client_golang picks for NativeHistogramBucketFactor 1.1.
const nativeSchema = 3

// nativeBounds are the bounds of schema 3 within [0.5, 1): the row nativeHistogramBounds[3] of
// client_golang's prometheus/histogram.go. They are a table, since math.Exp2 may differ in its last
// digit between processors.
var nativeBounds = [1 << nativeSchema]float64{
	0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
	0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
}

// zeroThreshold is client_golang's DefNativeHistogramZeroThreshold, 2^-128.
const zeroThreshold = 2.938735877055719e-39

// Histogram counts observations in buckets. One with labels is exposed from its first observation on, one
// without from the start. Observations must not be negative, infinite or NaN: those of durations and
// sizes are not.
type Histogram struct {
	bounds  []float64 // of the classic buckets; without those, of the places for exemplars
	bucket  []*series // of each classic bucket and +Inf; nil without classic buckets
	sumOf   *series
	countOf *series
	native  *series // nil without native buckets

	counts    []uint64 // of each classic bucket on its own, and above them
	exemplars []seen
	fresh     bool // an exemplar came since the last scrape

	zero   uint64
	powers []uint64 // of native buckets from the index first on
	first  int32

	count   uint64
	sum     float64
	touched bool
	removed bool
}

// Histogram returns the histogram of the family with the labels, which are names and values in turn. Asking
// again returns the same one, until it is removed.
func (g *Group) Histogram(f Family, b Buckets, pairs ...string) *Histogram {
	return register(g, f, pairs, func(s *series) *Histogram {
		h := &Histogram{bounds: b.Classic, touched: len(pairs) == 0}
		if len(b.Classic) == 0 {
			h.bounds = DurationBuckets
		}
		h.counts, h.exemplars = make([]uint64, len(h.bounds)+1), make([]seen, len(h.bounds)+1)
		if b.Native || len(b.Classic) == 0 {
			s.native = true
			h.native = s
		}
		if len(b.Classic) > 0 {
			for _, bound := range append(b.Classic[:len(b.Classic):len(b.Classic)], math.Inf(1)) {
				h.bucket = append(h.bucket, g.series(f.Name+"_bucket", append(pairs[:len(pairs):len(pairs)], "le", labels.FormatOpenMetricsFloat(bound))...))
			}
			h.sumOf, h.countOf = g.series(f.Name+"_sum", pairs...), g.series(f.Name+"_count", pairs...)
		}
		return h
	})
}

// Observe counts v.
func (h *Histogram) Observe(v float64) { h.observe(v) }

// ObserveExemplar counts v, seen at the time at, and keeps it as the exemplar of its bucket. Call it for
// requests whose trace is sampled, as instrumentation does.
func (h *Histogram) ObserveExemplar(v float64, at int64, trace TraceID, span SpanID) {
	h.exemplars[h.observe(v)] = seen{v, at, trace, span}
	h.fresh = true
}

// Remove takes the series from the target: the next scrape writes stale markers.
func (h *Histogram) Remove() { h.removed = true }

func (h *Histogram) isRemoved() bool { return h.removed }

// observe counts v and returns its classic bucket.
func (h *Histogram) observe(v float64) int {
	h.touched = true
	h.count++
	h.sum += v
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i]++
	if h.native != nil {
		h.observeNative(v)
	}
	return i
}

func (h *Histogram) observeNative(v float64) {
	if v <= zeroThreshold {
		h.zero++
		return
	}
	key := nativeIndex(v)
	i := key - h.first
	if uint32(i) >= uint32(len(h.powers)) {
		h.grow(key)
		i = key - h.first
	}
	h.powers[i]++
}

// nativeIndex returns the bucket of v: bucket i holds (2^((i-1)/8), 2^(i/8)].
func nativeIndex(v float64) int32 {
	fraction, exponent := math.Frexp(v)
	i := 0
	for i < len(nativeBounds) && fraction > nativeBounds[i] {
		i++
	}
	return int32(i + (exponent-1)*len(nativeBounds))
}

// grow makes room for the bucket key, with some to spare on that side.
func (h *Histogram) grow(key int32) {
	const spare = 1 << nativeSchema
	if len(h.powers) == 0 {
		h.powers, h.first = make([]uint64, 1), key
		return
	}
	first, end := h.first, h.first+int32(len(h.powers))
	if key < first {
		first = key - spare
	} else {
		end = key + 1 + spare
	}
	powers := make([]uint64, end-first)
	copy(powers[h.first-first:], h.powers)
	h.powers, h.first = powers, first
}

func (h *Histogram) collect(e *exposition) {
	if !h.touched || h.removed {
		return
	}
	if h.native != nil && e.touch(h.native) {
		e.histograms = append(e.histograms, native{h.native.labels, h.snapshot()})
	}
	if h.bucket != nil {
		var cumulative uint64
		for i, s := range h.bucket {
			cumulative += h.counts[i]
			e.sample(s, float64(cumulative))
		}
		e.sample(h.sumOf, h.sum)
		e.sample(h.countOf, float64(h.count))
	}
	if h.fresh {
		h.fresh = false
		h.expose(e)
	}
}

// snapshot returns the native histogram as a sample. Like client_golang's makeBuckets it begins a new span
// after a gap of more than two empty buckets.
func (h *Histogram) snapshot() *histogram.Histogram {
	n := &histogram.Histogram{Schema: nativeSchema, ZeroThreshold: zeroThreshold, ZeroCount: h.zero, Count: h.count, Sum: h.sum}
	var last int64
	next := int32(0) // the bucket after the last one
	put := func(count uint64) {
		n.PositiveSpans[len(n.PositiveSpans)-1].Length++
		n.PositiveBuckets = append(n.PositiveBuckets, int64(count)-last)
		last = int64(count)
		next++
	}
	for i, count := range h.powers {
		if count == 0 {
			continue
		}
		key := h.first + int32(i)
		if gap := key - next; len(n.PositiveSpans) == 0 || gap > 2 {
			n.PositiveSpans = append(n.PositiveSpans, histogram.Span{Offset: gap})
			next = key
		}
		for next < key {
			put(0)
		}
		put(count)
	}
	return n
}
