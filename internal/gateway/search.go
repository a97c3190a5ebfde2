package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// sessionAttribute marks every span of a session.
	sessionAttribute = "firedrill.session"

	maxService  = 1024 // bytes of the name of a service or operation
	maxTags     = 20
	maxTag      = 1024 // bytes of a key or value
	maxTraces   = 1500 // what Jaeger's own page allows
	usualTraces = 20   // the same page's default
	// searchLookback is used when a search has no start; Jaeger's default is two days.
	searchLookback = time.Hour
	// maxDuration bounds durations in a search.
	maxDuration = 30 * 24 * time.Hour
	// maxMicros is the last time that nanoseconds in 64 bits can hold, in microseconds.
	maxMicros = 9_223_372_036_854_775
)

// searchParams are those that a search may have. Jaeger knows more: traceID, which makes it ignore all others; tag, which is tags in
// another form; raw and prettyPrint.
var searchParams = []string{"service", "operation", "tags", "minDuration", "maxDuration", "start", "end", "lookback", "limit"}

// search is what a player looks for.
type search struct {
	service, operation string
	tags               map[string]string
	min, max           time.Duration // 0 is no bound
	start, end         time.Time
	limit              int
}

// jaegerSearch serves a search that is made anew from what was understood of the player's.
func jaegerSearch(g *Gateway, w http.ResponseWriter, a *ask) *problem {
	a.trail.Query = cut(a.URL.RawQuery, maxQuery) // until it is understood
	s, p := parseSearch(a.form, a.session.ID, g.o.Now())
	if p != nil {
		return p
	}
	a.trail.Query, a.trail.From, a.trail.To = s.String(), s.start, s.end
	return g.forward(w, a, g.jaeger, "/api/traces", s.values(a.session.ID), nil)
}

// parseSearch understands a search of a session, or refuses it.
func parseSearch(form formValues, session string, now time.Time) (search, *problem) {
	for name, list := range form.Values {
		if !slices.Contains(searchParams, name) {
			return search{}, newProblem(http.StatusBadRequest, "parameter %q cannot be used in a search; these can: %s", cut(name, 64), strings.Join(searchParams, ", "))
		}
		if len(list) > 1 {
			return search{}, newProblem(http.StatusBadRequest, "parameter %q is given %d times", name, len(list))
		}
	}
	s := search{service: form.Get("service"), operation: form.Get("operation"), limit: usualTraces}
	if s.service == "" {
		return search{}, newProblem(http.StatusBadRequest, "parameter 'service' is required")
	}
	for _, name := range []string{s.service, s.operation} {
		if len(name) > maxService || !utf8.ValidString(name) {
			return search{}, newProblem(http.StatusBadRequest, "the name of a service or operation is too long or no text")
		}
	}
	var p *problem
	if s.tags, p = parseTags(form.Get("tags"), session); p != nil {
		return search{}, p
	}
	if s.min, p = form.duration("minDuration"); p != nil {
		return search{}, p
	}
	if s.max, p = form.duration("maxDuration"); p != nil {
		return search{}, p
	}
	if s.max > 0 && s.max < s.min {
		return search{}, newProblem(http.StatusBadRequest, "'maxDuration' should be greater than 'minDuration'")
	}
	if v := form.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return search{}, newProblem(http.StatusBadRequest, "unable to parse param 'limit': it must be a number from 1 to %d", maxTraces)
		}
		s.limit = min(n, maxTraces)
	}
	return s, s.parseRange(form, now)
}

func (s *search) parseRange(form formValues, now time.Time) *problem {
	lookback := searchLookback
	// Jaeger's page says "custom" when it sends a range.
	if v := form.Get("lookback"); v != "" && v != "custom" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 || d > maxDuration {
			return newProblem(http.StatusBadRequest, "unable to parse param 'lookback': it must be a duration such as 1h")
		}
		lookback = d
	}
	start, p := form.micros("start")
	if p != nil {
		return p
	}
	end, p := form.micros("end")
	if p != nil {
		return p
	}
	s.end = now
	if end > 0 {
		s.end = time.UnixMicro(end)
	}
	s.start = s.end.Add(-lookback)
	if start > 0 {
		s.start = time.UnixMicro(start)
	}
	if s.start.After(s.end) || s.start.UnixMicro() <= 0 {
		return newProblem(http.StatusBadRequest, "the range of the search ends before it starts")
	}
	return nil
}

