package telemetry

import (
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// Target is one scraped endpoint.
type Target struct {
	recorder *Recorder
	labels   labels.Labels
	groups   []*Group
	series   map[string]*series // by labels
	exposed  []*series          // in the last scrape, without the report
	report   []*series          // up and scrape_*; nil before the first scrape
	scrapes  uint64
	hash     uint64
	closed   bool
}

// reportFamilies are what Prometheus itself says of every scrape.
var reportFamilies = []Family{
	{"up", TypeGauge, "Whether the last scrape of the target succeeded."},
	{"scrape_duration_seconds", TypeGauge, "Duration of the scrape."},
	{"scrape_samples_scraped", TypeGauge, "Samples that the target exposed."},
	{"scrape_series_added", TypeGauge, "Series that were new in this scrape."},
}

// Target adds an endpoint with its labels: job, instance and whatever the discovery adds.
func (r *Recorder) Target(l labels.Labels) *Target {
	h := fnv.New64a()
	h.Write([]byte(l.String()))
	return &Target{recorder: r, labels: l, series: map[string]*series{}, hash: h.Sum64()}
}

// Group adds a part to what the target exposes. The labels are names and values in turn, in common to all
// its metrics; they win over labels of the target.
func (t *Target) Group(pairs ...string) *Group {
	b := labels.NewBuilder(t.labels)
	for i := 0; i+1 < len(pairs); i += 2 {
		b.Set(pairs[i], pairs[i+1])
	}
	g := &Group{target: t, labels: b.Labels(), vectors: map[string]metric{}}
	t.groups = append(t.groups, g)
	return g
}

// Next returns the first time at or after from at which the target is scraped. Each target has its own
// place in the interval, by a hash of its labels, as Prometheus spreads them; here in whole milliseconds.
func (t *Target) Next(from int64) int64 {
	return next(from, t.recorder.interval, t.hash)
}

// next returns the first time at or after from that lies in an interval where hash puts it.
func next(from int64, interval time.Duration, hash uint64) int64 {
	millis := uint64(interval / time.Millisecond)
	offset := int64(hash%millis) * int64(time.Millisecond)
	n := from - offset
	if rest := n % int64(interval); rest > 0 {
		n += int64(interval) - rest
	}
	return n + offset
}

// Scrape writes what the target exposes at the time at, and up 1. A series that is no longer exposed gets
// a stale marker.
func (t *Target) Scrape(at int64) {
	if t.closed {
		return
	}
	e := t.collect(at)
	t.finish(e, 1, len(e.exposed), e.added)
}

// Skip makes a scrape that is not written: what the target exposes now is not new in the next one, as if the
// recording had begun in the middle of things.
func (t *Target) Skip() { t.collect(0) }

// collect asks all metrics.
func (t *Target) collect(at int64) *exposition {
	t.scrapes++
	e := &exposition{scrape: t.scrapes, at: millis(at), exposed: make([]*series, 0, len(t.exposed))}
	t.groups = slices.DeleteFunc(t.groups, func(g *Group) bool { return g.removed })
	for _, g := range t.groups {
		g.metrics = slices.DeleteFunc(g.metrics, gone)
		for _, m := range g.metrics {
			m.collect(e)
		}
	}
	for _, s := range t.exposed {
		if s.seen != t.scrapes {
			e.stale(s)
			s.known = false
		}
	}
	t.exposed = e.exposed
	return e
}

// ScrapeFailed writes up 0 and a stale marker for everything that the target exposed before, as Prometheus
// does when a scrape fails or times out.
func (t *Target) ScrapeFailed(at int64) {
	if t.closed {
		return
	}
	t.scrapes++
	e := &exposition{scrape: t.scrapes, at: millis(at)}
	for _, s := range t.exposed {
		e.stale(s)
	}
	t.exposed = nil
	t.finish(e, 0, 0, 0)
}

// Close ends the target: stale markers for everything, up included. Prometheus stamps them with the time
// of the first scrape that no longer takes place, which Next tells. Nothing is written afterwards.
func (t *Target) Close(at int64) {
	if t.closed {
		return
	}
	t.closed = true
	e := &exposition{at: millis(at)}
	for _, s := range t.exposed {
		e.stale(s)
	}
	for _, s := range t.report {
		e.stale(s)
	}
	t.recorder.send(e)
}

// finish adds the report of a scrape and sends it.
func (t *Target) finish(e *exposition, up float64, samples, added int) {
	if t.report == nil {
		for _, f := range reportFamilies {
			t.recorder.describe(f)
			t.report = append(t.report, t.seriesOf(labels.NewBuilder(t.labels).Set(model.MetricNameLabel, f.Name).Labels()))
		}
	}
	values := []float64{up, t.duration(samples), float64(samples), float64(added)}
	for i, s := range t.report {
		e.floats = append(e.floats, float{s.labels, values[i]})
	}
	t.recorder.send(e)
}

// duration is how long a scrape takes: a millisecond for the connection and some microseconds for each sample,
// give or take a third by a hash. It is an assumption; nothing else depends on it.
func (t *Target) duration(samples int) float64 {
	h := (t.hash ^ t.scrapes) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	micros := 1000 + 6*int64(samples)
	micros = micros*2/3 + int64(h%uint64(micros*2/3))
	return float64(micros) / 1e6
}

func (t *Target) seriesOf(l labels.Labels) *series {
	id := l.String()
	s := t.series[id]
	if s == nil {
		s = &series{labels: l}
		t.series[id] = s
	}
	return s
}

func millis(at int64) int64 { return at / int64(time.Millisecond) }

// exposition is one scrape on its way to the recording.
type exposition struct {
	scrape     uint64
	at         int64 // ms
	floats     []float
	histograms []native
	exemplars  []exemplar
	exposed    []*series
	added      int
}

type float struct {
	labels labels.Labels
	v      float64
}

type native struct {
	labels labels.Labels
	h      *histogram.Histogram
}

// touch notes that s is exposed, and reports whether it was not exposed by this scrape already: of two
// metrics for one series Prometheus keeps the first.
func (e *exposition) touch(s *series) bool {
	if s.seen == e.scrape {
		return false
	}
	s.seen = e.scrape
	if !s.known {
		s.known = true
		e.added++
	}
	e.exposed = append(e.exposed, s)
	return true
}

func (e *exposition) sample(s *series, v float64) {
	if e.touch(s) {
		e.floats = append(e.floats, float{s.labels, v})
	}
}

// stale ends a series; that of a native histogram with a histogram, as in a Prometheus's own store.
func (e *exposition) stale(s *series) {
	if s.native {
		e.histograms = append(e.histograms, native{s.labels, &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}})
		return
	}
	e.floats = append(e.floats, float{s.labels, math.Float64frombits(value.StaleNaN)})
}

