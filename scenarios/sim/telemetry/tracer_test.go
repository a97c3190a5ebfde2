package telemetry_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"firedrill/replay"
	"firedrill/scenarios/sim/telemetry"
)

func traceIDs(n int) []telemetry.TraceID {
	rng := rand.New(rand.NewPCG(3, 4))
	ids := make([]telemetry.TraceID, n)
	for i := range ids {
		binary.BigEndian.PutUint64(ids[i][:8], rng.Uint64())
		binary.BigEndian.PutUint64(ids[i][8:], rng.Uint64())
	}
	return ids
}

// spansOf are the last bytes of the ids of a trace's spans, in order.
func (r recorded) spansOf(id telemetry.TraceID) []byte {
	var out []byte
	for _, s := range r.spans {
		if s.Span.TraceID() == id {
			out = append(out, s.Span.SpanID()[7])
		}
	}
	slices.Sort(out)
	return out
}

func TestHeadSamplerKeepsItsShare(t *testing.T) {
	const n = 20000
	r := record(t, func(rec *telemetry.Recorder) {
		tracer := rec.Tracer(telemetry.Sampling{Head: 0.05})
		for i, id := range traceIDs(n) {
			tracer.Record(span(id, 2, 1, int64(i), 1))
			tracer.Record(span(id, 1, 0, int64(i), 2))
		}
	})
	if traces := r.manifest.Traces; traces.Traces < 0.045*n || traces.Traces > 0.055*n || traces.Spans != 2*traces.Traces {
		t.Errorf("%+v of %d traces", traces, n)
	}
}

func TestTailSampler(t *testing.T) {
	ids := traceIDs(4000)
	slow, failed, late := ids[0], ids[1], ids[2]
	var dropped telemetry.TraceID
	r := record(t, func(rec *telemetry.Recorder) {
		// The share is taken of what the head sampler leaves.
		tracer := rec.Tracer(telemetry.Sampling{Head: 1, Tail: &telemetry.Tail{Wait: 10 * time.Second, SlowerThan: 2 * time.Second, Share: 0.1}})
		for _, id := range ids[3:] {
			if id[0] > 0x80 {
				dropped = id
			}
		}
		tracer.Record(span(slow, 1, 0, 3000, 2001))
		bad := span(failed, 2, 1, 3000, 10)
		bad.Status = telemetry.StatusError
		tracer.Record(bad)
		tracer.Record(span(failed, 1, 0, 3010, 20))
		// An abandoned server works on after its client gave up: once before the decision, once after.
		gaveUp := span(late, 2, 1, 4000, 1000)
		gaveUp.Status = telemetry.StatusError
		tracer.Record(gaveUp)
		tracer.Record(span(late, 1, 0, 4001, 1002))
		tracer.Record(span(late, 3, 2, 9000, 6000))
		for i, id := range ids[3:] {
			tracer.Record(span(id, 1, 0, 10000+10*int64(i), 5))
		}
		tracer.Record(span(late, 4, 3, 60000, 57000))
		tracer.Record(span(dropped, 2, 1, 60000, 1))
	})
	if got := r.spansOf(slow); !slices.Equal(got, []byte{1}) {
		t.Errorf("slow: %v", got)
	}
	if got := r.spansOf(failed); !slices.Equal(got, []byte{1, 2}) {
		t.Errorf("failed: %v", got)
	}
	if got := r.spansOf(late); !slices.Equal(got, []byte{1, 2, 3, 4}) {
		t.Errorf("late: %v", got)
	}
	if got := r.spansOf(dropped); got != nil {
		t.Errorf("dropped: %v", got)
	}
	if n := r.manifest.Traces.Traces; n < 340 || n > 460 {
		t.Errorf("%d of 4000 traces", n)
	}
}

// With both samplers each keeps its own share.
func TestSamplersAreIndependent(t *testing.T) {
	const n = 20000
	r := record(t, func(rec *telemetry.Recorder) {
		tracer := rec.Tracer(telemetry.Sampling{Head: 0.2, Tail: &telemetry.Tail{Wait: time.Second, Share: 0.2, MaxTraces: 10}})
		for i, id := range traceIDs(n) {
			tracer.Record(span(id, 1, 0, int64(i), 2))
		}
	})
	if got := r.manifest.Traces.Traces; got < 0.035*n || got > 0.045*n {
		t.Errorf("%d of %d traces", got, n)
	}
}

func TestSpanIsWrittenWhole(t *testing.T) {
	id := traceIDs(1)[0]
	r := record(t, func(rec *telemetry.Recorder) {
		s := span(id, 2, 1, 100, 40)
		s.Kind, s.Status, s.StatusMessage = telemetry.KindClient, telemetry.StatusError, "no answer"
		s.Scope = telemetry.Scope{Name: "lib", Version: "1"}
		s.Attributes = []telemetry.Attribute{telemetry.String("s", "x"), telemetry.Int("i", 7), telemetry.Float("f", 0.5), telemetry.Bool("b", true)}
		s.Events = []telemetry.SpanEvent{{Name: "retry", Time: s.Start + 1, Attributes: []telemetry.Attribute{telemetry.Int("attempt", 2)}}}
		s.Links = []telemetry.Link{{TraceID: telemetry.TraceID{9}, SpanID: telemetry.SpanID{8}}}
		tracer := rec.Tracer(telemetry.Sampling{Head: 1})
		tracer.Record(span(id, 1, 0, 100, 50))
		tracer.Record(s)
	})
	i := slices.IndexFunc(r.spans, func(s replay.Span) bool { return s.Span.SpanID()[7] == 2 })
	s, resource := r.spans[i].Span, r.spans[i].Resource
	if s.ParentSpanID() != (telemetry.SpanID{7: 1}) || s.Kind() != telemetry.KindClient || s.Status().Code() != telemetry.StatusError || s.Status().Message() != "no answer" ||
		s.EndTimestamp()-s.StartTimestamp() != 40e6 || s.Name() != "work" {
		t.Errorf("span %v", s)
	}
	want := map[string]any{"s": "x", "i": int64(7), "f": 0.5, "b": true}
	if got := s.Attributes().AsRaw(); len(got) != 4 || got["s"] != want["s"] || got["i"] != want["i"] || got["f"] != want["f"] || got["b"] != want["b"] {
		t.Errorf("attributes %v", got)
	}
	if s.Events().Len() != 1 || s.Events().At(0).Name() != "retry" || s.Links().Len() != 1 || s.Links().At(0).TraceID() != (telemetry.TraceID{9}) {
		t.Errorf("events %d, links %d", s.Events().Len(), s.Links().Len())
	}
	if resource.Scope.Name() != "lib" || resource.Attributes.AsRaw()["service.name"] != "shop" || resource.Attributes.AsRaw()["k8s.pod.name"] != "shop-1" {
		t.Errorf("scope %s, resource %v", resource.Scope.Name(), resource.Attributes.AsRaw())
	}
}
