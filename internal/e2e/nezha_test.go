package e2e_test

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
	"firedrill/replay/convert"
	"firedrill/replay/rebase"
	"firedrill/replay/recording"
)

// nezhaDir is the recorded incident, where the machine has it.
func nezhaDir(tb testing.TB) string {
	tb.Helper()
	data := os.Getenv("FIREDRILL_DATA")
	if data == "" {
		data = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(data, "nezha-onlineboutique-currency-cpu")
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("the recorded incident is not here: set FIREDRILL_DATA to the folder of the recorded data (%v)", err)
	}
	return dir
}

// nezha is the incident, replayed: how its times and ids moved, and where it can be asked.
type nezha struct {
	dir     string
	session string
	shift   time.Duration
	ids     *rebase.IDs
	urls    stack.URLs
}

// TestNezhaReplaysTruly imports the incident, replays it into the real back ends under a random key,
// and compares what PromQL, LogQL and Jaeger's API answer with the source files, read here independently.
func TestNezhaReplaysTruly(t *testing.T) {
	n := replayNezha(t)
	t.Run("metrics", n.metrics)
	t.Run("logs", n.logs)
	t.Run("traces", n.traces)
}

func replayNezha(t *testing.T) *nezha {
	n := &nezha{dir: nezhaDir(t), urls: stacktest.Shared(t).URLs()}
	out := filepath.Join(t.TempDir(), "nezha")
	if _, err := convert.Import(t.Context(), "nezha", []string{n.dir}, out, convert.Options{}); err != nil {
		t.Fatal(err)
	}
	rec, err := recording.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var key replay.Key
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range key {
		key[i] = byte(rnd.Uint32())
	}
	n.ids, n.session = rebase.NewIDs(key), fmt.Sprintf("nezha-%x", seed)
	r, err := replay.New(rec, sinksTo(t, n.urls, n.session), replay.Options{
		Session: n.session, Key: key, Page: rec.Manifest().End, History: 48 * time.Hour, KnownTrace: rec.HasTrace, Log: logger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, proof, rec.Manifest())
	recorded, wall := r.Timeline().Page()
	n.shift = wall.Sub(recorded)
	return n
}

// metricNames is what each column must have become, and the factor of its unit.
var metricNames = []struct {
	file, column, selector string
	mul, div               float64
}{
	{"*_metric.csv", "CpuUsage(m)", `container_cpu_usage_cores`, 1, 1000},
	{"*_metric.csv", "CpuUsageRate(%)", `container_cpu_utilization_ratio`, 1, 100},
	{"*_metric.csv", "MemoryUsage(Mi)", `container_memory_usage_bytes`, 1024 * 1024, 1},
	{"*_metric.csv", "MemoryUsageRate(%)", `container_memory_utilization_ratio`, 1, 100},
	{"*_metric.csv", "SyscallRead", `container_syscalls{syscall="read"}`, 1, 1},
	{"*_metric.csv", "SyscallWrite", `container_syscalls{syscall="write"}`, 1, 1},
	{"*_metric.csv", "NetworkReceiveBytes", `container_network_receive_bytes_per_second`, 1, 1},
	{"*_metric.csv", "NetworkTransmitBytes", `container_network_transmit_bytes_per_second`, 1, 1},
	{"*_metric.csv", "PodClientLatencyP90(s)", `pod_client_request_duration_seconds{quantile="0.9"}`, 1, 1},
	{"*_metric.csv", "PodServerLatencyP90(s)", `pod_server_request_duration_seconds{quantile="0.9"}`, 1, 1},
	{"*_metric.csv", "PodClientLatencyP95(s)", `pod_client_request_duration_seconds{quantile="0.95"}`, 1, 1},
	{"*_metric.csv", "PodServerLatencyP95(s)", `pod_server_request_duration_seconds{quantile="0.95"}`, 1, 1},
	{"*_metric.csv", "PodClientLatencyP99(s)", `pod_client_request_duration_seconds{quantile="0.99"}`, 1, 1},
	{"*_metric.csv", "PodServerLatencyP99(s)", `pod_server_request_duration_seconds{quantile="0.99"}`, 1, 1},
	{"*_metric.csv", "PodWorkload(Ops)", `pod_requests_per_second`, 1, 1},
	{"*_metric.csv", "PodSuccessRate(%)", `pod_request_success_ratio`, 1, 100},
	{"*_metric.csv", "NodeCpuUsageRate(%)", `node_cpu_utilization_ratio`, 1, 100},
	{"*_metric.csv", "NodeMemoryUsageRate(%)", `node_memory_utilization_ratio`, 1, 100},
	{"*_metric.csv", "NodeNetworkReceiveBytes", `node_network_receive_bytes_per_second`, 1, 1},
	{"front_service.csv", "SuccessRate(%)", `service_request_success_ratio{service="frontend"}`, 1, 100},
	{"front_service.csv", "LatencyP50(s)", `service_request_duration_seconds{service="frontend",quantile="0.5"}`, 1, 1},
	{"front_service.csv", "LatencyP90(s)", `service_request_duration_seconds{service="frontend",quantile="0.9"}`, 1, 1},
	{"front_service.csv", "LatencyP95(s)", `service_request_duration_seconds{service="frontend",quantile="0.95"}`, 1, 1},
	{"front_service.csv", "LatencyP99(s)", `service_request_duration_seconds{service="frontend",quantile="0.99"}`, 1, 1},
}

func (n *nezha) metrics(t *testing.T) {
	compared := 0
	for _, c := range metricNames {
		files, err := filepath.Glob(filepath.Join(n.dir, "metric", c.file))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", c.file, err)
		}
		for _, f := range files {
			selector := c.selector
			if pod, ok := strings.CutSuffix(filepath.Base(f), "_metric.csv"); ok {
				selector = with(selector, "pod", pod)
			}
			compared += n.compareColumn(t, f, "Time", c.column, selector, func(v float64) float64 { return v * c.mul / c.div })
		}
	}
	for _, reporter := range []string{"source", "destination"} {
		f := filepath.Join(n.dir, "metric", reporter+"_50.csv")
		for column := range readTable(t, f)[0] {
			if from, to, ok := strings.Cut(column, "_"); ok {
				selector := fmt.Sprintf(`service_edge_request_duration_seconds{reporter=%q,source_workload=%q,destination_workload=%q,quantile="0.5"}`, reporter, from, to)
				compared += n.compareColumn(t, f, "time", column, selector, func(v float64) float64 { return v })
			}
		}
	}
	if compared != 269_388 {
		t.Errorf("compared %d samples, want the 269,388 of the files", compared)
	}
}

