package lokipush

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
// them, in [from, to]. LogQL's ranges are whole milliseconds, so up to one millisecond before from
// counts too.
func (s *Sink) Stored(ctx context.Context, from, to time.Time) (replay.Stored, error) {
	if to.Before(from) {
		return replay.Stored{}, fmt.Errorf("count lines: range ends at %s, before its start %s", to, from)
	}
	sets, err := s.nameSets(ctx, from, to)
	if err != nil {
		return replay.Stored{}, fmt.Errorf("count lines: %w", err)
	}
	selectors := disjoint(cover(sets))
	var total atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	// count_over_time covers (t-range, t]: windows that touch count each nanosecond once.
	for until := to.UnixNano(); until >= from.UnixNano(); until -= int64(window) {
		length := min(window, (time.Duration(until-from.UnixNano())/time.Millisecond+1)*time.Millisecond)
		for _, selector := range selectors {
			g.Go(func() error {
				n, err := s.count(ctx, selector, until, length)
				total.Add(n)
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return replay.Stored{}, fmt.Errorf("count lines: %w", err)
	}
	return replay.Stored{Items: total.Load()}, nil
}

// count counts the lines of the length, whole milliseconds, that ends at until, in nanoseconds since the
// epoch and inclusive.
func (s *Sink) count(ctx context.Context, selector string, until int64, length time.Duration) (int64, error) {
	return get(ctx, s, "/loki/api/v1/query", url.Values{
		"query": {fmt.Sprintf("sum(count_over_time(%s[%dms]))", selector, length.Milliseconds())},
		"time":  {nanos(until)},
	}, parseCount)
}

// nameSets returns the sets of label names that streams of the range may have: those pushed by this
// Sink, and those that Loki knows, since another process may have pushed before.
func (s *Sink) nameSets(ctx context.Context, from, to time.Time) ([][]string, error) {
	known, err := get(ctx, s, "/loki/api/v1/series", url.Values{
		"start": {nanos(from.UnixNano())},
		"end":   {nanos(to.UnixNano() + 1)},
	}, parseSeries)
	return append(known, s.labels.nameSets()...), err
}

// cover returns few names such that each set that is not empty holds at least one of them.
func cover(sets [][]string) []string {
	left := slices.DeleteFunc(slices.Clone(sets), func(set []string) bool { return len(set) == 0 })
	var chosen []string
	for len(left) > 0 {
		uses := map[string]int{}
		for _, set := range left {
			for _, name := range set {
				uses[name]++
			}
		}
		best := ""
		for name, n := range uses {
			if best == "" || n > uses[best] || n == uses[best] && name < best {
				best = name
			}
		}
		chosen = append(chosen, best)
		left = slices.DeleteFunc(left, func(set []string) bool { return slices.Contains(set, best) })
	}
	return chosen
}

// disjoint returns selectors that together match each stream with any of the names exactly once: the
// first matches all that have names[0], the next those that have names[1] but not names[0], ...
func disjoint(names []string) []string {
	selectors := make([]string, len(names))
	for i, name := range names {
		var b strings.Builder
		b.WriteString("{" + matcherName(name) + `=~".+"`)
		for _, earlier := range names[:i] {
			b.WriteString(", " + matcherName(earlier) + `=""`)
		}
		b.WriteByte('}')
		selectors[i] = b.String()
	}
	return selectors
}

// matcherName quotes a name that is no identifier, as in UTF-8 label names.
func matcherName(name string) string {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return strconv.Quote(name)
		}
	}
	return name
}

func nanos(t int64) string { return strconv.FormatInt(t, 10) }
