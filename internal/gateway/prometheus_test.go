package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// hour is a range that holds all of a session.
func hour() []string {
	return []string{"start", time.Now().Add(-time.Hour).Format(time.RFC3339), "end", time.Now().Add(time.Hour).Format(time.RFC3339)}
}

func with(list []string, more ...string) []string {
	return append(append([]string{}, list...), more...)
}

// Every endpoint of Prometheus that is allowed answers with the player's own session, and with nothing of another.
func TestPrometheusEndpoints(t *testing.T) {
	w := newWorld(t)
	at := w.ann.session.PageAt.Format(time.RFC3339Nano)
	for _, c := range []struct {
		name, path string
		params     []string
		texts      []string
	}{
		{"query", "/query", []string{"query", "http_requests_total", "time", at}, []string{annSession, `"aquarium"`, "!bakery", "!" + bobSession, "!" + catSession}},
		{"query of all", "/query", []string{"query", `count by (firedrill_session) ({__name__=~".+"})`, "time", at}, []string{annSession, "!" + bobSession, "!" + catSession}},
		{"query without a selector", "/query", []string{"query", "1+1", "time", "4"}, []string{`"2"`}},
		{"query_range", "/query_range", with(hour(), "query", "rate(http_requests_total[1m])", "step", "60"), []string{annSession, "!bakery", "!" + bobSession, "!" + catSession}},
		{"query_exemplars", "/query_exemplars", with(hour(), "query", "http_requests_total"), []string{w.ann.trace(recordedStart), annSession, "!bakery", "!" + catSession}},
		{"series", "/series", with(hour(), "match[]", `{job="web"}`), []string{"aquarium_orders", annSession, "!bakery", "!" + bobSession, "!" + catSession}},
		{"series of all", "/series", with(hour()), []string{"aquarium_orders", "!bakery", "!" + catSession}},
		{"series of two selectors", "/series", with(hour(), "match[]", `{__name__=~".*_orders"}`, "match[]", "http_requests_total"), []string{"aquarium_orders", "http_requests_total", "!bakery", "!" + bobSession}},
		{"labels", "/labels", with(hour()), []string{`"shop"`, `"firedrill_session"`}},
		{"labels with a selector", "/labels", with(hour(), "match[]", "aquarium_orders"), []string{`"job"`, `!"shop"`}},
		{"label values", "/label/shop/values", with(hour()), []string{`"aquarium"`, "!bakery"}},
		{"names", "/label/__name__/values", with(hour()), []string{"aquarium_orders", "!bakery", "!late_orders"}},
		{"sessions", "/label/firedrill_session/values", with(hour()), []string{annSession, "!" + bobSession, "!" + catSession}},
		{"format_query", "/format_query", []string{"query", "foo/bar"}, []string{"foo / bar"}},
		{"parse_query", "/parse_query", []string{"query", "foo/bar"}, []string{`"name":"foo"`}},
		{"metadata", "/metadata", nil, []string{"Requests of aquarium", "!bakery", "!late_orders", "!never_seen"}},
		{"rules", "/rules", nil, []string{`"groups":[]`}},
		{"alerts", "/alerts", nil, []string{`"alerts":[]`}},
		{"buildinfo", "/status/buildinfo", nil, []string{`"version":"3`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.get("ann", "/prometheus/api/v1"+c.path, c.params...).want(t, http.StatusOK, append(c.texts, `"status":"success"`)...)
			switch c.path {
			case "/query", "/query_range", "/query_exemplars", "/series", "/labels", "/format_query", "/parse_query":
				w.post("ann", "/prometheus/api/v1"+c.path, c.params...).want(t, http.StatusOK, append(c.texts, `"status":"success"`)...)
			default:
				w.post("ann", "/prometheus/api/v1"+c.path, c.params...).want(t, http.StatusMethodNotAllowed)
			}
		})
	}
	t.Run("parameters in URL and body", func(t *testing.T) {
		r := w.request(http.MethodPost, "ann", "/prometheus/api/v1/query?time="+w.ann.session.PageAt.UTC().Format("2006-01-02T15:04:05Z"), pairs([]string{"query", "aquarium_orders"}))
		w.do(r).want(t, http.StatusOK, `"41"`)
	})
}

