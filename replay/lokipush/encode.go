package lokipush

import (
	"math/bits"
	"slices"

	"github.com/klauspost/compress/s2"

	"firedrill/replay"
)

// Tags of the message PushRequest (github.com/grafana/loki/pkg/push, push.proto): field number << 3 | wire
// type. The message is written by hand because the generated types hold a line as a string, which
// would copy each one; measured, that costs more than half of the speed (BenchmarkEncode).
const (
	tagStreams   = 1<<3 | 2 // PushRequest.streams
	tagLabels    = 1<<3 | 2 // StreamAdapter.labels
	tagEntries   = 2<<3 | 2 // StreamAdapter.entries
	tagTimestamp = 1<<3 | 2 // EntryAdapter.timestamp
	tagLine      = 2<<3 | 2 // EntryAdapter.line
	tagMetadata  = 3<<3 | 2 // EntryAdapter.structuredMetadata
	tagSeconds   = 1<<3 | 0 // google.protobuf.Timestamp.seconds
	tagNanos     = 2<<3 | 0 // google.protobuf.Timestamp.nanos
	tagName      = 1<<3 | 2 // LabelPairAdapter.name
	tagValue     = 2<<3 | 2 // LabelPairAdapter.value
)

// encoder turns records into one request. It is reused and not safe for concurrent use.
type encoder struct {
	slots   map[*replay.Stream]int32 // index into streams
	streams []streamPart
	entries []entryPart // one for each record
	raw     []byte
	zipped  []byte
}

// streamPart is what one stream adds to the request; its records form a list through entryPart.next.
type streamPart struct {
	stream      *replay.Stream
	labels      string // as Loki takes them
	size        int    // bytes of the StreamAdapter
	lines       int
	first, last int32
}

type entryPart struct {
	size int32 // bytes of the EntryAdapter
	next int32 // the next record of the stream, -1 for none
}

func newEncoder() *encoder { return &encoder{slots: map[*replay.Stream]int32{}} }

// release forgets the streams, so that a pooled encoder keeps no source alive.
func (e *encoder) release() {
	clear(e.slots)
	clear(e.streams)
	e.streams = e.streams[:0]
	e.entries = e.entries[:0]
}

// gather groups the longest prefix of items that fits into maxBytes and maxLines (0: no limit) by
// stream, in order, and returns its length, at least 1.
func (e *encoder) gather(items []replay.Record, labels *labelCache, maxBytes, maxLines int) int {
	e.release()
	if maxLines > 0 && len(items) > maxLines {
		items = items[:maxLines]
	}
	var (
		total  int
		last   *replay.Stream
		number int32
	)
	for i := range items {
		r := &items[i]
		size := entrySize(r)
		added := size + fieldOverhead(size)
		if r.Stream != last {
			n, ok := e.slots[r.Stream]
			if !ok {
				text := labels.text(r.Stream)
				own := len(text) + fieldOverhead(len(text))
				// Whatever the stream's final size, its length takes no more bytes than maxBytes's would.
				if i > 0 && total+added+own+fieldOverhead(maxBytes) > maxBytes {
					return i
				}
				n = int32(len(e.streams))
				e.slots[r.Stream] = n
				e.streams = append(e.streams, streamPart{stream: r.Stream, labels: text, size: own, first: -1, last: -1})
				total += own + fieldOverhead(maxBytes)
			}
			last, number = r.Stream, n
		}
		if i > 0 && total+added > maxBytes {
			return i
		}
		total += added
		part := &e.streams[number]
		part.size += added
		part.lines++
		if part.last < 0 {
			part.first = int32(i)
		} else {
			e.entries[part.last].next = int32(i)
		}
		part.last = int32(i)
		e.entries = append(e.entries, entryPart{size: int32(size), next: -1})
	}
	return len(items)
}

// encode returns the request of the items that gather took. The result is overwritten by the next.
func (e *encoder) encode(items []replay.Record) []byte {
	b := e.raw[:0]
	for i := range e.streams {
		part := &e.streams[i]
		b = slices.Grow(b, part.size+fieldOverhead(part.size))
		b = appendLength(b, tagStreams, part.size)
		b = appendString(b, tagLabels, part.labels)
		for j := part.first; j >= 0; j = e.entries[j].next {
			b = appendLength(b, tagEntries, int(e.entries[j].size))
			b = appendEntry(b, &items[j])
		}
	}
	e.raw = b
	return b
}

// compress returns the request as snappy block; the result is overwritten by the next.
func (e *encoder) compress(items []replay.Record) []byte {
	e.encode(items)
	return e.zip()
}

func (e *encoder) zip() []byte {
	if need := s2.MaxEncodedLen(len(e.raw)); cap(e.zipped) < need {
		e.zipped = make([]byte, need)
	}
	return s2.EncodeSnappy(e.zipped[:cap(e.zipped)], e.raw)
}

// entrySize is the length of what appendEntry writes.
func entrySize(r *replay.Record) int {
	n := timestampSize(r.T)
	n += fieldOverhead(n)
	n += len(r.Line) + fieldOverhead(len(r.Line))
	for i := range r.Metadata {
		m := pairSize(&r.Metadata[i])
		n += m + fieldOverhead(m)
	}
	return n
}

func appendEntry(b []byte, r *replay.Record) []byte {
	b = appendLength(b, tagTimestamp, timestampSize(r.T))
	seconds, nanos := split(r.T)
	b = appendVarint(append(b, tagSeconds), uint64(seconds))
	b = appendVarint(append(b, tagNanos), uint64(nanos))
	b = appendLength(b, tagLine, len(r.Line))
	b = append(b, r.Line...)
	for i := range r.Metadata {
		m := &r.Metadata[i]
		b = appendLength(b, tagMetadata, pairSize(m))
		b = appendString(b, tagName, m.Name)
		b = appendString(b, tagValue, m.Value)
	}
	return b
}

func timestampSize(t int64) int {
	seconds, nanos := split(t)
	return 2 + varintSize(uint64(seconds)) + varintSize(uint64(nanos))
}

// split divides nanoseconds since the epoch; nanos is never negative, as protobuf demands.
func split(t int64) (seconds, nanos int64) {
	seconds, nanos = t/1e9, t%1e9
	if nanos < 0 {
		seconds, nanos = seconds-1, nanos+1e9
	}
	return seconds, nanos
}

func pairSize(p *replay.Pair) int {
	return len(p.Name) + fieldOverhead(len(p.Name)) + len(p.Value) + fieldOverhead(len(p.Value))
}

// fieldOverhead is the size of the tag and the length before n bytes; all tags here take one byte.
func fieldOverhead(n int) int { return 1 + varintSize(uint64(n)) }

func varintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func appendLength(b []byte, tag byte, n int) []byte { return appendVarint(append(b, tag), uint64(n)) }

func appendString(b []byte, tag byte, s string) []byte {
	return append(appendLength(b, tag, len(s)), s...)
}

func appendVarint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}