// compareColumn compares one column with one series, every sample's time and value bit for bit.
func (n *nezha) compareColumn(t *testing.T, file, timeColumn, column, selector string, convert func(float64) float64) int {
	t.Helper()
	want := map[int64]float64{}
	for _, row := range readTable(t, file) {
		if row[column] == "" {
			continue
		}
		v, err := strconv.ParseFloat(row[column], 64)
		if err != nil {
			t.Fatal(err)
		}
		wall, _, _ := strings.Cut(row[timeColumn], " m=")
		at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", wall)
		if err != nil {
			t.Fatal(err)
		}
		want[at.Add(n.shift).UnixMilli()] = convert(v)
	}
	query := with(selector, "firedrill_session", n.session) + "[21h]"
	var answer struct {
		Data struct {
			Result []struct {
				Values [][2]json.RawMessage `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	n.get(t, n.urls.Prometheus+"/api/v1/query", url.Values{"query": {query}}, &answer)
	if len(answer.Data.Result) != 1 {
		t.Errorf("%s: %d series, want one", query, len(answer.Data.Result))
		return 0
	}
	got := answer.Data.Result[0].Values
	if len(got) != len(want) {
		t.Errorf("%s: %d samples, want %d", query, len(got), len(want))
	}
	for _, p := range got {
		seconds, err := strconv.ParseFloat(string(p[0]), 64)
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseFloat(strings.Trim(string(p[1]), `"`), 64)
		if err != nil {
			t.Fatal(err)
		}
		ms := int64(math.Round(seconds * 1000))
		if w, ok := want[ms]; !ok || v != w && !(math.IsNaN(v) && math.IsNaN(w)) {
			t.Fatalf("%s at %d: got %v, want %v (in the source: %v)", query, ms, v, w, ok)
		}
	}
	return len(got)
}

// logRow is one line of the source, at its recorded time.
type logRow struct {
	pod, line, trace, span string
	at                     int64
}

func (n *nezha) logRows(t *testing.T) map[string]logRow {
	t.Helper()
	rows := map[string]logRow{}
	for _, f := range []string{"05_19_log.csv", "05_20_log.csv"} {
		for _, row := range readTable(t, filepath.Join(n.dir, "log", f)) {
			at, err := strconv.ParseInt(row["TimeUnixNano"], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			var docker struct {
				Log string `json:"log"`
			}
			if err := json.Unmarshal([]byte(row["Log"]), &docker); err != nil {
				t.Fatal(err)
			}
			r := logRow{row["PodName"], strings.TrimSuffix(docker.Log, "\n"), row["TraceID"], row["SpanID"], at}
			rows[fmt.Sprint(r)] = r // the two files overlap
		}
	}
	return rows
}

var (
	isoTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z`)
	dayTime = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} `)
	traceIn = regexp.MustCompile(`TraceID: ([0-9a-f]{32})`)
)

// replayed is the line as a player must see it.
func (n *nezha) replayed(t *testing.T, r logRow) string {
	t.Helper()
	line := strings.ReplaceAll(r.line, r.trace, n.trace(t, r.trace))
	line = strings.ReplaceAll(line, r.span, n.span(t, r.span))
	line = isoTime.ReplaceAllStringFunc(line, func(s string) string {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		digits := len(s) - len("2006-01-02T15:04:05.Z")
		return at.Add(n.shift).Format("2006-01-02T15:04:05." + strings.Repeat("0", digits) + "Z")
	})
	return dayTime.ReplaceAllStringFunc(line, func(s string) string {
		at, err := time.Parse("15:04:05.000 ", s)
		if err != nil {
			t.Fatal(err)
		}
		return at.Add(n.shift % (24 * time.Hour)).Format("15:04:05.000 ")
	})
}

func (n *nezha) logs(t *testing.T) {
	want := map[string]int{}
	pods := map[string]bool{}
	for _, r := range n.logRows(t) {
		pods[r.pod] = true
		want[fmt.Sprint(r.pod, r.at+int64(n.shift), n.replayed(t, r), n.trace(t, r.trace))]++
	}
	got, opened := 0, map[string]bool{}
	for pod := range pods {
		for _, e := range n.lines(t, fmt.Sprintf(`{pod=%q}`, pod)) {
			key := fmt.Sprint(pod, e.at, e.line, e.trace)
			if want[key]--; want[key] < 0 {
				t.Fatalf("Loki has a line that the source does not have, or has it twice: %s", key)
			}
			got++
			if id := traceIn.FindStringSubmatch(e.line); id == nil || id[1] != e.trace {
				t.Errorf("line %q does not name the trace %s of its metadata", e.line, e.trace)
			}
			opened[e.trace] = true
		}
	}
	if got != 12_058 {
		t.Errorf("compared %d lines, want the 12,058 of the files", got)
	}
	for id := range opened {
		if spans := n.jaegerTrace(t, id); len(spans) == 0 {
			t.Errorf("trace %s of a log line has no span in Jaeger", id)
		}
	}
	t.Logf("%d traces named by %d lines open in Jaeger", len(opened), got)
}

// entry is a line as Loki returns it.
type entry struct {
	at          int64
	line, trace string
}

// lines pages through everything that the selector finds.
func (n *nezha) lines(t *testing.T, selector string) []entry {
	t.Helper()
	const limit = 1000
	var all []entry
	start := time.Now().Add(-30 * time.Hour).UnixNano()
	for {
		var answer struct {
			Data struct {
				Result []struct {
					Stream map[string]string `json:"stream"`
					Values [][2]string       `json:"values"`
				} `json:"result"`
			} `json:"data"`
		}
		n.get(t, n.urls.Loki+"/loki/api/v1/query_range", url.Values{
			"query": {selector}, "direction": {"forward"}, "limit": {fmt.Sprint(limit)},
			"start": {fmt.Sprint(start)}, "end": {fmt.Sprint(time.Now().UnixNano())},
		}, &answer)
		page, last := 0, start
		for _, s := range answer.Data.Result {
			for _, v := range s.Values {
				at, err := strconv.ParseInt(v[0], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, entry{at, v[1], s.Stream["trace_id"]})
				page, last = page+1, max(last, at)
			}
		}
		if page < limit {
			return all
		}
		kept := all[:0] // the last instant may go on on the next page
		for _, e := range all {
			if e.at < last {
				kept = append(kept, e)
			}
		}
		all, start = kept, last
	}
}

// jaegerSpan is what the tests compare of Jaeger's answer.
type jaegerSpan struct {
	SpanID        string `json:"spanID"`
	OperationName string `json:"operationName"`
	StartTime     int64  `json:"startTime"` // µs
	Duration      int64  `json:"duration"`  // µs
	ProcessID     string `json:"processID"`
	References    []struct {
		RefType string `json:"refType"`
		SpanID  string `json:"spanID"`
	} `json:"references"`

	service, pod string
}

func (n *nezha) jaegerTrace(t *testing.T, id string) map[string]jaegerSpan {
	t.Helper()
	var answer struct {
		Data []struct {
			Spans     []jaegerSpan `json:"spans"`
			Processes map[string]struct {
				ServiceName string `json:"serviceName"`
				Tags        []struct {
					Key   string `json:"key"`
					Value any    `json:"value"`
				} `json:"tags"`
			} `json:"processes"`
		} `json:"data"`
	}
	n.get(t, n.urls.Jaeger+"/api/traces/"+id, url.Values{"raw": {"true"}}, &answer)
	spans := map[string]jaegerSpan{}
	for _, trace := range answer.Data {
		for _, s := range trace.Spans {
			p := trace.Processes[s.ProcessID]
			s.service = p.ServiceName
			for _, tag := range p.Tags {
				if tag.Key == "k8s.pod.name" {
					s.pod = fmt.Sprint(tag.Value)
				}
			}
			if _, twice := spans[s.SpanID]; twice {
				t.Errorf("trace %s has span %s twice", id, s.SpanID)
			}
			spans[s.SpanID] = s
		}
	}
	return spans
}

func (n *nezha) traces(t *testing.T) {
	rows := map[string]map[string]map[string]string{} // by trace and span
	for _, f := range []string{"05_19_trace.csv", "05_20_trace.csv"} {
		for _, row := range readTable(t, filepath.Join(n.dir, "trace", f)) {
			if rows[row["TraceID"]] == nil {
				rows[row["TraceID"]] = map[string]map[string]string{}
			}
			rows[row["TraceID"]][row["SpanID"]] = row
		}
	}
	compared := 0
	for trace, want := range rows {
		got := n.jaegerTrace(t, n.trace(t, trace))
		if len(got) != len(want) {
			t.Errorf("trace %s: %d spans, want %d", trace, len(got), len(want))
		}
		for id, row := range want {
			s, ok := got[n.span(t, id)]
			if !ok {
				t.Fatalf("trace %s: span %s is missing", trace, id)
			}
			start, end := number(t, row["StartTimeUnixNano"]), number(t, row["EndTimeUnixNano"])
			parent := ""
			if row["ParentID"] != "root" {
				parent = n.span(t, row["ParentID"])
			}
			gotParent := ""
			for _, r := range s.References {
				if r.RefType == "CHILD_OF" {
					gotParent = r.SpanID
				}
			}
			service, _, _ := strings.Cut(row["PodName"], "-")
			if s.OperationName != row["OperationName"] || s.pod != row["PodName"] || s.service != service || gotParent != parent ||
				s.StartTime != (start+int64(n.shift))/1000 || s.Duration != (end-start)/1000 {
				t.Fatalf("trace %s, span %s: got %+v, want start %d µs, duration %d µs, parent %q and the row %v",
					trace, id, s, (start+int64(n.shift))/1000, (end-start)/1000, parent, row)
			}
			compared++
		}
	}
	if compared != 11_060 || len(rows) != 247 {
		t.Errorf("compared %d spans of %d traces, want 11,060 of 247", compared, len(rows))
	}
}

func (n *nezha) trace(t *testing.T, id string) string {
	var b [16]byte
	if _, err := hex.Decode(b[:], []byte(id)); err != nil {
		t.Fatal(err)
	}
	b = n.ids.Trace(b)
	return hex.EncodeToString(b[:])
}

func (n *nezha) span(t *testing.T, id string) string {
	var b [8]byte
	if _, err := hex.Decode(b[:], []byte(id)); err != nil {
		t.Fatal(err)
	}
	b = n.ids.Span(b)
	return hex.EncodeToString(b[:])
}

// get asks a back end and decodes its JSON answer.
func (n *nezha) get(t *testing.T, address string, query url.Values, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Scope-OrgID", n.session)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s: %.500s", req.URL, resp.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("GET %s: %v in %.200s", req.URL, err, body)
	}
}

// with adds a matcher to a selector.
func with(selector, label, value string) string {
	matcher := fmt.Sprintf("%s=%q}", label, value)
	if open, ok := strings.CutSuffix(selector, "}"); ok {
		return open + "," + matcher
	}
	return selector + "{" + matcher
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// readTable reads a CSV file into rows by column name.
func readTable(t *testing.T, file string) []map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		row := make(map[string]string, len(header))
		for i, h := range header {
			row[h] = record[i]
		}
		rows = append(rows, row)
	}
}
