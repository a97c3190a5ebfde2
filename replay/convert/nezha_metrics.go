package convert

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"firedrill/replay"
)

// maxValues limits how many metric values are held for sorting: 256 MiB, about 1,400 pod-days.
const maxValues = 32 << 20

// column says what becomes of a column. A value is converted by one float64 operation, so that others
// get the same bits: times mul when that is set, else divided by div when that is set, else unchanged.
type column struct {
	metric   string
	pairs    []string // label names and values that the column stands for
	mul, div float64
}

func (c *column) convert(v float64) float64 {
	switch {
	case math.IsNaN(v):
		// The source's NaN is "no requests, so no quantile". It stays a value, as a rule that
		// divides by zero would store it, and is never the stale marker.
		return math.Float64frombits(value.NormalNaN)
	case c.mul != 0:
		return v * c.mul
	case c.div != 0:
		return v / c.div
	}
	return v
}

// podColumns are the columns of metric/<pod>_metric.csv. The table is in docs/import-nezha.md.
var podColumns = map[string]column{
	"CpuUsage(m)":             {metric: "container_cpu_usage_cores", div: 1000},
	"CpuUsageRate(%)":         {metric: "container_cpu_utilization_ratio", div: 100},
	"MemoryUsage(Mi)":         {metric: "container_memory_usage_bytes", mul: 1 << 20},
	"MemoryUsageRate(%)":      {metric: "container_memory_utilization_ratio", div: 100},
	"SyscallRead":             {metric: "container_syscalls", pairs: []string{"syscall", "read"}},
	"SyscallWrite":            {metric: "container_syscalls", pairs: []string{"syscall", "write"}},
	"NetworkReceiveBytes":     {metric: "container_network_receive_bytes_per_second"},
	"NetworkTransmitBytes":    {metric: "container_network_transmit_bytes_per_second"},
	"PodClientLatencyP90(s)":  {metric: "pod_client_request_duration_seconds", pairs: []string{"quantile", "0.9"}},
	"PodServerLatencyP90(s)":  {metric: "pod_server_request_duration_seconds", pairs: []string{"quantile", "0.9"}},
	"PodClientLatencyP95(s)":  {metric: "pod_client_request_duration_seconds", pairs: []string{"quantile", "0.95"}},
	"PodServerLatencyP95(s)":  {metric: "pod_server_request_duration_seconds", pairs: []string{"quantile", "0.95"}},
	"PodClientLatencyP99(s)":  {metric: "pod_client_request_duration_seconds", pairs: []string{"quantile", "0.99"}},
	"PodServerLatencyP99(s)":  {metric: "pod_server_request_duration_seconds", pairs: []string{"quantile", "0.99"}},
	"PodWorkload(Ops)":        {metric: "pod_requests_per_second"},
	"PodSuccessRate(%)":       {metric: "pod_request_success_ratio", div: 100},
	"NodeCpuUsageRate(%)":     {metric: "node_cpu_utilization_ratio", div: 100},
	"NodeMemoryUsageRate(%)":  {metric: "node_memory_utilization_ratio", div: 100},
	"NodeNetworkReceiveBytes": {metric: "node_network_receive_bytes_per_second"},
}

// frontColumns are the columns of metric/front_service.csv.
var frontColumns = map[string]column{
	"SuccessRate(%)": {metric: "service_request_success_ratio", div: 100},
	"LatencyP50(s)":  {metric: "service_request_duration_seconds", pairs: []string{"quantile", "0.5"}},
	"LatencyP90(s)":  {metric: "service_request_duration_seconds", pairs: []string{"quantile", "0.9"}},
	"LatencyP95(s)":  {metric: "service_request_duration_seconds", pairs: []string{"quantile", "0.95"}},
	"LatencyP99(s)":  {metric: "service_request_duration_seconds", pairs: []string{"quantile", "0.99"}},
}

// edgeMetric holds what source_50.csv and destination_50.csv measured of calls between services.
const edgeMetric = "service_edge_request_duration_seconds"

