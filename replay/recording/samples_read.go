package recording

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"path/filepath"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"firedrill/replay"
)

// sampleReader reads block after block. Chunks hold one series each, so within a block it decodes all
// series for a short window of time and sorts what it finds; the window adapts to how many samples
// there are. Of each series one chunk is in memory.
type sampleReader struct {
	r        *Recording
	from, to int64 // ms
	blocks   []block
	segs     *segments
	cursors  []cursor
	scratch  []byte

	width   int64 // of a window, ms
	entries []entry
	hists   []*histogram.Histogram
	floats  []*histogram.FloatHistogram
	order   []uint64 // time since base, and index in entries, 32 bits each
	spare   []uint64 // for sorting
	base    int64    // ms
	pos     int      // in order, of the next sample to hand out
	ready   int      // in order, after the last sample of the window

	exemplars *carrier // nil when there are none
	err       error    // what every further Read answers
}

// entry is a sample in the window.
type entry struct {
	t      int64
	v      float64
	cursor uint32
	hist   uint32 // index+1 in hists or floats, 0 for a float
	float  bool   // hist counts in floats
}

// cursor stands at a sample of a series.
type cursor struct {
	series *replay.Series
	chunks []chunkPlace // not begun
	place  chunkPlace   // the open chunk
	enc    chunkenc.Encoding
	chunk  chunkenc.Chunk
	buf    []byte
	it     chunkenc.Iterator
	open   bool // it is in use
	kind   chunkenc.ValueType
	t      int64 // of the sample it stands at, math.MaxInt64 after the last
}

const (
	// windowSamples is how many samples a window aims at. More are taken when there are many series,
	// so that visiting all of them for a window is worth it.
	windowSamples    = 64 << 10
	maxWindowSamples = 1 << 20
	// maxWindow keeps times within a window small, in ms.
	maxWindow = 60 * 60 * 1000
)

