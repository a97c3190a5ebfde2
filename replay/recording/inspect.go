package recording

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

const (
	// GapAfter is how long a signal must be silent to count as a gap: Prometheus looks back as far
	// for a value (promql, lookback delta).
	GapAfter = 5 * time.Minute
	// TopN limits the lists of a Summary.
	TopN = 10
)

// Summary is what Inspect finds. Its JSON form is part of the command line's contract.
type Summary struct {
	Start   time.Time      `json:"start"` // as in the manifest
	End     time.Time      `json:"end"`
	Source  string         `json:"source,omitempty"`
	Metrics MetricsSummary `json:"metrics"`
	Logs    LogsSummary    `json:"logs"`
	Traces  TracesSummary  `json:"traces"`
	Changed Changed        `json:"changed"`
}

// MetricsSummary summarises the metrics.
type MetricsSummary struct {
	MetricsCounts
	Top  []MetricSummary `json:"top"` // metric names with the most series
	Gaps []Gap           `json:"gaps"`
}

// MetricSummary is one metric name.
type MetricSummary struct {
	Name    string `json:"name"`
	Series  int64  `json:"series"`
	Samples int64  `json:"samples"`
}

// LogsSummary summarises the logs.
type LogsSummary struct {
	LogsCounts
	Top  []StreamSummary `json:"top"` // streams with the most lines
	Gaps []Gap           `json:"gaps"`
}

// StreamSummary is one log stream.
type StreamSummary struct {
	Labels labels.Labels `json:"labels"`
	Lines  int64         `json:"lines"`
}

// TracesSummary summarises the traces.
type TracesSummary struct {
	TracesCounts
	Top  []ServiceSummary `json:"top"` // services with the most spans
	Gaps []Gap            `json:"gaps"`
}

// ServiceSummary is one service; its name is empty for spans whose resource has none.
type ServiceSummary struct {
	Service string `json:"service"`
	Spans   int64  `json:"spans"`
}

// Gap is a stretch of at least GapAfter between two items of a signal.
type Gap struct {
	From time.Time `json:"from"` // due time of the item before
	To   time.Time `json:"to"`   // due time of the item after
}

// Inspect reads the whole recording in dir and summarises it.
func Inspect(ctx context.Context, dir string) (_ Summary, err error) {
	r, err := Open(dir)
	if err != nil {
		return Summary{}, err
	}
	defer r.Close()
	m := r.Manifest()
	s := Summary{Start: m.Start, End: m.End, Source: m.Source, Changed: m.Changed}
	s.Metrics.MetricsCounts, s.Logs.LogsCounts, s.Traces.TracesCounts = m.Metrics, m.Logs, m.Traces
	if err := inspectMetrics(ctx, r, &s.Metrics); err != nil {
		return Summary{}, err
	}
	if err := inspectLogs(ctx, r, &s.Logs); err != nil {
		return Summary{}, err
	}
	if err := inspectTraces(ctx, r, &s.Traces); err != nil {
		return Summary{}, err
	}
	return s, nil
}

func inspectMetrics(ctx context.Context, r *Recording, s *MetricsSummary) error {
	gaps := newGaps()
	perSeries := map[*replay.Series]int64{}
	samples, err := r.Samples(time.Unix(0, 0), r.manifest.End)
	var n int
	if err := each(ctx, samples, err, &n, func(x *replay.Sample) error {
		gaps.at(x.T * 1e6)
		perSeries[x.Series]++
		return nil
	}); err != nil {
		return err
	}
	byName := map[string]*MetricSummary{}
	for series, n := range perSeries {
		name := series.Labels.Get(model.MetricNameLabel)
		m := byName[name]
		if m == nil {
			m = &MetricSummary{Name: name}
			byName[name] = m
		}
		m.Series++
		m.Samples += n
	}
	for _, m := range byName {
		s.Top = append(s.Top, *m)
	}
	s.Top = top(s.Top, func(a, b MetricSummary) int {
		return cmp.Or(cmp.Compare(b.Series, a.Series), cmp.Compare(b.Samples, a.Samples), cmp.Compare(a.Name, b.Name))
	})
	s.Gaps = gaps.found
	return nil
}

func inspectLogs(ctx context.Context, r *Recording, s *LogsSummary) error {
	gaps := newGaps()
	lines := map[*replay.Stream]int64{}
	records, err := r.Records(time.Unix(0, 0), r.manifest.End)
	var n int
	if err := each(ctx, records, err, &n, func(x *replay.Record) error {
		gaps.at(x.T)
		lines[x.Stream]++
		return nil
	}); err != nil {
		return err
	}
	for stream, n := range lines {
		s.Top = append(s.Top, StreamSummary{stream.Labels, n})
	}
	s.Top = top(s.Top, func(a, b StreamSummary) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), labels.Compare(a.Labels, b.Labels))
	})
	s.Gaps = gaps.found
	return nil
}

func inspectTraces(ctx context.Context, r *Recording, s *TracesSummary) error {
	gaps := newGaps()
	perService := map[string]int64{}
	spans, err := r.Spans(time.Unix(0, 0), r.manifest.End)
	var n int
	if err := each(ctx, spans, err, &n, func(x *replay.Span) error {
		gaps.at(end(*x))
		service := ""
		if v, ok := x.Resource.Attributes.Get("service.name"); ok {
			service = v.AsString()
		}
		perService[service]++
		return nil
	}); err != nil {
		return err
	}
	for service, n := range perService {
		s.Top = append(s.Top, ServiceSummary{service, n})
	}
	s.Top = top(s.Top, func(a, b ServiceSummary) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Service, b.Service))
	})
	s.Gaps = gaps.found
	return nil
}

// top sorts s and keeps the first TopN. It is never nil, for JSON.
func top[T any](s []T, compare func(a, b T) int) []T {
	slices.SortFunc(s, compare)
	return append([]T{}, s[:min(len(s), TopN)]...)
}

// gaps finds stretches without items.
type gaps struct {
	last  int64 // ns; 0 before the first item
	found []Gap // never nil, for JSON
}

func newGaps() *gaps { return &gaps{found: []Gap{}} }

// at takes the due time of the next item, in ns.
func (g *gaps) at(t int64) {
	if g.last != 0 && t-g.last >= int64(GapAfter) {
		g.found = append(g.found, Gap{time.Unix(0, g.last).UTC(), time.Unix(0, t).UTC()})
	}
	g.last = t
}
