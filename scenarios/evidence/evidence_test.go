package evidence_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/internal/stack/stacktest"
	"firedrill/replay/recording"
	"firedrill/scenarios"
	"firedrill/scenarios/evidence"
)

func TestMain(m *testing.M) { os.Exit(stacktest.Run(m)) }

var start = time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)

// record writes ten minutes: a gauge of two pods that goes from 1 and 2 to 10 and 20 at the fifth
// minute, a line a second until then, and a request every ten seconds that takes 0.1 s, then 1 s.
func record(tb testing.TB) *recording.Recording {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "rec")
	w, err := recording.Create(dir, recording.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Abort()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	for at := time.Duration(0); at < 10*time.Minute; at += time.Second {
		now, late := start.Add(at), at >= 5*time.Minute
		if at%(15*time.Second) == 0 {
			for pod := range 2 {
				v := float64(pod + 1)
				if late {
					v *= 10
				}
				must(w.Sample(labels.FromStrings("__name__", "load", "pod", fmt.Sprint(pod)), now.UnixMilli(), v))
			}
		}
		if !late {
			must(w.Record(labels.FromStrings("service_name", "web"), now.UnixNano(), "served", nil))
		}
		if at%(10*time.Second) == 0 {
			took := 100 * time.Millisecond
			if late {
				took = time.Second
			}
			must(w.Spans(request(uint64(at), now, took)))
		}
	}
	_, err = w.Close()
	must(err)
	rec, err := recording.Open(dir)
	must(err)
	tb.Cleanup(func() { must(rec.Close()) })
	return rec
}

// request is one trace of one span.
func request(id uint64, at time.Time, took time.Duration) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "web")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1, 2, byte(id >> 32), byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id), byte(id >> 40), 9})
	span.SetSpanID(pcommon.SpanID{1})
	span.SetName("GET /")
	span.Attributes().PutStr("http.route", "/")
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(took)))
	return td
}

func load(tb testing.TB, rec *recording.Recording, session string) *evidence.Session {
	tb.Helper()
	at := stacktest.Shared(tb).URLs()
	s, proof, err := evidence.Load(tb.Context(), rec, evidence.Options{
		Prometheus: at.Prometheus, Loki: at.Loki, OTLP: "http://" + at.OTLPGRPC, Jaeger: at.Jaeger, Session: session,
	})
	if err != nil {
		tb.Fatal(err)
	}
	if !proof.OK() {
		tb.Fatalf("the proof does not hold: %+v", proof)
	}
	return s
}

func offset(d time.Duration) *scenarios.Moment { return &scenarios.Moment{Offset: d} }

func between(least, most float64) scenarios.Bounds { return scenarios.Bounds{Min: &least, Max: &most} }

