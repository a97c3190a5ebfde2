package challenge_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/grade"
	"firedrill/scenarios"
)

// TestDebrief checks what is told of a player's way.
func TestDebrief(t *testing.T) {
	a := newArena(t)
	id := a.live(challenge.Together, boss, ana, ben)
	page := a.clock()
	a.pass(time.Minute)
	ask := func(player string, backend challenge.Backend, query string) challenge.TrailEntry {
		return challenge.TrailEntry{Session: id, Player: player, At: a.clock(), Backend: backend, Endpoint: "query", Query: query}
	}
	must1(t, a.RecordTrail(ctx, []challenge.TrailEntry{
		ask("ana", challenge.PrometheusBackend, `rate(web_seconds_sum{job="web"}[1m])`),
		ask("ana", challenge.LokiBackend, `{service_name="db-proxy"}`),
	}))
	a.pass(time.Minute)
	must1(t, a.RecordTrail(ctx, []challenge.TrailEntry{
		ask("ana", challenge.PrometheusBackend, `sum(rate(db_seconds_sum{job=~"db|web"}[1m]))`),
		ask("ana", challenge.JaegerBackend, `service=web operation="GET /login"`),
	}))
	many := make([]challenge.TrailEntry, challenge.MaxDebriefTrail+7)
	for i := range many {
		many[i] = ask("ben", challenge.LokiBackend, strings.Repeat("é", challenge.MaxTrailQuery))
	}
	must1(t, a.RecordTrail(ctx, many))
	must1(t, drop(a.AddHypothesis(ctx, ana, id, "a [deploy](http://x) <b>")))
	early := page.Add(-time.Minute)
	must1(t, drop(a.submit(ana, id, []challenge.Suspect{{Component: "db", Cause: "deploy", Onset: early}})))
	a.pass(2 * time.Minute)
	n := challenge.NewSubmission{Suspects: []challenge.Suspect{{Component: "db-pool", Cause: "disk", Onset: early.Add(30 * time.Second)}}, Reasoning: "slow\n\n# reads"}
	must1(t, drop(a.Submit(ctx, keyed(ana, "k"), id, n)))
	must1(t, drop(a.End(ctx, boss, id)))
	must1(t, drop(a.Reveal(ctx, boss, id)))

	d := must2(a.Debrief(ctx, ben, id))
	if len(d.Explanation.Faults) != 1 || d.Explanation.Text == "" || len(d.Ranks) != 2 || d.Ranks[0].Player != "ana" || d.Briefing.Scenario.Suspects.Components == nil {
		t.Errorf("got %+v", d)
	}
	p := d.Players[slices.IndexFunc(d.Players, func(p challenge.PlayerDebrief) bool { return p.Player == "ana" })]
	if p.FirstLook == nil || *p.FirstLook != 2*time.Minute {
		t.Errorf("first look at %v, want 2m: db-proxy is another component", p.FirstLook)
	}
	if fmt.Sprint(p.Golden) != "[true false false]" || p.Backends[challenge.PrometheusBackend] != 2 || p.TrailSize != 4 {
		t.Errorf("golden %v, back ends %v, %d in the trail", p.Golden, p.Backends, p.TrailSize)
	}
	if len(p.Submissions) != 2 || len(p.Hypotheses) != 1 {
		t.Fatalf("got %d submissions and %d hypotheses", len(p.Submissions), len(p.Hypotheses))
	}
	first, second := p.Submissions[0].Verdict, p.Submissions[1].Verdict
	if first.Correct || first.Missing != 1 || first.Suspects[0].Match != challenge.ComponentOnly || *first.Suspects[0].OnsetOff != time.Minute || !first.Suspects[0].OnsetRight {
		t.Errorf("first: %+v", first)
	}
	if !second.Correct || second.Suspects[0].Match != challenge.Alias || *second.Suspects[0].OnsetOff != 90*time.Second || second.Suspects[0].OnsetRight {
		t.Errorf("second: %+v", second)
	}
	other := d.Players[slices.IndexFunc(d.Players, func(p challenge.PlayerDebrief) bool { return p.Player == "ben" })]
	if len(other.Trail) != challenge.MaxDebriefTrail || other.TrailSize != len(many) || other.FirstLook != nil || len(other.Trail[0].Query) > challenge.MaxTrailQuery {
		t.Errorf("ben: %d of %d in the trail, first look %v", len(other.Trail), other.TrailSize, other.FirstLook)
	}

	var text bytes.Buffer
	must1(t, d.Markdown(&text))
	for _, want := range []string{
		"# Debrief: Slow pages", "- **db**: A slow disk (`disk`), since 2026-11-24 11:58:20; db-pool is as right",
		"1. the platter wears out", "The platter wore out.", "- **web**: a deploy *it was hours ago*", "who is slow (prometheus)",
		"| 2026-11-24 12:00:20 | Page, web | LatencyHigh: pages are slow |", "| 1 | ana | yes | 4m00s | 1 | 5m00s | 9m00s |",
		"First looked at the guilty component after 2m00s. Asked 4 times: prometheus 2 loki 1 jaeger 1. Came close to 1 of 3",
		"- 2m00s **wrong**; db, deploy: component only, onset right; 1 not named",
		"- 4m00s **right**; db-pool, disk: alias, onset 1m30s too late; “slow \\# reads”",
		"- 2m00s prometheus query: `sum(rate(db_seconds_sum{job=~\"db|web\"}[1m]))`",
		"- 2m00s a \\[deploy\\](http://x) &lt;b&gt;", "- and 7 more",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the Markdown lacks %q:\n%s", want, text.String()[:min(text.Len(), 6000)])
			break
		}
	}
}

