package convert_test

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay/convert"
)

const nezhaData = "nezha-onlineboutique-currency-cpu"

func readCSV(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func glob(t *testing.T, pattern string, want int) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) != want {
		t.Fatalf("%s matches %d files (%v), want %d", pattern, len(names), err, want)
	}
	return names
}

// TestNezhaRecorded reads the published files a second time, plainly, and compares each value, line
// and span with what the importer wrote. The counts are those of the data's SOURCE.md.
func TestNezhaRecorded(t *testing.T) {
	dir := sharedData(t, nezhaData)
	m := newMemory()
	s, err := convert.Convert(t.Context(), "nezha", []string{dir}, m, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	node := map[string]string{}
	for _, r := range readCSV(t, filepath.Join(dir, "metric", "dependency.csv")) {
		if strings.HasPrefix(r[1], "33.") {
			node[r[0]] = r[1]
		}
	}
	t.Run("metrics", func(t *testing.T) {
		n := nezhaSamples(t, dir, node, m)
		if m.samples() != n || int(s.Samples) != n {
			t.Errorf("imported %d samples in %d series, read %d, want %d", m.samples(), len(m.series), s.Samples, n)
		}
		if got := tally(s.Odd, "metric row whose TimeStamp is not its Time, which was taken"); got != 1209 {
			t.Errorf("rows with a contradicting TimeStamp: %d, want the 1209 of adservice", got)
		}
	})
	t.Run("logs", func(t *testing.T) {
		rows := 0
		for _, f := range glob(t, filepath.Join(dir, "log", "*.csv"), 2) {
			for _, r := range readCSV(t, f)[1:] {
				rows++
				var rec struct{ Log, Stream string }
				if err := json.Unmarshal([]byte(r[7]), &rec); err != nil {
					t.Fatal(err)
				}
				md := fmt.Sprintf("{span_id %s} {trace_id %s}", r[6], r[5])
				var app struct{ Severity string }
				if json.Unmarshal([]byte(rec.Log), &app) == nil && app.Severity != "" {
					md = fmt.Sprintf("{severity_text %s} %s", app.Severity, md)
				}
				service, _, _ := strings.Cut(r[3], "-")
				ns, _ := strconv.ParseInt(r[1], 10, 64)
				k := logRecord{fmt.Sprintf(`{container="server", namespace="hipster", node=%q, pod=%q, service_name=%q, stream=%q}`,
					r[2], r[3], service, rec.Stream), ns, strings.TrimRight(rec.Log, "\n"), "[" + md + "]"}
				if m.records[k] == 0 {
					t.Fatalf("line is missing: %+v", k)
				}
			}
		}
		if rows != 13134 || s.Records != 13134 || len(m.records) != 13134-1076 {
			t.Errorf("%d rows, %d read, %d different, want 13134, 13134, 12058", rows, s.Records, len(m.records))
		}
	})
	t.Run("traces", func(t *testing.T) {
		rows := 0
		for _, f := range glob(t, filepath.Join(dir, "trace", "*.csv"), 2) {
			for _, r := range readCSV(t, f)[1:] {
				rows++
				var k spanKey
				hex.Decode(k.trace[:], []byte(r[0]))
				hex.Decode(k.span[:], []byte(r[1]))
				sp, ok := m.spans[k]
				if !ok {
					t.Fatalf("span %s/%s is missing", r[0], r[1])
				}
				parent := strings.TrimPrefix(r[2], "root")
				service, _, _ := strings.Cut(r[3], "-")
				got := fmt.Sprint(sp.ParentSpanID(), sp.Name(), uint64(sp.StartTimestamp()), uint64(sp.EndTimestamp()), sp.Kind(), sp.Status().Code(),
					m.resources[k])
				want := fmt.Sprint(parent, r[4], r[5], r[6], "Unspecified", "Unset", map[string]any{
					"service.name": service, "service.instance.id": r[3], "k8s.pod.name": r[3],
					"k8s.namespace.name": "hipster", "k8s.node.name": node[service]})
				if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
					t.Fatalf("span %s/%s:\ngot  %s\nwant %s", r[0], r[1], got, want)
				}
			}
		}
		if rows != 12033 || s.Spans != 12033 || len(m.spans) != 12033-973 || m.dupSpans != 973 || m.traces() != 247 {
			t.Errorf("%d rows, %d read, %d different, %d duplicates, %d traces, want 12033, 12033, 11060, 973, 247",
				rows, s.Spans, len(m.spans), m.dupSpans, m.traces())
		}
	})
	// Every line's trace was imported.
	for r := range m.records {
		var id pcommon.TraceID
		hex.Decode(id[:], []byte(strings.Split(r.md, "{trace_id ")[1][:32]))
		var span pcommon.SpanID
		hex.Decode(span[:], []byte(strings.Split(r.md, "{span_id ")[1][:16]))
		if _, ok := m.spans[spanKey{id, span}]; !ok {
			t.Fatalf("log line names span %s/%s, which is missing", id, span)
		}
	}
}