// TestCheck asks the real back ends for what is known of the recording, in a session that is not alone.
func TestCheck(t *testing.T) {
	rec := record(t)
	load(t, rec, "other")
	s := load(t, rec, "mine")
	web := &scenarios.TraceSearch{Service: "web"}
	for name, c := range map[string]struct {
		a           scenarios.Assertion
		ok          bool
		least, most float64
		problem     string
	}{
		"every series before":   {a: scenarios.Assertion{PromQL: "load", At: offset(4 * time.Minute), Expect: between(1, 2)}, ok: true, least: 1, most: 2},
		"one series outside":    {a: scenarios.Assertion{PromQL: "load", At: offset(4 * time.Minute), Expect: between(1, 1.5)}, least: 1, most: 2},
		"below":                 {a: scenarios.Assertion{PromQL: "sum(load)", At: offset(4 * time.Minute), Expect: between(3.1, 9)}, least: 3, most: 3},
		"alone":                 {a: scenarios.Assertion{PromQL: "count(load)", At: offset(4 * time.Minute), Expect: between(2, 2)}, ok: true, least: 2, most: 2},
		"recorded time":         {a: scenarios.Assertion{PromQL: "sum(load)", At: &scenarios.Moment{Abs: start.Add(7 * time.Minute)}, Expect: between(30, 30)}, ok: true, least: 30, most: 30},
		"scalar":                {a: scenarios.Assertion{PromQL: "scalar(sum(load))", At: offset(6 * time.Minute), Expect: between(30, 30)}, ok: true, least: 30, most: 30},
		"stretch across":        {a: scenarios.Assertion{PromQL: "sum(load)", From: offset(4 * time.Minute), To: offset(6 * time.Minute), Expect: between(3, 29)}, least: 3, most: 30},
		"stretch up to":         {a: scenarios.Assertion{PromQL: "sum(load)", From: offset(2 * time.Minute), To: offset(4*time.Minute + 30*time.Second), Expect: between(3, 3)}, ok: true, least: 3, most: 3},
		"nothing":               {a: scenarios.Assertion{PromQL: "load > 100", At: offset(4 * time.Minute), Expect: between(0, 0)}, problem: "no data at 4m0s"},
		"nothing is zero":       {a: scenarios.Assertion{PromQL: "sum(load > 100) or vector(0)", At: offset(4 * time.Minute), Expect: between(0, 0)}, ok: true},
		"nothing at one step":   {a: scenarios.Assertion{PromQL: "load > 5", From: offset(4*time.Minute + 30*time.Second), To: offset(6 * time.Minute), Expect: between(0, 100)}, least: 10, most: 20, problem: "no data at 4m30s"},
		"not a number":          {a: scenarios.Assertion{PromQL: "sum(load) / 0", At: offset(4 * time.Minute), Expect: between(0, 100)}, problem: "the value at 4m0s is +Inf"},
		"no PromQL":             {a: scenarios.Assertion{PromQL: "sum(", At: offset(0), Expect: between(0, 1)}, problem: "parse PromQL: 1:5: parse error: unclosed left parenthesis"},
		"session's label":       {a: scenarios.Assertion{PromQL: `load{firedrill_session="other"}`, At: offset(0), Expect: between(0, 1)}, problem: "the label firedrill_session is added by the session"},
		"lines":                 {a: scenarios.Assertion{LogQL: `sum(count_over_time({service_name="web"}[1m]))`, At: offset(4 * time.Minute), Expect: between(59, 61)}, ok: true, least: 60, most: 60},
		"lines of a stretch":    {a: scenarios.Assertion{LogQL: `sum(count_over_time({service_name="web"}[1m]))`, From: offset(2 * time.Minute), To: offset(4 * time.Minute), Expect: between(60, 60)}, ok: true, least: 60, most: 60},
		"no lines":              {a: scenarios.Assertion{LogQL: `sum(count_over_time({service_name="web"}[1m])) or vector(0)`, At: offset(8 * time.Minute), Expect: between(0, 0)}, ok: true},
		"lines, not numbers":    {a: scenarios.Assertion{LogQL: `{service_name="web"}`, From: offset(time.Minute), To: offset(2 * time.Minute), Expect: between(0, 1)}, problem: "the answer is of type streams"},
		"no LogQL":              {a: scenarios.Assertion{LogQL: `sum(`, At: offset(time.Minute), Expect: between(0, 1)}, problem: "400 Bad Request: parse error"},
		"traces":                {a: scenarios.Assertion{Traces: web, From: offset(0), To: offset(5*time.Minute - time.Second), Expect: between(30, 30)}, ok: true, least: 30, most: 30},
		"slow traces":           {a: scenarios.Assertion{Traces: &scenarios.TraceSearch{Service: "web", Operation: "GET /", MinDuration: scenarios.Duration(time.Second), Tags: map[string]string{"http.route": "/"}}, From: offset(0), To: offset(10 * time.Minute), Expect: between(30, 30)}, ok: true, least: 30, most: 30},
		"other tag":             {a: scenarios.Assertion{Traces: &scenarios.TraceSearch{Service: "web", Tags: map[string]string{"http.route": "/x"}}, From: offset(0), To: offset(10 * time.Minute), Expect: between(0, 0)}, ok: true},
		"quantile":              {a: scenarios.Assertion{Traces: &scenarios.TraceSearch{Service: "web", Quantile: 0.5}, From: offset(5 * time.Minute), To: offset(10 * time.Minute), Expect: between(1, 1)}, ok: true, least: 1, most: 1},
		"quantile of no traces": {a: scenarios.Assertion{Traces: &scenarios.TraceSearch{Service: "api", Quantile: 0.5}, From: offset(0), To: offset(10 * time.Minute), Expect: between(0, 1)}, problem: "no data at 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			c.a.Name = name
			results, err := s.Check(t.Context(), []scenarios.Assertion{c.a})
			if err != nil {
				t.Fatal(err)
			}
			r := results[0]
			if r.Name != name || r.OK != c.ok || value(r.Least) != c.least || value(r.Most) != c.most || !strings.Contains(r.Problem, c.problem) || (r.Problem == "") != (c.problem == "") {
				t.Errorf("got ok %t, %v to %v, problem %q; want ok %t, %v to %v, problem %q", r.OK, value(r.Least), value(r.Most), r.Problem, c.ok, c.least, c.most, c.problem)
			}
		})
	}
}

