package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/apitest"
	"firedrill/internal/httpapi/wire"
)

// TestIdempotency repeats requests with their key, and uses keys for something else.
func TestIdempotency(t *testing.T) {
	s := newStage(t)
	boss := s.boss.with("Idempotency-Key", "one")
	var first, again wire.Session
	boss.post("/sessions", wire.NewSession{Scenario: apitest.Scenario, Mode: "live"}).into(http.StatusCreated, &first)
	boss.post("/sessions", wire.NewSession{Scenario: apitest.Scenario, Mode: "live"}).into(http.StatusCreated, &again)
	if d := cmp.Diff(first, again); d != "" {
		t.Errorf("the second answer is another (-first +second):\n%s", d)
	}
	boss.post("/sessions", wire.NewSession{Scenario: apitest.Scenario, Mode: "live", Title: "Other"}).is(http.StatusConflict, challenge.Conflict)
	boss.post("/sessions/"+first.ID+"/start", nil).is(http.StatusConflict, challenge.Conflict)
	var all wire.List[wire.Session]
	if s.boss.get("/sessions").into(http.StatusOK, &all); len(all.Items) != 1 {
		t.Errorf("%d sessions, want 1", len(all.Items))
	}

	id := s.live()
	at := "/sessions/" + id + "/suspects"
	var sub, repeated wire.Submission
	ana := s.ana.with("Idempotency-Key", "guess")
	ana.post(at, wrong).into(http.StatusCreated, &sub)
	s.Pass(time.Second)
	ana.post(at, wrong).into(http.StatusCreated, &repeated)
	if repeated.ServerTime = sub.ServerTime; !cmp.Equal(sub, repeated) {
		t.Errorf("repeated %+v, want %+v", repeated, sub)
	}
	ana.post(at, right).is(http.StatusConflict, challenge.Conflict)
	s.ben.with("Idempotency-Key", "guess").post(at, right).into(http.StatusCreated, nil) // keys are each caller's own
	var st wire.Standing
	if s.ana.get("/sessions/"+id+"/standing").into(http.StatusOK, &st); st.Wrong != 1 {
		t.Errorf("%d wrong submissions, want 1", st.Wrong)
	}
	for _, key := range []string{"", strings.Repeat("k", 201)} {
		if p := s.ben.with("Idempotency-Key", key).post(at, wrong).is(http.StatusUnprocessableEntity, challenge.Invalid); p.Field != "Idempotency-Key" {
			t.Errorf("key %q: %+v", key, p)
		}
	}
}

// TestPages reads lists page by page.
func TestPages(t *testing.T) {
	s := newStage(t)
	var want []string
	for i := range 5 {
		var v wire.Session
		s.boss.post("/sessions", wire.NewSession{Scenario: apitest.Scenario, Mode: "live", Title: fmt.Sprint("Session ", i)}).into(http.StatusCreated, &v)
		s.Pass(time.Second)
		want = append(want, v.ID)
	}
	slices.Reverse(want)
	var got []string
	pages, next := 0, ""
	for {
		var page wire.List[wire.Session]
		s.boss.get("/sessions?limit=2&after="+next).into(http.StatusOK, &page)
		for _, v := range page.Items {
			got = append(got, v.ID)
		}
		pages++
		if next = page.Next; next == "" {
			break
		}
	}
	if pages != 3 || !slices.Equal(got, want) {
		t.Errorf("%d pages with %v, want 3 with %v", pages, got, want)
	}
	for _, limit := range []string{"0", "501", "-1", "many"} {
		if p := s.boss.get("/sessions?limit="+limit).is(http.StatusUnprocessableEntity, challenge.Invalid); p.Field != "limit" {
			t.Errorf("limit %s: %+v", limit, p)
		}
	}
	var none wire.List[wire.Session]
	a := s.boss.get("/sessions?state=live,paused&mode=live")
	if a.into(http.StatusOK, &none); len(none.Items) != 0 || !strings.Contains(string(a.body), `"items":[]`) {
		t.Errorf("sessions that are live: %s", a.body)
	}
	s.boss.get("/sessions?state=asleep").is(http.StatusUnprocessableEntity, challenge.Invalid)
}

func TestGeneral(t *testing.T) {
	s := newStage(t)
	var me wire.Me
	if s.ana.get("/me").into(http.StatusOK, &me); me.Name != "ana" || me.Role != "player" {
		t.Errorf("me %+v", me)
	}
	var rules wire.Rules
	if s.ana.get("/rules").into(http.StatusOK, &rules); rules != (wire.Rules{Lockout: 120, Penalty: 300, MaxSuspects: 5}) {
		t.Errorf("rules %+v", rules)
	}
	var list wire.List[wire.ScenarioSummary]
	a := s.ana.get("/scenarios")
	if a.into(http.StatusOK, &list); len(list.Items) < 9 {
		t.Errorf("%d scenarios, want those of the program and the lab", len(list.Items))
	}
	i := slices.IndexFunc(list.Items, func(v wire.ScenarioSummary) bool { return v.ID == apitest.Scenario })
	if i < 0 || list.Items[i] != (wire.ScenarioSummary{ID: "lab", Title: "Slow pages", Difficulty: "introductory", Timebox: 1800}) {
		t.Errorf("scenarios %s", a.body)
	}
	if a := newCaller(s.Arena, t, "", "").get("/openapi.json"); a.status != http.StatusOK || !strings.Contains(string(a.body), `"openapi": "3.1.0"`) {
		t.Errorf("openapi.json: %d %.100s", a.status, a.body)
	}
}

// TestMetrics checks that labels have few values, whatever is asked for.
func TestMetrics(t *testing.T) {
	s := newStage(t)
	id := s.session()
	for i := range 5 {
		s.ana.get("/sessions/" + id)
		s.ana.get(fmt.Sprint("/sessions/", i))
		s.ana.get(fmt.Sprint("/nowhere/", i))
		s.ana.do(fmt.Sprint("BREW", i), "/me", nil)
	}
	for what, want := range map[string]float64{
		`route="/api/v1/sessions/{id}",method="GET",code="2xx"`: 5, `route="/api/v1/sessions/{id}",method="GET",code="4xx"`: 5,
		`route="none",method="GET",code="4xx"`: 5, `route="none",method="other",code="4xx"`: 5,
	} {
		got := -1.0
		families, err := s.Metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				labels := map[string]string{}
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				if f.GetName() == "firedrill_http_requests_total" && fmt.Sprintf("route=%q,method=%q,code=%q", labels["route"], labels["method"], labels["code"]) == what {
					got = m.GetCounter().GetValue()
				}
			}
		}
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
}
