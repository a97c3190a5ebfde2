package telemetry

import (
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// The types of metric families, as in the OpenMetrics TYPE line.
const (
	TypeCounter   = "counter"
	TypeGauge     = "gauge"
	TypeHistogram = "histogram"
	TypeSummary   = "summary"
	TypeInfo      = "info"
)

// Family is what a metric family says of itself. Name is that of its samples: with _total for a counter,
// without _bucket for a histogram. The unit is that in the name.
type Family struct {
	Name string
	Type string
	Help string
}

func (f Family) unit() string {
	name := strings.TrimSuffix(f.Name, "_total")
	for _, u := range []string{"seconds", "bytes", "ratio", "cores", "celsius"} {
		if strings.HasSuffix(name, "_"+u) {
			return u
		}
	}
	return ""
}

// series is one time series of a target. It outlives the handles that write it: those of a process that
// restarted go on with the same series.
type series struct {
	labels labels.Labels
	seen   uint64 // number of the last scrape that exposed it
	known  bool   // was exposed since the target was last seen without it
	native bool   // holds native histograms
}

// metric is what a group exposes.
type metric interface {
	collect(e *exposition)
}

// Counter is a number that only rises. One with labels is exposed from its first Add on, as the children
// of a vector are, one without from the start.
type Counter struct{ single }

// Add adds v, which must not be negative. Add(0) exposes the counter.
func (c *Counter) Add(v float64) {
	c.touched = true
	c.v += v
}

// Inc adds one.
func (c *Counter) Inc() { c.Add(1) }

// Gauge is a number that rises and falls. One with labels is exposed from the first change on, one without
// from the start.
type Gauge struct{ single }

// Set sets the gauge.
func (g *Gauge) Set(v float64) {
	g.touched = true
	g.v = v
}

// Add adds v, which may be negative.
func (g *Gauge) Add(v float64) {
	g.touched = true
	g.v += v
}

// Value returns what the gauge stands at.
func (g *Gauge) Value() float64 { return g.v }

// single is a metric with one series.
type single struct {
	series  *series
	touched bool
	removed bool
	v       float64
}

// Remove takes the series from the target: the next scrape writes a stale marker.
func (m *single) Remove() { m.removed = true }

func (m *single) collect(e *exposition) {
	if m.touched && !m.removed {
		e.sample(m.series, m.v)
	}
}

// function is a metric that asks when it is scraped.
type function struct {
	series  *series
	read    func() float64
	counter bool
	base    float64 // counted before read began; see Group.Age
}

func (m *function) collect(e *exposition) { e.sample(m.series, m.base+m.read()) }

// Group is a part of what a target exposes, with labels in common: one process, one container. It can
// be removed as a whole.
type Group struct {
	target  *Target
	labels  labels.Labels
	metrics []metric
	vectors map[string]metric // by family and labels
	removed bool
}

// Counter returns the counter of the family with the labels, which are names and values in turn. Asking
// again returns the same one, until it is removed.
func (g *Group) Counter(f Family, pairs ...string) *Counter {
	return register(g, f, pairs, func(s *series) *Counter {
		return &Counter{single{series: s, touched: len(pairs) == 0}}
	})
}

// Gauge returns the gauge of the family with the labels, as Counter does.
func (g *Group) Gauge(f Family, pairs ...string) *Gauge {
	return register(g, f, pairs, func(s *series) *Gauge {
		return &Gauge{single{series: s, touched: len(pairs) == 0}}
	})
}

// Func exposes what read returns at each scrape, as a gauge or a counter: the family says which.
func (g *Group) Func(f Family, read func() float64, pairs ...string) {
	g.target.recorder.describe(f)
	g.metrics = append(g.metrics, &function{series: g.series(f.Name, pairs...), read: read, counter: f.Type == TypeCounter})
}

// Summary exposes the values of read at each scrape: one for each quantile, the sum and the count of all
// observations.
func (g *Group) Summary(f Family, quantiles []float64, read func() (values []float64, sum float64, count uint64), pairs ...string) {
	g.target.recorder.describe(f)
	m := &summary{sum: g.series(f.Name+"_sum", pairs...), count: g.series(f.Name+"_count", pairs...), read: read}
	for _, q := range quantiles {
		m.quantiles = append(m.quantiles, g.series(f.Name, append(pairs[:len(pairs):len(pairs)], "quantile", labels.FormatOpenMetricsFloat(q))...))
	}
	g.metrics = append(g.metrics, m)
}

type summary struct {
	quantiles  []*series
	sum, count *series
	read       func() ([]float64, float64, uint64)
	baseSum    float64 // counted before read began; see Group.Age
	baseCount  uint64
}

func (m *summary) collect(e *exposition) {
	values, sum, count := m.read()
	for i, s := range m.quantiles {
		e.sample(s, values[i])
	}
	e.sample(m.sum, m.baseSum+sum)
	e.sample(m.count, float64(m.baseCount+count))
}

// Info exposes a series with the constant value 1, whose labels are what counts.
func (g *Group) Info(f Family, pairs ...string) {
	g.Func(f, func() float64 { return 1 }, pairs...)
}

// InfoFunc exposes a series with the value 1 that says with one label what read returns at each scrape. There
// is none while that is empty.
func (g *Group) InfoFunc(f Family, label string, read func() string, pairs ...string) {
	g.target.recorder.describe(f)
	g.metrics = append(g.metrics, &state{group: g, family: f, label: label, read: read, pairs: pairs})
}

type state struct {
	group  *Group
	family Family
	label  string
	read   func() string
	pairs  []string
}

func (m *state) collect(e *exposition) {
	if v := m.read(); v != "" {
		e.sample(m.group.series(m.family.Name, append(m.pairs[:len(m.pairs):len(m.pairs)], m.label, v)...), 1)
	}
}

// Remove takes everything in the group from the target: the next scrape writes stale markers for what
// no other group exposes.
func (g *Group) Remove() { g.removed = true }

// register returns the metric of a family and labels, and makes it when there is none.
func register[M metric](g *Group, f Family, pairs []string, build func(*series) M) M {
	id := f.Name + "\xff" + strings.Join(pairs, "\xff")
	if m, ok := g.vectors[id].(M); ok && !gone(m) {
		return m
	}
	g.target.recorder.describe(f)
	m := build(g.series(f.Name, pairs...))
	g.vectors[id] = m
	g.metrics = append(g.metrics, m)
	return m
}

// gone reports whether m was removed on its own.
func gone(m metric) bool {
	r, ok := m.(interface{ isRemoved() bool })
	return ok && r.isRemoved()
}

func (m *single) isRemoved() bool { return m.removed }

// series returns the target's series of a name and labels. A metric's own labels win over those of the
// group, and these over those of the target, as with honor_labels.
func (g *Group) series(name string, pairs ...string) *series {
	b := labels.NewBuilder(g.labels)
	for i := 0; i+1 < len(pairs); i += 2 {
		b.Set(pairs[i], pairs[i+1])
	}
	b.Set(model.MetricNameLabel, name)
	return g.target.seriesOf(b.Labels())
}
