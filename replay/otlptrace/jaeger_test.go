package otlptrace_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/otlptrace"
)

// jaegerSink returns a sink into the real Jaeger for one session.
func jaegerSink(tb testing.TB, session string) *otlptrace.Sink {
	tb.Helper()
	s := mustNew(tb, otlptrace.Options{
		Endpoint:           receiver(tb, otlptrace.GRPC),
		Query:              endpoint.Config{URL: backEnds(tb).Jaeger},
		ResourceAttributes: map[string]string{sessionAttribute: session},
	})
	tb.Cleanup(func() { s.Close() })
	return s
}

// newTraceID returns an id that was never used and whose first half is 0, as with 64-bit tracers.
func newTraceID() (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[8:], uint64(time.Now().UnixNano())<<4)
	return id
}

// newSpan returns a span with just the necessary; start and end are no whole microseconds.
func newSpan(trace pcommon.TraceID, id byte, start time.Time) ptrace.Span {
	span := ptrace.NewSpan()
	span.SetTraceID(trace)
	span.SetSpanID(pcommon.SpanID{7: id})
	span.SetName("op")
	span.SetStartTimestamp(pcommon.Timestamp(start.UnixNano() + 123))
	span.SetEndTimestamp(pcommon.Timestamp(start.UnixNano() + 5000789))
	return span
}

func newResource() *replay.Resource {
	r := &replay.Resource{
		Attributes: pcommon.NewMap(), Scope: pcommon.NewInstrumentationScope(),
		SchemaURL: "https://opentelemetry.io/schemas/1.26.0", ScopeURL: "https://opentelemetry.io/schemas/1.27.0",
	}
	r.Attributes.PutStr("service.name", "svc")
	r.Attributes.PutInt("process.pid", 5)
	r.Attributes.PutEmptySlice("process.command_args").AppendEmpty().SetStr("-x")
	r.Scope.SetName("lib")
	r.Scope.SetVersion("1.2")
	r.Scope.Attributes().PutStr("in", "scope")
	return r
}

func mustPush(tb testing.TB, s *otlptrace.Sink, r *replay.Resource, spans ...ptrace.Span) {
	tb.Helper()
	var items []replay.Span
	for _, span := range spans {
		items = append(items, replay.Span{Resource: r, Span: span})
	}
	if n, err := s.Push(tb.Context(), items); n != len(items) || err != nil {
		tb.Fatalf("Push = %d, %v, want %d", n, err, len(items))
	}
}

