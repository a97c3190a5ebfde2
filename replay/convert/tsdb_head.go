package convert

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/tombstones"

	"firedrill/replay"
)

// samplesPerChunk is how many floats of a window share a compressed chunk, as in Prometheus's head.
const samplesPerChunk = 120

// head reads what is in no block yet, from the WAL and the WBL. It reads both once for the series and
// then once for each window, so that only one window's samples are held, floats compressed.
type head struct {
	*job
	wal, wbl *log // wbl nil when there is none
	minValid int64
	byRef    map[chunks.HeadSeriesRef]*headSeries
	known    map[uint64][]*headSeries // by hash of the labels; of the first pass
	series   []*headSeries            // by labels
	win      map[int64]bool
	from, to int64 // of the pass under way
	first    bool  // the pass that finds series, and counts
}

var _ tsdbSource = (*head)(nil)

// headSeries is one series of the head. All but the first three fields are of one pass.
type headSeries struct {
	lset    labels.Labels
	deleted tombstones.Intervals
	family  *replay.Family

	last   int64 // newest in-order sample, kept or not
	any    bool
	chunks []*chunkenc.XORChunk
	app    chunkenc.Appender
	others []point // histograms, and what the WBL holds
	ex     []replay.Exemplar
}

// openHead reads the series of the data directory's head and in which windows it has samples.
// Samples before minValid are in a block.
func (j *job) openHead(dir string, minValid int64) (*head, error) {
	h := &head{job: j, minValid: minValid, byRef: map[chunks.HeadSeriesRef]*headSeries{}, win: map[int64]bool{}}
	h.known = map[uint64][]*headSeries{}
	var err error
	if h.wal, err = openLog(filepath.Join(dir, "wal"), true); err != nil {
		return nil, err
	}
	if d := filepath.Join(dir, "wbl"); isDir(d) {
		if h.wbl, err = openLog(d, false); err != nil {
			return nil, err
		}
	}
	h.first = true
	if err := h.pass(j.ctx, 0); err != nil {
		return nil, err
	}
	h.first, h.known = false, nil
	slices.SortFunc(h.series, func(a, b *headSeries) int { return labels.Compare(a.lset, b.lset) })
	return h, h.families()
}

func (h *head) windows() map[int64]bool { return h.win }
func (h *head) close() error            { return nil }

func (h *head) bytes() int64 {
	n := h.wal.size
	if h.wbl != nil {
		n += h.wbl.size
	}
	return n
}

// families hands on the metadata, which the WAL keeps by series.
func (h *head) families() error {
	named := map[string]bool{}
	for _, s := range h.series {
		if s.family == nil {
			continue
		}
		name := s.lset.Get(model.MetricNameLabel)
		if s.family.Type == "histogram" || s.family.Type == "summary" {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				if base, ok := strings.CutSuffix(name, suffix); ok {
					name = base
					break
				}
			}
		}
		if name != "" && !named[name] {
			named[name] = true
			if err := h.family(name, *s.family); err != nil {
				return err
			}
		}
	}
	return nil
}

// pass reads the logs and keeps the samples in [from, from+window), or, the first time, the series.
func (h *head) pass(ctx context.Context, from int64) error {
	h.from, h.to = from, from+window
	for _, s := range h.series {
		s.last, s.any, s.chunks, s.app, s.others, s.ex = 0, false, nil, nil, nil, nil
	}
	torn, err := h.wal.each(ctx, h.walRecord)
	if err != nil {
		return err
	}
	if torn && h.first {
		h.skip("last WAL record, which was not written whole", h.wal.dir)
	}
	if h.wbl == nil {
		return nil
	}
	if torn, err = h.wbl.each(ctx, h.wblRecord); err != nil {
		return err
	}
	if torn && h.first {
		h.skip("last WBL record, which was not written whole", h.wbl.dir)
	}
	return nil
}

func (h *head) open(ctx context.Context, from int64) (tsdbCursor, error) {
	if err := h.pass(ctx, from); err != nil {
		return nil, err
	}
	return &headCursor{head: h, at: -1}, nil
}

