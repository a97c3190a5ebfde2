package scenarios

import (
	"fmt"
	"time"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// The signal budget keeps a hundred sessions on one machine.
const (
	// BudgetSeries is the most series at a scrape interval of BudgetScrape; at another interval it is the
	// same number of samples per second that counts.
	BudgetSeries = 3000
	BudgetScrape = 15 * time.Second
	BudgetLines  = 60 // per second
	BudgetSpans  = 30 // per second

	// BudgetPeak is how many times the average that is allowed any BudgetWindow may have: an incident is
	// louder than the hour around it.
	BudgetPeak   = 2
	BudgetWindow = 5 * time.Minute
)

// Rate is how much of one signal a recording has, per second.
type Rate struct {
	Signal  replay.Signal `json:"signal"`
	Unit    string        `json:"unit"`
	Average float64       `json:"average"`
	Peak    float64       `json:"peak"` // the highest average of any BudgetWindow, which begins at a full minute
	// Allowed is the greatest Average; the greatest Peak is BudgetPeak times as much.
	Allowed float64 `json:"allowed"`
}

// OK tells whether the rate is within budget.
func (r Rate) OK() bool { return r.Average <= r.Allowed && r.Peak <= BudgetPeak*r.Allowed }

// Rates reads a whole recording and returns the rates of metrics, logs and traces.
func Rates(rec *recording.Recording) ([]Rate, error) {
	start, end := rec.Bounds()
	samples, err := rec.Samples(start, end)
	if err != nil {
		return nil, fmt.Errorf("count samples: %w", err)
	}
	metrics, err := perMinute(samples, start, end, func(s *replay.Sample) time.Time { return time.UnixMilli(s.T) })
	if err != nil {
		return nil, fmt.Errorf("count samples: %w", err)
	}
	records, err := rec.Records(start, end)
	if err != nil {
		return nil, fmt.Errorf("count lines: %w", err)
	}
	logs, err := perMinute(records, start, end, func(r *replay.Record) time.Time { return time.Unix(0, r.T) })
	if err != nil {
		return nil, fmt.Errorf("count lines: %w", err)
	}
	spans, err := rec.Spans(start, end)
	if err != nil {
		return nil, fmt.Errorf("count spans: %w", err)
	}
	traces, err := perMinute(spans, start, end, func(s *replay.Span) time.Time { return s.Span.EndTimestamp().AsTime() })
	if err != nil {
		return nil, fmt.Errorf("count spans: %w", err)
	}
	length := end.Sub(start)
	return []Rate{
		rateOf(replay.Metrics, "samples/s", BudgetSeries/BudgetScrape.Seconds(), metrics, length),
		rateOf(replay.Logs, "lines/s", BudgetLines, logs, length),
		rateOf(replay.Traces, "spans/s", BudgetSpans, traces, length),
	}, nil
}

// perMinute counts the items of each minute from start, and closes the reader.
func perMinute[T replay.Item](r replay.Reader[T], start, end time.Time, at func(*T) time.Time) (counts []int64, err error) {
	counts = make([]int64, end.Sub(start)/time.Minute+1)
	err = each(r, func(item *T) {
		if m := int(at(item).Sub(start) / time.Minute); m >= 0 && m < len(counts) {
			counts[m]++
		}
	})
	return counts, err
}

// rateOf finds average and peak.
func rateOf(signal replay.Signal, unit string, allowed float64, counts []int64, length time.Duration) Rate {
	r := Rate{Signal: signal, Unit: unit, Allowed: allowed}
	var sum, window int64
	const minutes = int(BudgetWindow / time.Minute)
	for i, n := range counts {
		sum, window = sum+n, window+n
		if i >= minutes {
			window -= counts[i-minutes]
		}
		r.Peak = max(r.Peak, float64(window)/BudgetWindow.Seconds())
	}
	if length > 0 {
		r.Average = float64(sum) / length.Seconds()
	}
	return r
}
