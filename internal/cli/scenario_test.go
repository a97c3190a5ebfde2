package cli

import (
	"encoding/json"
	"errors"
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
)

const labScenario = `version: 1
id: lab
title: Slow pages
difficulty: introductory
brief: Pages are slow.
page: {at: 5m, alert: LatencyHigh}
timebox: 4m
history: 5m
recording: rec
services:
  - {name: web, description: serves pages, owner: team-web}
  - {name: db, description: keeps pages, owner: team-data}
diagram: |
  flowchart LR
    web --> db
changes:
  - {at: 1m, kind: deploy, service: web, summary: web 1.4.0, author: ana}
  - {at: 6m, kind: deploy, service: web, summary: web 1.4.1, author: ana}
suspects:
  components: [web, db]
  causes: [{id: bad-deploy, title: A deploy}, {id: slow-disk, title: A slow disk}]
`

const labAnswer = `version: 1
accepted: [{component: db, cause: slow-disk, onset: 4m, tolerance: 2m}]
chain: [the platter wears out]
explanation: The platter wore out.
golden_path: [{title: who is slow, datasource: prometheus, query: load, shows: db is}]
evidence:
  - {name: quiet before, promql: load, at: 3m, expect: {max: 1}}
  - {name: loud after, promql: load, at: 5m, expect: {min: 10}}
phrases: [worn platter, platter wears]
`

// lab writes a scenario with a recording of ten minutes and returns its folder.
func lab(tb testing.TB, scenario, answer, line string, linesPerSecond int) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "lab")
	w, err := recording.Create(filepath.Join(dir, "rec"), recording.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	start := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	for at := time.Duration(0); at <= 10*time.Minute; at += 15 * time.Second {
		v := 1.0
		if at >= 4*time.Minute {
			v = 10
		}
		err = errors.Join(err, w.Sample(labels.FromStrings("__name__", "load"), start.Add(at).UnixMilli(), v))
		for i := range linesPerSecond * 15 {
			err = errors.Join(err, w.Record(labels.FromStrings("service_name", "web"), start.Add(at).UnixNano()+int64(i), line, nil))
		}
	}
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{1})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
	err = errors.Join(err, w.Spans(td))
	if _, closeErr := w.Close(); err != nil || closeErr != nil {
		tb.Fatal(err, closeErr)
	}
	for name, text := range map[string]string{scenarios.File: scenario, scenarios.AnswerFile: answer} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// TestValidate checks a sound scenario and one that is wrong in every way that a recording shows, on the
// real back ends.
func TestValidate(t *testing.T) {
	bin := stacktest.Bin(t)
	m := &machine{home: t.TempDir()}
	if code := m.run("scenario", "validate", lab(t, labScenario, labAnswer, "served", 1), "--stack-bin", bin); code != exitOK {
		t.Fatalf("got exit code %d: %s%s", code, m.stdout.text.String(), m.stderr.String())
	}
	for _, want := range []string{"lab: ok\n", "quiet before  1      any to 1   true", "loud after    10     10 to any  true", "60, peak 120"} {
		if got := m.stdout.text.String(); !strings.Contains(got, want) {
			t.Errorf("got %s, want it to contain %q", got, want)
		}
	}
	answer := strings.NewReplacer("max: 1}", "max: 0.5}", "query: load,", "query: load > 99,").Replace(labAnswer)
	scenario := strings.Replace(labScenario, "timebox: 4m", "timebox: 6m", 1) + `distortions:
  - {kind: ingestion-lag, signal: logs, delay: 10m}
  - {kind: ingestion-lag, signal: logs, delay: 10m, service: web}
  - {kind: clock-skew, skew: 10m}
`
	code := m.run("scenario", "validate", lab(t, scenario, answer, "a worn platter", 61), "--stack-bin", bin, "-o", "json")
	if code != exitFailed || m.stderr.String() != "firedrill: error: not valid: lab\n" {
		t.Errorf("got exit code %d, %s", code, m.stderr.String())
	}
	var all []struct {
		Scenario string
		OK       bool
		Problems []string
		Evidence []struct{ OK bool }
	}
	if err := json.Unmarshal(m.stdout.text.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Scenario != "lab" || all[0].OK || len(all[0].Evidence) != 2 || all[0].Evidence[0].OK || !all[0].Evidence[1].OK {
		t.Fatalf("got %+v", all)
	}
	want := []string{
		"lab/scenario.yaml:6: the page comes 5m0", "lab/scenario.yaml: distortions with --difficulty normal: the lag and the clock skew of logs add up to", "logs: 6", "the recording's log lines has phrases[0] of answer.yaml",
		`evidence "quiet before" does not hold`, "golden_path[0]: the query finds nothing",
	}
	if len(all[0].Problems) != len(want) {
		t.Fatalf("got %q, want %d problems", all[0].Problems, len(want))
	}
	for i, p := range all[0].Problems {
		if !strings.Contains(p, want[i]) {
			t.Errorf("got problem %q, want %q", p, want[i])
		}
	}
}

// TestKeyIsNeverShown greps what the commands of players and facilitators print for the key.
func TestKeyIsNeverShown(t *testing.T) {
	dir := lab(t, labScenario, labAnswer, "served", 1)
	broken := lab(t, labScenario, strings.Replace(labAnswer, "chain:", "platter:", 1), "served", 1)
	m := &machine{home: t.TempDir()}
	var shown strings.Builder
	for _, args := range [][]string{
		{"scenario", "list", "--scenarios", filepath.Dir(dir)},
		{"scenario", "list", "--scenarios", filepath.Dir(dir), "-o", "json"},
		{"scenario", "show", dir}, {"scenario", "show", dir, "-o", "json"},
		{"scenario", "build", dir}, {"scenario", "build", dir, "-o", "json"}, {"scenario", "build", dir, "--out", filepath.Join(t.TempDir(), "out")},
		{"scenario", "validate", broken, "--stack-bin", t.TempDir()},
		{"play", dir, "--history", "1m", "--for", "1s", "--ports", "auto", "--stack-bin", stacktest.Bin(t), "-o", "json", "--log-level", "debug"},
	} {
		m.run(args...)
		if m.stdout.text.Len()+m.stderr.Len() == 0 {
			t.Errorf("%q prints nothing", args)
		}
		fmt.Fprintf(&shown, "%s\n%s\n", m.stdout.text.String(), m.stderr.String())
	}
	for _, phrase := range []string{"platter", "quiet before", "wore out"} {
		if i := strings.Index(shown.String(), phrase); i >= 0 {
			t.Errorf("%q is shown: %.200s", phrase, shown.String()[max(i-100, 0):])
		}
	}
	if strings.Contains(shown.String(), "1.4.1") {
		t.Error("a change after the page is shown before it")
	}
	if !strings.Contains(shown.String(), "4m before  deploy  web      ana     web 1.4.0") {
		t.Errorf("the change log is not shown: %s", shown.String())
	}
}
