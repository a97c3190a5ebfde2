package convert

import (
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/tsdb/encoding"
	"github.com/prometheus/prometheus/tsdb/record"
)

// plausible refuses a record in which a count exceeds what its bytes can hold. The decoder of Prometheus
// allocates and loops by these counts before it notices, for hours if they are large. The layouts are those
// of tsdb/record.
func plausible(kind record.Type, rec []byte) error {
	d := &counted{encoding.Decbuf{B: rec[1:]}, nil}
	switch kind {
	case record.Series:
		for d.more() {
			d.Be64()
			d.strings("labels")
		}
	case record.Metadata:
		for d.more() {
			d.Uvarint64()
			d.Byte()
			d.strings("fields")
		}
	case record.Exemplars:
		d.Be64()
		d.Be64()
		for d.more() {
			d.Varint64()
			d.Varint64()
			d.Be64()
			d.strings("labels")
		}
	case record.HistogramSamples, record.CustomBucketsHistogramSamples:
		d.histograms(false)
	case record.FloatHistogramSamples, record.CustomBucketsFloatHistogramSamples:
		d.histograms(true)
	case record.HistogramSamplesV2:
		d.histogramsV2(false)
	case record.FloatHistogramSamplesV2:
		d.histogramsV2(true)
	}
	return errors.Join(d.err, d.Err())
}

// counted is a decoder that checks counts.
type counted struct {
	encoding.Decbuf
	err error
}

func (d *counted) more() bool { return len(d.B) > 0 && d.Err() == nil && d.err == nil }

// count reads a count of things that take at least size bytes each.
func (d *counted) count(what string, size int) int {
	n := d.Uvarint()
	if d.err == nil && (n < 0 || n > len(d.B)/size) {
		d.err = fmt.Errorf("%d %s in %d bytes", n, what, len(d.B))
	}
	if d.err != nil {
		return 0
	}
	return n
}

// strings skips pairs of strings.
func (d *counted) strings(what string) {
	for range 2 * d.count(what, 2) {
		d.UvarintBytes()
	}
}

func (d *counted) histograms(float bool) {
	if len(d.B) == 0 {
		return
	}
	d.Be64()
	d.Be64()
	for d.more() {
		d.Varint64()
		d.Varint64()
		d.histogram(float)
	}
}

func (d *counted) histogramsV2(float bool) {
	if len(d.B) == 0 {
		return
	}
	for range 3 {
		d.Varint64()
	}
	for first := true; d.more(); first = false {
		if !first {
			d.Varint64()
			d.Varint64()
			if d.Byte() > 1 { // an explicit start time follows
				d.Varint64()
			}
		}
		d.histogram(float)
	}
}

func (d *counted) histogram(float bool) {
	d.Byte()
	schema := int32(d.Varint64())
	d.Be64()
	if float {
		d.Be64()
		d.Be64()
	} else {
		d.Uvarint64()
		d.Uvarint64()
	}
	d.Be64()
	for range 2 {
		for range d.count("spans", 2) {
			d.Varint64()
			d.Uvarint32()
		}
	}
	for range 2 {
		if float {
			d.skip("buckets")
			continue
		}
		for range d.count("buckets", 1) {
			d.Varint64()
		}
	}
	if histogram.IsCustomBucketsSchema(schema) {
		d.skip("custom bounds")
	}
}

// skip skips floats.
func (d *counted) skip(what string) {
	for range d.count(what, 8) {
		d.Be64()
	}
}
