package recording

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

const (
	// blockWindow is the longest stretch of a block, in ms; blocks do not cross its multiples
	// (tsdb.DefaultBlockDuration).
	blockWindow = 2 * 60 * 60 * 1000
	// samplesPerChunk is what Prometheus aims at (tsdb.DefaultSamplesPerChunk).
	samplesPerChunk = 120
	// maxSampleTime keeps block names valid: a ULID has 48 bits for the time.
	maxSampleTime = 1<<48 - 1
)

// point is the value of a sample; h or fh when not nil, else v.
type point struct {
	v  float64
	h  *histogram.Histogram
	fh *histogram.FloatHistogram
}

func (p point) encoding() chunkenc.Encoding {
	switch {
	case p.h != nil:
		return chunkenc.EncHistogram
	case p.fh != nil:
		return chunkenc.EncFloatHistogram
	}
	return chunkenc.EncXOR
}

func (p point) equal(q point) bool {
	switch {
	case p.encoding() != q.encoding():
		return false
	case p.h != nil:
		return p.h.Equals(q.h)
	case p.fh != nil:
		return p.fh.Equals(q.fh)
	}
	return math.Float64bits(p.v) == math.Float64bits(q.v)
}

// writeSeries is a series that is being written.
type writeSeries struct {
	id     uint32
	labels labels.Labels
	any    bool  // has a sample
	t      int64 // of the last sample, ms
	last   point
	win    *writeWindow
	chunks *[]chunks.Meta // of the series in win; the last one is open
	app    chunkenc.Appender
}

// writeWindow is a block that is still being filled.
type writeWindow struct {
	start  int64 // ms, a multiple of blockWindow
	series []*windowSeries
	meta   blockMeta
}

type windowSeries struct {
	labels labels.Labels
	chunks []chunks.Meta
}

// metricsWriter collects samples in at most two open windows and writes each as a block when it is full.
type metricsWriter struct {
	root    string
	series  table[*writeSeries]
	all     []*writeSeries // by id
	windows []*writeWindow // by start
	firstT  int64          // ms, of the earliest sample
	maxT    int64          // ms, of the latest
	flushed int64          // samples before it are too late, ms
	count   MetricsCounts
	changed *Changed
	files   []File
	broken  error // a block was lost to it; nothing can be added any more
}

func (m *metricsWriter) get(l labels.Labels) (*writeSeries, error) {
	return m.series.get(l, func(l labels.Labels) (*writeSeries, error) {
		if err := checkSeries(l); err != nil {
			return nil, err
		}
		s := &writeSeries{id: uint32(len(m.all)), labels: l}
		m.all = append(m.all, s)
		return s, nil
	})
}

func (m *metricsWriter) add(l labels.Labels, t int64, p point) error {
	if m.broken != nil {
		return m.broken
	}
	s, err := m.get(l)
	if err != nil {
		return err
	}
	if s.any && t <= s.t {
		switch {
		case t < s.t:
			return fmt.Errorf("sample of %s at %s comes after the one at %s: deliver each series in time order",
				s.labels, millis(t), millis(s.t))
		case p.equal(s.last):
			m.changed.DuplicateSamples++
		default:
			m.changed.ConflictingSamples++
		}
		return nil
	}
	if t < 0 || t > maxSampleTime {
		return fmt.Errorf("sample of %s: time %d ms is before 1970 or absurdly late", s.labels, t)
	}
	if t < m.flushed {
		return fmt.Errorf("sample of %s at %s comes more than a block (2h) after samples at %s: deliver series side by side",
			s.labels, millis(t), millis(m.maxT))
	}
	switch {
	case p.h != nil:
		if err := p.h.Validate(); err != nil {
			return fmt.Errorf("histogram of %s at %s: %w", s.labels, millis(t), err)
		}
		p.h = p.h.Copy()
	case p.fh != nil:
		if err := p.fh.Validate(); err != nil {
			return fmt.Errorf("histogram of %s at %s: %w", s.labels, millis(t), err)
		}
		p.fh = p.fh.Copy()
	}
	w, err := m.window(t)
	if err != nil {
		return err
	}
	if s.win != w {
		ws := &windowSeries{labels: s.labels}
		w.series = append(w.series, ws)
		s.win, s.chunks = w, &ws.chunks
	}
	if err := s.append(t, p); err != nil {
		return fmt.Errorf("sample of %s at %s: %w", s.labels, millis(t), err)
	}
	if !s.any {
		m.count.Series++
	}
	if m.count.Samples == 0 || t < m.firstT {
		m.firstT = t
	}
	s.any, s.t, s.last = true, t, p
	m.count.Samples++
	w.meta.Stats.NumSamples++
	if p.encoding() == chunkenc.EncXOR {
		w.meta.Stats.NumFloatSamples++
	} else {
		w.meta.Stats.NumHistogramSamples++
	}
	w.meta.MinTime = min(w.meta.MinTime, t)
	w.meta.MaxTime = max(w.meta.MaxTime, t+1)
	return nil
}

