package recording_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/recording"
)

func mustCreate(tb testing.TB) (*recording.Writer, string) {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "rec")
	w, err := recording.Create(dir, recording.Options{})
	check(tb, err)
	tb.Cleanup(w.Abort)
	return w, dir
}

func mustClose(tb testing.TB, w *recording.Writer) recording.Manifest {
	tb.Helper()
	m, err := w.Close()
	check(tb, err)
	return m
}

var (
	up  = labels.FromStrings("__name__", "up", "job", "a")
	app = labels.FromStrings("app", "a")
)

func TestHalfWrittenIsNoRecording(t *testing.T) {
	w, dir := mustCreate(t)
	check(t, w.Sample(up, 1000, 1))
	check(t, w.Record(app, 1e9, "line", nil))
	partial, err := filepath.Glob(dir + ".partial-*")
	if err != nil || len(partial) != 1 {
		t.Fatalf("got %v, %v, want one partial directory", partial, err)
	}
	_, err = recording.Open(partial[0])
	wantError(t, err, "is not a recording: it has no manifest.json")
	_, err = recording.Open(dir)
	wantError(t, err, "is not a recording")
	w.Abort()
	w.Abort()
	empty(t, filepath.Dir(dir))
	_, err = w.Close()
	wantError(t, err, "closed already")
}

func TestExistingTargetIsRefused(t *testing.T) {
	w, dir := mustCreate(t)
	check(t, w.Sample(up, 1000, 1))
	// One that comes into being before Close.
	check(t, os.Mkdir(dir, 0o777))
	_, err := w.Close()
	wantError(t, err, "file exists")
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err == nil {
		t.Error("the existing directory was written to")
	}
	_, err = recording.Create(dir, recording.Options{})
	wantError(t, err, "exists already")
	check(t, os.Remove(dir))
	empty(t, filepath.Dir(dir))
}

func TestSameInputSameBytes(t *testing.T) {
	in := randomInput(3, 1000, 3*time.Hour)
	_, a := mustRecord(t, in, 1)
	_, b := mustRecord(t, in, 1)
	sameFiles(t, a, b)
	ma, _ := os.ReadFile(filepath.Join(a, "manifest.json"))
	mb, _ := os.ReadFile(filepath.Join(b, "manifest.json"))
	if d := cmp.Diff(string(ma), string(mb)); d != "" {
		t.Error(d)
	}
}

func TestEmptyRecording(t *testing.T) {
	w, dir := mustCreate(t)
	mustClose(t, w)
	r := mustOpen(t, dir)
	c := read(t, r, time.Time{}, forever)
	if d := cmp.Diff(contents{}, c, cmp.AllowUnexported(contents{})); d != "" {
		t.Error(d)
	}
	if from, to := r.Bounds(); !from.IsZero() || !to.IsZero() {
		t.Errorf("bounds %s to %s, want zero", from, to)
	}
	if ps := sound(t, dir); len(ps) != 0 {
		t.Errorf("problems %v", ps)
	}
	_, err := recording.Inspect(context.Background(), dir)
	check(t, err)
}

func TestBounds(t *testing.T) {
	w, dir := mustCreate(t)
	check(t, w.Sample(up, 5000, 1))
	check(t, w.Record(app, 4e9+7, "first", nil))
	check(t, w.Spans(oneSpan(1, 1, 1e9, 6e9, "last")))
	mustClose(t, w)
	from, to := mustOpen(t, dir).Bounds()
	if !from.Equal(time.Unix(4, 7)) || !to.Equal(time.Unix(6, 1)) {
		t.Errorf("bounds %s to %s, want 4.000000007 s to 6.000000001 s", from, to)
	}
}

func oneSpan(trace, span byte, start, end int64, name string) ptrace.Traces {
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{trace})
	s.SetSpanID(pcommon.SpanID{span})
	s.SetStartTimestamp(pcommon.Timestamp(start))
	s.SetEndTimestamp(pcommon.Timestamp(end))
	s.SetName(name)
	return td
}

func TestDuplicatesAndConflicts(t *testing.T) {
	w, dir := mustCreate(t)
	nan := math.NaN()
	for _, s := range []sampleIn{{t: 1, v: 1}, {t: 1, v: 1}, {t: 1, v: 2}, {t: 2, v: nan}, {t: 2, v: nan}} {
		check(t, w.Sample(up, s.t, s.v))
	}
	h := randomHistogram(rand.New(rand.NewPCG(1, 1)))
	hl := labels.FromStrings("__name__", "h")
	check(t, w.Histogram(hl, 3, h))
	check(t, w.Histogram(hl, 3, h.Copy()))
	check(t, w.FloatHistogram(hl, 3, h.ToFloat(nil)))
	e := replay.Exemplar{Labels: labels.FromStrings("trace_id", "1"), V: 1, T: 1}
	check(t, w.Exemplar(up, e))
	check(t, w.Exemplar(up, e))
	e.T = 9
	check(t, w.Exemplar(up, e))

	md := func(v string) []replay.Pair { return []replay.Pair{{Name: "k", Value: v}} }
	other := labels.FromStrings("app", "b")
	for _, r := range []recordIn{
		{app, 10, "x", md("1")}, {app, 10, "x", md("2")}, {app, 10, "x", md("1")}, {app, 10, "x", md("2")}, {app, 10, "x", md("3")},
		{app, 11, "x", md("2")}, {app, 11, "y", nil}, {other, 10, "x", md("1")}, {app, 10, "a\xffb", nil},
	} {
		check(t, w.Record(r.l, r.t, r.line, r.md))
	}

	check(t, w.Spans(oneSpan(1, 1, 1, 5, "a")))
	check(t, w.Spans(oneSpan(1, 1, 1, 5, "a")))
	check(t, w.Spans(oneSpan(1, 1, 1, 4, "a")))
	check(t, w.Spans(oneSpan(1, 1, 999, 1500, "same ids, another start in the same microsecond")))
	check(t, w.Spans(oneSpan(1, 1, 1000, 1500, "same ids, another start")))
	m := mustClose(t, w)
	want := recording.Changed{DuplicateSamples: 3, ConflictingSamples: 2, DuplicateExemplars: 1, UndeliverableExemplars: 1,
		DuplicateLines: 2, MovedLines: 2, RepairedLines: 1, DuplicateSpans: 1, ConflictingSpans: 2}
	if d := cmp.Diff(want, m.Changed); d != "" {
		t.Errorf("changed (-want +got):\n%s", d)
	}
	var records []string
	rr, err := mustOpen(t, dir).Records(time.Time{}, forever)
	for _, r := range readAll(t, rr, err) {
		records = append(records, fmt.Sprint(r.Stream.Labels.Get("app"), r.T, string(r.Line), r.Metadata))
	}
	wantRecords := []string{"a10x[{k 1}]", "b10x[{k 1}]", "a10a\uFFFDb[]", "a11x[{k 2}]", "a11y[]", "a12x[{k 2}]", "a13x[{k 3}]"}
	if d := cmp.Diff(wantRecords, records); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
	spans := read(t, mustOpen(t, dir), time.Time{}, forever).spans
	if len(spans) != 2 {
		t.Errorf("got %d spans, want 2: %v", len(spans), spans)
	}
	sound(t, dir)
}

