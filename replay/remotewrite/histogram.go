package remotewrite

import (
	"encoding/binary"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"google.golang.org/protobuf/encoding/protowire"
)

// Native histograms are the same message in both protocols: count_int 1, count_float 2, sum 3,
// schema 4, zero_threshold 5, zero_count_int 6, zero_count_float 7, negative_spans 8,
// negative_deltas 9, negative_counts 10, positive_spans 11, positive_deltas 12, positive_counts 13,
// reset_hint 14, timestamp 15, custom_values 16.

// histogramSize returns an upper bound of a histogram's encoded size: 13 bytes a span, 10 a bucket
// or bound, and the rest.
func histogramSize(spans, numbers int) int { return 13*spans + 10*numbers + 128 }

// appendHistogram appends the fields of an integer histogram.
func appendHistogram(b []byte, t int64, h *histogram.Histogram) []byte {
	// The count tells integer from float histograms, so it is written even when it is 0.
	b = binary.AppendUvarint(append(b, tag(1, wireVarint)), h.Count)
	b = appendShape(b, h.Sum, h.Schema, h.ZeroThreshold)
	b = binary.AppendUvarint(append(b, tag(6, wireVarint)), h.ZeroCount)
	b = appendSpans(b, 8, h.NegativeSpans)
	b = appendDeltas(b, 9, h.NegativeBuckets)
	b = appendSpans(b, 11, h.PositiveSpans)
	b = appendDeltas(b, 12, h.PositiveBuckets)
	return appendTail(b, t, h.CounterResetHint, h.CustomValues)
}

// appendFloatHistogram appends the fields of a float histogram.
func appendFloatHistogram(b []byte, t int64, h *histogram.FloatHistogram) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, tag(2, wireDouble)), math.Float64bits(h.Count))
	b = appendShape(b, h.Sum, h.Schema, h.ZeroThreshold)
	b = binary.LittleEndian.AppendUint64(append(b, tag(7, wireDouble)), math.Float64bits(h.ZeroCount))
	b = appendSpans(b, 8, h.NegativeSpans)
	b = appendDoubles(b, 10, h.NegativeBuckets)
	b = appendSpans(b, 11, h.PositiveSpans)
	b = appendDoubles(b, 13, h.PositiveBuckets)
	return appendTail(b, t, h.CounterResetHint, h.CustomValues)
}

func appendShape(b []byte, sum float64, schema int32, zeroThreshold float64) []byte {
	b = appendDouble(b, 3, sum)
	if schema != 0 {
		b = binary.AppendUvarint(append(b, tag(4, wireVarint)), protowire.EncodeZigZag(int64(schema)))
	}
	return appendDouble(b, 5, zeroThreshold)
}

func appendTail(b []byte, t int64, hint histogram.CounterResetHint, custom []float64) []byte {
	b = appendInt(b, 14, int64(hint))
	b = appendInt(b, 15, t)
	return appendDoubles(b, 16, custom)
}

func appendSpans(b []byte, field byte, spans []histogram.Span) []byte {
	for _, s := range spans {
		offset := protowire.EncodeZigZag(int64(s.Offset))
		size := 2 + protowire.SizeVarint(offset) + protowire.SizeVarint(uint64(s.Length))
		b = append(b, tag(field, wireBytes), byte(size))
		b = binary.AppendUvarint(append(b, tag(1, wireVarint)), offset)
		b = binary.AppendUvarint(append(b, tag(2, wireVarint)), uint64(s.Length))
	}
	return b
}

func appendDeltas(b []byte, field byte, deltas []int64) []byte {
	if len(deltas) == 0 {
		return b
	}
	size := 0
	for _, d := range deltas {
		size += protowire.SizeVarint(protowire.EncodeZigZag(d))
	}
	b = binary.AppendUvarint(append(b, tag(field, wireBytes)), uint64(size))
	for _, d := range deltas {
		b = binary.AppendUvarint(b, protowire.EncodeZigZag(d))
	}
	return b
}

func appendDoubles(b []byte, field int, vs []float64) []byte {
	if len(vs) == 0 {
		return b
	}
	b = protowire.AppendTag(b, protowire.Number(field), protowire.BytesType)
	b = binary.AppendUvarint(b, uint64(8*len(vs)))
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}
