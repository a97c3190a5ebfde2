package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/record"

	"firedrill/replay/convert"
)

// maxInput limits what the fuzzer tries, in bytes: longer ones are slow and find nothing new.
const maxInput = 1 << 14

// fuzz imports each input as the file name: it must not panic, and an error leaves no counts.
func fuzz(f *testing.F, format, name string, seeds []string) {
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip("too long")
		}
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := convert.Convert(t.Context(), format, []string{dir}, newMemory(), convert.Options{})
		if err != nil && (s.Samples+s.Records+s.Spans != 0 || err.Error() == "") {
			t.Errorf("error %v with Stats %+v", err, s)
		}
	})
}

// handMade returns the files under testdata whose path matches, and the malformed ones that fit.
func handMade(f *testing.F, pattern, prefix string) []string {
	names, err := filepath.Glob(filepath.Join("testdata", filepath.FromSlash(pattern)))
	if err != nil || len(names) == 0 {
		f.Fatalf("%s matches no file (%v)", pattern, err)
	}
	var seeds []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, string(b))
	}
	for _, s := range badSources {
		if strings.HasPrefix(s.file, prefix) && len(s.text) <= maxInput {
			seeds = append(seeds, s.text)
		}
	}
	return seeds
}

func FuzzNezhaLog(f *testing.F) {
	fuzz(f, "nezha", "log/1_log.csv", handMade(f, "nezha/log/*", "log/"))
}

func FuzzNezhaTrace(f *testing.F) {
	fuzz(f, "nezha", "trace/1_trace.csv", handMade(f, "nezha/trace/*", "trace/"))
}

func FuzzNezhaMetric(f *testing.F) {
	fuzz(f, "nezha", "metric/p_metric.csv", handMade(f, "nezha/metric/*_metric.csv", "metric/p"))
}

func FuzzNezhaEdges(f *testing.F) {
	fuzz(f, "nezha", "metric/source_50.csv", handMade(f, "nezha/metric/source_50.csv", "metric/s"))
}

func FuzzNezhaDependencies(f *testing.F) {
	fuzz(f, "nezha", "metric/dependency.csv", handMade(f, "nezha/metric/dependency.csv", "metric/d"))
}

func FuzzJaeger(f *testing.F) {
	fuzz(f, "jaeger-json", "x.json", handMade(f, "jaeger/*.json", "x.json"))
}

func FuzzTSDBMeta(f *testing.F) {
	fuzz(f, "tsdb", "01FZ05A1P5JX4W4JX1D1HMYJHT/meta.json", []string{
		`{"ulid":"01FZ05A1P5JX4W4JX1D1HMYJHT","minTime":1,"maxTime":2,"version":1,"compaction":{"parents":[{"ulid":"01FYRNS3T7P7V2WHRHN90K0RWS"}],"hints":["from-out-of-order"]}}`,
		`{"ulid":"","version":1}`, `{"version":1,"minTime":5,"maxTime":2}`})
}

// FuzzTSDBRecord puts arbitrary records, with right checksums, into a WAL.
func FuzzTSDBRecord(f *testing.F) {
	var e record.Encoder
	l := labels.FromStrings(model.MetricNameLabel, "a", "job", "test")
	series := e.Series([]record.RefSeries{{Ref: 1, Labels: l}}, nil)
	hists, _ := e.HistogramSamples([]record.RefHistogramSample{{Ref: 1, T: start, H: hist}}, nil)
	fhists, _ := e.FloatHistogramSamples([]record.RefFloatHistogramSample{{Ref: 1, T: start, FH: hist.ToFloat(nil)}}, nil)
	for _, seed := range [][]byte{
		series, hists, fhists,
		e.Samples([]record.RefSample{{Ref: 1, T: start, V: 1}, {Ref: 1, T: start + 1, V: 2}}, nil),
		e.Exemplars([]record.RefExemplar{{Ref: 1, T: start, V: 1, Labels: l}}, nil),
		e.Metadata([]record.RefMetadata{{Ref: 1, Type: 1, Help: "x"}}, nil),
		{9}, {byte(record.Series), 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || len(b) > maxInput {
			t.Skip("empty or too long")
		}
		dir := t.TempDir()
		writeLog(t, filepath.Join(dir, "wal"), series, b)
		s, err := convert.Convert(t.Context(), "tsdb", []string{dir}, newMemory(), convert.Options{})
		if err != nil && s.Samples != 0 {
			t.Errorf("error %v with Stats %+v", err, s)
		}
	})
}