// No query reads another session. Bob's orders are 41, like ann's: a leak shows in what is counted or labelled.
func TestPrometheusQueriesStayInTheSession(t *testing.T) {
	w := newWorld(t)
	at := w.ann.session.PageAt.Format(time.RFC3339Nano)
	query := func(q string) answer { return w.get("ann", "/prometheus/api/v1/query", "query", q, "time", at) }

	// Bob has what ann asks for here, or the test proves nothing.
	w.get("bob", "/prometheus/api/v1/query", "query", "bakery_orders", "time", at).want(t, http.StatusOK, `"41"`)

	for _, q := range []string{
		`bakery_orders`,
		`{__name__="bakery_orders"}`,
		`{"bakery_orders"}`,
		`{shop="bakery"}`,
		`vector(0) > 1 or bakery_orders`,
		`bakery_orders or bakery_orders offset 1m`,
		`max_over_time(bakery_orders[5m:10s])`,
		`max_over_time((bakery_orders or bakery_orders)[5m:10s])`,
		`last_over_time(bakery_orders[5m] @ end())`,
		`-bakery_orders`,
		`label_replace(bakery_orders, "firedrill_session", "` + annSession + `", "", "")`,
		`{firedrill_session=~".+", __name__=~"bakery.*"}`,
		`{firedrill_session!="", __name__=~"bakery.*"}`,
		`topk(5, bakery_orders)`,
		`count_values("v", bakery_orders)`,
		`aquarium_orders * on () group_right bakery_orders`,
		`(((bakery_orders)))`,
	} {
		query(q).want(t, http.StatusOK, `"result":[]`)
	}
	// What an aggregation takes as its parameter is confined, too. Without that the first is 41/100, the quantile of {0, 1}.
	for _, q := range []string{
		`quantile(scalar(bakery_orders) / 100, label_replace(vector(0), "a", "b", "", "") or vector(1))`,
		`quantile(scalar(max(bakery_orders)) / 100, label_replace(vector(0), "a", "b", "", "") or vector(1))`,
	} {
		query(q).want(t, http.StatusOK, `"NaN"`)
		query(strings.ReplaceAll(q, "bakery", "aquarium")).want(t, http.StatusOK, `0.41`)
	}
	query(`absent(bakery_orders)`).want(t, http.StatusOK, `"1"`)
	query(`count({__name__=~".*_orders"})`).want(t, http.StatusOK, `"1"`)

	for q, status := range map[string]int{
		`bakery_orders{firedrill_session="` + bobSession + `"}`:                   http.StatusForbidden,
		`up or sum(bakery_orders{firedrill_session="` + bobSession + `"})`:        http.StatusForbidden,
		`topk(scalar(bakery_orders{firedrill_session="` + bobSession + `"}), up)`: http.StatusForbidden,
		`bakery_orders{firedrill_session!="` + annSession + `"}`:                  http.StatusForbidden,
		`bakery_orders{firedrill_session!~"` + annSession + `"}`:                  http.StatusForbidden,
		`bakery_orders{firedrill_session=~"` + bobSession + `"}`:                  http.StatusForbidden,
		`bakery_orders{firedrill_session=""}`:                                     http.StatusForbidden,
		`aquarium_orders{firedrill_session="` + annSession + `"}`:                 http.StatusOK,
		`info(aquarium_orders)`:                                                   http.StatusBadRequest,
		`info(aquarium_orders, {firedrill_session="` + bobSession + `"})`:         http.StatusBadRequest,
		`bakery_orders} or {firedrill_session="` + bobSession + `"`:               http.StatusBadRequest,
		"bakery_orders # \n} or {":                                                http.StatusBadRequest,
		strings.Repeat("(", 20_000) + "up" + strings.Repeat(")", 20_000):          http.StatusBadRequest,
		``: http.StatusBadRequest,
	} {
		a := query(q)
		if a.status != status {
			t.Errorf("query %.200s: status %d, want %d: %.300s", q, a.status, status, a.body)
		}
		if strings.Contains(a.body, "bakery_orders\"") {
			t.Errorf("query %.200s: %.300s", q, a.body)
		}
	}
	for _, c := range []struct {
		path   string
		params []string
		status int
	}{
		{"/query", []string{"query", "1", "query", "bakery_orders"}, http.StatusBadRequest},
		{"/query", []string{"query", "", "query", "bakery_orders"}, http.StatusBadRequest},
		{"/query_range", with(hour(), "query", `bakery_orders{firedrill_session="`+bobSession+`"}`, "step", "60"), http.StatusForbidden},
		{"/query_exemplars", with(hour(), "query", `http_requests_total{firedrill_session="`+bobSession+`"}`), http.StatusForbidden},
		{"/series", with(hour(), "match[]", `{firedrill_session="`+bobSession+`"}`), http.StatusForbidden},
		{"/series", with(hour(), "match[]", "up", "match[]", `{firedrill_session="`+bobSession+`"}`), http.StatusForbidden},
		{"/series", with(hour(), "match[]", `bakery_orders"}`), http.StatusBadRequest},
		{"/series", with(hour(), "match[]", ``), http.StatusBadRequest},
		{"/labels", with(hour(), "match[]", `{firedrill_session="`+bobSession+`"}`), http.StatusForbidden},
		{"/label/shop/values", with(hour(), "match[]", `{firedrill_session="`+bobSession+`"}`), http.StatusForbidden},
		{"/format_query", []string{"query", "1", "query", "2"}, http.StatusBadRequest},
	} {
		w.get("ann", "/prometheus/api/v1"+c.path, c.params...).want(t, c.status, "!bakery_orders\"", `"status":"error"`)
	}
	w.get("ann", "/prometheus/api/v1/series", with(hour(), "match[]", `{firedrill_session=~".+"}`)...).want(t, http.StatusOK, "aquarium_orders", "!bakery", "!"+bobSession)
	w.get("ann", "/prometheus/api/v1/series", with(hour(), "match[]", `bakery_orders`)...).want(t, http.StatusOK, `"data":[]`)
	w.get("ann", "/prometheus/api/v1/query_exemplars", with(hour(), "query", `quantile(scalar(http_requests_total{shop="bakery"}), up)`)...).want(t, http.StatusOK, `"data":[]`)
}