func value(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// TestCheckCancelled checks that what keeps a back end from answering is an error and no failed assertion.
func TestCheckCancelled(t *testing.T) {
	at := stacktest.Shared(t).URLs()
	s, _, err := evidence.Load(t.Context(), record(t), evidence.Options{
		Prometheus: at.Prometheus, Loki: at.Loki, OTLP: "http://" + at.OTLPGRPC, Jaeger: at.Jaeger, Session: "cancelled",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Check(ctx, []scenarios.Assertion{{Name: "x", PromQL: "load", At: offset(0)}}); err == nil || !strings.Contains(err.Error(), `evidence "x"`) {
		t.Errorf("got %v, want an error that names the evidence", err)
	}
}

// TestBegin checks that durations count from the moment that is given.
func TestBegin(t *testing.T) {
	at := stacktest.Shared(t).URLs()
	s, _, err := evidence.Load(t.Context(), record(t), evidence.Options{
		Prometheus: at.Prometheus, Loki: at.Loki, OTLP: "http://" + at.OTLPGRPC, Jaeger: at.Jaeger, Session: "begin", Begin: start.Add(2 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	results, err := s.Check(t.Context(), []scenarios.Assertion{{PromQL: "sum(load)", At: offset(4 * time.Minute), Expect: between(30, 30)}})
	if err != nil || !results[0].OK {
		t.Errorf("got %+v, %v, want what is at the sixth minute", results, err)
	}
}

// TestScope checks that every selector is scoped, wherever it stands.
func TestScope(t *testing.T) {
	got, err := evidence.Scope(`histogram_quantile(0.95, sum by (le) (rate(d_bucket{a="b"}[5m]))) > on() group_left() max_over_time(sum(up)[1h:1m]) or absent({__name__=~"x.+"} offset 5m)`, "s1")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got, `firedrill_session="s1"`); n != 3 {
		t.Errorf("got %d scoped selectors, want 3: %s", n, got)
	}
}

// TestWalk checks which steps of a golden path find something on the real back ends.
func TestWalk(t *testing.T) {
	s := load(t, record(t), "walk")
	steps := []struct {
		source scenarios.Datasource
		query  string
		want   string // "" finds something
	}{
		{scenarios.Prometheus, "sum(max_over_time(load[$__rate_interval]))", ""},
		{scenarios.Prometheus, "load > 100", "the query finds nothing"},
		{scenarios.Prometheus, "load >", "parse PromQL"},
		{scenarios.Loki, `{service_name="web"} |= "served"`, ""},
		{scenarios.Loki, `sum(rate({service_name="web"}[$__rate_interval]))`, ""},
		{scenarios.Loki, `{service_name="web"} |= "refused"`, "the query finds nothing"},
		{scenarios.Loki, `{service_name=}`, "400 Bad Request"},
		{scenarios.Jaeger, `service=web operation="GET /" min_duration=900ms http.route=/`, ""},
		{scenarios.Jaeger, `service=web min_duration=2s`, "the query finds nothing"},
		{scenarios.Jaeger, `min_duration=2s`, "the search names no service"},
		{scenarios.Jaeger, `slow traces of web`, "expected a search such as"},
	}
	path := make([]scenarios.Step, len(steps))
	for i, st := range steps {
		path[i] = scenarios.Step{Datasource: st.source, Query: st.query}
	}
	dead, err := s.Walk(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	got := map[int]string{}
	for _, d := range dead {
		got[d.Index] = d.Text
	}
	for i, st := range steps {
		if !strings.Contains(got[i], st.want) || (got[i] == "") != (st.want == "") {
			t.Errorf("%s: got %q, want %q", st.query, got[i], st.want)
		}
	}
}
