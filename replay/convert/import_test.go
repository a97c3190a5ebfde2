package convert_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firedrill/replay/convert"
)

func TestFormats(t *testing.T) {
	var names []string
	for _, f := range convert.Formats() {
		names = append(names, f.Name)
		if f.Summary == "" {
			t.Errorf("%s has no summary", f.Name)
		}
	}
	if got := strings.Join(names, " "); got != "jaeger-json nezha tsdb" {
		t.Errorf("formats %s", got)
	}
}

const (
	logHeader    = "Timestamp,TimeUnixNano,Node,PodName,Container,TraceID,SpanID,Log\n"
	traceHeader  = "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n"
	metricHeader = "Time,TimeStamp,PodName,CpuUsage(m)\n"
	when         = "2022-08-22 03:51:19.6 +0000 UTC m=+0.1,1661140279,"
	id           = "04c87ec97bae041b1b15b3c7676a43cc,e4006dce6700e903"
)

// badSources are malformed inputs: each is refused with file and line.
var badSources = []struct{ name, format, file, text, want string }{
	{"no header", "nezha", "log/1_log.csv", "", "log/1_log.csv: empty, want a header with Timestamp,"},
	{"other header", "nezha", "log/1_log.csv", "a,b\n", "log/1_log.csv:1: header \"a,b\", want it to begin with Timestamp,"},
	{"other column", "nezha", "log/1_log.csv", strings.Replace(logHeader, "Node", "Host", 1), `log/1_log.csv:1: column 3 is "Host", want "Node"`},
	{"short row", "nezha", "log/1_log.csv", logHeader + "1,2\n", "log/1_log.csv:2: column 1: wrong number of fields"},
	{"open quote", "nezha", "log/1_log.csv", logHeader + `,1,,pod,c,,,"` + strings.Repeat("x", 2<<20), "a row is longer than 1048576 bytes (an open quote?)"},
	{"not UTF-8", "nezha", "log/1_log.csv", logHeader + ",1,,pod,c,,,\xff\n", "log/1_log.csv:2: column 8 is not UTF-8"},
	{"log time", "nezha", "log/1_log.csv", logHeader + ",-1,,pod,c,,,{}\n", `log/1_log.csv:2: column TimeUnixNano is "-1", want nanoseconds since 1970`},
	{"log pod", "nezha", "log/1_log.csv", logHeader + ",1,,A B,c,,,{}\n", `log/1_log.csv:2: PodName: "A B" is not a Kubernetes name`},
	{"log record", "nezha", "log/1_log.csv", logHeader + ",1,,pod,c,,,plain\n", "log/1_log.csv:2: column Log is not a record of Docker's json-file driver: invalid character"},
	{"log record empty", "nezha", "log/1_log.csv", logHeader + ",1,,pod,c,,,{}\n", `has no "log"`},
	{"log stream", "nezha", "log/1_log.csv", logHeader + `,1,,pod,c,,,"{""log"":"""",""stream"":""x""}"` + "\n", `log/1_log.csv:2: column Log has stream "x", want stdout or stderr`},
	{"log trace id", "nezha", "log/1_log.csv", logHeader + `,1,,pod,c,12,,"{""log"":"""",""stream"":""stdout""}"` + "\n", `column TraceID is "12", want 32 hex digits`},
	{"span id", "nezha", "trace/1_trace.csv", traceHeader + "04c87ec97bae041b1b15b3c7676a43cc,0000000000000000,root,p,o,1,2,0\n", `trace/1_trace.csv:2: column SpanID is "0000000000000000", want 16 hex digits that are not all zero`},
	{"span parent", "nezha", "trace/1_trace.csv", traceHeader + id + ",none,p,o,1,2,0\n", `trace/1_trace.csv:2: column ParentID is "none", want 16 hex digits that are not all zero, or the word root`},
	{"span ends first", "nezha", "trace/1_trace.csv", traceHeader + id + ",root,p,o,5,2,0\n", "trace/1_trace.csv:2: span ends 3 ns before it starts"},
	{"metric time", "nezha", "metric/p_metric.csv", metricHeader + "yesterday,1,p,1\n", `metric/p_metric.csv:2: column Time is "yesterday", want one such as "2022-08-22`},
	{"metric value", "nezha", "metric/p_metric.csv", metricHeader + when + "p,x\n", `metric/p_metric.csv:2: column CpuUsage(m) is "x", want a number`},
	{"metric twice", "nezha", "metric/p_metric.csv", strings.TrimSpace(metricHeader) + ",CpuUsage(m)\n" + when + "p,1,2\n", `column "CpuUsage(m)" stands twice`},
	{"edge", "nezha", "metric/source_50.csv", "time,timestamp,nothing\n" + when + "1\n", `metric/source_50.csv:2: column "nothing" is not an edge, want source_destination`},
	{"no nezha", "nezha", "readme", "x", "has no log/*_log.csv, trace/*_trace.csv or metric/*.csv"},

	{"jaeger empty", "jaeger-json", "x.json", "", "x.json: offset 0: empty file"},
	{"jaeger number", "jaeger-json", "x.json", "7", `want {"data":[...]}, a trace, or an array of traces`},
	{"jaeger cut", "jaeger-json", "x.json", `{"data":[{"spans":[`, "unexpected EOF"},
	{"jaeger other", "jaeger-json", "x.json", `{"resourceSpans":[]}`, `an object with neither "data" nor "spans"`},
	{"jaeger data", "jaeger-json", "x.json", `{"data":{}}`, `"data" is not an array of traces`},
	{"jaeger process", "jaeger-json", "x.json", `{"traceID":"1","spans":[{"spanID":"1","processID":"p"}]}`, `trace 1 ("1"): span 1 ("1"): process "p" is not in "processes"`},
	{"jaeger id", "jaeger-json", "x.json", `[{"traceID":"xyz","spans":[{"spanID":"1","processID":"p"}],"processes":{"p":{}}}]`, `trace id "xyz", want 1 to 32 hex digits`},
	{"jaeger zero id", "jaeger-json", "x.json", `[{"traceID":"1","spans":[{"spanID":"0","processID":"p"}],"processes":{"p":{}}}]`, `span id "0", want 1 to 16 hex digits`},
	{"jaeger time", "jaeger-json", "x.json", `[{"traceID":"1","spans":[{"spanID":"1","processID":"p","startTime":18446744073709551615}],"processes":{"p":{}}}]`, "beyond the year 2116"},
	{"jaeger reference", "jaeger-json", "x.json", `[{"traceID":"1","spans":[{"spanID":"1","processID":"p","references":[{"refType":"X","traceID":"1","spanID":"1"}]}],"processes":{"p":{}}}]`, `reference type "X", want CHILD_OF or FOLLOWS_FROM`},
	{"jaeger tag", "jaeger-json", "x.json", `[{"traceID":"1","spans":[{"spanID":"1","processID":"p","tags":[{"key":"k","type":"int64","value":1.5}]}],"processes":{"p":{}}}]`, `tags: tag "k" of type "int64": value 1.5 is not a 64-bit integer`},
	{"no json", "jaeger-json", "readme", "x", "holds no *.json file"},
}

