package replay

import (
	"context"
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

// markers returns a stale marker for each series that would linger at the wall time now. It
// stands one millisecond after the series' last sample: the same marker again, should the end be repeated
// after a crash.
func (st *staleTracker) markers(now time.Time) []Sample {
	var out []Sample
	stale := math.Float64frombits(value.StaleNaN)
	for _, l := range st.last {
		if l.series == nil || l.stale || l.t < now.Add(-lookback).UnixMilli() {
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

// endStale ends the series of a session that has been live.
func (r *Replay) endStale(ctx context.Context) error {
	if r.stale == nil || !r.wasLive() {
		return nil
	}
	p := r.samples
	markers := r.stale.markers(time.Now())
	ctx, cancel := context.WithTimeout(ctx, r.opts.Drain)
	defer cancel()
	p.progress.StaleMarkers = int64(len(markers))
	if err := p.save(); err != nil {
		return err
	}
	var t Totals
	err := p.push(ctx, markers, r.opts.Resume != nil, &t)
	p.progress.StaleMarkers = t.Sent
	if err != nil {
		r.log.Error("series end without stale markers", "missing", int64(len(markers))-t.Sent, "error", err)
	}
	return p.save()
}

// wasLive tells whether the clock has passed the page: a recording that was only loaded ends as
// collection would that stopped just now.
func (r *Replay) wasLive() bool {
	_, end := r.source.Bounds()
	page, wall := r.timeline.Page()
	return time.Now().After(wall) && page.Before(end)
}

// primeStale reads again what was delivered shortly before a crash, since the series' last samples
// are not in the checkpoint.
func (r *Replay) primeStale() error {
	if r.stale == nil {
		return nil
	}
	to := time.Unix(0, r.samples.progress.Acknowledged)
	_, speed := r.timeline.state()
	back := time.Duration(float64(lookback) * max(speed, 1))
	reader, err := r.source.Samples(later(r.from, to.Add(-back)), to)
	if err != nil {
		return err
	}
	defer reader.Close()
	m := r.timeline.mapping()
	buf := make([]Sample, readAhead)
	for {
		n, err := reader.Read(buf)
		for i := range buf[:n] {
			due := sampleDue(&buf[i])
			buf[i].T += floorMs(m.wall(due) - due)
		}
		r.stale.observe(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