func (h *head) walRecord(dec *record.Decoder, rec []byte) (err error) {
	switch dec.Type(rec) {
	case record.Series:
		if !h.first {
			return nil
		}
		series, err := dec.Series(rec, nil)
		if err != nil {
			return err
		}
		h.define(series)
	case record.Samples, record.SamplesV2:
		samples, err := dec.Samples(rec, nil)
		if err != nil {
			return err
		}
		for _, s := range samples {
			if err := h.inOrder(s.Ref, point{t: s.T, v: s.V}); err != nil {
				return err
			}
		}
	case record.HistogramSamples, record.CustomBucketsHistogramSamples, record.HistogramSamplesV2:
		samples, err := dec.HistogramSamples(rec, nil)
		if err != nil {
			return err
		}
		for _, s := range samples {
			if err := h.inOrder(s.Ref, point{t: s.T, h: s.H}); err != nil {
				return err
			}
		}
	case record.FloatHistogramSamples, record.CustomBucketsFloatHistogramSamples, record.FloatHistogramSamplesV2:
		samples, err := dec.FloatHistogramSamples(rec, nil)
		if err != nil {
			return err
		}
		for _, s := range samples {
			if err := h.inOrder(s.Ref, point{t: s.T, fh: s.FH}); err != nil {
				return err
			}
		}
	case record.Exemplars:
		exemplars, err := dec.Exemplars(rec, nil)
		if err != nil {
			return err
		}
		for _, e := range exemplars {
			if err := h.takeExemplar(e); err != nil {
				return err
			}
		}
	case record.Tombstones:
		if !h.first {
			return nil
		}
		stones, err := dec.Tombstones(rec, nil)
		if err != nil {
			return err
		}
		h.delete(stones)
	case record.Metadata:
		if !h.first {
			return nil
		}
		metas, err := dec.Metadata(rec, nil)
		if err != nil {
			return err
		}
		for _, m := range metas {
			if s := h.byRef[m.Ref]; s != nil {
				s.family = &replay.Family{Type: string(record.ToMetricType(m.Type)), Help: strings.Clone(m.Help), Unit: strings.Clone(m.Unit)}
			}
		}
	default:
		// Prometheus ignores records of a newer version, too.
		if h.first {
			h.skip("WAL record of an unknown type", h.wal.dir)
		}
	}
	return nil
}

// wblRecord takes out-of-order samples, which the head accepted one by one.
func (h *head) wblRecord(dec *record.Decoder, rec []byte) error {
	switch dec.Type(rec) {
	case record.Samples, record.SamplesV2:
		samples, err := dec.Samples(rec, nil)
		if err != nil {
			return err
		}
		for _, s := range samples {
			if err := h.outOfOrder(s.Ref, point{t: s.T, v: s.V}); err != nil {
				return err
			}
		}
	case record.HistogramSamples, record.CustomBucketsHistogramSamples, record.HistogramSamplesV2:
		samples, err := dec.HistogramSamples(rec, nil)
		if err != nil {
			return err
		}
		for _, s := range samples {
			if err := h.outOfOrder(s.Ref, point{t: s.T, h: s.H}); err != nil {
				return err
			}
		}
	case record.FloatHistogramSamples, record.CustomBucketsFloatHistogramSamples, record.FloatHistogramSamplesV2:
		samples, err := dec.FloatHistogramSamples(rec, nil)
		if err != nil {
			return err
		}
		for _, s := range samples {
			if err := h.outOfOrder(s.Ref, point{t: s.T, fh: s.FH}); err != nil {
				return err
			}
		}
	case record.MmapMarkers: // of chunks_head, which is not read
	default:
		if h.first {
			h.skip("WBL record of an unknown type", h.wbl.dir)
		}
	}
	return nil
}

// define adds series. After a restart the same labels may have another reference.
func (h *head) define(series []record.RefSeries) {
	for _, r := range series {
		var s *headSeries
		hash := r.Labels.Hash()
		for _, k := range h.known[hash] {
			if labels.Equal(k.lset, r.Labels) {
				s = k
			}
		}
		if s == nil {
			s = &headSeries{lset: r.Labels.Copy()}
			h.known[hash] = append(h.known[hash], s)
			h.series = append(h.series, s)
		}
		h.byRef[r.Ref] = s
	}
}

