package remotewrite

import (
	"encoding/binary"
	"math"

	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/protobuf/encoding/protowire"

	"firedrill/replay"
)

// This file writes protobuf by hand. Only what follows is known about the messages' fields
// (prompb/types.proto, prompb/io/prometheus/write/v2/types.proto):
//
//	            2.0 Request             1.0 WriteRequest
//	request     symbols 4, timeseries 5  timeseries 1, metadata 3
//	timeseries  labels_refs 1 (packed), labels 1,
//	            samples 2, histograms 3, samples 2, histograms 4,
//	            exemplars 4, metadata 5  exemplars 3
//	sample      value 1, timestamp 2     the same
//	exemplar    labels_refs 1, value 2,  labels 1, value 2,
//	            timestamp 3              timestamp 3
//	metadata    type 1, help_ref 3,      type 1, metric_family_name 2,
//	            unit_ref 4               help 4, unit 5
//	label                                name 1, value 2

// Tags are written as one byte: all field numbers but custom_values of a histogram are below 16.
const (
	wireVarint = byte(protowire.VarintType)
	wireDouble = byte(protowire.Fixed64Type)
	wireBytes  = byte(protowire.BytesType)
)

// tag is the first byte of a field whose number is below 16.
func tag(field, wire byte) byte { return field<<3 | wire }

// scratch is what encoding one request needs. It is used again and again.
type scratch struct {
	generation uint32
	local      []mark // by symbol number: its reference in this request
	slots      []mark // by entry index: its group in this request

	entries []*entry          // by item
	next    []int32           // by item: the next of its group, -1 for the last
	groups  []group           // in order of their first items
	strings []string          // the cache's symbols
	texts   map[string]uint32 // references of symbols that only exemplars use

	refs    []byte // packed label references of all groups, for 2.0
	symbols []byte // the request's symbols, encoded, for 2.0
	count   uint32 // how many these are
	series  []byte // the encoded series or metadata that is being built
	sub     []byte // a message within it
	body    []byte // the request
	packed  []byte // the request, compressed

	families map[*family]bool // whose metadata goes with this request, for 1.0
}

// mark is valid when its generation is that of its scratch.
type mark struct{ generation, value uint32 }

// group is the samples of one series in a request.
type group struct {
	entry      *entry
	from, to   int // label references in scratch.refs
	help, unit uint32
	head, tail int32 // items
}

// plan is what prepare found.
type plan struct {
	n         int    // length of the prefix that fits
	bad       int    // items of it whose series no receiver takes; they are not sent
	why       string // of the first of them
	exemplars int    // to be sent
}

// begin makes room for up to n items.
func (sc *scratch) begin(n int) {
	if sc.generation++; sc.generation == 0 { // wrapped around: marks of old would seem valid
		clear(sc.local)
		clear(sc.slots)
		sc.generation = 1
	}
	if cap(sc.next) < n {
		sc.next, sc.entries = make([]int32, n), make([]*entry, n)
	}
	sc.next, sc.entries = sc.next[:n], sc.entries[:n]
	sc.groups, sc.refs, sc.body = sc.groups[:0], sc.refs[:0], sc.body[:0]
	sc.symbols, sc.count = append(sc.symbols[:0], tag(4, wireBytes), 0), 1 // the first symbol is ""
	clear(sc.texts)
	clear(sc.families)
}

// lookup fills sc.entries for items and sizes the tables of sc.
func (sc *scratch) lookup(c *seriesCache, items []replay.Sample) {
	c.mu.RLock()
	for i := range items {
		e := c.find(items[i].Series)
		if e == nil {
			c.mu.RUnlock()
			e = c.add(items[i].Series)
			c.mu.RLock()
		}
		sc.entries[i] = e
	}
	sc.strings = c.symbols
	count := int(c.count)
	c.mu.RUnlock()

	if n := len(sc.strings); n > len(sc.local) {
		sc.local = append(sc.local, make([]mark, n+n/4-len(sc.local))...)
	}
	if count > len(sc.slots) {
		sc.slots = append(sc.slots, make([]mark, count+count/4-len(sc.slots))...)
	}
}

// ref returns the reference of a symbol of the cache in this request, and adds it when it is new.
func (sc *scratch) ref(symbol uint32) uint32 {
	if symbol == 0 {
		return 0
	}
	m := &sc.local[symbol]
	if m.generation != sc.generation {
		*m = mark{sc.generation, sc.addSymbol(sc.strings[symbol])}
	}
	return m.value
}

// refText is ref for a text that is not worth keeping in the cache, such as a trace id.
func (sc *scratch) refText(text string) uint32 {
	if text == "" {
		return 0
	}
	ref, ok := sc.texts[text]
	if !ok {
		if sc.texts == nil {
			sc.texts = make(map[string]uint32)
		}
		ref = sc.addSymbol(text)
		sc.texts[text] = ref
	}
	return ref
}

func (sc *scratch) addSymbol(text string) uint32 {
	sc.symbols = appendText(sc.symbols, 4, text)
	sc.count++
	return sc.count - 1
}

