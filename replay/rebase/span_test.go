package rebase_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestSpan(t *testing.T) {
	text := newText(t)
	x := text.IDs
	s := ptrace.NewSpan()
	s.SetName("GET /cart")
	s.SetTraceID(mustTrace(t, traceA))
	s.SetSpanID(mustSpan(t, spanA))
	s.SetParentSpanID(mustSpan(t, spanB))
	s.TraceState().FromRaw("vendor=" + traceA)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(recordedAt.Add(-1500 * time.Millisecond)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(recordedAt))
	a := s.Attributes()
	a.PutStr("at", "2022-08-22T05:18:42.9Z")
	a.PutStr("trace_id", traceA)
	a.PutStr("etag", traceA)
	a.PutStr("note", "caused by "+traceB)
	a.PutStr("http.method", "GET")
	a.PutInt("deadline", 1661145530)
	a.PutInt("deadline.ms", 1661145530000)
	a.PutInt("deadline.ns", 1661145530000000001)
	a.PutInt("bytes", 1500000000)
	a.PutInt("retries", 3)
	a.PutDouble("ts", 1661145530.5)
	a.PutDouble("ratio", 0.5)
	a.PutBool("ok", true)
	a.PutEmptyBytes("raw").FromRaw([]byte("2022-08-22T05:18:42Z"))
	list := a.PutEmptySlice("times")
	list.AppendEmpty().SetStr("05:18:42")
	list.AppendEmpty().SetEmptyMap().PutInt("in", 1661145530)
	event := s.Events().AppendEmpty()
	event.SetTimestamp(pcommon.NewTimestampFromTime(recordedAt.Add(-time.Second)))
	event.Attributes().PutStr("message", "since 2022-08-22T05:18:41Z")
	s.Events().AppendEmpty() // without a time
	link := s.Links().AppendEmpty()
	link.SetTraceID(mustTrace(t, traceB))
	link.SetSpanID(mustSpan(t, spanB))
	link.Attributes().PutStr("span_id", spanB)

	text.Span(s, toOctober)

	want := ptrace.NewSpan()
	want.SetName("GET /cart")
	want.SetTraceID(x.Trace(mustTrace(t, traceA)))
	want.SetSpanID(x.Span(mustSpan(t, spanA)))
	want.SetParentSpanID(x.Span(mustSpan(t, spanB)))
	want.TraceState().FromRaw("vendor=" + traceA)
	want.SetStartTimestamp(pcommon.NewTimestampFromTime(recordedAt.Add(-1500*time.Millisecond + toOctober)))
	want.SetEndTimestamp(pcommon.NewTimestampFromTime(recordedAt.Add(toOctober)))
	a = want.Attributes()
	a.PutStr("at", "2022-10-02T21:18:52.9Z")
	a.PutStr("trace_id", renamed(t, traceA))
	a.PutStr("etag", traceA)
	a.PutStr("note", "caused by "+renamed(t, traceB))
	a.PutStr("http.method", "GET")
	a.PutInt("deadline", 1664745540)
	a.PutInt("deadline.ms", 1664745540000)
	a.PutInt("deadline.ns", 1664745540000000001)
	a.PutInt("bytes", 1500000000)
	a.PutInt("retries", 3)
	a.PutDouble("ts", 1664745540.5)
	a.PutDouble("ratio", 0.5)
	a.PutBool("ok", true)
	a.PutEmptyBytes("raw").FromRaw([]byte("2022-08-22T05:18:42Z"))
	list = a.PutEmptySlice("times")
	list.AppendEmpty().SetStr("21:18:52")
	list.AppendEmpty().SetEmptyMap().PutInt("in", 1664745540)
	event = want.Events().AppendEmpty()
	event.SetTimestamp(pcommon.NewTimestampFromTime(recordedAt.Add(-time.Second + toOctober)))
	event.Attributes().PutStr("message", "since 2022-10-02T21:18:51Z")
	want.Events().AppendEmpty()
	link = want.Links().AppendEmpty()
	link.SetTraceID(x.Trace(mustTrace(t, traceB)))
	link.SetSpanID(x.Span(mustSpan(t, spanB)))
	link.Attributes().PutStr("span_id", renamed(t, spanB))
	if got, want := marshal(t, s), marshal(t, want); got != want {
		t.Errorf("Span\n got %s\nwant %s", got, want)
	}
}

// marshal prints a span, so that all of its fields are compared.
func marshal(tb testing.TB, s ptrace.Span) string {
	tb.Helper()
	td := ptrace.NewTraces()
	s.CopyTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// TestSpanRoot: a root span has no parent afterwards either.
func TestSpanRoot(t *testing.T) {
	s := ptrace.NewSpan()
	s.SetSpanID(mustSpan(t, spanA))
	newText(t).Span(s, toOctober)
	if !s.ParentSpanID().IsEmpty() || !s.TraceID().IsEmpty() || s.EndTimestamp() != 0 {
		t.Errorf("empty fields became parent %s, trace %s, end %d", s.ParentSpanID(), s.TraceID(), s.EndTimestamp())
	}
}

func TestResourceAttributes(t *testing.T) {
	m := pcommon.NewMap()
	m.PutStr("k8s.pod.start_time", "2022-08-20T01:02:03Z")
	m.PutStr("service.name", "cart")
	newText(t).Attributes(m, recordedAt.UnixNano(), toOctober)
	if v, _ := m.Get("k8s.pod.start_time"); v.Str() != "2022-09-30T17:02:13Z" {
		t.Errorf("k8s.pod.start_time = %s, want 2022-09-30T17:02:13Z", v.Str())
	}
	if v, _ := m.Get("service.name"); v.Str() != "cart" {
		t.Errorf("service.name = %s, want cart", v.Str())
	}
}