// delete remembers deletions. A stone over all time is how Prometheus drops a stale series from the
// head once a block holds it: nothing was deleted.
func (h *head) delete(stones []tombstones.Stone) {
	for _, st := range stones {
		s := h.byRef[chunks.HeadSeriesRef(st.Ref)]
		if s == nil {
			continue
		}
		for _, iv := range st.Intervals {
			if iv.Mint != math.MinInt64 || iv.Maxt != math.MaxInt64 {
				s.deleted = s.deleted.Add(iv)
			}
		}
	}
}

// find returns the series of a sample that is to be considered at all.
func (h *head) find(ref chunks.HeadSeriesRef) *headSeries {
	s := h.byRef[ref]
	if s == nil && h.first {
		h.skip("WAL sample or exemplar of a series that the WAL does not name", h.wal.dir)
	}
	return s
}

// inOrder takes a WAL sample. Like the head, it refuses one that is not newer than the series'
// newest: the WAL also holds what was refused, and the WBL what was accepted out of order.
func (h *head) inOrder(ref chunks.HeadSeriesRef, p point) error {
	s := h.find(ref)
	switch {
	case s == nil:
		return nil
	case p.t < h.minValid:
		if h.first {
			h.skip("WAL sample from before the end of the newest block", h.wal.dir)
		}
		return nil
	case s.any && p.t <= s.last:
		if h.first {
			h.skip("WAL sample out of order (the WBL holds those that were accepted)", h.wal.dir)
		}
		return nil
	}
	s.any, s.last = true, p.t
	return h.keep(s, p, true)
}

func (h *head) outOfOrder(ref chunks.HeadSeriesRef, p point) error {
	s := h.find(ref)
	if s == nil {
		return nil
	}
	return h.keep(s, p, false)
}

// keep stores the sample when it is in the pass's window, and notes its window in the first pass.
func (h *head) keep(s *headSeries, p point, inOrder bool) error {
	if h.first {
		return markWindows(h.win, p.t, p.t)
	}
	if p.t < h.from || p.t >= h.to {
		return nil
	}
	if isDeleted(s.deleted, p.t) {
		h.skip("sample that was deleted (tombstone)", h.wal.dir)
		return nil
	}
	if !inOrder || p.h != nil || p.fh != nil {
		s.others = append(s.others, p)
		return nil
	}
	if n := len(s.chunks); n == 0 || s.chunks[n-1].NumSamples() >= samplesPerChunk {
		c := chunkenc.NewXORChunk()
		app, err := c.Appender()
		if err != nil {
			return err
		}
		s.chunks, s.app = append(s.chunks, c), app
	}
	s.app.Append(0, p.t, p.v)
	return nil
}

func (h *head) takeExemplar(e record.RefExemplar) error {
	s := h.find(e.Ref)
	switch {
	case s == nil:
	case e.T < h.minValid:
		if h.first {
			h.skip("WAL exemplar from before the end of the newest block", h.wal.dir)
		}
	case h.first:
		return markWindows(h.win, e.T, e.T)
	case e.T >= h.from && e.T < h.to:
		s.ex = append(s.ex, replay.Exemplar{Labels: e.Labels.Copy(), V: e.V, T: e.T})
	}
	return nil
}

// headCursor goes through the series that the last pass found.
type headCursor struct {
	*head
	at int
}

func (c *headCursor) next() (bool, error) {
	for c.at++; c.at < len(c.series); c.at++ {
		if s := c.series[c.at]; len(s.chunks)+len(s.others)+len(s.ex) > 0 {
			return true, nil
		}
	}
	return false, nil
}

func (c *headCursor) labels() labels.Labels        { return c.series[c.at].lset }
func (c *headCursor) exemplars() []replay.Exemplar { return c.series[c.at].ex }

func (c *headCursor) points(dst []point) ([]point, error) {
	s, start := c.series[c.at], len(dst)
	for _, chk := range s.chunks {
		it := chk.Iterator(nil)
		for it.Next() != chunkenc.ValNone {
			t, v := it.At()
			dst = append(dst, point{t: t, v: v})
		}
		if err := it.Err(); err != nil {
			return nil, fmt.Errorf("%s: series %s: %w", c.wal.dir, s.lset, err)
		}
	}
	dst = append(dst, s.others...)
	slices.SortStableFunc(dst[start:], func(a, b point) int { return cmp.Compare(a.t, b.t) })
	return dst, nil
}
