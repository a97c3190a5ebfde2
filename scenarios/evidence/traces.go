package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"time"

	"firedrill/scenarios"
)

// maxTraces is how many traces a search may find; more would be cut off by Jaeger, and a number that was
// cut off proves nothing.
const maxTraces = 2000

// search finds traces and returns their number, or the quantile of the durations of the spans that were
// looked for, which is nothing when there are none.
func (s *Session) search(ctx context.Context, q scenarios.TraceSearch, from, to time.Time) ([]float64, error) {
	tags := map[string]string{SessionAttribute: s.options.Session}
	maps.Copy(tags, q.Tags)
	text, err := json.Marshal(tags)
	if err != nil {
		return nil, fmt.Errorf("write tags: %w", err)
	}
	params := url.Values{
		"service": {q.Service}, "tags": {string(text)}, "limit": {strconv.Itoa(maxTraces)},
		"start": {strconv.FormatInt(from.UnixMicro(), 10)}, "end": {strconv.FormatInt(to.UnixMicro(), 10)},
	}
	if q.Operation != "" {
		params.Set("operation", q.Operation)
	}
	if q.MinDuration > 0 {
		params.Set("minDuration", q.MinDuration.String())
	}
	var answer struct {
		Data []trace `json:"data"`
	}
	if err := s.get(ctx, s.options.Jaeger+"/api/traces", params, &answer); err != nil {
		return nil, err
	}
	if len(answer.Data) >= maxTraces {
		return nil, refusef("the search finds %d traces or more: choose a shorter stretch, or ask for less", maxTraces)
	}
	// Jaeger's stores differ in how exactly they keep to several conditions at once; what they
	// return is looked through again.
	var traces int
	var durations []float64
	for _, t := range answer.Data {
		found := t.find(q, from, to)
		if len(found) > 0 {
			traces++
		}
		durations = append(durations, found...)
	}
	if q.Quantile == 0 {
		return []float64{float64(traces)}, nil
	}
	if len(durations) == 0 {
		return nil, nil
	}
	return []float64{quantile(q.Quantile, durations)}, nil
}

// trace is the part of Jaeger's JSON that is looked at.
type trace struct {
	Spans []struct {
		OperationName string `json:"operationName"`
		StartTime     int64  `json:"startTime"` // µs since the epoch
		Duration      int64  `json:"duration"`  // µs
		Tags          []tag  `json:"tags"`
		ProcessID     string `json:"processID"`
	} `json:"spans"`
	Processes map[string]struct {
		ServiceName string `json:"serviceName"`
		Tags        []tag  `json:"tags"`
	} `json:"processes"`
}

type tag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// find returns the durations, in seconds, of the spans that are looked for.
func (t trace) find(q scenarios.TraceSearch, from, to time.Time) []float64 {
	var found []float64
	for _, s := range t.Spans {
		p := t.Processes[s.ProcessID]
		began, took := time.UnixMicro(s.StartTime), time.Duration(s.Duration)*time.Microsecond
		if p.ServiceName == q.Service && (q.Operation == "" || s.OperationName == q.Operation) && took >= time.Duration(q.MinDuration) &&
			!began.Before(from) && !began.After(to) && haveAll(slices.Concat(s.Tags, p.Tags), q.Tags) {
			found = append(found, took.Seconds())
		}
	}
	return found
}

// haveAll tells whether all wanted tags are there.
func haveAll(tags []tag, want map[string]string) bool {
	for key, value := range want {
		if !slices.ContainsFunc(tags, func(t tag) bool { return t.Key == key && fmt.Sprint(t.Value) == value }) {
			return false
		}
	}
	return true
}

// quantile interpolates between the two nearest ranks, as PromQL's quantile does.
func quantile(q float64, values []float64) float64 {
	slices.Sort(values)
	rank := q * float64(len(values)-1)
	below := int(math.Floor(rank))
	above := min(below+1, len(values)-1)
	weight := rank - float64(below)
	return values[below]*(1-weight) + values[above]*weight
}
