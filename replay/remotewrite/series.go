package remotewrite

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// entry is what the sink keeps of a series. It never changes.
type entry struct {
	series *replay.Series
	index  uint32   // dense among the entries of a cache
	refs   []uint32 // symbols of names and values in turn, sorted by name, with the extra labels
	bad    string   // why no receiver would take the series; "" when one may

	typ        byte // Metadata_MetricType; the same numbers in 1.0 and 2.0
	help, unit uint32
	family     *family // nil without metadata

	v1 atomic.Pointer[[]byte] // labels encoded for 1.0; made when first needed
}

// family is a metric family in 1.0, whose metadata is sent once.
type family struct {
	name, help, unit string
	typ              byte
	sent             atomic.Bool
}

// pageSize is how many entries are allocated together, so that IDs with holes cost little.
const pageSize = 1024

// seriesCache interns label names and values of all series that the sink has seen, as symbols:
// numbers from 0, where 0 is the empty string. It grows with the distinct series of the recording.
type seriesCache struct {
	extra []labels.Label

	mu       sync.RWMutex              // guards all below
	pages    [][]*entry                // by Series.ID
	others   map[*replay.Series]*entry // series whose ID is taken by another: a second Source
	count    uint32                    // entries made
	symbols  []string                  // appended to only
	numbers  map[string]uint32         // the inverse of symbols
	families map[string]*family
}

func newSeriesCache(extra []labels.Label) *seriesCache {
	return &seriesCache{
		extra:    extra,
		others:   make(map[*replay.Series]*entry),
		symbols:  []string{""},
		numbers:  map[string]uint32{"": 0},
		families: make(map[string]*family),
	}
}

// find returns the entry of series or nil; mu must be held.
func (c *seriesCache) find(series *replay.Series) *entry {
	page, at := int(series.ID/pageSize), series.ID%pageSize
	if page >= len(c.pages) || c.pages[page] == nil {
		return nil
	}
	e := c.pages[page][at]
	if e != nil && e.series != series {
		return c.others[series]
	}
	return e
}

// add makes the entry of series. No lock may be held.
func (c *seriesCache) add(series *replay.Series) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.find(series); e != nil {
		return e
	}
	all, bad := withExtra(series.Labels, c.extra)
	e := &entry{series: series, index: c.count, bad: bad}
	c.count++
	e.refs = make([]uint32, 0, 2*all.Len())
	all.Range(func(l labels.Label) { e.refs = append(e.refs, c.intern(l.Name), c.intern(l.Value)) })
	if f := series.Family; f != nil {
		e.typ = metadataType(f.Type)
		e.help, e.unit = c.intern(f.Help), c.intern(f.Unit)
		name := familyName(all.Get(model.MetricNameLabel), f.Type)
		if e.family = c.families[name]; e.family == nil {
			e.family = &family{name: name, help: f.Help, unit: f.Unit, typ: e.typ}
			c.families[name] = e.family
		}
	}
	page, at := int(series.ID/pageSize), series.ID%pageSize
	if page >= len(c.pages) {
		c.pages = append(c.pages, make([][]*entry, page+1-len(c.pages))...)
	}
	if c.pages[page] == nil {
		c.pages[page] = make([]*entry, pageSize)
	}
	if c.pages[page][at] == nil {
		c.pages[page][at] = e
	} else {
		c.others[series] = e
	}
	return e
}

// intern returns the number of s; mu must be held for writing.
func (c *seriesCache) intern(s string) uint32 {
	n, ok := c.numbers[s]
	if !ok {
		n = uint32(len(c.symbols))
		c.symbols = append(c.symbols, s)
		c.numbers[s] = n
	}
	return n
}

// withExtra returns what a series is called at the receiver, and why none would take it ("" when
// one may). Labels without a value are left out, as Prometheus does.
func withExtra(ls labels.Labels, extra []labels.Label) (_ labels.Labels, bad string) {
	for _, l := range extra {
		if ls.Has(l.Name) {
			bad = fmt.Sprintf("series %s has label %s, which is added to every series", ls, l.Name)
		}
	}
	b := labels.NewBuilder(ls)
	for _, l := range extra {
		b.Set(l.Name, l.Value)
	}
	all := b.Labels().WithoutEmpty()
	switch name, twice := ls.HasDuplicateLabelNames(); {
	case bad != "":
	case twice:
		bad = fmt.Sprintf("series %s has label %s twice", ls, name)
	case !all.Has(model.MetricNameLabel):
		bad = fmt.Sprintf("series %s has no metric name", ls)
	case !all.IsValid(model.UTF8Validation):
		bad = fmt.Sprintf("series %q has an invalid name, label name or label value", ls.String())
	}
	return all, bad
}

// metadataType returns the number of an OpenMetrics type in both protocols' MetricType, 0 for
// unknown (prompb.MetricMetadata_MetricType, writev2.Metadata_MetricType).
func metadataType(t string) byte {
	switch model.MetricType(t) {
	case model.MetricTypeCounter:
		return 1
	case model.MetricTypeGauge:
		return 2
	case model.MetricTypeHistogram:
		return 3
	case model.MetricTypeGaugeHistogram:
		return 4
	case model.MetricTypeSummary:
		return 5
	case model.MetricTypeInfo:
		return 6
	case model.MetricTypeStateset:
		return 7
	}
	return 0
}

// familyName returns the metric family of a series' name: the suffixes of the series of classic
// histograms and summaries are no part of it. Counters keep _total, as in the text format that
// Prometheus scrapes.
func familyName(metric, typ string) string {
	var suffixes []string
	switch model.MetricType(typ) {
	case model.MetricTypeHistogram, model.MetricTypeGaugeHistogram:
		suffixes = []string{"_bucket", "_sum", "_count", "_gsum", "_gcount"}
	case model.MetricTypeSummary:
		suffixes = []string{"_sum", "_count"}
	}
	for _, s := range suffixes {
		if f, ok := strings.CutSuffix(metric, s); ok && f != "" {
			return f
		}
	}
	return metric
}
