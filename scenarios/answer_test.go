package scenarios_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"firedrill/scenarios"
)

// full is a scenario with everything; the parts of a test replace lines of it.
const full = `version: 1
id: lab
title: Slow pages
difficulty: introductory
brief: Pages are slow.
page:
  at: 10m
  alert: LatencyHigh
  labels: {severity: page}
timebox: 10m
history: 10m
system: system.yaml
seed: 7
start: 2026-03-01T14:00:00Z
length: 20m
services:
  - {name: web, description: serves pages, owner: team-web, tier: 1, language: go, depends_on: [db],
     links: [{title: runbook, url: "https://wiki.example.com/web"}]}
  - {name: db, description: keeps pages, owner: team-data, tier: 1, language: postgresql}
diagram: |
  flowchart LR
    %% who calls whom
    users --> web
    web["Web shop"] -->|SQL| db[(pages)]
changes:
  - {at: -2h, kind: deploy, service: web, summary: web 1.4.0, author: ana}
  - {at: 4m, kind: config, service: db, summary: more workers, author: ben}
suspects:
  components: [web, db]
  causes:
    - {id: bad-deploy, title: A deploy}
    - {id: slow-disk, title: A slow disk}
distortions:
  - {kind: log-loss, share: 0.5, service: web}
injects:
  - {id: angry-customer, title: A call, text: "Is anybody there?"}
  - {id: management, title: A question, text: "How long?"}
`

const key = `version: 1
accepted:
  - {component: db, aliases: [web], cause: slow-disk, onset: 8m, tolerance: 2m}
chain: [the platter wears out, pages wait]
decoys:
  - {component: web, signal: a deploy, why_wrong: it was hours ago, evidence: [web is as before]}
explanation: The platter wore out.
golden_path:
  - {title: who is slow, datasource: prometheus, query: up, shows: db is}
faults:
  - at: 8m
    set: [{service: db, parameter: work.time, times: 5}]
evidence:
  - {name: web is as before, promql: up, at: 7m, expect: {min: 1, max: 1}}
  - {name: db is slow, logql: "sum(count_over_time({service_name=\"db\"}[1m]))", from: 10m, to: 12m, expect: {min: 1}}
  - {name: slow spans, traces: {service: web, min_duration: 1s}, from: 9m, to: 12m, expect: {min: 5}}
phrases: [worn platter]
`

