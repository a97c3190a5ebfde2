package telemetry

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// ruleStore keeps the samples that rules look at: the series that their selectors name, as far back as
// they look. It is a storage.Queryable for the engine.
type ruleStore struct {
	selectors [][]*labels.Matcher
	keep      int64 // ms
	series    map[uint64][]*ruleSeries
	sorted    []*ruleSeries // those that a selector names, by labels
	ordered   bool
}

// ruleSeries is one series, also one that no selector names, so that each is matched once.
type ruleSeries struct {
	labels  labels.Labels
	wanted  bool
	samples []chunks.Sample
}

func newRuleStore(queries []parser.Expr, interval time.Duration) *ruleStore {
	s := &ruleStore{series: map[uint64][]*ruleSeries{}}
	for _, q := range queries {
		s.selectors = append(s.selectors, parser.ExtractSelectors(q)...)
		s.keep = max(s.keep, (reach(q) + interval).Milliseconds())
	}
	return s
}

// reach is how far before its evaluation an expression looks.
func reach(expr parser.Expr) time.Duration {
	var far time.Duration
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		d := lookback + max(v.OriginalOffset, 0)
		for _, p := range path {
			switch p := p.(type) {
			case *parser.MatrixSelector:
				d += p.Range
			case *parser.SubqueryExpr:
				d += p.Range + p.Step + max(p.OriginalOffset, 0)
			}
		}
		far = max(far, d)
		return nil
	})
	return far
}

func (s *ruleStore) sample(l labels.Labels, t int64, v float64) {
	s.add(l, rulePoint{t: t, f: v})
}

func (s *ruleStore) histogram(l labels.Labels, t int64, h *histogram.Histogram) {
	s.add(l, rulePoint{t: t, h: h.ToFloat(nil)})
}

func (s *ruleStore) floatHistogram(l labels.Labels, t int64, h *histogram.FloatHistogram) {
	s.add(l, rulePoint{t: t, h: h})
}

func (s *ruleStore) add(l labels.Labels, p rulePoint) {
	if r := s.find(l); r.wanted {
		r.samples = append(r.samples, p)
	}
}

func (s *ruleStore) find(l labels.Labels) *ruleSeries {
	id := l.Hash()
	for _, r := range s.series[id] {
		if labels.Equal(r.labels, l) {
			return r
		}
	}
	r := &ruleSeries{labels: l, wanted: slices.ContainsFunc(s.selectors, func(m []*labels.Matcher) bool { return matches(l, m) })}
	s.series[id] = append(s.series[id], r)
	if r.wanted {
		s.sorted = append(s.sorted, r)
		s.ordered = false
	}
	return r
}

func matches(l labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// trim forgets what no evaluation from now (ms) on can see.
func (s *ruleStore) trim(now int64) {
	for _, r := range s.sorted {
		i, _ := slices.BinarySearchFunc(r.samples, now-s.keep, func(p chunks.Sample, t int64) int { return int(p.T() - t) })
		// A part at a time: moving the rest down costs as much as what is dropped.
		if i > len(r.samples)/2 {
			r.samples = append(r.samples[:0], r.samples[i:]...)
		}
	}
}

// Querier implements storage.Queryable.
func (s *ruleStore) Querier(_, _ int64) (storage.Querier, error) { return ruleQuerier{s}, nil }

type ruleQuerier struct{ store *ruleStore }

// Select returns the series by labels, whether asked to or not, so that sums over them are always added up in the
// same order.
func (q ruleQuerier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	s := q.store
	if !s.ordered {
		slices.SortFunc(s.sorted, func(a, b *ruleSeries) int { return labels.Compare(a.labels, b.labels) })
		s.ordered = true
	}
	set := &ruleSeriesSet{at: -1}
	for _, r := range s.sorted {
		if len(r.samples) > 0 && matches(r.labels, matchers) {
			set.series = append(set.series, r)
		}
	}
	return set
}

func (ruleQuerier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (ruleQuerier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (ruleQuerier) Close() error { return nil }

type ruleSeriesSet struct {
	series []*ruleSeries
	at     int
}

func (s *ruleSeriesSet) Next() bool                      { s.at++; return s.at < len(s.series) }
func (s *ruleSeriesSet) At() storage.Series              { return s.series[s.at] }
func (*ruleSeriesSet) Err() error                        { return nil }
func (*ruleSeriesSet) Warnings() annotations.Annotations { return nil }
func (r *ruleSeries) Labels() labels.Labels              { return r.labels }
func (r *ruleSeries) Len() int                           { return len(r.samples) }
func (r *ruleSeries) Get(i int) chunks.Sample            { return r.samples[i] }
func (r *ruleSeries) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return ruleIterator{storage.NewListSeriesIterator(r)}
}

// ruleIterator copies histograms, since the engine may change those that it gets.
type ruleIterator struct{ chunkenc.Iterator }

func (it ruleIterator) AtFloatHistogram(into *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	t, h := it.Iterator.AtFloatHistogram(nil)
	if into == nil {
		return t, h.Copy()
	}
	h.CopyTo(into)
	return t, into
}

// rulePoint is a sample as the engine wants it: h when not nil, else f.
type rulePoint struct {
	t int64
	f float64
	h *histogram.FloatHistogram
}

func (p rulePoint) T() int64                      { return p.t }
func (rulePoint) ST() int64                       { return 0 }
func (p rulePoint) F() float64                    { return p.f }
func (rulePoint) H() *histogram.Histogram         { return nil }
func (p rulePoint) FH() *histogram.FloatHistogram { return p.h }

func (p rulePoint) Type() chunkenc.ValueType {
	if p.h != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

func (p rulePoint) Copy() chunks.Sample {
	if p.h != nil {
		p.h = p.h.Copy()
	}
	return p
}