// TestWhatJaegerKeeps states what becomes of each part of a span in Jaeger v2 with Badger. Other tests
// that compare spans with what Jaeger returns rely on these facts; a new version may change them.
func TestWhatJaegerKeeps(t *testing.T) {
	s := jaegerSink(t, "keeps")
	trace, start := newTraceID(), time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	span := newSpan(trace, 1, start)
	span.SetParentSpanID(pcommon.SpanID{7: 9})
	span.SetKind(ptrace.SpanKindProducer)
	span.TraceState().FromRaw("a=b,c=d")
	span.SetFlags(0x101)
	span.SetDroppedAttributesCount(3)
	span.SetDroppedEventsCount(4)
	span.SetDroppedLinksCount(5)
	span.Status().SetCode(ptrace.StatusCodeError)
	span.Status().SetMessage("boom")
	attributes := span.Attributes()
	attributes.PutStr("str", "v")
	attributes.PutInt("big", 1<<60)
	attributes.PutDouble("double", 2)
	attributes.PutBool("bool", true)
	attributes.PutEmptyBytes("bytes").FromRaw([]byte{1, 2, 3})
	attributes.PutEmptySlice("slice").AppendEmpty().SetInt(1)
	attributes.PutEmptyMap("map").PutStr("k", "v")
	attributes.PutEmpty("empty")
	event := span.Events().AppendEmpty()
	event.SetName("exception")
	event.SetTimestamp(span.StartTimestamp() + 1000456)
	event.Attributes().PutStr("exception.type", "E")
	event.SetDroppedAttributesCount(2)
	shadowed := span.Events().AppendEmpty()
	shadowed.SetName("named")
	shadowed.SetTimestamp(span.StartTimestamp() + 2000456)
	shadowed.Attributes().PutStr("event", "shadow")
	link := span.Links().AppendEmpty()
	link.SetTraceID(pcommon.TraceID{1: 1, 15: 7})
	link.SetSpanID(pcommon.SpanID{7: 7})
	link.Attributes().PutStr("why", "batch")
	link.TraceState().FromRaw("q=r")
	mustPush(t, s, newResource(), span)

	// The newer API returns OTLP: what of it differs is what Jaeger's model has lost.
	kept := ptrace.NewSpan()
	span.CopyTo(kept)
	kept.SetFlags(0)
	kept.SetDroppedAttributesCount(0)
	kept.SetDroppedEventsCount(0)
	kept.SetDroppedLinksCount(0)
	kept.Attributes().PutStr("slice", "[1]")
	kept.Attributes().PutStr("map", `{"k":"v"}`)
	kept.Attributes().PutStr("empty", "")
	kept.Events().At(0).SetDroppedAttributesCount(0)
	kept.Events().At(1).SetName("shadow") // an attribute "event" takes the place of the name
	kept.Events().At(1).Attributes().Clear()
	kept.Links().At(0).TraceState().FromRaw("")
	kept.Links().At(0).Attributes().Clear()
	kept.Links().At(0).Attributes().PutStr("opentracing.ref_type", "follows_from")
	got := getTrace(t, trace)
	if got.SpanCount() != 1 {
		t.Fatalf("Jaeger holds %d spans, want 1", got.SpanCount())
	}
	rs := got.ResourceSpans().At(0)
	ss := rs.ScopeSpans().At(0)
	if diff := cmp.Diff(spanText(kept), spanText(ss.Spans().At(0))); diff != "" {
		t.Errorf("span (-want +got):\n%s", diff)
	}
	wantResource := map[string]any{"service.name": "svc", "process.pid": int64(5), "process.command_args": `["-x"]`, sessionAttribute: "keeps"}
	if diff := cmp.Diff(wantResource, rs.Resource().Attributes().AsRaw()); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
	// Schema URLs and attributes of the scope are lost.
	scope := fmt.Sprintf("%s %s %v %s %s", ss.Scope().Name(), ss.Scope().Version(), ss.Scope().Attributes().AsRaw(), ss.SchemaUrl(), rs.SchemaUrl())
	if want := "lib 1.2 map[]  "; scope != want {
		t.Errorf("scope is %q, want %q", scope, want)
	}

	// The JSON that Jaeger's UI and Grafana read: kind, status, scope and trace state are tags, times are
	// in microseconds, an id whose first half is 0 has 16 digits, integers beyond 2^53 are strings.
	at := start.UnixMicro()
	id := trace.String()[16:]
	wantJSON := fmt.Sprintf(`{
		"traceID": %[1]q, "spanID": "0000000000000001", "operationName": "op",
		"references": [{"refType": "CHILD_OF", "traceID": %[1]q, "spanID": "0000000000000009"},
			{"refType": "FOLLOWS_FROM", "traceID": "00010000000000000000000000000007", "spanID": "0000000000000007"}],
		"startTime": %[2]d, "duration": 5000,
		"tags": [{"key": "otel.scope.name", "type": "string", "value": "lib"},
			{"key": "otel.scope.version", "type": "string", "value": "1.2"},
			{"key": "str", "type": "string", "value": "v"},
			{"key": "big", "type": "int64", "value": "1152921504606846976"},
			{"key": "double", "type": "float64", "value": 2},
			{"key": "bool", "type": "bool", "value": true},
			{"key": "bytes", "type": "binary", "value": "AQID"},
			{"key": "slice", "type": "string", "value": "[1]"},
			{"key": "map", "type": "string", "value": "{\"k\":\"v\"}"},
			{"key": "empty", "type": "string", "value": ""},
			{"key": "span.kind", "type": "string", "value": "producer"},
			{"key": "otel.status_code", "type": "string", "value": "ERROR"},
			{"key": "error", "type": "bool", "value": true},
			{"key": "otel.status_description", "type": "string", "value": "boom"},
			{"key": "w3c.tracestate", "type": "string", "value": "a=b,c=d"}],
		"logs": [{"timestamp": %[3]d, "fields": [{"key": "event", "type": "string", "value": "exception"},
				{"key": "exception.type", "type": "string", "value": "E"}]},
			{"timestamp": %[4]d, "fields": [{"key": "event", "type": "string", "value": "shadow"}]}],
		"processID": "p1", "warnings": null}`, id, at, at+1000, at+2000)
	var want any
	if err := json.Unmarshal([]byte(wantJSON), &want); err != nil {
		t.Fatal(err)
	}
	_, body := get(t, "/api/traces/"+trace.String()+"?raw=true")
	var answer struct {
		Data []struct {
			Spans []any `json:"spans"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	if diff := cmp.Diff(want, answer.Data[0].Spans[0]); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// spanText prints everything of a span.
func spanText(s ptrace.Span) string {
	text := fmt.Sprintf("%s %s %s %q %s %d %d %q flags %x dropped %d %d %d status %s %q\n%v\n", s.TraceID(), s.SpanID(), s.ParentSpanID(), s.Name(),
		s.Kind(), s.StartTimestamp(), s.EndTimestamp(), s.TraceState().AsRaw(), s.Flags(), s.DroppedAttributesCount(), s.DroppedEventsCount(),
		s.DroppedLinksCount(), s.Status().Code(), s.Status().Message(), s.Attributes().AsRaw())
	for _, e := range s.Events().All() {
		text += fmt.Sprintf("event %q %d %v dropped %d\n", e.Name(), e.Timestamp(), e.Attributes().AsRaw(), e.DroppedAttributesCount())
	}
	for _, l := range s.Links().All() {
		text += fmt.Sprintf("link %s %s %v %q flags %x\n", l.TraceID(), l.SpanID(), l.Attributes().AsRaw(), l.TraceState().AsRaw(), l.Flags())
	}
	return text
}

// TestReadBackOddSpans reads back what Jaeger's JSON API or its key has trouble with.
func TestReadBackOddSpans(t *testing.T) {
	s := jaegerSink(t, "odd")
	start := time.Now().Add(-time.Minute)
	trace := newTraceID()
	odd := func(change func(ptrace.Span)) []ptrace.Span {
		binary.BigEndian.PutUint64(trace[8:], binary.BigEndian.Uint64(trace[8:])+1)
		spans := []ptrace.Span{newSpan(trace, 1, start), newSpan(trace, 2, start)}
		change(spans[1])
		return spans
	}
	for _, tt := range []struct {
		name   string
		spans  []ptrace.Span
		stored int64
	}{
		{"plain", odd(func(ptrace.Span) {}), 2},
		{"NaN", odd(func(s ptrace.Span) { s.Attributes().PutDouble("x", math.NaN()) }), 2},
		{"infinite", odd(func(s ptrace.Span) { s.Attributes().PutDouble("x", math.Inf(1)) }), 2},
		{"no span id", odd(func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }), 2},
		{"ends before it starts", odd(func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 5000) }), 2},
		{"no UTF-8", odd(func(s ptrace.Span) { s.SetName("bad\xff"); s.Attributes().PutStr("bad", "\xff") }), 2},
		{"same id, other microsecond", odd(func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{7: 1}); s.SetStartTimestamp(s.StartTimestamp() + 1000) }), 2},
		// A span's key is trace id, span id and start in microseconds: the last one pushed wins.
		{"same id, same microsecond", odd(func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{7: 1}); s.SetName("other") }), 1},
	} {
		var items []replay.Span
		r := newResource()
		for _, span := range tt.spans {
			items = append(items, replay.Span{Resource: r, Span: span})
		}
		ids := []pcommon.TraceID{items[0].Span.TraceID(), items[0].Span.TraceID(), newTraceID()}
		if got, err := s.StoredTraces(t.Context(), ids); got.Items != 0 || err != nil {
			t.Errorf("%s: before the push %d are stored, %v, want 0", tt.name, got.Items, err)
		}
		if n, err := s.Push(t.Context(), items); n != 2 || err != nil {
			t.Fatalf("%s: Push = %d, %v", tt.name, n, err)
		}
		if got, err := s.StoredTraces(t.Context(), ids); got.Items != tt.stored || err != nil {
			t.Errorf("%s: %d spans are stored, %v, want %d", tt.name, got.Items, err, tt.stored)
		}
		if got, err := jaegerSink(t, "another").StoredTraces(t.Context(), ids); got.Items != 0 || err != nil {
			t.Errorf("%s: for another session %d spans are stored, %v, want 0", tt.name, got.Items, err)
		}
		extra := replay.Span{Resource: r, Span: newSpan(items[0].Span.TraceID(), 77, start)}
		missing, err := s.Missing(t.Context(), append(items, extra))
		if err != nil || len(missing) != 1 || missing[0] != extra {
			t.Errorf("%s: %d spans are missing, %v, want the one that was not pushed", tt.name, len(missing), err)
		}
	}

	// What the fall-back to the newer API is for: Grafana cannot show such a trace either.
	spoilt := odd(func(s ptrace.Span) { s.Attributes().PutDouble("x", math.NaN()) })
	mustPush(t, s, newResource(), spoilt...)
	if status, body := get(t, "/api/traces/"+spoilt[0].TraceID().String()); status != http.StatusInternalServerError {
		t.Errorf("a trace with NaN is answered %d %.200s: the fall-back is no longer needed", status, body)
	}
}

func TestReadBackNeedsAnAddress(t *testing.T) {
	s := mustNew(t, otlptrace.Options{Endpoint: endpoint.Config{URL: "http://127.0.0.1:1"}})
	defer s.Close()
	if _, err := s.StoredTraces(t.Context(), nil); err == nil || err.Error() != "count spans: no address of Jaeger's query API was given" {
		t.Errorf("StoredTraces = %v, want an error about the address", err)
	}
}
