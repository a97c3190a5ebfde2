package convert_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay/convert"
)

func TestJaegerHandMade(t *testing.T) {
	m := newMemory()
	s, err := convert.Convert(t.Context(), "jaeger-json", []string{"testdata/jaeger"}, m, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "jaeger.txt", m.String())
	want := convert.Stats{
		Spans:   5,
		Skipped: []convert.Tally{{Reason: "warning of Jaeger's on a span", Count: 1}},
		Odd:     []convert.Tally{{Reason: `answer with the error "trace not found"`, Count: 1}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

// TestJaegerRecorded compares each span with a plain reading of the files.
func TestJaegerRecorded(t *testing.T) {
	dir := sharedData(t, "traceweaver-jaeger-json")
	m := newMemory()
	s, err := convert.Convert(t.Context(), "jaeger-json", []string{dir}, m, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, spans := 0, 0
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".json" {
			return err
		}
		files++
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var doc struct {
			Data []struct {
				Processes map[string]struct{ ServiceName string }
				Spans     []struct {
					TraceID, SpanID, OperationName, ProcessID string
					StartTime, Duration                       uint64
					References                                []struct{ SpanID string }
					Tags                                      []struct {
						Key   string
						Value any
					}
				}
			}
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			return err
		}
		got := map[string]string{}
		for k, sp := range m.spans {
			got[k.trace.String()+"/"+k.span.String()] = fmt.Sprint(sp.Name(), sp.ParentSpanID(), uint64(sp.StartTimestamp()), uint64(sp.EndTimestamp()),
				sp.Kind(), m.resources[k]["service.name"], sp.Attributes().Len())
		}
		for _, sp := range doc.Data[0].Spans {
			spans++
			parent, kind, attributes := "", "Unspecified", len(sp.Tags)
			if len(sp.References) > 0 {
				parent = fmt.Sprintf("%016s", sp.References[0].SpanID)
			}
			for _, tag := range sp.Tags {
				if tag.Key == "span.kind" {
					v := tag.Value.(string)
					kind = strings.ToUpper(v[:1]) + v[1:]
					attributes--
				}
			}
			id := fmt.Sprintf("%032s/%016s", sp.TraceID, sp.SpanID)
			want := fmt.Sprint(sp.OperationName, parent, sp.StartTime*1000, (sp.StartTime+sp.Duration)*1000, kind,
				doc.Data[0].Processes[sp.ProcessID].ServiceName, attributes)
			if strings.ReplaceAll(got[id], " ", "") != strings.ReplaceAll(want, " ", "") {
				return fmt.Errorf("%s: span %s:\ngot  %s\nwant %s", name, id, got[id], want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files != 48 || m.traces() != 48 || spans != 40*11+8*27 || int(s.Spans) != spans || len(m.spans) != spans {
		t.Errorf("%d files, %d traces, %d spans in them, %d imported, want 48, 48, 656, 656", files, m.traces(), spans, len(m.spans))
	}
}
