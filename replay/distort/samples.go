package distort

import (
	"math"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"

	"firedrill/replay"
)

// lookback is how long Prometheus takes a series for alive without a sample (its default --query.lookback-delta).
const lookback = 5 * time.Minute

// report says what Prometheus itself writes for a scrape that failed.
type report uint8

const (
	notReported report = iota
	reportedZero
	reportedAlways
)

// reports are the series that Prometheus adds to each scrape (https://prometheus.io/docs/concepts/jobs_instances), those
// of its feature extra-scrape-metrics included.
var reports = map[string]report{
	"up":                                    reportedZero,
	"scrape_samples_scraped":                reportedZero,
	"scrape_samples_post_metric_relabeling": reportedZero,
	"scrape_series_added":                   reportedZero,
	"scrape_body_size_bytes":                reportedZero,
	"scrape_duration_seconds":               reportedAlways,
	"scrape_timeout_seconds":                reportedAlways,
	"scrape_sample_limit":                   reportedAlways,
}

// sampleChain applies the rules of metrics.
type sampleChain struct {
	rules  []rule
	series byID
	// alive has, for each rule that is a gap of targets, the time of each series' last sample before the gap, by
	// series; 0 when the series ended, or was ended by the gap.
	alive [][]int64
}

func (c *sampleChain) apply(s *replay.Sample) (due int64, ok bool) {
	t := sampleTime(s)
	f := c.series.at(s.Series.ID)
	if !f.known {
		*f = seriesFacts(c.rules, s.Series.Labels)
	}
	due = t
	renamed := false
	for i := range c.rules {
		r := &c.rules[i]
		if f.rules&r.bit == 0 {
			continue
		}
		switch r.Kind {
		case MissedScrapes:
			if f.scraped && r.in(t) && !stale(s) && r.draw.hits(r.Share, f.key, uint64(s.T)) {
				return 0, false
			}
		case ScrapeGap:
			if !c.gap(i, s, f, t) {
				return 0, false
			}
		case BrokenPropagation:
			if r.in(t) && !renamed {
				renamed = true
				for j := range s.Exemplars {
					s.Exemplars[j].Labels = r.exemplarLabels(s.Exemplars[j].Labels)
				}
			}
		case IngestionLag:
			due = r.late(due, f.key)
		}
	}
	s.Lag = time.Duration(due - t)
	return due, true
}

// gap applies the i-th rule. Without a selector Prometheus itself is down, and nothing of its time is there. Else
// its scrapes fail: it writes up 0, and ends each series with a stale marker.
func (c *sampleChain) gap(i int, s *replay.Sample, f *facts, t int64) (ok bool) {
	r := &c.rules[i]
	if !r.selects() {
		return !r.in(t)
	}
	switch {
	case !f.scraped || t >= r.to:
		return true
	case f.report != notReported:
		if f.report == reportedZero && t >= r.from && !stale(s) {
			s.V = 0
		}
		return true
	}
	for len(c.alive[i]) <= int(s.Series.ID) {
		c.alive[i] = append(c.alive[i], 0)
	}
	last := &c.alive[i][s.Series.ID]
	if t < r.from {
		*last = t
		if stale(s) {
			*last = 0
		}
		return true
	}
	ended := *last == 0 || r.from-*last > int64(lookback)
	*last = 0
	if !ended {
		makeStale(s)
	}
	return !ended
}

// selects tells whether a Distortion has a selector.
func (d *Distortion) selects() bool {
	return d.Service != "" || d.Pod != "" || d.Host != "" || d.Job != ""
}

// stale tells whether a sample is a stale marker, which in a histogram is the sum.
func stale(s *replay.Sample) bool {
	switch {
	case s.H != nil:
		return value.IsStaleNaN(s.H.Sum)
	case s.FH != nil:
		return value.IsStaleNaN(s.FH.Sum)
	}
	return value.IsStaleNaN(s.V)
}

// makeStale turns a sample into a stale marker of its kind.
func makeStale(s *replay.Sample) {
	marker := math.Float64frombits(value.StaleNaN)
	s.Exemplars = nil
	switch {
	case s.H != nil:
		s.H = &histogram.Histogram{Sum: marker}
	case s.FH != nil:
		s.FH = &histogram.FloatHistogram{Sum: marker}
	default:
		s.V = marker
	}
}
