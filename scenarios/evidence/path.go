package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"firedrill/scenarios"
)

// Dead is a step of a golden path that shows nothing.
type Dead struct {
	Index int
	Text  string
}

// variables are those of Grafana that a query may have, with a value for each.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$__interval", "30s", "$__range", "10m", "${__rate_interval}", "1m", "${__interval}", "30s", "${__range}", "10m")

// Walk asks every query of a golden path over the whole recording, and returns the steps that find
// nothing or are refused.
func (s *Session) Walk(ctx context.Context, path []scenarios.Step) ([]Dead, error) {
	var dead []Dead
	for i, st := range path {
		found, err := s.finds(ctx, st)
		var refused *refusalError
		switch {
		case errors.As(err, &refused):
			dead = append(dead, Dead{i, refused.Error()})
		case err != nil:
			return nil, fmt.Errorf("golden_path[%d]: %w", i, err)
		case !found:
			dead = append(dead, Dead{i, "the query finds nothing"})
		}
	}
	return dead, nil
}

// finds tells whether a step finds anything.
func (s *Session) finds(ctx context.Context, st scenarios.Step) (bool, error) {
	from, to := s.timeline.Wall(s.start.UnixNano()), s.timeline.Wall(s.end.UnixNano())
	params := url.Values{"start": {seconds(time.Unix(0, from))}, "end": {seconds(time.Unix(0, to))}, "step": {strconv.Itoa(int(Step / time.Second))}}
	query := variables.Replace(st.Query)
	var address string
	switch st.Datasource {
	case scenarios.Jaeger:
		params = url.Values{"start": {strconv.FormatInt(from/1000, 10)}, "end": {strconv.FormatInt(to/1000, 10)}, "limit": {"1"}}
		address = s.options.Jaeger + "/api/traces"
		if err := s.searchParams(query, params); err != nil {
			return false, err
		}
	case scenarios.Loki:
		address = s.options.Loki + "/loki/api/v1/query_range"
		params.Set("query", query)
	default:
		scoped, err := Scope(query, s.options.Session)
		if err != nil {
			return false, refusef("%v", err)
		}
		address = s.options.Prometheus + "/api/v1/query_range"
		params.Set("query", scoped)
	}
	// Prometheus and Loki answer with an object that holds a list, Jaeger with the list.
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	if err := s.get(ctx, address, params, &answer); err != nil {
		return false, err
	}
	var list []json.RawMessage
	if json.Unmarshal(answer.Data, &list) == nil {
		return len(list) > 0, nil
	}
	var object struct {
		Result []json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(answer.Data, &object); err != nil {
		return false, fmt.Errorf("read answer: %w", err)
	}
	return len(object.Result) > 0, nil
}

// searchParams reads a search for traces: words such as service=cart operation="GET /" min_duration=2s
// error=true, of which those with other names are tags.
func (s *Session) searchParams(query string, params url.Values) error {
	tags := map[string]string{SessionAttribute: s.options.Session}
	for query = strings.TrimSpace(query); query != ""; query = strings.TrimSpace(query) {
		name, rest, ok := strings.Cut(query, "=")
		if !ok || strings.ContainsAny(name, " \"") {
			return refusef("expected a search such as service=cart operation=\"GET /\" min_duration=2s error=true")
		}
		value, rest, err := word(rest)
		if err != nil {
			return refusef("the value of %s: %v", name, err)
		}
		query = rest
		switch name {
		case "service", "operation":
			params.Set(name, value)
		case "min_duration":
			params.Set("minDuration", value)
		default:
			tags[name] = value
		}
	}
	if params.Get("service") == "" {
		return refusef("the search names no service")
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return fmt.Errorf("write tags: %w", err)
	}
	params.Set("tags", string(text))
	return nil
}

// word cuts a word, or a text in quotes, off the beginning of s.
func word(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, " ")
		return value, rest, nil
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", err
	}
	value, err = strconv.Unquote(quoted)
	return value, s[len(quoted):], err
}