// values are the parameters for Jaeger.
func (s *search) values(session string) url.Values {
	tags := make(map[string]string, len(s.tags)+1)
	for k, v := range s.tags {
		tags[k] = v
	}
	tags[sessionAttribute] = session
	b, err := json.Marshal(tags)
	if err != nil {
		panic("gateway: " + err.Error()) // a map of strings
	}
	v := url.Values{
		"service": {s.service}, "tags": {string(b)}, "limit": {strconv.Itoa(s.limit)},
		"start": {strconv.FormatInt(s.start.UnixMicro(), 10)}, "end": {strconv.FormatInt(s.end.UnixMicro(), 10)},
	}
	if s.operation != "" {
		v.Set("operation", s.operation)
	}
	if s.min > 0 {
		v.Set("minDuration", s.min.String())
	}
	if s.max > 0 {
		v.Set("maxDuration", s.max.String())
	}
	return v
}

// String is the search as the trail shows it.
func (s *search) String() string {
	var b strings.Builder
	field := func(name, value string) {
		if value == "" || value == "0s" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(name + "=")
		if strings.ContainsAny(value, " \"=") {
			value = strconv.Quote(value)
		}
		b.WriteString(value)
	}
	field("service", s.service)
	field("operation", s.operation)
	if len(s.tags) > 0 {
		tags, _ := json.Marshal(s.tags) // a map of strings
		b.WriteString(" tags=")
		b.Write(tags)
	}
	field("minDuration", s.min.String())
	field("maxDuration", s.max.String())
	return b.String()
}

// parseTags reads a JSON object of strings, as Grafana sends it, or a list such as error=true http.route="/pay now".
func parseTags(text, session string) (map[string]string, *problem) {
	text = strings.TrimSpace(text)
	tags := make(map[string]string)
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &tags); err != nil {
			return nil, newProblem(http.StatusBadRequest, "malformed 'tags' parameter: it must be a JSON object whose values are strings")
		}
	} else if !parseTagList(text, tags) {
		return nil, newProblem(http.StatusBadRequest, "malformed 'tags' parameter: write error=true or {\"error\":\"true\"}")
	}
	if len(tags) > maxTags {
		return nil, newProblem(http.StatusBadRequest, "there are %d tags, at most %d are allowed", len(tags), maxTags)
	}
	for k, v := range tags {
		if k == "" || len(k) > maxTag || len(v) > maxTag || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, newProblem(http.StatusBadRequest, "a tag is empty, too long or no text")
		}
	}
	if v, ok := tags[sessionAttribute]; ok {
		if v != session {
			return nil, refusal(http.StatusForbidden, reasonScope, "the search asks for another session: leave the tag %s out, yours is added", sessionAttribute)
		}
		delete(tags, sessionAttribute)
	}
	return tags, nil
}

// parseTagList reads key=value pairs apart by white space; a value with white space is in double quotes.
func parseTagList(text string, tags map[string]string) bool {
	for text != "" {
		key, rest, ok := strings.Cut(text, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \t\n\"") {
			return false
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return false
			}
			if value, err = strconv.Unquote(quoted); err != nil {
				return false
			}
			rest = rest[len(quoted):]
			if rest != "" && !strings.ContainsAny(rest[:1], " \t\n") {
				return false
			}
		} else if i := strings.IndexAny(rest, " \t\n"); i >= 0 {
			value, rest = rest[:i], rest[i:]
		} else {
			value, rest = rest, ""
		}
		tags[key] = value
		text = strings.TrimLeft(rest, " \t\n")
	}
	return true
}

// micros reads a time in microseconds since the epoch, 0 when it is not there.
func (f formValues) micros(name string) (int64, *problem) {
	s, p := f.one(name)
	if p != nil || s == "" {
		return 0, p
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxMicros {
		return 0, newProblem(http.StatusBadRequest, "unable to parse param '%s': it must be microseconds since 1970", name)
	}
	return n, nil
}

func (f formValues) duration(name string) (time.Duration, *problem) {
	s := f.Get(name)
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxDuration {
		return 0, newProblem(http.StatusBadRequest, "unable to parse param '%s': it must be a duration such as 100ms", name)
	}
	return d, nil
}
