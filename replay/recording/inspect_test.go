package recording_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// small writes a recording of a few items, with references that lead nowhere.
func small(t *testing.T) string {
	t.Helper()
	w, dir := mustCreate(t)
	for _, tm := range []int64{0, 60e3, 600e3} {
		check(t, w.Sample(up, tm, 1))
		check(t, w.Sample(labels.FromStrings("__name__", "up", "job", "b"), tm, 1))
		check(t, w.Sample(labels.FromStrings("__name__", "load"), tm, 1))
	}
	check(t, w.Exemplar(up, replay.Exemplar{Labels: labels.FromStrings("trace_id", "01000000000000000000000000000000"), T: 1}))
	check(t, w.Exemplar(up, replay.Exemplar{Labels: labels.FromStrings("trace_id", "ff"), T: 2}))
	check(t, w.Exemplar(up, replay.Exemplar{T: 700e3}))
	check(t, w.Family("up", replay.Family{Type: "gauge", Help: "Is it <up>?"}))
	check(t, w.Record(app, 5e9, "one", []replay.Pair{{Name: "trace_id", Value: "0200000000000000000000000000000a"}}))
	check(t, w.Record(app, 6e9, "two", []replay.Pair{{Name: "trace_id", Value: "01000000000000000000000000000000"}}))
	td := oneSpan(1, 1, 1e9, 2e9, "a")
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "cart")
	check(t, w.Spans(td))
	td = oneSpan(1, 2, 1e9, 400e9, "b")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetParentSpanID(pcommon.SpanID{9})
	check(t, w.Spans(td))
	mustClose(t, w)
	return dir
}

func TestInspect(t *testing.T) {
	s, err := recording.Inspect(context.Background(), small(t))
	check(t, err)
	b, err := json.Marshal(s)
	check(t, err)
	want := `{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:10:00.000000001Z",` +
		`"metrics":{"series":3,"samples":9,"exemplars":3,"top":[{"name":"up","series":2,"samples":6},{"name":"load","series":1,"samples":3}],` +
		`"gaps":[{"from":"1970-01-01T00:01:00Z","to":"1970-01-01T00:10:00Z"}]},` +
		`"logs":{"streams":1,"lines":2,"top":[{"labels":{"app":"a"},"lines":2}],"gaps":[]},` +
		`"traces":{"traces":1,"spans":2,"top":[{"service":"","spans":1},{"service":"cart","spans":1}],"gaps":[{"from":"1970-01-01T00:00:02Z","to":"1970-01-01T00:06:40Z"}]},` +
		`"changed":{"duplicate_samples":0,"duplicate_exemplars":0,"duplicate_lines":0,"duplicate_spans":0,"conflicting_samples":0,"conflicting_spans":0,"moved_lines":0,"repaired_lines":0,"undeliverable_exemplars":1}}`
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
	_, err = recording.Inspect(context.Background(), t.TempDir())
	wantError(t, err, "is not a recording")
}

func TestVerifyNotes(t *testing.T) {
	dir := small(t)
	check(t, os.WriteFile(filepath.Join(dir, "logs", "README"), nil, 0o666))
	var got []string
	for _, p := range sound(t, dir) {
		got = append(got, p.String())
	}
	want := []string{
		"note: logs/README: the manifest does not list it",
		`note: metrics/exemplars.jsonl.zst: line 2: 1 of 2 trace ids of exemplars have no trace in the recording, the first is "ff"`,
		"note: metrics/exemplars.jsonl.zst: 1 exemplars have no sample of their series at or after them, and cannot be replayed",
		`note: logs/000001.jsonl.zst: 1970-01-01T00:00:05Z: 1 of 2 trace ids of log lines have no trace in the recording, the first is "0200000000000000000000000000000a"`,
		"note: traces: 1 parents of spans are not in the recording, the first is span 0900000000000000 of trace 01000000000000000000000000000000",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
}

func TestFamilies(t *testing.T) {
	w, dir := mustCreate(t)
	check(t, w.Family("http_requests", replay.Family{Type: "counter", Help: "a <b>", Unit: ""}))
	check(t, w.Sample(labels.FromStrings("__name__", "http_requests_total"), 1, 1))
	check(t, w.Sample(labels.FromStrings("__name__", "other_total"), 1, 1))
	mustClose(t, w)
	raw, err := os.ReadFile(filepath.Join(dir, "metrics", "metadata.json"))
	check(t, err)
	if !strings.Contains(string(raw), `"help": "a <b>"`) {
		t.Errorf("metadata is %s", raw)
	}
	r, err := mustOpen(t, dir).Samples(epochStart, forever)
	for _, s := range readAll(t, r, err) {
		known := s.Series.Labels.Get("__name__") == "http_requests_total"
		if (s.Series.Family != nil) != known || known && s.Series.Family.Type != "counter" {
			t.Errorf("family of %s is %v", s.Series.Labels, s.Series.Family)
		}
	}
}