var nezhaFamilies = map[string]replay.Family{
	"container_cpu_usage_cores":                   {Type: "gauge", Unit: "cores", Help: "CPU time used per second, in cores."},
	"container_cpu_utilization_ratio":             {Type: "gauge", Unit: "ratio", Help: "CPU usage over the CPU limit, as recorded; it may exceed 1."},
	"container_memory_usage_bytes":                {Type: "gauge", Unit: "bytes", Help: "Memory in use."},
	"container_memory_utilization_ratio":          {Type: "gauge", Unit: "ratio", Help: "Memory usage over the memory limit."},
	"container_syscalls":                          {Type: "gauge", Help: "Read or write system calls in the collector's window, whose length the source does not state."},
	"container_network_receive_bytes_per_second":  {Type: "gauge", Unit: "bytes_per_second", Help: "Bytes received per second by the pod."},
	"container_network_transmit_bytes_per_second": {Type: "gauge", Unit: "bytes_per_second", Help: "Bytes sent per second by the pod."},
	"pod_client_request_duration_seconds":         {Type: "gauge", Unit: "seconds", Help: "Quantile of the duration of requests that the pod made; NaN without requests."},
	"pod_server_request_duration_seconds":         {Type: "gauge", Unit: "seconds", Help: "Quantile of the duration of requests that the pod served; NaN without requests."},
	"pod_requests_per_second":                     {Type: "gauge", Unit: "requests_per_second", Help: "Requests served per second by the pod."},
	"pod_request_success_ratio":                   {Type: "gauge", Unit: "ratio", Help: "Share of successful requests as recorded. The published data set holds 0 throughout: it was not measured."},
	"node_cpu_utilization_ratio":                  {Type: "gauge", Unit: "ratio", Help: "CPU utilisation of the pod's node, as seen for this pod: aggregate with max by (node)."},
	"node_memory_utilization_ratio":               {Type: "gauge", Unit: "ratio", Help: "Memory utilisation of the pod's node, as seen for this pod: aggregate with max by (node)."},
	"node_network_receive_bytes_per_second":       {Type: "gauge", Unit: "bytes_per_second", Help: "Bytes received per second by the pod's node, as seen for this pod: aggregate with max by (node)."},
	"service_request_success_ratio":               {Type: "gauge", Unit: "ratio", Help: "Share of successful requests to the service."},
	"service_request_duration_seconds":            {Type: "gauge", Unit: "seconds", Help: "Quantile of the duration of requests to the service."},
	edgeMetric:                                    {Type: "gauge", Unit: "seconds", Help: "Quantile of the duration of requests from one service to another, as the reporter (source or destination) saw it."},
}

var edgeFile = regexp.MustCompile(`^(source|destination)_([1-9][0-9]?)\.csv$`)

// metricRow is one row of one file: values[i] belongs to series[i].
type metricRow struct {
	t      int64 // ms
	series []metricSeries
	values []float64 // NaN payload emptyCell where the cell was empty
	file   string
	line   int
}

func (r metricRow) place() string { return fmt.Sprintf("%s:%d", r.file, r.line) }

type metricSeries struct {
	labels labels.Labels
	column *column
	index  int // of the column in the row
}

// emptyCell marks a cell without value; no parsed number has this payload.
const emptyCell = 0x7ff80000000000ee

// metrics reads all metric files, sorts their rows by time and hands on the samples.
func (n *nezha) metrics(files []string) error {
	var rows []metricRow
	var held int
	for _, f := range files {
		if filepath.Base(f) == "dependency.csv" {
			continue
		}
		rs, err := n.metricFile(f, maxValues-held)
		if err != nil {
			return err
		}
		for _, r := range rs {
			held += len(r.values)
		}
		rows = append(rows, rs...)
	}
	slices.SortStableFunc(rows, func(a, b metricRow) int { return cmp.Compare(a.t, b.t) })
	named := map[string]bool{}
	for i, r := range rows {
		if i%1000 == 0 {
			if err := n.ctx.Err(); err != nil {
				return err
			}
		}
		for k, s := range r.series {
			v := r.values[k]
			if math.Float64bits(v) == emptyCell {
				n.skip("metric cell that is empty", r.place())
				continue
			}
			if m := s.column.metric; !named[m] {
				named[m] = true
				if err := n.family(m, nezhaFamilies[m]); err != nil {
					return err
				}
			}
			if err := n.sample(s.labels, r.t, v); err != nil {
				return fmt.Errorf("%s: %w", r.place(), err)
			}
		}
	}
	return nil
}

// metricFile reads one file with at most most values.
func (n *nezha) metricFile(name string, most int) ([]metricRow, error) {
	base := filepath.Base(name)
	edge := edgeFile.FindStringSubmatch(base)
	want := []string{"Time", "TimeStamp"}
	switch {
	case edge != nil:
	case base == "front_service.csv":
		want = append(want, "ServiceName")
	case strings.HasSuffix(base, "_metric.csv"):
		want = append(want, "PodName")
	default:
		n.skip("metric file of a kind that this importer does not know", name)
		return nil, nil
	}
	t, err := n.openTable(name, want...)
	if err != nil {
		return nil, err
	}
	defer t.close()
	return n.metricRows(t, edge, len(want), most)
}

