package gateway_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// found is what the tests read of traces.
type found struct {
	Data []struct {
		TraceID   string `json:"traceID"`
		Processes map[string]struct {
			ServiceName string `json:"serviceName"`
			Tags        []struct{ Key, Value any }
		} `json:"processes"`
		Spans []struct {
			OperationName string `json:"operationName"`
			Duration      int64  `json:"duration"`
		} `json:"spans"`
	} `json:"data"`
	Errors []struct {
		Code int
		Msg  string
	} `json:"errors"`
}

// microHour is a range that holds all of a session.
func microHour() []string {
	return []string{"start", strconv.FormatInt(time.Now().Add(-time.Hour).UnixMicro(), 10), "end", strconv.FormatInt(time.Now().Add(time.Minute).UnixMicro(), 10)}
}

// wantOwn checks that the traces are of the session, whole, and as many as wanted.
func wantOwn(t *testing.T, a answer, p *played, n int) found {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %.300s", a.status, a.body)
	}
	f := decode[found](t, a)
	if len(f.Data) != n {
		t.Errorf("%d traces, want %d", len(f.Data), n)
	}
	own := make(map[string]bool)
	for at := recordedStart; at.Before(recordedEnd); at = at.Add(5 * time.Second) {
		own[p.trace(at)] = true
	}
	for _, trace := range f.Data {
		if !own[strings.TrimPrefix(trace.TraceID, "0000000000000000")] {
			t.Errorf("trace %s is not the session's", trace.TraceID)
		}
		if len(trace.Spans) != 3 {
			t.Errorf("trace %s has %d spans, want 3", trace.TraceID, len(trace.Spans))
		}
	}
	for _, other := range []string{annSession, bobSession, catSession} {
		if other != p.session.ID && strings.Contains(a.body, other) {
			t.Errorf("the answer has the session %s", other)
		}
	}
	return f
}

// perSession is how many traces were sent of each session: one every five seconds, the one of the page included.
const perSession = 61

// A search finds all of the session that fits, and nothing else, on a real Jaeger.
func TestJaegerSearch(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name   string
		params []string
		n      int
	}{
		{"service", []string{"service", "frontend", "limit", "1000"}, perSession},
		{"usual limit", []string{"service", "frontend"}, 20},
		{"limit", []string{"service", "frontend", "limit", "7"}, 7},
		{"limit of too much", []string{"service", "frontend", "limit", "999999999"}, perSession},
		{"operation", []string{"service", "payment", "operation", "POST /pay", "limit", "1000"}, perSession},
		{"operation of another service", []string{"service", "payment", "operation", "GET /", "limit", "1000"}, 0},
		{"own service", []string{"service", "aquarium-bank", "limit", "1000"}, perSession},
		{"service of another session", []string{"service", "bakery-bank", "limit", "1000"}, 0},
		{"tags as JSON", []string{"service", "payment", "tags", `{"http.response.status_code":"201"}`, "limit", "1000"}, 30},
		{"tags as a list", []string{"service", "payment", "tags", `http.response.status_code=201 http.route="/pay now"`, "limit", "1000"}, 30},
		{"tags that do not fit", []string{"service", "payment", "tags", `{"http.response.status_code":"500"}`, "limit", "1000"}, 0},
		{"resource", []string{"service", "payment", "tags", `{"shop":"aquarium"}`, "limit", "1000"}, perSession},
		{"resource of another session", []string{"service", "payment", "tags", `{"shop":"bakery"}`, "limit", "1000"}, 0},
		{"own session", []string{"service", "payment", "tags", `{"firedrill.session":"` + annSession + `"}`, "limit", "1000"}, perSession},
		{"durations", []string{"service", "payment", "minDuration", "90ms", "maxDuration", "110ms", "limit", "1000"}, perSession},
		{"durations that do not fit", []string{"service", "payment", "minDuration", "10s", "limit", "1000"}, 0},
		{"all together", []string{"service", "payment", "operation", "POST /pay", "tags", `{"http.response.status_code":"201","http.route":"/pay now"}`, "minDuration", "90ms", "maxDuration", "110ms", "limit", "1000"}, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, p := range []string{"ann", "cat"} {
				own := map[string]*played{"ann": w.ann, "cat": w.cat}[p]
				params := slices.Clone(c.params)
				for i := range params {
					params[i] = strings.ReplaceAll(params[i], annSession, own.session.ID)
				}
				wantOwn(t, w.get(p, "/jaeger/api/traces", with(microHour(), params...)...), own, c.n)
			}
		})
	}
	t.Run("range", func(t *testing.T) {
		from := w.ann.session.PageAt.Add(-time.Minute)
		params := []string{"service", "frontend", "limit", "1000", "start", strconv.FormatInt(from.UnixMicro(), 10), "end", strconv.FormatInt(from.Add(30*time.Second).UnixMicro(), 10)}
		wantOwn(t, w.get("ann", "/jaeger/api/traces", params...), w.ann, 7)
	})
	t.Run("without a range", func(t *testing.T) {
		wantOwn(t, w.get("ann", "/jaeger/api/traces", "service", "frontend", "limit", "1000"), w.ann, perSession)
		wantOwn(t, w.get("ann", "/jaeger/api/traces", "service", "frontend", "limit", "1000", "lookback", "1ms"), w.ann, 0)
		wantOwn(t, w.get("ann", "/jaeger/api/traces", with(microHour(), "service", "frontend", "limit", "1000", "lookback", "custom")...), w.ann, perSession)
	})
}