func newSampleReader(r *Recording, from, to int64) (*sampleReader, error) {
	s := &sampleReader{r: r, from: from, to: to, blocks: r.blocks, width: 1000}
	if r.manifest.Metrics.Exemplars > 0 {
		var err error
		if s.exemplars, err = newCarrier(r); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Read implements replay.Reader.
func (s *sampleReader) Read(p []replay.Sample) (n int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	for s.pos == s.ready {
		if err := s.fill(); err != nil {
			s.err = err
			return 0, err
		}
	}
	for n < len(p) && s.pos < s.ready {
		e := &s.entries[uint32(s.order[s.pos])]
		s.pos++
		sample := replay.Sample{Series: s.cursors[e.cursor].series, T: e.t, V: e.v}
		switch {
		case e.hist == 0:
		case e.float:
			sample.FH = s.floats[e.hist-1]
		default:
			sample.H = s.hists[e.hist-1]
		}
		if s.exemplars != nil {
			sample.Exemplars = s.exemplars.take(sample.Series.ID, e.t)
		}
		p[n] = sample
		n++
	}
	return n, nil
}

// Close implements replay.Reader.
func (s *sampleReader) Close() error {
	if s.err == nil {
		s.err = errClosed
	}
	s.entries, s.cursors, s.pos, s.ready = nil, nil, 0, 0
	var errs []error
	if s.segs != nil {
		errs = append(errs, s.segs.close())
		s.segs = nil
	}
	if s.exemplars != nil {
		errs = append(errs, s.exemplars.file.close())
		s.exemplars = nil
	}
	return errors.Join(errs...)
}

// fill makes the next window. Its error is io.EOF when there is none.
func (s *sampleReader) fill() (err error) {
	start := s.keepRest()
	for i := range s.cursors {
		start = min(start, s.cursors[i].t)
	}
	if start >= s.to {
		return s.nextBlock()
	}
	defer recovered(s.blocks[0].dir, &err)

	aim := min(max(windowSamples, 4*len(s.cursors)), maxWindowSamples)
	end, limit := min(start+s.width, s.to), len(s.entries)+2*aim
	for i := range s.cursors {
		c := &s.cursors[i]
		for c.t < end {
			s.take(uint32(i), c)
			if err := s.advance(c); err != nil {
				return err
			}
		}
		// More than expected: the series that follow stop earlier, and what those before have brought
		// beyond it waits for the next window.
		for len(s.entries) > limit && end-start > 1 {
			end = start + (end-start)/2
			s.width = end - start
			limit += 2 * aim
		}
	}
	s.sortWindow(start, end)
	if s.exemplars != nil {
		if err := s.exemplars.load(end); err != nil {
			return err
		}
	}
	switch {
	case s.ready < aim/2 && s.width < maxWindow:
		s.width = min(s.width*2, maxWindow)
	case s.ready > aim && s.width > 1:
		s.width /= 2
	}
	return nil
}

// take adds the sample that c stands at to the window.
func (s *sampleReader) take(i uint32, c *cursor) {
	e := entry{t: c.t, cursor: i}
	switch c.kind {
	case chunkenc.ValFloat:
		_, e.v = c.it.At()
	case chunkenc.ValHistogram:
		_, h := c.it.AtHistogram(nil)
		s.hists = append(s.hists, h)
		e.hist = uint32(len(s.hists))
	default:
		_, fh := c.it.AtFloatHistogram(nil)
		s.floats = append(s.floats, fh)
		e.hist, e.float = uint32(len(s.floats)), true
	}
	s.entries = append(s.entries, e)
}

// advance moves c to its next sample in the range.
func (s *sampleReader) advance(c *cursor) error {
	for {
		if c.open {
			prev := c.t
			if c.kind = c.it.Next(); c.kind != chunkenc.ValNone {
				c.t = c.it.AtT()
				if c.t <= prev || c.t < c.place.min || c.t > c.place.max {
					return s.place(c, fmt.Errorf("a sample at %s is out of order", millis(c.t)))
				}
				return nil
			}
			if err := c.it.Err(); err != nil {
				return s.place(c, err)
			}
			c.open = false
		}
		if len(c.chunks) == 0 || c.chunks[0].min >= s.to {
			c.t = math.MaxInt64
			return nil
		}
		if err := s.openChunk(c); err != nil {
			return err
		}
	}
}

// first moves c to its first sample. It is where bad bytes are met first.
func (s *sampleReader) first(c *cursor) (err error) {
	defer recovered(s.segs.names[0], &err)
	return s.advance(c)
}

func (s *sampleReader) openChunk(c *cursor) error {
	c.place, c.chunks = c.chunks[0], c.chunks[1:]
	enc, data, err := s.segs.read(c.place.ref, &s.scratch, c.buf)
	if err != nil {
		return err
	}
	c.buf = data
	if c.chunk != nil && c.enc == enc {
		c.chunk.Reset(data)
	} else if c.chunk, err = chunkenc.FromData(enc, data); err != nil {
		return s.place(c, err)
	}
	if len(data) < 2 {
		return s.place(c, errCorrupt)
	}
	c.enc = enc
	c.it = c.chunk.Iterator(c.it)
	c.open = true
	return nil
}

func (s *sampleReader) place(c *cursor, err error) error {
	seg, off := chunks.BlockChunkRef(c.place.ref).Unpack()
	return in(s.segs.names[seg], fmt.Sprintf("chunk at %d", off), err)
}

// nextBlock opens the next block that has something in the range.
func (s *sampleReader) nextBlock() (err error) {
	if s.segs != nil { // done with the first
		err := s.segs.close()
		s.segs, s.cursors, s.blocks = nil, nil, s.blocks[1:]
		if err != nil {
			return err
		}
	}
	for {
		if len(s.blocks) == 0 || s.blocks[0].meta.MinTime >= s.to {
			return io.EOF
		}
		b := &s.blocks[0]
		if b.meta.MaxTime > s.from {
			return s.openBlock(b)
		}
		if s.exemplars != nil {
			if err := s.exemplars.skip(b); err != nil {
				return err
			}
		}
		s.blocks = s.blocks[1:]
	}
}

func (s *sampleReader) openBlock(b *block) (err error) {
	defer recovered(b.dir, &err)
	if s.segs, err = b.openSegments(); err != nil {
		return err
	}
	if s.exemplars != nil {
		if err := s.exemplars.load(s.from); err != nil {
			return err
		}
	}
	var places []chunkPlace
	err = b.eachSeries(func(l labels.Labels, cs []chunks.Meta) error {
		if err := checkSeries(l); err != nil {
			return in(filepath.Join(b.dir, "index"), "", err)
		}
		if len(cs) == 0 || cs[0].MinTime < b.meta.MinTime || cs[len(cs)-1].MaxTime >= b.meta.MaxTime {
			return in(filepath.Join(b.dir, "index"), "", fmt.Errorf("series %s has chunks outside of the block's time", l))
		}
		series := s.r.internSeries(l)
		skipped := int64(-1) // time of the last sample before the range
		for len(cs) > 0 && cs[0].MaxTime < s.from {
			skipped = cs[0].MaxTime
			cs = cs[1:]
		}
		c := cursor{series: series, t: -1}
		if len(cs) > 0 && cs[0].MinTime < s.to {
			// One array for the chunks of many series.
			if cap(places)-len(places) < len(cs) {
				places = make([]chunkPlace, 0, max(1024, len(cs)))
			}
			start := len(places)
			for _, m := range cs {
				places = append(places, chunkPlace{uint64(m.Ref), m.MinTime, m.MaxTime})
			}
			c.chunks = places[start:len(places):len(places)]
			if err := s.first(&c); err != nil {
				return err
			}
			for c.t < s.from {
				skipped = c.t
				if err := s.advance(&c); err != nil {
					return err
				}
			}
			s.cursors = append(s.cursors, c)
		}
		if s.exemplars != nil {
			s.exemplars.drop(series.ID, skipped)
		}
		return nil
	})
	return err
}

// keepRest moves the samples beyond the window, if any, to the front of the next one, and returns the
// time of the earliest.
func (s *sampleReader) keepRest() int64 {
	rest := s.order[s.ready:]
	first := int64(math.MaxInt64)
	if len(rest) == 0 {
		s.entries = s.entries[:0]
		clear(s.hists)
		clear(s.floats)
		s.hists, s.floats = s.hists[:0], s.floats[:0]
	} else {
		kept := make([]entry, 0, len(rest))
		var hists []*histogram.Histogram
		var floats []*histogram.FloatHistogram
		for _, k := range rest {
			e := s.entries[uint32(k)]
			switch {
			case e.hist == 0:
			case e.float:
				floats = append(floats, s.floats[e.hist-1])
				e.hist = uint32(len(floats))
			default:
				hists = append(hists, s.hists[e.hist-1])
				e.hist = uint32(len(hists))
			}
			kept = append(kept, e)
		}
		first = kept[0].t
		s.entries, s.hists, s.floats = kept, hists, floats
	}
	s.order, s.pos, s.ready = s.order[:0], 0, 0
	return first
}

func (s *sampleReader) countFrom(t int64) int {
	n := 0
	for i := range s.entries {
		if s.entries[i].t >= t {
			n++
		}
	}
	return n
}

// sortWindow orders the entries by time, those of equal time as they are, and finds where end is.
func (s *sampleReader) sortWindow(start, end int64) {
	s.base = start
	last := start
	sorted := true
	for i := range s.entries {
		t := s.entries[i].t
		sorted = sorted && t >= last
		last = max(last, t)
		s.order = append(s.order, uint64(t-start)<<32|uint64(i))
	}
	if !sorted {
		s.order, s.spare = radixSort(s.order, s.spare, 32, bits.Len64(uint64(last-start)))
	}
	s.ready = len(s.order)
	for s.ready > 0 && s.entries[uint32(s.order[s.ready-1])].t >= end {
		s.ready--
	}
}

// radixSort sorts keys stably by the n bits from bit shift on. It returns the sorted keys and the
// other array, which is spare or a new one.
func radixSort(keys, spare []uint64, shift, n int) (sorted, other []uint64) {
	const digit = 11
	if cap(spare) < len(keys) {
		spare = make([]uint64, len(keys), cap(keys))
	}
	spare = spare[:len(keys)]
	for ; n > 0; shift, n = shift+digit, n-digit {
		var count [1 << digit]uint32
		for _, k := range keys {
			count[k>>shift&(1<<digit-1)]++
		}
		sum := uint32(0)
		for i, c := range count {
			count[i] = sum
			sum += c
		}
		for _, k := range keys {
			d := k >> shift & (1<<digit - 1)
			spare[count[d]] = k
			count[d]++
		}
		keys, spare = spare, keys
	}
	return keys, spare
}
