package remotewrite

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// Stored implements replay.Counter. It counts the samples and exemplars of all series that have the
// sink's labels, or of all series when it has none. Times are those of milliseconds in [from, to).
// Native histograms count as one sample each.
func (s *Sink) Stored(ctx context.Context, from, to time.Time) (replay.Stored, error) {
	var total replay.Stored
	// The first and last whole millisecond in the range.
	first, last := ceilMillis(from), ceilMillis(to)-1
	if last < first {
		return total, nil
	}
	ms := s.matchers(nil)
	err := eachSlice(first, last, func(from, to int64) error {
		got, err := s.storedSamples(ctx, from, to, ms)
		if err != nil {
			return err
		}
		exemplars, err := s.storedExemplars(ctx, from, to)
		total.Items += got.Items
		total.StaleMarkers += got.StaleMarkers
		total.Exemplars += exemplars
		return err
	})
	return total, err
}

func ceilMillis(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

// storedSamples counts samples in [from, to]. A time of a series counts once, even when its chunks
// overlap; so it keeps the times of one series.
func (s *Sink) storedSamples(ctx context.Context, from, to int64, ms []*prompb.LabelMatcher) (replay.Stored, error) {
	var (
		total   replay.Stored
		current labels.Labels
		times   []int64 // of current; a stale marker's is in stale too
		stale   []int64
		b       = labels.NewScratchBuilder(16)
	)
	flush := func() {
		total.Items += int64(distinct(times))
		total.StaleMarkers += int64(distinct(stale))
		times, stale = times[:0], stale[:0]
	}
	err := s.read(ctx, from, to, ms, func(ls []prompb.Label, points pointIterator) error {
		if all := sortedLabels(&b, ls); !labels.Equal(all, current) {
			flush()
			current = all
		}
		return points.each(func(p point) {
			times = append(times, p.t)
			if isStale(p) {
				stale = append(stale, p.t)
			}
		})
	})
	flush()
	return total, err
}

// isStale tells whether p is a stale marker, which in a histogram is the sum.
func isStale(p point) bool {
	switch {
	case p.h != nil:
		return value.IsStaleNaN(p.h.Sum)
	case p.fh != nil:
		return value.IsStaleNaN(p.fh.Sum)
	}
	return value.IsStaleNaN(p.v)
}

// distinct counts the distinct values of ts, which it sorts.
func distinct(ts []int64) int {
	if !slices.IsSorted(ts) {
		slices.Sort(ts)
	}
	n := 0
	for i, t := range ts {
		if i == 0 || t != ts[i-1] {
			n++
		}
	}
	return n
}

// storedExemplars counts exemplars in [from, to]. The answer is decoded series by series.
func (s *Sink) storedExemplars(ctx context.Context, from, to int64) (int64, error) {
	form := url.Values{
		"query": {s.selector()},
		"start": {strconv.FormatFloat(float64(from)/1000, 'f', 3, 64)},
		"end":   {strconv.FormatFloat(float64(to)/1000, 'f', 3, 64)},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.exemplarsURL, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, fmt.Errorf("read exemplars: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.reader.Do(req)
	if err != nil {
		return 0, fmt.Errorf("read exemplars: %w", endpoint.Lost(req, err, false))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("read exemplars: %w", endpoint.Refusal(resp, time.Now()))
	}
	n, err := countExemplars(json.NewDecoder(resp.Body))
	if err != nil {
		return 0, fmt.Errorf("read exemplars: answer: %w", err)
	}
	return n, nil
}

// countExemplars reads {"status":..., "data":[{"seriesLabels":..., "exemplars":[...]}, ...]}.
func countExemplars(d *json.Decoder) (int64, error) {
	var n int64
	if err := expect(d, '{'); err != nil {
		return 0, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return 0, err
		}
		if key != "data" {
			var skip json.RawMessage
			if err := d.Decode(&skip); err != nil {
				return 0, err
			}
			continue
		}
		if err := expect(d, '['); err != nil {
			return 0, err
		}
		for d.More() {
			var series struct{ Exemplars []struct{} }
			if err := d.Decode(&series); err != nil {
				return 0, err
			}
			n += int64(len(series.Exemplars))
		}
		if err := expect(d, ']'); err != nil {
			return 0, err
		}
	}
	return n, expect(d, '}') // an answer that was cut off ends before
}

// expect reads one delimiter.
func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err == nil && got != want {
		err = fmt.Errorf("found %v at byte %d, expected %v", got, d.InputOffset(), want)
	}
	return err
}

// selector selects the sink's series in PromQL.
func (s *Sink) selector() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{%s=~\".+\"", model.MetricNameLabel)
	for _, l := range s.extra {
		fmt.Fprintf(&b, ",%s=%s", strconv.Quote(l.Name), strconv.Quote(l.Value))
	}
	return b.String() + "}"
}