// What would lead a search beyond the session is refused before Jaeger sees it.
func TestJaegerSearchRefusals(t *testing.T) {
	w := newWorld(t)
	bob := w.bob.trace(recordedPage)
	for _, c := range []struct {
		query  string
		status int
	}{
		{"", 400},
		{"service=", 400},
		{"traceID=" + bob, 400},
		{"service=frontend&traceID=" + bob, 400},
		{"service=frontend&traceID=" + w.ann.trace(recordedPage), 400},
		{"service=frontend&%74raceID=" + bob, 400},
		{"service=frontend&service=payment", 400},
		{"service=frontend&tags={}&tags={}", 400},
		{`service=frontend&tags={"a":"b"}&tags={"firedrill.session":"` + bobSession + `"}`, 400},
		{"service=frontend&tag=firedrill.session:" + bobSession, 400},
		{`service=frontend&tags={"firedrill.session":"` + bobSession + `"}`, 403},
		{`service=frontend&tags={"firedrill.session":"` + annSession + `","firedrill.session":"` + bobSession + `"}`, 403},
		{`service=frontend&tags={"firedrill\u002esession":"` + bobSession + `"}`, 403},
		{`service=frontend&tags=firedrill.session%3D` + bobSession, 403},
		{`service=frontend&tags=firedrill.session%3D"` + bobSession + `"`, 403},
		{`service=frontend&tags={"a":"b"}{"firedrill.session":"` + bobSession + `"}`, 400},
		{`service=frontend&tags={"a":1}`, 400},
		{`service=frontend&tags=[]`, 400},
		{`service=frontend&tags=a%3D"b"c`, 400},
		{"service=frontend&raw=true", 400},
		{"service=frontend&prettyPrint=true", 400},
		{"service=frontend&limit=0", 400},
		{"service=frontend&limit=-1", 400},
		{"service=frontend&start=now", 400},
		{"service=frontend&start=-1", 400},
		{"service=frontend&start=99999999999999999999", 400},
		{"service=frontend&start=20&end=10", 400},
		{"service=frontend&lookback=ages", 400},
		{"service=frontend&minDuration=-1s", 400},
		{"service=frontend&minDuration=2s&maxDuration=1s", 400},
		{"service=" + strings.Repeat("x", 2000), 400},
		{"service=frontend;tags=x", 400},
		{"service=frontend&tags=%zz", 400},
	} {
		a := w.do(w.request(http.MethodGet, "ann", "/jaeger/api/traces?"+strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D", `\`, "%5C", "[", "%5B", "]", "%5D").Replace(c.query), nil))
		if a.status != c.status {
			t.Errorf("%s: status %d, want %d: %.200s", c.query, a.status, c.status, a.body)
			continue
		}
		if f := decode[found](t, a); len(f.Data) != 0 || len(f.Errors) != 1 || f.Errors[0].Code != c.status || f.Errors[0].Msg == "" {
			t.Errorf("%s: %s", c.query, a.body)
		}
	}
}

// A trace is served to the session that it belongs to, by its id in the session.
func TestJaegerTrace(t *testing.T) {
	w := newWorld(t)
	for _, at := range []time.Time{recordedStart, recordedPage.Add(-5 * time.Second), recordedPage.Add(-20 * time.Second)} {
		id := w.ann.trace(at)
		wantOwn(t, w.get("ann", "/jaeger/api/traces/"+id), w.ann, 1)
		wantOwn(t, w.get("ann", "/jaeger/api/traces/"+strings.ToUpper(id)), w.ann, 1)
		wantOwn(t, w.get("ann", "/jaeger/api/traces/"+id, "start", "1", "end", strconv.FormatInt(time.Now().UnixMilli(), 10)), w.ann, 1)
		if len(id) == 16 {
			wantOwn(t, w.get("ann", "/jaeger/api/traces/0000000000000000"+id), w.ann, 1)
		}
		// The same trace of the same recording has another id in another session.
		for _, other := range []string{w.cat.trace(at), w.bob.trace(at), traceID("aquarium", at).String(), traceID("bakery", at).String()} {
			w.get("ann", "/jaeger/api/traces/"+other).want(t, http.StatusNotFound, `"msg":"trace not found"`, `"data":null`)
		}
		wantOwn(t, w.get("cat", "/jaeger/api/traces/"+w.cat.trace(at)), w.cat, 1)
		w.get("cat", "/jaeger/api/traces/"+id).want(t, http.StatusNotFound)
	}
	// In the recording, and still to come.
	w.get("ann", "/jaeger/api/traces/"+w.ann.trace(recordedPage.Add(time.Minute))).want(t, http.StatusNotFound, "trace not found")
	id := w.ann.trace(recordedStart)
	for path, status := range map[string]int{
		"/" + id[:15]:                                         400,
		"/" + id + "0":                                        400,
		"/" + strings.Repeat("0", 32):                         400,
		"/" + strings.Repeat("g", 32):                         400,
		"/" + id + "?start=soon":                              400,
		"/" + id + "?start=1&start=2":                         400,
		"/" + id + "%2F..%2F" + w.bob.trace(recordedStart):    400,
		"/" + id + "/":                                        400,
		"/" + id + "/x":                                       404,
		"/" + id + "%3FtraceID=" + w.bob.trace(recordedStart): 400,
	} {
		w.do(w.request(http.MethodGet, "ann", "/jaeger/api/traces"+path, nil)).want(t, status)
	}
}

// Services, operations and dependencies are those of the session, and of what it has sent by now.
func TestJaegerOwnAnswers(t *testing.T) {
	w := newWorld(t)
	list := func(player, path string, query ...string) []string {
		t.Helper()
		return decode[struct{ Data []string }](t, w.get(player, "/jaeger"+path, query...)).Data
	}
	type op struct{ Name, SpanKind string }
	type dep struct {
		Parent, Child string
		CallCount     int
	}
	ops := func(query ...string) []op {
		t.Helper()
		return decode[struct{ Data []op }](t, w.get("ann", "/jaeger/api/operations", query...)).Data
	}
	deps := func(player string, query ...string) []dep {
		t.Helper()
		return decode[struct{ Data []dep }](t, w.get(player, "/jaeger/api/dependencies", query...)).Data
	}
	equal := func(what string, got, want any) {
		t.Helper()
		if !equalJSON(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	equal("services", list("ann", "/api/services"), []string{"aquarium-bank", "frontend", "payment"})
	equal("services of bob", list("bob", "/api/services"), []string{"bakery-bank", "frontend", "payment"})
	equal("operations of a service", list("ann", "/api/services/payment/operations"), []string{"POST /pay"})
	equal("operations of bob's service", list("ann", "/api/services/bakery-bank/operations"), []string{})
	equal("operations", ops("service", "payment"), []op{{"POST /pay", "server"}})
	equal("operations of a kind", ops("service", "payment", "spanKind", "client"), []op{})
	w.get("ann", "/jaeger/api/operations").want(t, http.StatusBadRequest, "'service' is required")

	// The last whole ten seconds before the horizon are counted: the page comes at a multiple of ten.
	n := 60
	calls := []dep{{"frontend", "payment", n}, {"payment", "aquarium-bank", n}}
	equal("dependencies", deps("ann"), calls)
	equal("dependencies of a service", deps("ann", "service", "frontend"), calls[:1])
	equal("dependencies of bob's service", deps("ann", "service", "bakery-bank"), []dep{})
	page := w.ann.session.PageAt
	equal("dependencies of a minute", deps("ann", "endTs", strconv.FormatInt(page.Add(-time.Minute).UnixMilli(), 10), "lookback", "60000"),
		[]dep{{"frontend", "payment", 12}, {"payment", "aquarium-bank", 12}})
	equal("dependencies of the future", deps("ann", "endTs", strconv.FormatInt(page.Add(time.Hour).UnixMilli(), 10), "lookback", "1"), []dep{})
	w.get("ann", "/jaeger/api/dependencies", "endTs", "now").want(t, http.StatusBadRequest, "endTs")
	w.get("ann", "/jaeger/api/dependencies", "endTs", "1", "endTs", "2").want(t, http.StatusBadRequest, "endTs")

	// Had the session not ended, it would go on: what comes two minutes after the page shows then, and not before.
	live := w.cat.session
	live.State, live.EndedAt = challenge.Live, time.Time{}
	w.join("cat", live)
	for _, c := range []struct {
		after time.Duration
		late  bool
	}{{119 * time.Second, false}, {121 * time.Second, true}} {
		w.set(w.cat.session.PageAt.Add(c.after))
		if got := slices.Contains(list("cat", "/api/services"), "aquarium-late"); got != c.late {
			t.Errorf("%v after the page a service of then is listed: %v, want %v", c.after, got, c.late)
		}
		if got := len(list("cat", "/api/services/aquarium-late/operations")) > 0; got != c.late {
			t.Errorf("%v after the page an operation of then is listed: %v, want %v", c.after, got, c.late)
		}
		if got := slices.ContainsFunc(deps("cat"), func(d dep) bool { return d.Child == "aquarium-late" }); got {
			t.Errorf("%v after the page a call of then is counted", c.after)
		}
	}
	w.set(w.cat.session.PageAt.Add(130 * time.Second))
	if !slices.ContainsFunc(deps("cat"), func(d dep) bool { return d.Child == "aquarium-late" && d.CallCount == 2 }) {
		t.Errorf("130 s after the page the calls of then are not counted: %v", deps("cat"))
	}
	// Ann's session ended: nothing is added however late it is.
	equal("services after the end", list("ann", "/api/services"), []string{"aquarium-bank", "frontend", "payment"})
	equal("dependencies after the end", deps("ann", "lookback", strconv.FormatInt(time.Hour.Milliseconds(), 10)), calls)
}
