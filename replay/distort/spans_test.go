package distort_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/distort"
)

// The traces of a service that loses the context begin with it, and their ids are found in its logs and exemplars.
func TestBrokenPropagation(t *testing.T) {
	m := incident(3, 10*time.Minute)
	src := distorted(t, m, 1, distort.Distortion{Kind: distort.BrokenPropagation, Service: "payment", Downstream: []string{"risk"}})
	got := readAll(t, src)
	if len(got.spans) != len(m.spans) {
		t.Fatalf("%d spans are left of %d", len(got.spans), len(m.spans))
	}
	parts := make(map[pcommon.TraceID]map[pcommon.SpanID]replay.Span)
	for _, s := range got.spans {
		id := s.Span.TraceID()
		if parts[id] == nil {
			parts[id] = make(map[pcommon.SpanID]replay.Span)
		}
		parts[id][s.Span.SpanID()] = s
		if !src.HasTrace(id) {
			t.Errorf("HasTrace does not know %s", id)
		}
	}
	if src.HasTrace(pcommon.TraceID{1, 2, 3}) {
		t.Error("HasTrace knows what is not there")
	}
	roots := make(map[string]int)
	for id, spans := range parts {
		for _, s := range spans {
			v, _ := s.Resource.Attributes.Get("service.name")
			if (v.AsString() == "cart") != m.traces[id] {
				t.Fatalf("a span of %s is in trace %s", v.AsString(), id)
			}
			a, _ := s.Span.Attributes().Get("trace_id")
			if a.AsString() != id.String() {
				t.Errorf("the attribute says %s, the span %s", a.AsString(), id)
			}
			if p := s.Span.ParentSpanID(); p.IsEmpty() {
				roots[v.AsString()]++
				if s.Span.Kind() != ptrace.SpanKindServer {
					t.Errorf("a trace begins with a span of kind %v", s.Span.Kind())
				}
			} else if _, ok := spans[p]; !ok {
				t.Errorf("the parent of a span of %s is not in its trace", v.AsString())
			}
		}
	}
	if roots["cart"] == 0 || roots["payment"] == 0 || roots["risk"] != 0 {
		t.Errorf("roots by service: %v", roots)
	}
	for _, r := range got.records {
		service, id := r.Stream.Labels.Get("service_name"), r.Metadata[1].Value
		if (service == "cart") != known(m, id) {
			t.Errorf("a line of %s names %s", service, id)
		}
		if bytes.Contains(r.Line, []byte("healthy")) {
			continue
		}
		if !bytes.Contains(r.Line, []byte(id)) {
			t.Errorf("metadata name %s, and the line is %s", id, r.Line)
		}
	}
	for _, s := range got.samples {
		for _, e := range s.Exemplars {
			if (s.Series.Labels.Get("job") == "cart") != known(m, e.Labels.Get("trace_id")) {
				t.Errorf("an exemplar of %s names %s", s.Series.Labels, e.Labels)
			}
		}
	}
}

func known(m *memory, id string) bool {
	for trace := range m.traces {
		if trace.String() == id {
			return true
		}
	}
	return false
}

func TestDecoyAlert(t *testing.T) {
	m := incident(3, 10*time.Minute)
	got := readAll(t, distorted(t, m, 1, window(distort.Distortion{Kind: distort.DecoyAlert, Alert: "DiskFull", Labels: map[string]string{"node": "z"}, Interval: seconds(30)})))
	var added, rest []replay.Sample
	for _, s := range got.samples {
		if s.Series.Labels.Get("alertname") == "DiskFull" {
			added = append(added, s)
		} else {
			rest = append(rest, s)
		}
	}
	if d := cmp.Diff(content{samples: m.samples}.show()[0], content{samples: rest}.show()[0]); d != "" {
		t.Errorf("recorded samples (-recorded +got):\n%s", d)
	}
	first := recordedStart.Add(from).UnixMilli() + 1 // the next whole one
	sets := []labels.Labels{
		labels.FromStrings("__name__", "ALERTS", "alertname", "DiskFull", "alertstate", "firing", "node", "z"),
		labels.FromStrings("__name__", "ALERTS_FOR_STATE", "alertname", "DiskFull", "node", "z"),
	}
	if len(added) != 2*7 {
		t.Fatalf("%d samples are added, want 7 of each series", len(added))
	}
	for i, s := range added {
		k := int64(i / 2)
		if s.T != first+30_000*k || !labels.Equal(s.Series.Labels, sets[i%2]) {
			t.Errorf("sample %d is %s", i, showSample(s))
		}
		if want := []float64{1, float64(first / 1000)}[i%2]; k < 6 && s.V != want || k == 6 && !value.IsStaleNaN(s.V) {
			t.Errorf("sample %d is %v, want %v, and a stale marker at the end", i, s.V, want)
		}
	}
	src := distorted(t, m, 1, distort.Distortion{Kind: distort.DecoyAlert, Alert: "Slow", Labels: map[string]string{"job": "payment"}})
	start, end := src.Bounds()
	r, err := src.Samples(start, end)
	if err != nil {
		t.Fatal(err)
	}
	for buf := make([]replay.Sample, 10_000); err == nil; {
		_, err = r.Read(buf)
	}
	if !strings.Contains(err.Error(), "give the decoy-alert another name") {
		t.Errorf("a decoy with the name of a recorded alert: %v", err)
	}
}
