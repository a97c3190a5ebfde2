package recording_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// The items as text, for comparison: everything that must survive.
func sampleText(l labels.Labels, s replay.Sample) string {
	switch {
	case s.H != nil:
		return fmt.Sprint(l, s.T, " int ", s.H, s.H.PositiveBuckets, s.H.PositiveSpans)
	case s.FH != nil:
		return fmt.Sprint(l, s.T, " float ", s.FH, s.FH.PositiveBuckets, s.FH.PositiveSpans)
	}
	return fmt.Sprintf("%s %d %x", l, s.T, math.Float64bits(s.V))
}

func recordText(l labels.Labels, t int64, line string, md []replay.Pair) string {
	return fmt.Sprintf("%s %d %q %q", l, t, line, md)
}

func spanText(r *replay.Resource, s ptrace.Span) string {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	r.Attributes.CopyTo(rs.Resource().Attributes())
	ss := rs.ScopeSpans().AppendEmpty()
	r.Scope.CopyTo(ss.Scope())
	s.CopyTo(ss.Spans().AppendEmpty())
	b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (in input) texts() (samples, exemplars, records, spans []string) {
	for _, s := range in.samples {
		samples = append(samples, sampleText(s.l, replay.Sample{T: s.t, V: s.v, H: s.h, FH: s.fh}))
	}
	for _, e := range in.exemplars {
		exemplars = append(exemplars, fmt.Sprint(e.l, e.e))
	}
	for _, r := range in.records {
		records = append(records, recordText(r.l, r.t, r.line, r.md))
	}
	for _, td := range in.traces {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					spans = append(spans, spanText(&replay.Resource{Attributes: rs.Resource().Attributes(), Scope: ss.Scope()}, s))
				}
			}
		}
	}
	return samples, exemplars, records, spans
}

// contents are the items of a range as text, in the order in which they were read.
type contents struct{ samples, exemplars, records, spans []string }

// read reads a range, and checks order, range and identity of everything.
func read(tb testing.TB, r *recording.Recording, from, to time.Time) contents {
	tb.Helper()
	var c contents
	in := func(t time.Time) {
		tb.Helper()
		if t.Before(from) || !t.Before(to) {
			tb.Fatalf("%s is not in [%s, %s)", t, from, to)
		}
	}
	series := map[uint32]*replay.Series{}
	last := map[uint32]int64{}
	sr, err := r.Samples(from, to)
	now := int64(0)
	for _, s := range readAll(tb, sr, err) {
		in(time.UnixMilli(s.T))
		if s.T < now {
			tb.Fatalf("sample at %d after %d", s.T, now)
		}
		now = s.T
		if known := series[s.Series.ID]; known != nil && known != s.Series {
			tb.Fatalf("two series with id %d", s.Series.ID)
		}
		series[s.Series.ID] = s.Series
		c.samples = append(c.samples, sampleText(s.Series.Labels, s))
		for _, e := range s.Exemplars {
			if e.T > s.T || e.T <= last[s.Series.ID] {
				tb.Fatalf("exemplar at %d came with the sample at %d, after one at %d", e.T, s.T, last[s.Series.ID])
			}
			c.exemplars = append(c.exemplars, fmt.Sprint(s.Series.Labels, e))
		}
		last[s.Series.ID] = s.T
	}
	for id := range series {
		if int(id) >= len(series) && from.Before(epoch) {
			tb.Fatalf("series id %d of %d is not dense", id, len(series))
		}
	}
	rr, err := r.Records(from, to)
	now = 0
	for _, x := range readAll(tb, rr, err) {
		in(time.Unix(0, x.T))
		if x.T < now {
			tb.Fatalf("record at %d after %d", x.T, now)
		}
		now = x.T
		c.records = append(c.records, recordText(x.Stream.Labels, x.T, string(x.Line), x.Metadata))
	}
	pr, err := r.Spans(from, to)
	now = 0
	for _, s := range readAll(tb, pr, err) {
		end := int64(s.Span.EndTimestamp())
		in(time.Unix(0, end))
		if end < now {
			tb.Fatalf("span ending at %d after %d", end, now)
		}
		now = end
		c.spans = append(c.spans, spanText(s.Resource, s.Span))
	}
	return c
}

func TestWriteReadGivesTheSame(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			in := randomInput(seed, 3000, 5*time.Hour)
			r, _ := mustRecord(t, in, seed)
			samples, exemplars, records, spans := in.texts()
			got := read(t, r, time.Time{}, forever)
			sameSet(t, "samples", got.samples, samples)
			sameSet(t, "records", got.records, records)
			sameSet(t, "spans", got.spans, spans)
			lost := int(r.Manifest().Changed.UndeliverableExemplars)
			if len(got.exemplars) != len(exemplars)-lost {
				t.Errorf("got %d exemplars, want %d without %d that have no sample", len(got.exemplars), len(exemplars), lost)
			}
			m := r.Manifest()
			if m.Metrics.Samples != int64(len(samples)) || m.Logs.Lines != int64(len(records)) || m.Traces.Spans != int64(len(spans)) {
				t.Errorf("manifest counts %+v %+v %+v, want %d samples, %d lines, %d spans", m.Metrics, m.Logs, m.Traces, len(samples), len(records), len(spans))
			}
			if m.Changed != (recording.Changed{UndeliverableExemplars: int64(lost)}) {
				t.Errorf("changed %+v, want nothing", m.Changed)
			}
			ids := map[pcommon.TraceID]bool{}
			for id := range r.TraceIDs() {
				ids[id] = true
				if !r.HasTrace(id) {
					t.Errorf("HasTrace(%s) is false for an id of TraceIDs", id)
				}
			}
			if len(ids) != int(m.Traces.Traces) || r.HasTrace(pcommon.TraceID{0xff, 1}) || r.HasTrace(pcommon.TraceID{15: 1}) {
				t.Errorf("got %d ids of %d, or an id that is not there", len(ids), m.Traces.Traces)
			}
		})
	}
}

func sameSet(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s differ:\n got %s\nwant %s", what, got[i], want[i])
		}
	}
	if c := cmp.Compare(len(got), len(want)); c != 0 {
		t.Fatalf("%s: got %d, want %d", what, len(got), len(want))
	}
}
