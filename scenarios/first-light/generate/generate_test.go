package generate_test

import (
	"encoding/hex"
	"errors"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/recording"
	"firedrill/scenarios"
	"firedrill/scenarios/first-light/generate"
)

// TestSameEachTime checks that the recording depends on nothing but the code.
func TestSameEachTime(t *testing.T) {
	dir := t.TempDir()
	a, err := generate.Recording(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := generate.Recording(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Files) == 0 || len(a.Files) != len(b.Files) {
		t.Fatalf("got %d and %d files", len(a.Files), len(b.Files))
	}
	var size int64
	for i := range a.Files {
		size += a.Files[i].Size
		if a.Files[i].Path != b.Files[i].Path || a.Files[i].SHA256 != b.Files[i].SHA256 {
			t.Errorf("file %+v is %+v the second time", a.Files[i], b.Files[i])
		}
	}
	if size > 8<<20 {
		t.Errorf("the recording has %d bytes, want at most 8 MiB", size)
	}
	if a.Changed != (recording.Changed{}) {
		t.Errorf("the recording has duplicates or conflicts: %+v", a.Changed)
	}
	s, err := scenarios.Load("..")
	if err != nil {
		t.Fatal(err)
	}
	if page := s.Page.At.In(a.Start); !page.After(a.Start) || !page.Before(a.End) {
		t.Errorf("the page, %s, is outside the recording, %s to %s", page, a.Start, a.End)
	}
}

// TestSignalsAgree checks that the three signals tell of the same requests.
func TestSignalsAgree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rec")
	if _, err := generate.Recording(dir); err != nil {
		t.Fatal(err)
	}
	rec, err := recording.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	start, end := rec.Bounds()

	served := map[string]int{} // server spans by pod
	spans, err := rec.Spans(start, end)
	each(t, spans, err, func(s replay.Span) {
		pod, _ := s.Resource.Attributes.Get("k8s.pod.name")
		if s.Span.Kind() == ptrace.SpanKindServer {
			served[pod.Str()]++
		}
	})

	inLine := regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	records, err := rec.Records(start, end)
	each(t, records, err, func(r replay.Record) {
		ids := inLine.FindAllString(string(r.Line), -1)
		for _, p := range r.Metadata {
			if p.Name == "trace_id" {
				ids = append(ids, p.Value)
			}
		}
		if len(ids) != 2 || ids[0] != ids[1] || !rec.HasTrace(traceID(t, ids[0])) {
			t.Errorf("trace ids %q of line %s: want one of a recorded trace, twice", ids, r.Line)
		}
	})

	counted := map[string]int{} // by pod, at the last scrape
	last := map[uint32]replay.Sample{}
	var stale, native, exemplars int
	samples, err := rec.Samples(start, end)
	each(t, samples, err, func(s replay.Sample) {
		if before, ok := last[s.Series.ID]; ok && before.T >= s.T {
			t.Errorf("%s: sample at %d after one at %d", s.Series.Labels, s.T, before.T)
		}
		for _, x := range s.Exemplars {
			exemplars++
			if !rec.HasTrace(traceID(t, x.Labels.Get("trace_id"))) {
				t.Errorf("exemplar %s of no recorded trace", x.Labels)
			}
		}
		switch {
		case s.H != nil:
			native++
			if err := s.H.Validate(); err != nil {
				t.Errorf("%s: %v", s.Series.Labels, err)
			}
		case math.Float64bits(s.V) == value.StaleNaN:
			stale++
			return // the last real value counts below
		}
		last[s.Series.ID] = s
	})
	for _, s := range last {
		if s.Series.Family == nil {
			t.Errorf("%s has no metadata", s.Series.Labels)
		}
		if s.Series.Labels.Get(model.MetricNameLabel) == "http_server_request_duration_seconds_count" {
			counted[s.Series.Labels.Get("pod")] += int(s.V)
		}
	}
	if stale == 0 || native == 0 || exemplars == 0 || len(served) != 6 {
		t.Errorf("got %d stale markers, %d native histograms, %d exemplars and %d pods with spans; want some, some, some and 6", stale, native, exemplars, len(served))
	}
	for pod, n := range served {
		// What ended after a pod's last scrape is not counted: 15 s of at most 5 requests a second.
		if c := counted[pod]; c > n || c < n-80 {
			t.Errorf("%s served %d requests according to its spans and %d according to its metrics", pod, n, c)
		}
	}
}

// each reads all items.
func each[T replay.Item](t *testing.T, r replay.Reader[T], err error, f func(T)) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := make([]T, 512)
	var items int
	for {
		n, err := r.Read(p)
		for _, item := range p[:n] {
			f(item)
		}
		items += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if items == 0 {
		t.Fatal("no items")
	}
}

func traceID(t *testing.T, text string) (id pcommon.TraceID) {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		t.Fatalf("%q is not a trace id", text)
	}
	copy(id[:], b)
	return id
}