func TestRefusals(t *testing.T) {
	series := func(ss ...string) func(*recording.Writer) error {
		return func(w *recording.Writer) error { return w.Sample(labels.FromStrings(ss...), 1, 1) }
	}
	const day = 24 * 60 * 60 * 1000
	for name, c := range map[string]struct {
		add  func(w *recording.Writer) error
		want string
	}{
		"no name":       {series("a", "b"), "has no valid metric name"},
		"session label": {series("__name__", "a", "firedrill_session", "x"), "label firedrill_session is reserved for sessions"},
		"empty label":   {series("__name__", "a", "b", ""), `label "b" is empty`},
		"not UTF-8":     {series("__name__", "a", "b", "\xff"), `value of label "b" is not UTF-8`},
		"twice":         {series("__name__", "a", "b", "1", "b", "2"), `label "b" twice`},
		"before 1970":   {func(w *recording.Writer) error { return w.Sample(up, -1, 1) }, "before 1970"},
		"nil histogram": {func(w *recording.Writer) error { return w.Histogram(up, 1, nil) }, "histogram is nil"},
		"bad histogram": {func(w *recording.Writer) error { return w.Histogram(up, 1, &histogram.Histogram{Count: 1}) }, "observations"},
		"order in series": {func(w *recording.Writer) error {
			check(t, w.Sample(up, 1000, 1))
			return w.Sample(up, 999, 1)
		}, `sample of {__name__="up", job="a"} at 1970-01-01T00:00:00.999Z comes after the one at 1970-01-01T00:00:01.000Z`},
		"a day late": {func(w *recording.Writer) error {
			check(t, w.Sample(up, day, 1))
			return w.Sample(labels.FromStrings("__name__", "down"), 1, 1)
		}, "comes more than a block (2h) after samples at 1970-01-02T00:00:00.000Z"},
		"exemplar's session": {func(w *recording.Writer) error {
			return w.Exemplar(up, replay.Exemplar{Labels: labels.FromStrings("firedrill_session", "1")})
		}, "reserved for sessions"},
		"no stream":   {func(w *recording.Writer) error { return w.Record(labels.EmptyLabels(), 1, "", nil) }, "without labels"},
		"stream name": {func(w *recording.Writer) error { return w.Record(labels.FromStrings("a.b", "c"), 1, "", nil) }, `invalid label name "a.b"`},
		"long line":   {func(w *recording.Writer) error { return w.Record(app, 1, string(make([]byte, 5<<20)), nil) }, "is 5242880 bytes long"},
		"metadata name": {func(w *recording.Writer) error {
			return w.Record(app, 1, "", []replay.Pair{{Name: "b"}, {Name: "a"}, {Name: "b"}})
		}, `metadata "b" twice`},
		"trace id": {func(w *recording.Writer) error { return w.Spans(oneSpan(0, 1, 1, 2, "x")) }, `span "x" has no trace id`},
		"span id":  {func(w *recording.Writer) error { return w.Spans(oneSpan(1, 0, 1, 2, "x")) }, "has no span id"},
		"end":      {func(w *recording.Writer) error { return w.Spans(oneSpan(1, 1, 1, 0, "x")) }, "has no end time"},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := mustCreate(t)
			wantError(t, c.add(w), c.want)
			// A refused item changes nothing else.
			mustClose(t, w)
			sound(t, dir)
		})
	}
}

// Series up to two hours behind the others are in time, whatever the border of blocks.
func TestSeriesSideBySide(t *testing.T) {
	w, dir := mustCreate(t)
	down := labels.FromStrings("__name__", "down")
	const hour = 60 * 60 * 1000
	for i := int64(2); i < 12; i++ {
		check(t, w.Sample(up, i*hour, 1))
		check(t, w.Sample(down, (i-2)*hour, 1))
	}
	if m := mustClose(t, w); m.Metrics.Samples != 20 || m.Metrics.Series != 2 {
		t.Errorf("got %+v, want 20 samples of 2 series", m.Metrics)
	}
	sound(t, dir)
}