// TestImportRefuses checks that each malformed input is refused by name and place, and leaves nothing.
func TestImportRefuses(t *testing.T) {
	for _, tt := range badSources {
		t.Run(tt.name, func(t *testing.T) {
			src := writeTree(t, map[string]string{tt.file: tt.text})
			parent := t.TempDir()
			s, err := convert.Import(t.Context(), tt.format, []string{src}, filepath.Join(parent, "rec"), convert.Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\nwant one with %s", err, tt.want)
			}
			if s.Samples+s.Records+s.Spans != 0 {
				t.Errorf("an error, and Stats %+v", s)
			}
			nothingIn(t, parent)
		})
	}
}

func nothingIn(t *testing.T, dir string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil || len(es) != 0 {
		t.Errorf("%s holds %v (%v), want nothing", dir, es, err)
	}
}

func TestImportArguments(t *testing.T) {
	parent := t.TempDir()
	out := filepath.Join(parent, "rec")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name, format string
		ctx          context.Context
		paths        []string
		want         string
	}{
		{"format", "csv", t.Context(), []string{"testdata/nezha"}, `unknown format "csv": want one of jaeger-json, nezha, tsdb`},
		{"no path", "nezha", t.Context(), nil, "nothing to import: name at least one file or directory"},
		{"no directory", "nezha", t.Context(), []string{"convert.go"}, "convert.go is not a directory"},
		{"canceled", "nezha", canceled, []string{"testdata/nezha"}, "context canceled"},
		{"canceled", "jaeger-json", canceled, []string{"testdata/jaeger"}, "context canceled"},
		{"canceled", "tsdb", canceled, []string{testData(t)}, "context canceled"},
		{"empty", "jaeger-json", t.Context(), []string{writeTree(t, map[string]string{"x.json": `{"data":[]}`})}, "holds no samples, log lines or spans"},
	} {
		t.Run(tt.format+" "+tt.name, func(t *testing.T) {
			if _, err := convert.Import(tt.ctx, tt.format, tt.paths, out, convert.Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %s", err, tt.want)
			}
			nothingIn(t, parent)
		})
	}
}

// TestConvertStopsAtRefusal checks that what the Writer says ends the import.
func TestConvertStopsAtRefusal(t *testing.T) {
	for format, path := range map[string]string{"nezha": "testdata/nezha", "jaeger-json": "testdata/jaeger", "tsdb": testData(t)} {
		m := newMemory()
		m.refuse = errors.New("disk full")
		if _, err := convert.Convert(t.Context(), format, []string{path}, m, convert.Options{}); !errors.Is(err, m.refuse) {
			t.Errorf("%s: error %v, want the Writer's", format, err)
		}
	}
}

func TestConvertProgress(t *testing.T) {
	for format, path := range map[string]string{"nezha": "testdata/nezha", "jaeger-json": "testdata/jaeger", "tsdb": testData(t)} {
		var lastDone, lastTotal int64
		o := convert.Options{Progress: func(done, total int64) {
			if done < lastDone || total < lastTotal || done > total {
				t.Errorf("%s: %d of %d after %d of %d", format, done, total, lastDone, lastTotal)
			}
			lastDone, lastTotal = done, total
		}}
		if _, err := convert.Convert(t.Context(), format, []string{path}, newMemory(), o); err != nil {
			t.Fatal(err)
		}
		if lastDone == 0 || lastDone != lastTotal {
			t.Errorf("%s: ends at %d of %d bytes", format, lastDone, lastTotal)
		}
	}
}