func TestMentions(t *testing.T) {
	for query, want := range map[string]bool{
		`up{job="orders-db"}`:             true,
		`up{job=~"web|orders-db"}`:        true,
		`up{pod=~"orders-db-.*"}`:         true,
		`up{pod=~"orders-db.*"}`:          true,
		`up{instance="orders-db:5432"}`:   true,
		`service=orders-db operation="x"`: true,
		`orders-db`:                       true,
		`up{job="orders-db-exporter"}`:    false,
		`up{job="old-orders-db"}`:         false,
		`up{job="orders-dbx"}`:            false,
		`up{job="orders_db"}`:             false,
		`{a="orders-db2", b="orders-db"}`: true,
		``:                                false,
	} {
		if got := challenge.Mentions(query, "orders-db"); got != want {
			t.Errorf("%s: got %t, want %t", query, got, want)
		}
	}
	if challenge.Mentions("anything", "") {
		t.Error("an empty name is mentioned")
	}
}

// TestLandmarks checks which questions come close to a step of the golden path.
func TestLandmarks(t *testing.T) {
	catalogue := []scenarios.Service{{Name: "web"}, {Name: "db"}}
	marks := challenge.Landmarks([]challenge.ExplainedStep{
		{Datasource: "prometheus", Query: `histogram_quantile(0.95, sum by (le) (rate(http_seconds_bucket{job="web"}[$__rate_interval])))`},
		{Datasource: "prometheus", Query: `web:errors:ratio5m`},
		{Datasource: "loki", Query: `{service_name="db"} |= "slow"`},
		{Datasource: "jaeger", Query: `service=web operation="GET /db" min_duration=1s`},
		{Datasource: "prometheus", Query: `sum(`},
	}, catalogue)
	for _, c := range []struct {
		backend challenge.Backend
		query   string
		want    string
	}{
		{"prometheus", `rate(http_seconds_bucket{job="web"}[5m])`, "0"},
		{"prometheus", `rate(http_seconds_bucket{job="db"}[5m])`, ""},
		{"prometheus", `rate(http_seconds_count{job="web"}[5m])`, ""},
		{"prometheus", `web:errors:ratio5m > 0`, "1"},
		{"loki", `{service_name="db"}`, "2"},
		{"loki", `{service_name="web"}`, ""},
		{"jaeger", `service=web`, "3"},
		{"jaeger", `service=web operation="GET /db"`, "3"},
		{"jaeger", `service=web operation="GET /db/x"`, ""},
		{"jaeger", `service=db`, ""},
	} {
		var near []string
		for i, m := range marks {
			if challenge.Near(m, challenge.TrailEntry{Backend: c.backend, Query: c.query}) {
				near = append(near, fmt.Sprint(i))
			}
		}
		if got := strings.Join(near, " "); got != c.want {
			t.Errorf("%s %s: near %q, want %q", c.backend, c.query, got, c.want)
		}
	}
}

// TestLandmarksOfLibrary checks on every golden path of the program that who asks what a step asks is close to it.
func TestLandmarksOfLibrary(t *testing.T) {
	library := must2(scenarios.Open(""))
	grader := grade.New(library)
	for _, id := range library.IDs() {
		path := must2(grader.Explain(id)).GoldenPath
		for i, m := range challenge.Landmarks(path, must2(library.Load(id)).Services) {
			if !challenge.Near(m, challenge.TrailEntry{Backend: challenge.Backend(path[i].Datasource), Query: path[i].Query}) {
				t.Errorf("%s: step %d is not close to itself", id, i+1)
			}
			if challenge.Near(m, challenge.TrailEntry{Backend: challenge.Backend(path[i].Datasource), Query: "up"}) {
				t.Errorf("%s: any question is close to step %d", id, i+1)
			}
		}
	}
}
