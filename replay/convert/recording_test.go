package convert_test

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/convert"
	"firedrill/replay/recording"
)

// each reads all items of a reader.
func each[T replay.Item](t *testing.T, open func(from, to time.Time) (replay.Reader[T], error), r *recording.Recording, do func(T) error) {
	t.Helper()
	from, to := r.Bounds()
	rd, err := open(from, to)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	buf := make([]T, 1000)
	for {
		n, err := rd.Read(buf)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range buf[:n] {
			if err := do(it); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// readBack reads a recording into a memory.
func readBack(t *testing.T, dir string) *memory {
	t.Helper()
	r, err := recording.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m := newMemory()
	each(t, r.Samples, r, func(s replay.Sample) error {
		if f := s.Series.Family; f != nil {
			m.families[s.Series.Labels.Get("__name__")] = *f
		}
		for _, e := range s.Exemplars {
			if err := m.Exemplar(s.Series.Labels, e); err != nil {
				return err
			}
		}
		switch {
		case s.H != nil:
			return m.Histogram(s.Series.Labels, s.T, s.H)
		case s.FH != nil:
			return m.FloatHistogram(s.Series.Labels, s.T, s.FH)
		}
		return m.Sample(s.Series.Labels, s.T, s.V)
	})
	each(t, r.Records, r, func(rec replay.Record) error {
		return m.Record(rec.Stream.Labels, rec.T, string(rec.Line), rec.Metadata)
	})
	each(t, r.Spans, r, func(s replay.Span) error {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		s.Resource.Attributes.CopyTo(rs.Resource().Attributes())
		ss := rs.ScopeSpans().AppendEmpty()
		s.Resource.Scope.CopyTo(ss.Scope())
		s.Span.CopyTo(ss.Spans().AppendEmpty())
		return m.Spans(td)
	})
	return m
}

// firstDifference returns the first index at which a and b differ, or -1.
func firstDifference(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if at(a, i) != at(b, i) {
			return i
		}
	}
	return -1
}

func at(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return "(nothing)"
}

// TestImportRoundTrip imports into a real recording and reads all of it back. What the importers say
// to a plain Writer, compared with the sources by the other tests, is what the recording then holds.
func TestImportRoundTrip(t *testing.T) {
	type source struct {
		format, path string
		kept         *convert.Kept // nil to compare no counts
	}
	sources := []source{
		{"nezha", "testdata/nezha", nil},
		{"jaeger-json", "testdata/jaeger", nil},
		{"tsdb", testData(t), nil},
	}
	t.Run("recorded", func(t *testing.T) {
		sources = append(sources,
			source{"nezha", sharedData(t, nezhaData), &convert.Kept{
				Metrics: recording.MetricsCounts{Series: 223, Samples: 269388},
				Logs:    recording.LogsCounts{Streams: 10, Lines: 12058},
				Traces:  recording.TracesCounts{Traces: 247, Spans: 11060},
			}},
			source{"jaeger-json", sharedData(t, "traceweaver-jaeger-json"), &convert.Kept{Traces: recording.TracesCounts{Traces: 48, Spans: 656}}})
	})
	for _, src := range sources {
		t.Run(src.format+" "+filepath.Base(src.path), func(t *testing.T) {
			want := newMemory()
			if _, err := convert.Convert(t.Context(), src.format, []string{src.path}, want, convert.Options{}); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "rec")
			s, err := convert.Import(t.Context(), src.format, []string{src.path}, out, convert.Options{CreatedBy: "test"})
			if err != nil {
				t.Fatal(err)
			}
			if src.kept != nil {
				if diff := cmp.Diff(*src.kept, s.Kept); diff != "" {
					t.Errorf("kept (-want +got):\n%s", diff)
				}
			}
			c := s.Changed
			if int(c.DuplicateSamples) != want.dupSamples || int(c.ConflictingSamples) != want.conflicts || int(c.DuplicateSpans) != want.dupSpans ||
				s.Records-s.Kept.Logs.Lines != c.DuplicateLines || c.MovedLines+c.RepairedLines != 0 {
				t.Errorf("changed %+v, want %d duplicate and %d conflicting samples, %d duplicate spans", c, want.dupSamples, want.conflicts, want.dupSpans)
			}
			problems, err := recording.Verify(t.Context(), out)
			problems = slices.DeleteFunc(problems, func(p recording.Problem) bool { return p.Severity == recording.Note })
			if err != nil || len(problems) != 0 {
				t.Errorf("Verify: %v, %v", problems, err)
			}
			got := readBack(t, out)
			// Families are keyed by family name in one and by series name in the other; the golden
			// files hold them.
			got.families, want.families = nil, nil
			for r := range want.records {
				want.records[r] = 1
			}
			w, g := strings.Split(want.String(), "\n"), strings.Split(got.String(), "\n")
			if i := firstDifference(w, g); i >= 0 {
				t.Errorf("recording differs from item %d of %d on:\nimported  %s\nread back %s", i, len(w), at(w, i), at(g, i))
			}
		})
	}
}