// writeAll makes a folder called lab of a scenario with its key.
func writeAll(tb testing.TB, scenario, answer string) *scenarios.Scenario {
	tb.Helper()
	dir := write(tb, scenario)
	if err := os.WriteFile(filepath.Join(dir, scenarios.AnswerFile), []byte(answer), 0o644); err != nil {
		tb.Fatal(err)
	}
	s, err := scenarios.Load(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestLoadAnswer(t *testing.T) {
	s := writeAll(t, full, key)
	a, err := scenarios.LoadAnswer(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Accepted[0]; got.Role != scenarios.RoleCause || got.Cause != "slow-disk" || time.Duration(got.Tolerance) != 2*time.Minute {
		t.Errorf("got accepted %+v", got)
	}
	if onset, ok := a.Onset(s.Start.Time); !ok || !onset.Equal(s.Start.Add(8*time.Minute)) {
		t.Errorf("got onset %s, %t", onset, ok)
	}
	if e := a.Evidence[0].Expect; !e.Contain(1) || e.Contain(0.5) || e.Contain(1.5) {
		t.Errorf("bounds of 1 to 1 contain other numbers: %+v", e)
	}
	if _, err := scenarios.LoadAnswer(mustLoad(t, write(t, sound))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no answer: got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestLoadAnswerOfRecording checks that times which cannot be compared are refused.
func TestLoadAnswerOfRecording(t *testing.T) {
	recorded := strings.NewReplacer("system: system.yaml\nseed: 7\nstart: 2026-03-01T14:00:00Z\nlength: 20m\n", "recording: rec\n").Replace(full)
	answer := strings.NewReplacer("faults:\n  - at: 8m\n    set: [{service: db, parameter: work.time, times: 5}]\n", "").Replace(key)
	if _, err := scenarios.LoadAnswer(writeAll(t, recorded, answer)); err != nil {
		t.Error(err)
	}
	answer = strings.Replace(answer, "onset: 8m", "onset: 2026-03-01T14:08:00Z", 1)
	if _, err := scenarios.LoadAnswer(writeAll(t, recorded, answer)); err == nil || !strings.Contains(err.Error(), "answer.yaml:3: expected the notation of page.at") {
		t.Errorf("got %v, want an error about the notation", err)
	}
}

func mustLoad(tb testing.TB, dir string) *scenarios.Scenario {
	tb.Helper()
	s, err := scenarios.Load(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// fault is one edit of a sound file and what must be said about it.
type fault struct{ old, new, want string }

func (f fault) apply(tb testing.TB, text string) string {
	tb.Helper()
	if !strings.Contains(text, f.old) {
		tb.Fatalf("the sound file has no %q", f.old)
	}
	return strings.Replace(text, f.old, f.new, 1)
}

// TestScenarioErrors checks what belongs to a scenario with a key.
func TestScenarioErrors(t *testing.T) {
	for name, c := range map[string]fault{
		"difficulty":           {"introductory", "easy", `scenario.yaml:4: "easy": expected introductory, intermediate or advanced`},
		"no room for history":  {"history: 10m", "history: 11m", "scenario.yaml:7: the page comes 10m0s after the start, which leaves no room for a history of 11m0s"},
		"no room for the box":  {"timebox: 10m", "timebox: 11m", "scenario.yaml:7: the page comes 10m0s before the end, which leaves no room for a time box of 11m0s"},
		"other system":         {"system: system.yaml", "system: other.yaml", `scenario.yaml:12: system is "other.yaml", expected system.yaml`},
		"no start":             {"start: 2026-03-01T14:00:00Z\n", "", "scenario.yaml:1: start is missing"},
		"bad start":            {"2026-03-01T14:00:00Z", "noon", `scenario.yaml:14: "noon": expected a time such as 2026-03-01T14:00:00Z`},
		"no length":            {"length: 20m\n", "", "scenario.yaml:1: length is missing"},
		"service twice":        {"name: db,", "name: web,", `scenario.yaml:19: service "web" is there twice`},
		"no owner":             {"owner: team-data, ", "", "scenario.yaml:19: services[1].owner is missing"},
		"tier":                 {"tier: 1", "tier: 5", "scenario.yaml:17: tier is 5, expected 1 to 4"},
		"tier in words":        {"tier: 1", "tier: one", `scenario.yaml:17: "one": expected a whole number`},
		"link":                 {`"https://wiki.example.com/web"`, "wiki", `scenario.yaml:18: "wiki": expected an address`},
		"depends on nothing":   {"depends_on: [db]", "depends_on: [cache]", `scenario.yaml:17: service "cache" is not in the catalogue`},
		"diagram":              {"users --> web", "users --> api & web", `scenario.yaml:20: node "api" of the diagram is not in the catalogue`},
		"diagram of no kind":   {"flowchart LR", "sequenceDiagram", `scenario.yaml:20: the diagram begins with "sequenceDiagram"`},
		"change of nothing":    {"kind: config, service: db", "kind: config, service: x", `scenario.yaml:27: service "x" is not in the catalogue`},
		"change of no kind":    {"kind: config", "kind: magic", `scenario.yaml:27: "magic": expected deploy, flag, config, infrastructure or data`},
		"changes out of order": {"at: -2h", "at: 5m", "scenario.yaml:27: the change is earlier than the one before it"},
		"suspect of nothing":   {"components: [web, db]", "components: [web, x]", `scenario.yaml:29: service "x" is not in the catalogue`},
		"cause twice":          {"id: slow-disk", "id: bad-deploy", `scenario.yaml:32: cause "bad-deploy" is there twice`},
		"distortion":           {"share: 0.5", "share: 2", "scenario.yaml:34: log-loss: "},
		"distorts nothing":     {"0.5, service: web", "0.5, service: wbe", `scenario.yaml:34: service "wbe" is not in the catalogue`},
		"follows nothing":      {"log-loss, share: 0.5, service: web", "broken-propagation, service: web, downstream: [bd]", `scenario.yaml:34: service "bd" is not in the catalogue`},
		"distorts too late":    {"share: 0.5", "share: 0.5, from: 20m", "scenario.yaml:34: from lies after the end of the recording, 20m"},
		"bad distortion":       {"share: 0.5", "from: soon", `scenario.yaml:34: "soon": expected a duration`},
		"inject twice":         {"id: management", "id: angry-customer", `scenario.yaml:37: inject "angry-customer" is there twice`},
		"inject in words":      {"id: management", "id: The boss", `scenario.yaml:37: id is "The boss", expected lower-case words`},
		"inject's title twice": {"title: A question", "title: A call", `scenario.yaml:37: title "A call" is there twice`},
		"inject says nothing":  {`, text: "How long?"`, "", "scenario.yaml:37: injects[1].text is missing"},
		"cause in words":       {"id: slow-disk", "id: Slow disk", `scenario.yaml:32: id is "Slow disk", expected lower-case words`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scenarios.Load(write(t, c.apply(t, full)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestAnswerErrors checks that faults of the key are named with their place, and that nothing of the
// key is.
func TestAnswerErrors(t *testing.T) {
	for name, c := range map[string]fault{
		"unknown key":          {"chain:", "xplatter:", `answer.yaml:4: unknown key`},
		"wrong type":           {"chain: [the platter wears out, pages wait]", "chain: platter", "answer.yaml:4: expected a list"},
		"bad duration":         {"onset: 8m", "onset: xplatter", "answer.yaml:3: expected RFC 3339"},
		"bad fault":            {"at: 8m\n", "at: xplatter\n", "answer.yaml:11: expected a duration"},
		"version":              {"version: 1", "version: 2", "answer.yaml:1: expected version 1"},
		"component":            {"component: db, aliases", "component: xplatter, aliases", "answer.yaml:3: the component is not one of suspects.components in scenario.yaml"},
		"alias":                {"aliases: [web]", "aliases: [xplatter]", "answer.yaml:3: the component is not one of suspects.components in scenario.yaml"},
		"cause":                {"cause: slow-disk", "cause: xplatter", "answer.yaml:3: the cause is not one of suspects.causes in scenario.yaml"},
		"onset":                {"onset: 8m", "onset: 21m", "answer.yaml:3: the time lies outside the recording"},
		"role":                 {"component: db, aliases", "role: xplatter, component: db, aliases", "answer.yaml:3: expected cause or coincident"},
		"no cause of the page": {"component: db, aliases", "role: coincident, component: db, aliases", "answer.yaml:2: nothing explains the page"},
		"decoy unseen":         {", evidence: [web is as before]", "", "answer.yaml:6: evidence is missing"},
		"decoy elsewhere":      {"evidence: [web is as before]", "evidence: [xplatter]", "answer.yaml:6: there is no evidence of that name"},
		"no path":              {"golden_path:\n  - {title: who is slow, datasource: prometheus, query: up, shows: db is}\n", "", "answer.yaml:1: golden_path is missing"},
		"no faults":            {"faults:\n  - at: 8m\n    set: [{service: db, parameter: work.time, times: 5}]\n", "", "answer.yaml:1: faults are missing"},
		"two queries":          {"promql: up,", "promql: up, logql: up,", "answer.yaml:14: expected one of promql, logql and traces"},
		"no moment":            {"at: 7m, ", "", "answer.yaml:14: expected either at, or from and to"},
		"traces at":            {"from: 9m, to: 12m", "at: 12m", "answer.yaml:16: expected from and to"},
		"no bounds":            {"expect: {min: 5}", "expect: {}", "answer.yaml:16: expect is missing"},
		"nothing before":       {"at: 7m", "at: 9m", "answer.yaml:13: expected evidence from before the onset and from after it"},
		"phrase in the title":  {"worn platter", "slow  PAGES", "answer.yaml:17: the phrase is part of the scenario's title"},
		"short phrase":         {"worn platter", "disk", "answer.yaml:17: expected at least 6 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := scenarios.LoadAnswer(writeAll(t, full, c.apply(t, key)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got error %v, want one with %q", err, c.want)
			}
			if a != nil {
				t.Error("got an answer with an error")
			}
			if strings.Contains(err.Error(), "platter") {
				t.Errorf("the error quotes the key: %v", err)
			}
		})
	}
}

// TestAnswerHidesItself checks that no usual way of printing shows an answer.
func TestAnswerHidesItself(t *testing.T) {
	a, err := scenarios.LoadAnswer(writeAll(t, full, key))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, v := range []any{a, *a, []any{a}, struct{ A scenarios.Answer }{*a}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q %d\n", v, v, v, v, v, v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		if b, err = yaml.Marshal(v); err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("loaded", "answer", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("loaded", "answer", v)
	}
	for _, word := range []string{"platter", "slow-disk", "work.time"} {
		if strings.Contains(out.String(), word) {
			t.Errorf("%q is shown: %s", word, out.String())
		}
	}
}

func FuzzLoadAnswer(f *testing.F) {
	f.Add([]byte(key))
	dir := write(f, full)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 {
			t.Skip("longer than any fault needs")
		}
		if err := os.WriteFile(filepath.Join(dir, scenarios.AnswerFile), text, 0o644); err != nil {
			t.Fatal(err)
		}
		a, err := scenarios.LoadAnswer(mustLoad(t, dir))
		if (a == nil) != (err != nil) {
			t.Errorf("got an answer: %t, with error %v", a != nil, err)
		}
	})
}
