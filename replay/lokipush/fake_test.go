package lokipush_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/golang/snappy"
	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"firedrill/replay/endpoint"
)

// fakeLoki keeps what is pushed and answers the few queries that a Sink asks, for what the real one
// cannot be made to do quickly: small pages, labels of its own, the need to stay below a size.
type fakeLoki struct {
	maxLines int    // of a page; longer ones are refused
	maxBytes int    // of a page's lines; more is an error of gRPC; 0 is no limit
	added    string // a label that streams without it get

	mu      sync.Mutex
	streams map[string]*fakeStream
	queries int
}

type fakeStream struct {
	labels  labels.Labels
	entries []push.Entry
}

func (f *fakeLoki) serve(tb testing.TB) endpoint.Config {
	f.streams = map[string]*fakeStream{}
	server := httptest.NewServer(f)
	tb.Cleanup(server.Close)
	return endpoint.Config{URL: server.URL}
}

func (f *fakeLoki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queries++
	var err error
	switch r.URL.Path {
	case "/loki/api/v1/push":
		f.queries--
		if err = f.push(r.Body); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	case "/loki/api/v1/query_range":
		err = f.queryRange(w, r)
	case "/loki/api/v1/query":
		err = f.query(w, r)
	case "/loki/api/v1/series":
		var sets []map[string]string
		for _, s := range f.streams {
			sets = append(sets, s.labels.Map())
		}
		err = json.NewEncoder(w).Encode(map[string]any{"data": sets})
	default:
		http.NotFound(w, r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (f *fakeLoki) push(body io.Reader) error {
	zipped, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	raw, err := snappy.Decode(nil, zipped)
	if err != nil {
		return err
	}
	var request push.PushRequest
	if err := request.Unmarshal(raw); err != nil {
		return err
	}
	p := parser.NewParser(parser.Options{})
	for _, s := range request.Streams {
		ls, err := p.ParseMetric(s.Labels)
		if err != nil {
			return err
		}
		if f.added != "" && !ls.Has(f.added) {
			ls = labels.NewBuilder(ls).Set(f.added, "unknown").Labels()
		}
		stream := f.streams[ls.String()]
		if stream == nil {
			stream = &fakeStream{labels: ls}
			f.streams[ls.String()] = stream
		}
		stream.entries = append(stream.entries, s.Entries...)
	}
	return nil
}

// found returns the entries of the streams that a selector and an optional line filter match.
func (f *fakeLoki) found(query string, keep func(t int64) bool) (map[*fakeStream][]push.Entry, error) {
	selector, filter, filtered := strings.Cut(query, " |~ ")
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector)
	if err != nil {
		return nil, err
	}
	var line *regexp.Regexp
	if filtered {
		if filter, err = strconv.Unquote(filter); err != nil {
			return nil, err
		}
		if line, err = regexp.Compile(filter); err != nil {
			return nil, err
		}
	}
	out := map[*fakeStream][]push.Entry{}
	for _, s := range f.streams {
		if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.labels.Get(m.Name)) }) {
			continue
		}
		for _, e := range s.entries {
			if keep(e.Timestamp.UnixNano()) && (!filtered || line.MatchString(e.Line)) {
				out[s] = append(out[s], e)
			}
		}
	}
	return out, nil
}

func (f *fakeLoki) queryRange(w http.ResponseWriter, r *http.Request) error {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(r.FormValue(name), 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	from, to, limit := number("start"), number("end"), int(number("limit"))
	if limit > f.maxLines {
		return fmt.Errorf("max entries limit per query exceeded, limit > max_entries_limit_per_query (%d > %d)", limit, f.maxLines)
	}
	found, err := f.found(r.FormValue("query"), func(t int64) bool { return from <= t && t < to })
	if err != nil {
		return err
	}
	type line struct {
		stream *fakeStream
		entry  push.Entry
	}
	var all []line
	for s, entries := range found {
		for _, e := range entries {
			all = append(all, line{s, e})
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return a.entry.Timestamp.Compare(b.entry.Timestamp) })
	all = all[:min(len(all), limit)]
	type result struct {
		Stream map[string]string `json:"stream"`
		Values [][]any           `json:"values"`
	}
	var (
		results = map[*fakeStream]*result{}
		list    []*result
		size    int
	)
	for _, l := range all {
		if results[l.stream] == nil {
			results[l.stream] = &result{Stream: l.stream.labels.Map()}
			list = append(list, results[l.stream])
		}
		size += len(l.entry.Line)
		results[l.stream].Values = append(results[l.stream].Values,
			[]any{strconv.FormatInt(l.entry.Timestamp.UnixNano(), 10), l.entry.Line, map[string]any{}})
	}
	if f.maxBytes > 0 && size > f.maxBytes {
		http.Error(w, fmt.Sprintf("rpc error: code = ResourceExhausted desc = grpc: received message larger than max (%d vs. %d)", size, f.maxBytes), 500)
		return nil
	}
	return json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"resultType": "streams", "result": list}})
}

var countQuery = regexp.MustCompile(`^sum\(count_over_time\((\{.*\})\[(\d+)ms\]\)\)$`)

func (f *fakeLoki) query(w http.ResponseWriter, r *http.Request) error {
	m := countQuery.FindStringSubmatch(r.FormValue("query"))
	if m == nil {
		return fmt.Errorf("unknown query %s", r.FormValue("query"))
	}
	ms, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return err
	}
	until, err := strconv.ParseInt(r.FormValue("time"), 10, 64)
	if err != nil {
		return err
	}
	found, err := f.found(m[1], func(t int64) bool { return until-ms*1e6 < t && t <= until })
	if err != nil {
		return err
	}
	n := 0
	for _, entries := range found {
		n += len(entries)
	}
	var result []any
	if n > 0 {
		result = append(result, map[string]any{"metric": map[string]any{}, "value": []any{float64(until) / 1e9, strconv.Itoa(n)}})
	}
	return json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"resultType": "vector", "result": result}})
}