// append puts the sample into the open chunk of the series, or into a new one as Prometheus would:
// at 120 samples, near 1 KiB, and when the kind of sample changes.
func (s *writeSeries) append(t int64, p point) error {
	enc := p.encoding()
	cut := len(*s.chunks) == 0
	if !cut {
		c := (*s.chunks)[len(*s.chunks)-1].Chunk
		switch {
		case c.Encoding() != enc, c.NumSamples() >= samplesPerChunk:
			cut = true
		case enc == chunkenc.EncXOR:
			cut = len(c.Bytes()) > chunkenc.MaxBytesPerXORChunkBeforeAppend
		default:
			cut = len(c.Bytes()) >= chunkenc.TargetBytesPerHistogramChunk && c.NumSamples() >= chunkenc.MinSamplesPerHistogramChunk
		}
	}
	var prev chunkenc.Appender
	if cut {
		c, err := chunkenc.NewEmptyChunk(enc)
		if err != nil {
			return err
		}
		prev = s.app
		if s.app, err = c.Appender(); err != nil {
			return err
		}
		*s.chunks = append(*s.chunks, chunks.Meta{Chunk: c, MinTime: t})
	}
	open := &(*s.chunks)[len(*s.chunks)-1]
	var c chunkenc.Chunk
	var recoded bool
	var err error
	switch {
	case p.h != nil:
		// The appender may widen the histogram's layout, and p stays with the series for comparison.
		c, recoded, s.app, err = s.app.AppendHistogram(prev, 0, t, p.h.Copy(), false)
	case p.fh != nil:
		c, recoded, s.app, err = s.app.AppendFloatHistogram(prev, 0, t, p.fh.Copy(), false)
	default:
		s.app.Append(0, t, p.v)
	}
	if err != nil {
		return err
	}
	switch {
	case c != nil && recoded:
		open.Chunk = c
	case c != nil:
		*s.chunks = append(*s.chunks, chunks.Meta{Chunk: c, MinTime: t})
		open = &(*s.chunks)[len(*s.chunks)-1]
	}
	open.MaxTime = t
	return nil
}

// window returns the open window of t, after writing those that nothing can be added to any more.
func (m *metricsWriter) window(t int64) (*writeWindow, error) {
	if t > m.maxT {
		m.maxT = t
		for len(m.windows) > 0 && m.windows[0].start+2*blockWindow <= t {
			if err := m.flush(); err != nil {
				return nil, err
			}
		}
		m.flushed = max(m.flushed, (t/blockWindow-1)*blockWindow)
	}
	start := t / blockWindow * blockWindow
	for _, w := range m.windows {
		if w.start == start {
			return w, nil
		}
	}
	w := &writeWindow{start: start, meta: blockMeta{MinTime: math.MaxInt64}}
	m.windows = append(m.windows, w)
	slices.SortFunc(m.windows, func(a, b *writeWindow) int { return int((a.start - b.start) / blockWindow) })
	return w, nil
}

// flush writes the oldest window as a block. Its error stays in m.broken.
func (m *metricsWriter) flush() error {
	w := m.windows[0]
	m.windows = m.windows[1:]
	series := make([]blockSeries, 0, len(w.series))
	for _, s := range w.series {
		series = append(series, blockSeries{s.labels, s.chunks})
		w.meta.Stats.NumChunks += uint64(len(s.chunks))
	}
	files, err := writeBlock(m.root, series, w.meta)
	if err != nil {
		m.broken = fmt.Errorf("write metrics from %s: %w", millis(w.meta.MinTime), err)
		return m.broken
	}
	m.files = append(m.files, files...)
	for _, s := range m.all {
		if s.win == w {
			s.win, s.chunks = nil, nil
		}
	}
	return nil
}

func (m *metricsWriter) close() error {
	for len(m.windows) > 0 && m.broken == nil {
		m.flush() // notes its error
	}
	return m.broken
}

var errNilHistogram = errors.New("histogram is nil")

// millis prints a time in messages.
func millis(t int64) string { return time.UnixMilli(t).UTC().Format("2006-01-02T15:04:05.000Z") }

func nanos(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339Nano) }