// nezhaSamples checks the samples of all metric files and returns their number.
func nezhaSamples(t *testing.T, dir string, node map[string]string, m *memory) int {
	at := map[string]map[int64]uint64{}
	for l, ps := range m.series {
		at[l] = map[int64]uint64{}
		for _, p := range ps {
			at[l][p.t] = p.v
		}
	}
	total := 0
	check := func(l, when, cell string, f func(float64) float64) {
		t.Helper()
		when, _, _ = strings.Cut(when, " +0000")
		ts, err := time.ParseInLocation("2006-01-02 15:04:05", when, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			t.Fatal(err)
		}
		want := math.Float64bits(f(v))
		if cell == "NaN" {
			want = 0x7ff8000000000001 // not 0x7ff0000000000002, the stale marker
		}
		if got, ok := at[l][ts.UnixMilli()]; !ok || got != want {
			t.Fatalf("%s at %s: got %v (found %t), want %v", l, when, math.Float64frombits(got), ok, math.Float64frombits(want))
		}
		total++
	}
	same := func(v float64) float64 { return v }
	percent := func(v float64) float64 { return v / 100 }
	pods := glob(t, filepath.Join(dir, "metric", "*_metric.csv"), 10)
	for _, f := range pods {
		for _, r := range readCSV(t, f)[1:] {
			service, _, _ := strings.Cut(r[2], "-")
			series := func(name, more string) string {
				return fmt.Sprintf(`{__name__=%q, namespace="hipster", node=%q, pod=%q%s, service=%q}`, name, node[service], r[2], more, service)
			}
			check(series("container_cpu_usage_cores", ""), r[0], r[3], func(v float64) float64 { return v / 1000 })
			check(series("container_cpu_utilization_ratio", ""), r[0], r[4], percent)
			check(series("container_memory_usage_bytes", ""), r[0], r[5], func(v float64) float64 { return v * 1024 * 1024 })
			check(series("container_memory_utilization_ratio", ""), r[0], r[6], percent)
			for i, syscall := range []string{"read", "write"} {
				l := fmt.Sprintf(`{__name__="container_syscalls", namespace="hipster", node=%q, pod=%q, service=%q, syscall=%q}`, node[service], r[2], service, syscall)
				check(l, r[0], r[7+i], same)
			}
			check(series("container_network_receive_bytes_per_second", ""), r[0], r[9], same)
			check(series("container_network_transmit_bytes_per_second", ""), r[0], r[10], same)
			for i, q := range []string{"0.9", "0.95", "0.99"} {
				check(series("pod_client_request_duration_seconds", `, quantile="`+q+`"`), r[0], r[11+2*i], same)
				check(series("pod_server_request_duration_seconds", `, quantile="`+q+`"`), r[0], r[12+2*i], same)
			}
			check(series("pod_requests_per_second", ""), r[0], r[17], same)
			check(series("pod_request_success_ratio", ""), r[0], r[18], percent)
			check(series("node_cpu_utilization_ratio", ""), r[0], r[19], percent)
			check(series("node_memory_utilization_ratio", ""), r[0], r[20], percent)
			check(series("node_network_receive_bytes_per_second", ""), r[0], r[21], same)
		}
	}
	if total != 229710 {
		t.Errorf("%d pod samples, want 229710", total)
	}
	for _, r := range readCSV(t, filepath.Join(dir, "metric", "front_service.csv"))[1:] {
		check(`{__name__="service_request_success_ratio", namespace="hipster", service="frontend"}`, r[0], r[3], percent)
		for i, q := range []string{"0.5", "0.9", "0.95", "0.99"} {
			check(`{__name__="service_request_duration_seconds", namespace="hipster", quantile="`+q+`", service="frontend"}`, r[0], r[4+i], same)
		}
	}
	for _, reporter := range []string{"source", "destination"} {
		rows := readCSV(t, filepath.Join(dir, "metric", reporter+"_50.csv"))
		for _, r := range rows[1:] {
			for i, cell := range r[2:] {
				src, dst, _ := strings.Cut(rows[0][2+i], "_")
				if cell != "" {
					check(fmt.Sprintf(`{__name__="service_edge_request_duration_seconds", destination_workload=%q, namespace="hipster", quantile="0.5", reporter=%q, source_workload=%q}`,
						dst, reporter, src), r[0], cell, same)
				}
			}
		}
	}
	return total
}