// What the gateway says of metrics grows with what the session has sent.
func TestMetadataHasNoFuture(t *testing.T) {
	w := newWorld(t)
	type entry struct{ Type, Help, Unit string }
	get := func(player string, params ...string) map[string][]entry {
		t.Helper()
		return decode[struct{ Data map[string][]entry }](t, w.get(player, "/prometheus/api/v1/metadata", params...)).Data
	}
	all := get("ann")
	for name, want := range map[string]entry{
		"http_requests_total": {"counter", "Requests of aquarium", ""}, "latency_seconds": {"histogram", "Latency of aquarium", "seconds"},
		"aquarium_orders": {"gauge", "Orders", ""},
	} {
		if len(all[name]) != 1 || all[name][0] != want {
			t.Errorf("metadata of %s is %v, want %v", name, all[name], want)
		}
	}
	if len(all) != 3 {
		t.Errorf("metadata of %d metrics, want 3: %v", len(all), all)
	}
	if got := get("ann", "metric", "aquarium_orders"); len(got) != 1 {
		t.Errorf("metadata of one metric: %v", got)
	}
	if got := get("ann", "limit", "2"); len(got) != 2 {
		t.Errorf("metadata with limit 2: %v", got)
	}
	w.get("ann", "/prometheus/api/v1/metadata", "limit", "many").want(t, http.StatusBadRequest, "limit")
}
