package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"firedrill/internal/challenge"
)

// maxInput keeps fuzzing quick, in bytes.
const maxInput = 4096

// FuzzPath: what is found on the list is, in the request to the back end, the very same path however often it is decoded.
func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"/prometheus/api/v1/query", "/loki/loki/api/v1/label/a/values", "/jaeger/api/services/a%20b/operations", "/prometheus/api/v1/label/..%2f../values",
		"/prometheus/%2e%2e/x", "/loki//x", `/loki/a\b`, "/jaeger/api/traces/%00", "/jaeger/api/traces/%3fx", "/prometheus/api/v1/label/%252e%252e/values", "//host/prometheus/api/v1/query",
		"/jaeger/api/traces/a#b", "http://h/prometheus/api/v1/query", "/prometheus/api/v1/label/*/values",
	} {
		f.Add(s)
	}
	u := &upstream{base: &url.URL{Scheme: "http", Host: "backend", Path: "/base"}}
	f.Fuzz(func(t *testing.T, target string) {
		if len(target) > maxInput {
			return
		}
		in, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		p, problem := cleanPath(in)
		if problem != nil {
			return
		}
		if p != path.Clean(p) || strings.ContainsAny(p, "\\%\x00\r\n") || strings.Contains(p+"/", "/../") {
			t.Fatalf("%q is taken as %q", target, p)
		}
		b, rest, ok := split(p)
		if !ok {
			return
		}
		r, arg, ok := find(b, rest)
		if !ok {
			return
		}
		a := ask{route: r, arg: arg}
		if a.target() != rest || strings.Contains(arg, "/") {
			t.Fatalf("%q is found as %q with %q", target, r.path, arg)
		}
		sent := u.request(t.Context(), http.MethodGet, a.target(), nil).URL.RequestURI()
		out, err := url.ParseRequestURI(sent)
		if err != nil || out.Path != "/base"+rest || out.RawQuery != "" || out.Fragment != "" {
			t.Fatalf("%q is sent as %q, which reads as %+v, %v", target, sent, out, err)
		}
		if again, err := url.PathUnescape(out.Path); err != nil || again != out.Path {
			t.Fatalf("%q is sent as %q, which can be decoded twice", target, sent)
		}
	})
}

// FuzzSearch: what Jaeger reads is one search, of the session, and the one that was understood.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{
		"service=a", "service=a&tags={}", `service=a&tags=%7B%22firedrill.session%22%3A%22s2%22%7D`, "service=a&tags=b%3Dc+d%3D%22e+f%22", "service=a&traceID=1", "service=a&service=b",
		"service=a&minDuration=1ms&maxDuration=2h", "service=a&start=1&end=2", "service=a&lookback=1h&limit=5", "service=%00&operation=%26traceID%3D1", "service=a&limit=99999",
		"service=a&tags=firedrill.session%3Ds0000000000a1", "service=a%26tags%3D", "service=a&tags=%22",
	} {
		f.Add(s)
	}
	const session = "s0000000000a1"
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, query string) {
		if len(query) > maxInput {
			return
		}
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		s, p := parseSearch(formValues{form}, session, now)
		if p != nil {
			return
		}
		sent, err := url.ParseQuery(s.values(session).Encode())
		if err != nil {
			t.Fatal(err)
		}
		for name, list := range sent {
			if len(list) != 1 || !slices.Contains(searchParams, name) {
				t.Fatalf("%q is sent with %s=%q", query, name, list)
			}
		}
		var tags map[string]string
		if err := json.Unmarshal([]byte(sent.Get("tags")), &tags); err != nil || tags[sessionAttribute] != session {
			t.Fatalf("%q is sent with the tags %s, %v", query, sent.Get("tags"), err)
		}
		again, p := parseSearch(formValues{sent}, session, now)
		if p != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%q is sent as %v, which reads as %+v, %v; want %+v", query, sent, again, p, s)
		}
		if s.limit < 1 || s.limit > maxTraces || s.end.Before(s.start) || s.service == "" {
			t.Fatalf("%q is understood as %+v", query, s)
		}
		_ = s.String()
	})
}

// FuzzScope: every selector that Prometheus reads in a scoped query is confined.
func FuzzScope(f *testing.F) {
	for _, s := range []string{
		"up", `up{firedrill_session="b"}`, "quantile(scalar(a), b)", "a or b", "max_over_time((a)[5m:1m])", `{"a.b"}`, `{__name__=~".+"}`, "a @ end() offset -5m", `count_values("x", a)`,
		"absent(a)", `label_replace(a, "x", "$1", "y", "(.*)")`, "info(a)", `a{b="\"}"}`, "topk by (x) (scalar(a), b)", "limitk(1, a)", "a[5m]", `{"firedrill_session"}`, "-a ^ 2", "a unless on() b",
	} {
		f.Add(s)
	}
	const session = "s0000000000a1"
	f.Fuzz(func(t *testing.T, q string) {
		if len(q) > maxInput {
			return
		}
		s := newScope(session)
		if scoped, p := s.query(q); p == nil {
			wantConfined(t, q, scoped, session)
		}
		if scoped, p := s.selector(q); p == nil {
			wantConfined(t, q, scoped, session)
		}
	})
}

func wantConfined(t *testing.T, q, scoped, session string) {
	t.Helper()
	// Prometheus may have been started with more features than the gateway reads.
	expr, err := parser.NewParser(parser.Options{EnableExperimentalFunctions: true, ExperimentalDurationExpr: true, EnableExtendedRangeSelectors: true, EnableBinopFillModifiers: true}).ParseExpr(scoped)
	if err != nil {
		t.Fatalf("%q is sent as %q: %v", q, scoped, err)
	}
	var visit func(parser.Node)
	visit = func(n parser.Node) {
		if vs, ok := n.(*parser.VectorSelector); ok && !slices.ContainsFunc(vs.LabelMatchers, func(m *labels.Matcher) bool {
			return m.String() == `firedrill_session="`+session+`"`
		}) {
			t.Fatalf("%q is sent as %q: %s is open", q, scoped, vs)
		}
		for _, c := range parser.Children(n) {
			visit(c)
		}
	}
	visit(expr)
}

func TestParseTime(t *testing.T) {
	at := time.Date(2026, 11, 24, 0, 12, 0, 250e6, time.UTC)
	for _, c := range []struct {
		text string
		unit time.Duration
		want time.Time
	}{
		{"1795479120.25", time.Millisecond, at}, {"1795479120", time.Millisecond, at.Truncate(time.Second)}, {"1795479120250000000", time.Nanosecond, at},
		{"2026-11-24T00:12:00.25Z", time.Nanosecond, at}, {"1795479120250", time.Millisecond, at},
		{"", time.Nanosecond, time.Time{}}, {"now", time.Nanosecond, time.Time{}}, {"NaN", time.Nanosecond, time.Time{}}, {"9223372036854775807", time.Millisecond, time.Time{}},
	} {
		if got := parseTime(c.text, c.unit); !got.Equal(c.want) {
			t.Errorf("parseTime(%q) = %v, want %v", c.text, got, c.want)
		}
	}
}

// Every route has a name that is its own, and serves something.
func TestRoutes(t *testing.T) {
	for b, list := range routes {
		names := make(map[string]bool)
		for _, r := range list {
			if names[r.name] || r.serve == nil || strings.Count(r.path, "*") > 1 {
				t.Errorf("%s: route %+v", b, r)
			}
			names[r.name] = true
		}
	}
	if len(routes) != len(prefixes) || routes[challenge.JaegerBackend] == nil {
		t.Errorf("%d back ends have routes, want %d", len(routes), len(prefixes))
	}
}
