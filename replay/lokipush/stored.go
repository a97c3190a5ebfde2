package lokipush

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"firedrill/replay"
)

const (
	// window is how much time one count covers. It bounds the work of a query, and Loki splits longer
	// ones itself (split_instant_metric_queries_by_interval, 1 h).
	window = time.Hour
	// concurrency is how many queries are under way at once.
	concurrency = 4
)

// Stored implements replay.Counter: it counts the lines of all streams of the tenant, whoever pushed
// them, in [from, to).
func (s *Sink) Stored(ctx context.Context, from, to time.Time) (replay.Stored, error) {
	if to.Before(from) {
		return replay.Stored{}, fmt.Errorf("count lines: range ends at %s, before its start %s", to, from)
	}
	sets, err := s.nameSets(ctx, from, to)
	if err != nil {
		return replay.Stored{}, fmt.Errorf("count lines: %w", err)
	}
	selectors := disjoint(cover(sets))
	first, last := from.UnixNano(), to.UnixNano()-1
	var total atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	// count_over_time covers (t-range, t] with t in nanoseconds, but a range in whole milliseconds. So
	// the windows touch, beginning from the end, and the earliest may begin too early.
	until := last
	for until >= first {
		length := min(window, roundUp(time.Duration(until-first+1), time.Millisecond))
		at := until
		for _, selector := range selectors {
			g.Go(func() error {
				n, err := s.count(ctx, selector, at, length)
				total.Add(n)
				return err
			})
		}
		until -= int64(length)
	}
	// What the earliest counts too much, in less than a millisecond, is listed.
	if until+1 < first {
		for _, selector := range selectors {
			g.Go(func() error {
				n, err := s.list(ctx, selector, until+1, first)
				total.Add(-n)
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return replay.Stored{}, fmt.Errorf("count lines: %w", err)
	}
	return replay.Stored{Items: total.Load()}, nil
}

// count counts the lines in (until-length, until], in nanoseconds since the epoch.
func (s *Sink) count(ctx context.Context, selector string, until int64, length time.Duration) (int64, error) {
	return get(ctx, s, "/loki/api/v1/query", url.Values{
		"query": {fmt.Sprintf("sum(count_over_time(%s[%dms]))", selector, length.Milliseconds())},
		"time":  {nanos(until)},
	}, parseCount)
}

// list counts the lines in [from, to), in nanoseconds since the epoch, by reading them.
func (s *Sink) list(ctx context.Context, selector string, from, to int64) (int64, error) {
	b := &batch{page: maxPage}
	total := 0
	for {
		streams, last, whole, err := s.lines(ctx, b, selector, from, to)
		if err != nil {
			return 0, err
		}
		if !whole && last == from {
			return 0, fmt.Errorf("more lines at the instant %d ns than Loki returns at once: begin the range elsewhere", from)
		}
		for _, fs := range streams {
			for _, line := range fs.lines {
				if whole || line.t < last {
					total++
				}
			}
		}
		if whole {
			return int64(total), nil
		}
		from = last
	}
}

func roundUp(d, unit time.Duration) time.Duration { return (d + unit - 1) / unit * unit }

// nameSets returns the sets of label names that streams of the range may have: those pushed by this
// Sink, and those that Loki knows, since another process may have pushed before.
func (s *Sink) nameSets(ctx context.Context, from, to time.Time) ([][]string, error) {
	known, err := get(ctx, s, "/loki/api/v1/series", url.Values{
		// Loki splits the range at midnight, and refuses a first part of less than a millisecond ("this data is no longer
		// available"): a whole second is none, and a few streams more do not matter.
		"start": {nanos(from.Truncate(time.Second).UnixNano())},
		"end":   {nanos(to.UnixNano() + 1)},
	}, parseSeries)
	return append(known, s.labels.nameSets()...), err
}

func nanos(t int64) string { return strconv.FormatInt(t, 10) }