func (n *nezha) metricRows(t *table, edge []string, first, most int) ([]metricRow, error) {
	bySubject := map[string][]metricSeries{}
	var rows []metricRow
	last := int64(math.MinInt64)
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		ms, odd, err := metricTime(row[0], row[1])
		if err != nil {
			return nil, t.errorf("%w", err)
		}
		if odd {
			n.doubt("metric row whose TimeStamp is not its Time, which was taken", t.place())
		}
		if ms < last {
			n.doubt("metric row older than the one above it", t.place())
		}
		last = ms
		subject := ""
		if edge == nil {
			subject = row[2]
		}
		series, ok := bySubject[subject]
		if !ok {
			if series, err = n.metricSeries(t, edge, subject, first); err != nil {
				return nil, t.errorf("%w", err)
			}
			bySubject[strings.Clone(subject)] = series
		}
		r := metricRow{t: ms, series: series, values: make([]float64, len(series)), file: t.name}
		r.line, _ = t.r.FieldPos(0)
		for k, s := range series {
			cell := row[s.index]
			if cell == "" {
				r.values[k] = math.Float64frombits(emptyCell)
				continue
			}
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, t.errorf("column %s is %.40q, want a number", t.header[s.index], cell)
			}
			r.values[k] = s.column.convert(v)
		}
		if most -= len(series); most < 0 {
			return nil, t.errorf("more than %d metric values: import fewer files at once", maxValues)
		}
		rows = append(rows, r)
	}
}

// metricSeries returns the series of the columns from first on, for a pod, a service, or edges.
func (n *nezha) metricSeries(t *table, edge []string, subject string, first int) ([]metricSeries, error) {
	var series []metricSeries
	add := func(i int, c *column, l labels.Labels) {
		series = append(series, metricSeries{labels: l, column: c, index: i})
	}
	if edge != nil {
		digits := strings.TrimRight(fmt.Sprintf("%02s", edge[2]), "0")
		for i, h := range t.header[first:] {
			src, dst, ok := strings.Cut(h, "_")
			if !ok || checkKube(src) != nil || checkKube(dst) != nil {
				return nil, fmt.Errorf("column %.80q is not an edge, want source_destination", h)
			}
			add(first+i, &column{metric: edgeMetric}, labels.FromStrings(model.MetricNameLabel, edgeMetric,
				"namespace", namespaceOf(src), "source_workload", src, "destination_workload", dst,
				"reporter", edge[1], "quantile", "0."+digits))
		}
		return series, nil
	}
	columns, p := podColumns, (*pod)(nil)
	if strings.EqualFold(t.header[2], "ServiceName") {
		columns = frontColumns
		service := strings.ToLower(subject)
		if err := checkKube(service); err != nil {
			return nil, fmt.Errorf("ServiceName: %w", err)
		}
		p = &pod{service: service, namespace: namespaceOf(service)}
	} else {
		var err error
		if p, err = n.pod(subject); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	for i, h := range t.header[first:] {
		c, ok := columns[h]
		if !ok {
			n.skip(fmt.Sprintf("metric column %.40q, which this importer does not know", h), t.name)
			continue
		}
		if seen[h] {
			return nil, fmt.Errorf("column %q stands twice in the header", h)
		}
		seen[h] = true
		add(first+i, &c, p.labels(c.metric, c.pairs...))
	}
	return series, nil
}

// metricTime parses what time.Time.String printed, with its monotonic suffix, to milliseconds (cut
// off, as Prometheus does). It is the authority: in one published file the TimeStamp column went
// through a faulty find-and-replace. odd says that the columns contradict each other.
func metricTime(s, stamp string) (ms int64, odd bool, err error) {
	wall, _, _ := strings.Cut(s, " m=")
	t, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", wall)
	if err != nil || t.Unix() < 0 || t.Year() > 2200 {
		return 0, false, fmt.Errorf("column Time is %.80q, want one such as %q", s, "2022-08-22 03:51:19.735555173 +0000 UTC m=+0.241509155")
	}
	unix, err := strconv.ParseInt(stamp, 10, 64)
	return t.UnixMilli(), err != nil || unix != t.Unix(), nil
}