// Upper bounds of encoded sizes, in bytes.
const (
	maxSampleSize = 2 + 9 + 11    // tag and length, value, timestamp
	maxHeadSize   = 2*6 + 2 + 2*6 // of a series: two tags with length; type, help and unit
	maxExemplar   = 2*6 + 9 + 11  // without labels
	maxLabelSize  = 3*6 + 2*5     // of an exemplar, without its texts
	maxFamilySize = 2 + 4*6       // without its texts
)

// prepare groups the longest prefix of items whose request fits into maxBytes by series. It keeps
// the order of the items within a series. lookup has been called for the items.
func (sc *scratch) prepare(items []replay.Sample, version Protocol, maxBytes int) plan {
	var p plan
	size := 2
	for i := range items {
		e, it := sc.entries[i], &items[i]
		sc.next[i] = -1
		if e.bad != "" {
			if p.bad++; p.bad == 1 {
				p.why = e.bad
			}
			p.n++
			continue
		}
		size += itemSize(it)
		slot := &sc.slots[e.index]
		if slot.generation != sc.generation {
			g := group{entry: e, head: int32(i)}
			size += maxHeadSize
			if version == V1 {
				size += len(e.v1Labels(sc.strings)) + sc.addFamily(e.family)
			} else {
				before := len(sc.symbols)
				g.from = len(sc.refs)
				for _, symbol := range e.refs {
					// The hot loop of live batches: most symbols are in the table already.
					m := sc.local[symbol]
					if m.generation != sc.generation {
						m.value = sc.ref(symbol)
					}
					if m.value < 0x80 {
						sc.refs = append(sc.refs, byte(m.value))
					} else {
						sc.refs = binary.AppendUvarint(sc.refs, uint64(m.value))
					}
				}
				g.to = len(sc.refs)
				g.help, g.unit = sc.ref(e.help), sc.ref(e.unit)
				size += g.to - g.from + len(sc.symbols) - before
			}
			if size > maxBytes && len(sc.groups) > 0 {
				break // symbols of this series stay in the table: harmless
			}
			*slot = mark{sc.generation, uint32(len(sc.groups))}
			sc.groups = append(sc.groups, g)
		} else {
			if size > maxBytes {
				break
			}
			sc.next[sc.groups[slot.value].tail] = int32(i)
		}
		sc.groups[slot.value].tail = int32(i)
		p.exemplars += len(it.Exemplars)
		p.n++
	}
	return p
}

// addFamily adds metadata to a 1.0 request unless it was sent before, and returns its size.
func (sc *scratch) addFamily(f *family) int {
	if f == nil || sc.families[f] || f.sent.Load() {
		return 0
	}
	if sc.families == nil {
		sc.families = make(map[*family]bool)
	}
	sc.families[f] = true
	return maxFamilySize + len(f.name) + len(f.help) + len(f.unit)
}

// itemSize returns an upper bound of the size of a sample with its exemplars.
func itemSize(it *replay.Sample) int {
	n := maxSampleSize
	switch {
	case it.H != nil:
		n = histogramSize(len(it.H.PositiveSpans)+len(it.H.NegativeSpans),
			len(it.H.PositiveBuckets)+len(it.H.NegativeBuckets)+len(it.H.CustomValues))
	case it.FH != nil:
		n = histogramSize(len(it.FH.PositiveSpans)+len(it.FH.NegativeSpans),
			len(it.FH.PositiveBuckets)+len(it.FH.NegativeBuckets)+len(it.FH.CustomValues))
	}
	for i := range it.Exemplars {
		n += maxExemplar
		it.Exemplars[i].Labels.Range(func(l labels.Label) { n += maxLabelSize + len(l.Name) + len(l.Value) })
	}
	return n
}

// encode builds sc.body from what prepare has grouped.
func (sc *scratch) encode(items []replay.Sample, version Protocol) {
	field := tag(5, wireBytes)
	if version == V1 {
		field = tag(1, wireBytes)
	} else {
		sc.prepareExemplars(items)
		sc.body = append(sc.body, sc.symbols...)
	}
	for i := range sc.groups {
		g := &sc.groups[i]
		// A series may not mix floats and histograms, and the order between them must be kept: each
		// run of a kind is a time series of its own.
		for at := g.head; at >= 0; {
			at = sc.encodeRun(items, g, at, version)
			sc.body = appendMessage(sc.body, field, sc.series)
		}
	}
	if version == V1 {
		for f := range sc.families {
			sc.series = append(sc.series[:0], tag(1, wireVarint), f.typ)
			sc.series = appendText(sc.series, 2, f.name)
			if f.help != "" {
				sc.series = appendText(sc.series, 4, f.help)
			}
			if f.unit != "" {
				sc.series = appendText(sc.series, 5, f.unit)
			}
			sc.body = appendMessage(sc.body, tag(3, wireBytes), sc.series)
		}
	}
}

// prepareExemplars adds the symbols that exemplars need, since symbols come first.
func (sc *scratch) prepareExemplars(items []replay.Sample) {
	for i := range sc.groups {
		for at := sc.groups[i].head; at >= 0; at = sc.next[at] {
			for j := range items[at].Exemplars {
				items[at].Exemplars[j].Labels.Range(func(l labels.Label) {
					sc.refText(l.Name)
					sc.refText(l.Value)
				})
			}
		}
	}
}

