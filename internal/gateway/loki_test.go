package gateway_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

func nanoHour() []string {
	return []string{"start", strconv.FormatInt(time.Now().Add(-time.Hour).UnixNano(), 10), "end", strconv.FormatInt(time.Now().Add(time.Minute).UnixNano(), 10)}
}

// Every endpoint of Loki that is allowed answers with the player's own session, and with nothing of another.
func TestLokiEndpoints(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, path string
		params     []string
		texts      []string
	}{
		{"query", "/query", []string{"query", `sum by (shop) (count_over_time({service_name=~".+"}[1h]))`}, []string{`"aquarium"`, "!bakery"}},
		{"health check", "/query", []string{"query", "vector(1)+vector(1)", "time", "4000000000"}, []string{`"2"`}},
		{"query_range", "/query_range", with(nanoHour(), "query", `{service_name="payment"}`), []string{"order of aquarium", w.ann.trace(recordedPage), "!bakery"}},
		{"labels", "/labels", nanoHour(), []string{`"shop"`, `"service_name"`}},
		{"label values", "/label/shop/values", nanoHour(), []string{`"aquarium"`, "!bakery"}},
		{"series", "/series", with(nanoHour(), "match[]", `{service_name=~".+"}`), []string{`"aquarium"`, "!bakery"}},
		{"index/stats", "/index/stats", with(nanoHour(), "query", `{shop="aquarium"}`), []string{`"streams":2`}},
		{"index/volume", "/index/volume", with(nanoHour(), "query", `{service_name=~".+"}`, "targetLabels", "shop"), []string{`aquarium`, "!bakery"}},
		{"index/volume_range", "/index/volume_range", with(nanoHour(), "query", `{service_name=~".+"}`, "step", "60s", "targetLabels", "shop"), []string{`aquarium`, "!bakery"}},
		{"detected_labels", "/detected_labels", nanoHour(), []string{`"shop"`}},
		{"detected_fields", "/detected_fields", with(nanoHour(), "query", `{shop="aquarium"}`), []string{`"took"`, `"trace_id"`}},
		{"detected_field values", "/detected_field/msg/values", with(nanoHour(), "query", `{service_name=~".+"} | logfmt`), []string{"order of aquarium", "!bakery"}},
		{"format_query", "/format_query", []string{"query", `{a="b"}|="c"`}, []string{`|= \"c\"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.get("ann", "/loki/loki/api/v1"+c.path, c.params...).want(t, http.StatusOK, c.texts...)
			w.post("ann", "/loki/loki/api/v1"+c.path, c.params...).want(t, http.StatusOK, c.texts...)
		})
	}
	t.Run("buildinfo", func(t *testing.T) {
		w.get("ann", "/loki/loki/api/v1/status/buildinfo").want(t, http.StatusOK, `"version"`)
	})
	t.Run("patterns", func(t *testing.T) {
		// Loki has them only where its pattern ingester is on: whatever it says comes through.
		params := pairs(with(nanoHour(), "query", `{shop="aquarium"}`)).Encode()
		a := w.do(w.request(http.MethodGet, "ann", "/loki/loki/api/v1/patterns?"+params, nil))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.urls.Loki+"/loki/api/v1/patterns?"+params, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Scope-OrgID", annSession)
		if want := w.do(r); a.status != want.status || a.body != want.body {
			t.Errorf("status %d, %q; Loki itself says %d, %q", a.status, a.body, want.status, want.body)
		}
	})
}

// No LogQL and no header reads another tenant.
func TestLokiStaysInTheTenant(t *testing.T) {
	w := newWorld(t)
	w.get("bob", "/loki/loki/api/v1/query_range", with(nanoHour(), "query", `{shop="bakery"}`)...).want(t, http.StatusOK, "order of bakery")
	for _, q := range []string{
		`{shop="bakery"}`,
		`{__tenant_id__="` + bobSession + `"}`,
		`{shop="bakery", __tenant_id__=~".+"}`,
		`{shop=~".+"} |= "bakery"`,
		`sum(count_over_time({shop="bakery"}[1h])) or sum(count_over_time({__tenant_id__="` + bobSession + `"}[1h]))`,
	} {
		w.get("ann", "/loki/loki/api/v1/query_range", with(nanoHour(), "query", q)...).want(t, http.StatusOK, `"result":[]`)
	}
	for _, name := range []string{"X-Scope-OrgID", "x-scope-orgid", "X-Scope-Orgid"} {
		r := w.request(http.MethodGet, "ann", "/loki/loki/api/v1/query_range?"+pairs(with(nanoHour(), "query", `{shop=~".+"}`)).Encode(), nil)
		r.Header[name] = []string{bobSession, annSession + "|" + bobSession}
		w.do(r).want(t, http.StatusOK, "order of aquarium", "!bakery")
	}
	a := w.get("ann", "/loki/loki/api/v1/query_range", with(nanoHour(), "query", `{shop="aquarium"`)...)
	a.want(t, http.StatusBadRequest, "parse error") // Loki's own words
}
