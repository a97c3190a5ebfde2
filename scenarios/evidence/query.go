package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"firedrill/replay/endpoint"
	"firedrill/replay/recording"
)

// maxAnswer limits the answer of a back end, in bytes.
const maxAnswer = 256 << 20

// Scope adds the session's label to every selector of a PromQL expression. An expression that uses that
// label itself is refused.
func Scope(promql, session string) (string, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(promql)
	if err != nil {
		return "", fmt.Errorf("parse PromQL: %w", err)
	}
	own := labels.MustNewMatcher(labels.MatchEqual, recording.SessionLabel, session)
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			for _, m := range v.LabelMatchers {
				if m.Name == recording.SessionLabel {
					err = fmt.Errorf("parse PromQL: the label %s is added by the session", recording.SessionLabel)
				}
			}
			v.LabelMatchers = append(v.LabelMatchers, own)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return expr.String(), nil
}

func (s *Session) queryPrometheus(ctx context.Context, query string, from, to time.Time) ([]step, error) {
	scoped, err := Scope(query, s.options.Session)
	if err != nil {
		return nil, refusef("%v", err)
	}
	return s.query(ctx, s.options.Prometheus+"/api/v1/", scoped, from, to)
}

func (s *Session) queryLoki(ctx context.Context, query string, from, to time.Time) ([]step, error) {
	return s.query(ctx, s.options.Loki+"/loki/api/v1/", query, from, to)
}

// query asks the API that Prometheus and Loki share, at one moment or every Step from from to to.
func (s *Session) query(ctx context.Context, api, query string, from, to time.Time) ([]step, error) {
	params := url.Values{"query": {query}}
	path := "query"
	if from.Equal(to) {
		params.Set("time", seconds(from))
	} else {
		path = "query_range"
		params.Set("start", seconds(from))
		params.Set("end", seconds(to))
		params.Set("step", strconv.Itoa(int(Step/time.Second)))
	}
	var answer struct {
		Data struct {
			ResultType string          `json:"resultType"`
			Result     json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := s.get(ctx, api+path, params, &answer); err != nil {
		return nil, err
	}
	var points []point
	switch answer.Data.ResultType {
	case "scalar":
		points = make([]point, 1)
		if err := json.Unmarshal(answer.Data.Result, &points[0]); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
	case "vector", "matrix":
		var series []struct {
			Value  *point  `json:"value"`
			Values []point `json:"values"`
		}
		if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		for _, r := range series {
			if r.Value != nil {
				points = append(points, *r.Value)
			}
			points = append(points, r.Values...)
			if r.Value == nil && len(r.Values) == 0 {
				return nil, refusef("the answer is a native histogram: take a quantile, rate or count of it")
			}
		}
	default:
		return nil, refusef("the answer is of type %s, expected numbers: count log lines, such as sum(count_over_time({...}[5m]))", answer.Data.ResultType)
	}
	return s.steps(points, from, to), nil
}

// steps sorts the points of all series into the moments at which they were asked for.
func (s *Session) steps(points []point, from, to time.Time) []step {
	var steps []step
	for t := from; !t.After(to); t = t.Add(Step) {
		recorded := time.Unix(0, s.timeline.Recorded(t.UnixNano()))
		steps = append(steps, step{offset: recorded.Sub(s.start)})
	}
	for _, p := range points {
		// The servers answer at exactly start + n × step; half a step of slack is for the rounding of floats.
		if i := int((p.t.Sub(from) + Step/2) / Step); i >= 0 && i < len(steps) {
			steps[i].values = append(steps[i].values, p.v)
		}
	}
	return steps
}

// point is one value as the API writes it: [1772373900.5, "0.25"].
type point struct {
	t time.Time
	v float64
}

// UnmarshalJSON reads a pair of time and value.
func (p *point) UnmarshalJSON(b []byte) error {
	var t float64
	var v string
	pair := []any{&t, &v}
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	var err error
	p.t = time.UnixMilli(int64(t*1000 + 0.5))
	p.v, err = strconv.ParseFloat(v, 64)
	return err
}

// seconds writes a time as Prometheus and Loki read it.
func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// get asks a back end and decodes what it answers. A 4xx is a refusalError with the server's words.
func (s *Session) get(ctx context.Context, address string, params url.Values, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+params.Encode(), nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("User-Agent", endpoint.UserAgent())
	if strings.HasPrefix(address, s.options.Loki) {
		req.Header.Set("X-Scope-OrgID", s.options.Session)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return endpoint.Lost(req, err, false)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		return refusef("%s: %s", resp.Status, endpoint.Words(resp.Body))
	case resp.StatusCode != http.StatusOK:
		return endpoint.Refusal(resp, time.Now())
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(v); err != nil {
		return fmt.Errorf("read answer of %s: %w", req.URL.Path, err)
	}
	return nil
}
