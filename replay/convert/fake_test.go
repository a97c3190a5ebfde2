package convert_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/convert"
)

// memory is a Writer that keeps everything, removes exact duplicates, and holds importers to the
// Writer's contract of order.
type memory struct {
	series     map[string][]point // by labels, in order of delivery
	exemplars  map[string][]replay.Exemplar
	families   map[string]replay.Family
	records    map[logRecord]int // times delivered
	spans      map[spanKey]ptrace.Span
	resources  map[spanKey]map[string]any
	scopes     map[spanKey]string
	dupSamples int
	conflicts  int
	dupSpans   int
	maxT       int64
	refuse     error // of the next item, when not nil
}

type point struct {
	t  int64
	v  uint64 // bits
	h  *histogram.Histogram
	fh *histogram.FloatHistogram
}

type logRecord struct {
	labels string
	t      int64
	line   string
	md     string
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

var _ convert.Writer = (*memory)(nil)

func newMemory() *memory {
	return &memory{
		series: map[string][]point{}, exemplars: map[string][]replay.Exemplar{}, families: map[string]replay.Family{},
		records: map[logRecord]int{}, spans: map[spanKey]ptrace.Span{}, resources: map[spanKey]map[string]any{}, scopes: map[spanKey]string{},
	}
}

func (m *memory) add(l labels.Labels, p point) error {
	const block = 2 * 60 * 60 * 1000
	if m.refuse != nil {
		return m.refuse
	}
	m.maxT = max(m.maxT, p.t)
	if p.t/block < m.maxT/block-1 {
		return fmt.Errorf("sample of %s at %d comes more than a block after %d", l, p.t, m.maxT)
	}
	k := l.String()
	if s := m.series[k]; len(s) > 0 {
		switch last := s[len(s)-1]; {
		case p.t < last.t:
			return fmt.Errorf("sample of %s at %d comes after the one at %d", l, p.t, last.t)
		case p.t == last.t:
			if p.v == last.v {
				m.dupSamples++
			} else {
				m.conflicts++
			}
			return nil
		}
	}
	m.series[k] = append(m.series[k], p)
	return nil
}

func (m *memory) Sample(l labels.Labels, t int64, v float64) error {
	return m.add(l, point{t: t, v: math.Float64bits(v)})
}

func (m *memory) Histogram(l labels.Labels, t int64, h *histogram.Histogram) error {
	return m.add(l, point{t: t, h: h.Copy()})
}

func (m *memory) FloatHistogram(l labels.Labels, t int64, fh *histogram.FloatHistogram) error {
	return m.add(l, point{t: t, fh: fh.Copy()})
}

func (m *memory) Exemplar(l labels.Labels, e replay.Exemplar) error {
	m.exemplars[l.String()] = append(m.exemplars[l.String()], e)
	return nil
}

func (m *memory) Family(name string, f replay.Family) error {
	m.families[name] = f
	return nil
}

func (m *memory) Record(l labels.Labels, t int64, line string, md []replay.Pair) error {
	if m.refuse != nil {
		return m.refuse
	}
	md = slices.SortedFunc(slices.Values(md), func(a, b replay.Pair) int { return strings.Compare(a.Name, b.Name) })
	m.records[logRecord{l.String(), t, line, fmt.Sprint(md)}]++
	return nil
}

func (m *memory) Spans(td ptrace.Traces) error {
	if m.refuse != nil {
		return m.refuse
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				k := spanKey{s.TraceID(), s.SpanID()}
				if _, ok := m.spans[k]; ok {
					m.dupSpans++
					continue
				}
				c := ptrace.NewSpan()
				s.CopyTo(c)
				m.spans[k], m.resources[k] = c, rs.Resource().Attributes().AsRaw()
				m.scopes[k] = ss.Scope().Name() + "@" + ss.Scope().Version()
			}
		}
	}
	return nil
}

func (m *memory) samples() int {
	n := 0
	for _, s := range m.series {
		n += len(s)
	}
	return n
}

func (m *memory) traces() int {
	ids := map[pcommon.TraceID]bool{}
	for k := range m.spans {
		ids[k.trace] = true
	}
	return len(ids)
}

// sharedData returns a folder of the data recorded by others.
func sharedData(tb testing.TB, name string) string {
	tb.Helper()
	root := os.Getenv("FIREDRILL_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("recorded data is absent (%v); set FIREDRILL_DATA to the folder that holds %s", err, name)
	}
	return dir
}

// tally returns the count of a reason.
func tally(ts []convert.Tally, reason string) int64 {
	for _, t := range ts {
		if t.Reason == reason {
			return t.Count
		}
	}
	return 0
}

// writeTree makes files below a fresh directory.
func writeTree(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// String lists all that was written, sorted, one item a line.
func (m *memory) String() string {
	var out []string
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	for l, s := range m.series {
		for _, p := range s {
			add("sample %s %d %v", l, p.t, math.Float64frombits(p.v))
		}
	}
	for n, f := range m.families {
		add("family %s %s %q %s", n, f.Type, f.Unit, f.Help)
	}
	for r, n := range m.records {
		add("record %s %d %q %s x%d", r.labels, r.t, r.line, r.md, n)
	}
	for k, s := range m.spans {
		add("span %s/%s parent %q %q %d+%d %s %s %q flags %d state %q scope %s attributes %v resource %v",
			k.trace, k.span, s.ParentSpanID(), s.Name(), s.StartTimestamp(), s.EndTimestamp()-s.StartTimestamp(), s.Kind(),
			s.Status().Code(), s.Status().Message(), s.Flags(), s.TraceState().AsRaw(), m.scopes[k], s.Attributes().AsRaw(), m.resources[k])
		for _, l := range s.Links().All() {
			add("span %s/%s link %s/%s %v", k.trace, k.span, l.TraceID(), l.SpanID(), l.Attributes().AsRaw())
		}
		for _, e := range s.Events().All() {
			add("span %s/%s event %d %q %v", k.trace, k.span, e.Timestamp(), e.Name(), e.Attributes().AsRaw())
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

// checkGolden compares got with the file testdata/name.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("differs from %s (-want +got); run with -update when that is right:\n%s", file, diff)
	}
}