func (r *Recorder) send(e *exposition) {
	for _, t := range r.tracers {
		t.advance(e.at * int64(time.Millisecond))
	}
	r.work <- func(o *output) error { return o.scrape(e) }
}

func (o *output) scrape(e *exposition) error {
	o.exemplars = append(o.exemplars, e.exemplars...)
	if err := o.release(e.at * int64(time.Millisecond)); err != nil {
		return err
	}
	for _, f := range e.floats {
		if err := o.sample(f.labels, e.at, f.v); err != nil {
			return err
		}
	}
	for _, n := range e.histograms {
		if err := o.histogram(n.labels, e.at, n.h); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) sample(l labels.Labels, at int64, v float64) error {
	for _, r := range o.rules {
		r.store.sample(l, at, v)
	}
	return o.w.Sample(l, at, v)
}

func (o *output) histogram(l labels.Labels, at int64, h *histogram.Histogram) error {
	for _, r := range o.rules {
		r.store.histogram(l, at, h)
	}
	return o.w.Histogram(l, at, h)
}

func (o *output) floatHistogram(l labels.Labels, at int64, h *histogram.FloatHistogram) error {
	for _, r := range o.rules {
		r.store.floatHistogram(l, at, h)
	}
	return o.w.FloatHistogram(l, at, h)
}
