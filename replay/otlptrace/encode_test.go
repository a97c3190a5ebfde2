package otlptrace

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"firedrill/replay"
)

// asJSON writes each span with its resource and scope, in order of the request.
func asJSON(t testing.TB, traces ptrace.Traces) string {
	t.Helper()
	var m ptrace.JSONMarshaler
	b, err := m.MarshalTraces(traces)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// copied builds the request of items by copying, one resource after the other as they appear.
func copied(items []replay.Span, extra map[string]string) ptrace.Traces {
	traces := ptrace.NewTraces()
	groups := map[*replay.Resource]ptrace.SpanSlice{}
	for _, item := range items {
		spans, ok := groups[item.Resource]
		if !ok {
			rs := traces.ResourceSpans().AppendEmpty()
			item.Resource.Attributes.CopyTo(rs.Resource().Attributes())
			for name, value := range extra {
				rs.Resource().Attributes().PutStr(name, value)
			}
			rs.SetSchemaUrl(item.Resource.SchemaURL)
			ss := rs.ScopeSpans().AppendEmpty()
			item.Resource.Scope.CopyTo(ss.Scope())
			ss.SetSchemaUrl(item.Resource.ScopeURL)
			spans = ss.Spans()
			groups[item.Resource] = spans
		}
		item.Span.CopyTo(spans.AppendEmpty())
	}
	return traces
}

// TestEncodeLendsSpans compares requests with copies, and the spans afterwards with what they were.
func TestEncodeLendsSpans(t *testing.T) {
	extra := map[string]string{"firedrill.session": "s1", "k8s.namespace.name": "other"}
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		items := makeSpans(1+rng.IntN(200), 1+rng.IntN(9), 1700000000e9, seed)
		for i := range items {
			if rng.IntN(4) == 0 {
				items[i].Span.Events().AppendEmpty().SetName("exception")
				items[i].Span.Links().AppendEmpty().SetTraceID(items[0].Span.TraceID())
				items[i].Span.TraceState().FromRaw("a=b")
			}
		}
		before := asJSON(t, copied(items, nil))
		o := Options{MaxSpans: 1 + rng.IntN(300), MaxBytes: 1 + rng.IntN(60000), ResourceAttributes: extra}

		body, n, err := encode(items, o)
		if err != nil {
			t.Fatal(err)
		}
		if after := asJSON(t, copied(items, nil)); after != before {
			t.Fatalf("seed %d: encode changed its items (-before +after):\n%s", seed, cmp.Diff(before, after))
		}
		request := ptraceotlp.NewExportRequest()
		if err := request.UnmarshalProto(body); err != nil {
			t.Fatal(err)
		}
		want := copied(items[:n], extra)
		if diff := cmp.Diff(asJSON(t, want), asJSON(t, request.Traces())); diff != "" {
			t.Fatalf("seed %d: request differs from copies (-want +got):\n%s", seed, diff)
		}
		if n < 1 || n > o.MaxSpans || n > 1 && len(body) > o.MaxBytes {
			t.Errorf("seed %d: %d spans in %d bytes, limits %d and %d", seed, n, len(body), o.MaxSpans, o.MaxBytes)
		}
		if n < min(len(items), o.MaxSpans) {
			var m ptrace.ProtoMarshaler
			more := copied(items[:n+1], extra)
			if size := m.TracesSize(more); size <= o.MaxBytes-groupSlack*more.ResourceSpans().Len() {
				t.Errorf("seed %d: %d spans, though %d take %d of %d bytes", seed, n, n+1, size, o.MaxBytes)
			}
		}
	}
}