// encodeRun encodes into sc.series the samples of g from item at on that are of its kind, and returns
// the first that is not, or -1.
func (sc *scratch) encodeRun(items []replay.Sample, g *group, at int32, version Protocol) int32 {
	b := sc.series[:0]
	histograms, exemplars := tag(3, wireBytes), tag(4, wireBytes)
	if version == V1 {
		histograms, exemplars = exemplars, histograms
		b = append(b, g.entry.v1Labels(sc.strings)...)
	} else {
		b = append(b, tag(1, wireBytes))
		b = binary.AppendUvarint(b, uint64(g.to-g.from))
		b = append(b, sc.refs[g.from:g.to]...)
	}
	native := isNative(&items[at])
	for ; at >= 0 && isNative(&items[at]) == native; at = sc.next[at] {
		it := &items[at]
		switch {
		case it.H != nil:
			sc.sub = appendHistogram(sc.sub[:0], it.T, it.H)
			b = appendMessage(b, histograms, sc.sub)
		case it.FH != nil:
			sc.sub = appendFloatHistogram(sc.sub[:0], it.T, it.FH)
			b = appendMessage(b, histograms, sc.sub)
		default:
			b = appendSample(b, it.T, it.V)
		}
		for i := range it.Exemplars {
			sc.encodeExemplar(&it.Exemplars[i], version)
			b = appendMessage(b, exemplars, sc.sub)
		}
	}
	if e := g.entry; version == V2 && e.family != nil {
		m := append(sc.sub[:0], tag(1, wireVarint), e.typ, tag(3, wireVarint))
		m = append(binary.AppendUvarint(m, uint64(g.help)), tag(4, wireVarint))
		m = binary.AppendUvarint(m, uint64(g.unit))
		b = appendMessage(b, tag(5, wireBytes), m)
		sc.sub = m
	}
	sc.series = b
	return at
}

func isNative(it *replay.Sample) bool { return it.H != nil || it.FH != nil }

// encodeExemplar encodes x into sc.sub.
func (sc *scratch) encodeExemplar(x *replay.Exemplar, version Protocol) {
	b := sc.sub[:0]
	if version == V1 {
		x.Labels.Range(func(l labels.Label) { b = appendLabel(b, l.Name, l.Value) })
	} else {
		var refs []byte
		x.Labels.Range(func(l labels.Label) {
			refs = binary.AppendUvarint(refs, uint64(sc.refText(l.Name)))
			refs = binary.AppendUvarint(refs, uint64(sc.refText(l.Value)))
		})
		b = appendMessage(b, tag(1, wireBytes), refs)
	}
	b = appendDouble(b, 2, x.V)
	sc.sub = appendInt(b, 3, x.T)
}

// v1Labels returns the labels as fields of a 1.0 time series. They are made once.
func (e *entry) v1Labels(symbols []string) []byte {
	if b := e.v1.Load(); b != nil {
		return *b
	}
	var b []byte
	for i := 0; i < len(e.refs); i += 2 {
		b = appendLabel(b, symbols[e.refs[i]], symbols[e.refs[i+1]])
	}
	e.v1.Store(&b)
	return b
}

// appendSample appends field 2 of a time series. Zeros are left out as proto3 does, but by their
// bits: -0 is kept, and so is the payload of a stale marker.
func appendSample(b []byte, t int64, v float64) []byte {
	length := byte(0)
	bits := math.Float64bits(v)
	if bits != 0 {
		length += 9
	}
	if t != 0 {
		length += 1 + byte(protowire.SizeVarint(uint64(t)))
	}
	b = append(b, tag(2, wireBytes), length)
	if bits != 0 {
		b = append(b, tag(1, wireDouble))
		b = binary.LittleEndian.AppendUint64(b, bits)
	}
	return appendInt(b, 2, t)
}

func appendLabel(b []byte, name, value string) []byte {
	size := 2 + protowire.SizeVarint(uint64(len(name))) + protowire.SizeVarint(uint64(len(value))) + len(name) + len(value)
	b = binary.AppendUvarint(append(b, tag(1, wireBytes)), uint64(size))
	return appendText(appendText(b, 1, name), 2, value)
}

func appendText(b []byte, field byte, s string) []byte {
	b = binary.AppendUvarint(append(b, tag(field, wireBytes)), uint64(len(s)))
	return append(b, s...)
}

func appendMessage(b []byte, tag byte, m []byte) []byte {
	b = binary.AppendUvarint(append(b, tag), uint64(len(m)))
	return append(b, m...)
}

func appendDouble(b []byte, field byte, v float64) []byte {
	bits := math.Float64bits(v)
	if bits == 0 {
		return b
	}
	return binary.LittleEndian.AppendUint64(append(b, tag(field, wireDouble)), bits)
}

func appendInt(b []byte, field byte, v int64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(append(b, tag(field, wireVarint)), uint64(v))
}
