package convert_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay/convert"
)

func TestNezhaHandMade(t *testing.T) {
	m := newMemory()
	s, err := convert.Convert(t.Context(), "nezha", []string{"testdata/nezha"}, m, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "nezha.txt", m.String())
	if m.dupSamples != 19 || m.conflicts != 0 || m.dupSpans != 1 {
		t.Errorf("duplicates: %d samples, %d conflicting, %d spans, want 19, 0, 1", m.dupSamples, m.conflicts, m.dupSpans)
	}
	want := convert.Stats{
		Samples: 65, Families: 17, Records: 6, Spans: 3,
		Skipped: []convert.Tally{
			{Reason: "dependency.csv: an edge between services, which has no time", Count: 2},
			{Reason: "metric cell that is empty", Count: 1},
			{Reason: `metric column "DiskReadBytes", which this importer does not know`, Count: 1},
		},
		Odd: []convert.Tally{
			{Reason: "log row whose Node is not the pod's node known before, which was kept for metrics and spans", Count: 1},
			{Reason: "log row whose Timestamp is not its TimeUnixNano, which was taken", Count: 1},
			{Reason: "log row whose container runtime stamped it more than 1s away from its TimeUnixNano", Count: 1},
			{Reason: "metric row older than the one above it", Count: 1},
			{Reason: "metric row whose TimeStamp is not its Time, which was taken", Count: 1},
			{Reason: "pod of a service that dependency.csv does not name", Count: 1},
			{Reason: "span whose Duration is not its end minus its start, which were taken", Count: 1},
		},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
	if strings.Contains(m.String(), "the answer") {
		t.Error("the fault list was imported")
	}
}
