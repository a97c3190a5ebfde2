package replay

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

// lookback is how long Prometheus shows the last sample of a series that has no stale marker
// (its default --query.lookback-delta).
const lookback = 5 * time.Minute

// staleTracker remembers the last sample of every series, so that the series can end with a stale
// marker when the session ends.
type staleTracker struct {
	last []lastSample // by Series.ID
}

type lastSample struct {
	series *Series
	t      int64 // wall, ms
	kind   sampleKind
	stale  bool
}

type sampleKind uint8

const (
	floatKind sampleKind = iota
	histogramKind
	floatHistogramKind
)

// observe sees pushed samples in order, from one goroutine.
func (st *staleTracker) observe(items []Sample) {
	for i := range items {
		s := &items[i]
		if n := int(s.Series.ID) + 1; n > len(st.last) {
			st.last = append(st.last, make([]lastSample, n-len(st.last))...)
		}
		l := &st.last[s.Series.ID]
		l.series, l.t = s.Series, s.T
		switch {
		case s.H != nil:
			l.kind, l.stale = histogramKind, value.IsStaleNaN(s.H.Sum)
		case s.FH != nil:
			l.kind, l.stale = floatHistogramKind, value.IsStaleNaN(s.FH.Sum)
		default:
			l.kind, l.stale = floatKind, value.IsStaleNaN(s.V)
		}
	}
}

// markers returns a stale marker for each series that would linger at the wall time end, in ns. It
// stands one millisecond after the series' last sample: the same marker again, should the end be repeated
// after a crash.
func (st *staleTracker) markers(end int64) []Sample {
	since := time.Unix(0, end).Add(-lookback).UnixMilli()
	var out []Sample
	stale := math.Float64frombits(value.StaleNaN)
	for _, l := range st.last {
		if l.series == nil || l.stale || l.t < since {
			continue
		}
		s := Sample{Series: l.series, T: l.t + 1}
		switch l.kind {
		case histogramKind:
			s.H = &histogram.Histogram{Sum: stale}
		case floatHistogramKind:
			s.FH = &histogram.FloatHistogram{Sum: stale}
		default:
			s.V = stale
		}
		out = append(out, s)
	}
	return out
}

// endStale ends the series of a session that has been live. A recording that was only loaded ends as
// collection would that stopped just now.
func (r *Replay) endStale(ctx context.Context) error {
	if r.stale == nil {
		return nil
	}
	// When the session ended counts, not what time it is: after a crash the markers must be the same.
	c := r.timeline.snapshot()
	end, ok := c.end()
	if !ok || end <= c.Page {
		return nil
	}
	p := r.samples
	if p.partial.Read > 0 {
		r.log.Error("series end without stale markers, since samples are missing")
		return nil
	}
	markers := r.stale.markers(c.Segments.wall(end))
	drain, cancel := context.WithTimeout(ctx, r.opts.Drain)
	defer cancel()
	var t Totals
	err := p.push(drain, markers, r.opts.Resume != nil, &t)
	r.madeStale = t.Sent
	if err != nil && ctx.Err() == nil {
		r.log.Error("series end without stale markers", "missing", t.Read-t.Sent, "error", err)
	}
	return ctx.Err()
}

// primeStale reads again what was delivered shortly before a crash, since the series' last samples
// are not in the checkpoint.
func (r *Replay) primeStale() error {
	if r.stale == nil {
		return nil
	}
	to := r.samples.progress.Acknowledged
	back := time.Unix(0, r.timeline.Recorded(r.timeline.Wall(to)-int64(lookback)))
	reader, err := r.source.Samples(later(r.from, back), time.Unix(0, to))
	if err != nil {
		return fmt.Errorf("read %s: %w", Metrics, err)
	}
	defer reader.Close()
	m := r.timeline.mapping()
	buf := make([]Sample, readAhead)
	for {
		n, err := reader.Read(buf)
		for i := range buf[:n] {
			at := sampleTime(&buf[i])
			buf[i].T += floorMs(m.wall(at) - at)
		}
		r.stale.observe(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", Metrics, err)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
