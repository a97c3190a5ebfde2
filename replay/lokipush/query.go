package lokipush

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay/endpoint"
)

// maxAnswer limits an answer of Loki's query API, in bytes. Its own processes pass at most 4 MiB to
// each other by default.
const maxAnswer = 256 << 20

// get asks Loki's query API and hands the answer's data to decode. A refusal is a *replay.PushError,
// so that the caller can tell what may pass later.
func get[T any](ctx context.Context, s *Sink, path string, query url.Values, decode func([]byte) (T, error)) (T, error) {
	var none T
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return none, err
	}
	// Without it, Loki mixes structured metadata into the stream labels (pkg/util/httpreq).
	req.Header.Set("X-Loki-Response-Encoding-Flags", "categorize-labels")
	resp, err := s.client.Do(req)
	if err != nil {
		return none, endpoint.Lost(req, err, false)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return none, endpoint.Refusal(resp, time.Now())
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return none, endpoint.Lost(req, err, false)
	}
	if len(body) > maxAnswer {
		return none, fmt.Errorf("get %s: answer is longer than %d bytes", path, maxAnswer)
	}
	v, err := decode(body)
	if err != nil {
		return none, fmt.Errorf("get %s: %w", path, err)
	}
	return v, nil
}

// foundStream is the part of one stream in a page of lines, in order of time.
type foundStream struct {
	labels labels.Labels
	lines  []foundLine
}

type foundLine struct {
	t    int64 // nanoseconds since the epoch
	text string
}

// parseLines reads the answer of query_range to a log query.
func parseLines(body []byte) ([]foundStream, error) {
	var answer struct {
		Data struct {
			ResultType string `json:"resultType"`
			Result     []struct {
				Stream map[string]string `json:"stream"`
				Values [][2]string       `json:"values"` // what follows time and line is dropped
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("parse answer: %w", err)
	}
	if answer.Data.ResultType != "streams" {
		return nil, fmt.Errorf("parse answer: result type %.40q, expected streams", answer.Data.ResultType)
	}
	streams := make([]foundStream, len(answer.Data.Result))
	for i, r := range answer.Data.Result {
		streams[i] = foundStream{labels: labels.FromMap(r.Stream), lines: make([]foundLine, len(r.Values))}
		for j, v := range r.Values {
			t, err := strconv.ParseInt(v[0], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("parse answer: time %.40q is not a number of nanoseconds", v[0])
			}
			streams[i].lines[j] = foundLine{t: t, text: v[1]}
		}
	}
	return streams, nil
}

// parseCount reads the answer of an instant query for a sum; no result is 0.
func parseCount(body []byte) (int64, error) {
	var answer struct {
		Data struct {
			ResultType string `json:"resultType"`
			Result     []struct {
				Value [2]json.RawMessage `json:"value"` // time, value
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("parse answer: %w", err)
	}
	if answer.Data.ResultType != "vector" || len(answer.Data.Result) > 1 {
		return 0, fmt.Errorf("parse answer: result type %.40q with %d results, expected a vector with at most one",
			answer.Data.ResultType, len(answer.Data.Result))
	}
	if len(answer.Data.Result) == 0 {
		return 0, nil
	}
	var text string
	if err := json.Unmarshal(answer.Data.Result[0].Value[1], &text); err != nil {
		return 0, fmt.Errorf("parse answer: count: %w", err)
	}
	// Loki writes a float, which is exact up to 2^53 lines.
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > 1<<53 || f != float64(int64(f)) {
		return 0, fmt.Errorf("parse answer: %.40q is not a number of lines", text)
	}
	return int64(f), nil
}

// parseSeries reads the answer of series: the label sets, without the names that begin with two
// underscores, which Loki keeps for itself (__stream_shard__).
func parseSeries(body []byte) ([][]string, error) {
	var answer struct {
		Data []map[string]string `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("parse answer: %w", err)
	}
	sets := make([][]string, 0, len(answer.Data))
	for _, m := range answer.Data {
		sets = append(sets, labelNames(visible(labels.FromMap(m))))
	}
	return sets, nil
}
