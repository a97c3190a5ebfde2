package rebase_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"firedrill/replay/rebase"
)

const (
	traceA = "04c87ec97bae041b1b15b3c7676a43cc"
	traceB = "5e8eeec48b08e26882aba313eb08f0a4"
	spanA  = "e4006dce6700e903"
	spanB  = "dcc1df555b5777b3"
)

// newText returns a Text that knows traceB only.
func newText(tb testing.TB) *rebase.Text {
	known := mustTrace(tb, traceB)
	return &rebase.Text{
		IDs:        rebase.NewIDs(sequentialKey()),
		KnownTrace: func(id [16]byte) bool { return id == known },
	}
}

// renamed replaces the four ids, in both cases, by way of IDs.
func renamed(tb testing.TB, s string) string {
	tb.Helper()
	x := rebase.NewIDs(sequentialKey())
	var pairs []string
	for _, id := range []string{traceA, traceB} {
		to := x.Trace(mustTrace(tb, id))
		pairs = append(pairs, id, hex.EncodeToString(to[:]))
	}
	for _, id := range []string{spanA, spanB} {
		to := x.Span(mustSpan(tb, id))
		pairs = append(pairs, id, hex.EncodeToString(to[:]))
	}
	for _, p := range pairs {
		pairs = append(pairs, strings.ToUpper(p))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// TestLineIDs has texts whose ids are all renamed. A, B, a and b stand for traceA, traceB, spanA and spanB.
func TestLineIDs(t *testing.T) {
	for _, s := range []string{
		// A key before a trace id that nobody knows.
		"trace_id=$A x", "traceId: $A", "trace-id=$A", `trace_id="$A"`, `{"traceId":"$A"}`, `{"trace.id" : "$A"}`,
		"TraceID: $A", "TraceID $A", "Trace ID: $A", "dd.trace_id=$A", "otelTraceID=$A", "x-b3-traceid: $A",
		"[trace_id=$A]", "<traceId>$A</traceId>", "?traceID=$A&x=1", "trace=$A", "/trace/$A", "projects/p/traces/$A",
		"X-Cloud-Trace-Context: $A/1;o=1", `"traceIds":["$A"]`, "TRACE_ID=$U",
		`{"log":"{\"trace_id\": \"$A\", \"spanId\":\"$a\"}"}`, `{\\\"trace_id\\\":\\\"$A\\\"}`,
		// Span ids need a key, and so do 64-bit trace ids.
		"span_id=$a", "SpanID: $a x", `"parentSpanId":"$a"`, "parent_id=$a", "transaction.id=$a", "span=$a", "trace_id=$a",
		"traceID $A SpanID: $a\n",
		// Known traces need none.
		"$B", "see ($B), please", "/api/x/$B?y", "x_$B", "$V", "trace $B\n",
		// Propagation headers.
		"00-$A-$a-01", "traceparent: 00-$A-$a-00 x", "b3=$A-$a", "b3: $A-$a-1", "$A-$a-d-$b", "$b-$a-0", "$b-$a-1-$b",
		"$A:$a:0:1", "$A:$a:$b:0", "$b:$a:0:1", "[svc,$A,$a]", "[svc,$A,$a,true]", "[svc] [ main] [$A-$a] x",
	} {
		in := strings.NewReplacer("$A", traceA, "$B", traceB, "$a", spanA, "$b", spanB,
			"$U", strings.ToUpper(traceA), "$V", strings.ToUpper(traceB)).Replace(s)
		want := renamed(t, in)
		if want == in {
			t.Fatalf("%q has no id", s)
		}
		text := newText(t)
		if got := text.Attr(in, recordedAt.UnixNano(), toOctober); got != want {
			t.Errorf("Attr(%q)\n got %q\nwant %q", in, got, want)
		}
		if got := string(text.Line([]byte(in), recordedAt.UnixNano(), toOctober)); got != want {
			t.Errorf("Line(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

// TestLineNoIDs has hex that is none of our ids.
func TestLineNoIDs(t *testing.T) {
	for _, s := range []string{
		"md5 $A", "$A", "etag=\"$A\"", "request_id=$A", "x$A", "${A}0", "trace_id=${A}00",
		"span $A", // 32 digits are no span id
		"$a", "id=$a", "order_id=$a", "lifespan=$a", "tracer=$a", "$a-$b", "$a:$b", "$b-$a-2", "$A,$a", "[$A,$a]", "x,$A,$a y", "$A-$a-x", "$A-${a}0",
		"00-$A-0123", "$A:$a", "trace_id=e33831ed-b58d-4dee-8cdf-b9a4301a7eba", "span_id=${a}1", "1-5759e988-bd862e3fe1be46a994272793",
		"trace_id=00000000000000000000000000000000 span_id=0000000000000000",
	} {
		in := strings.NewReplacer("$A", traceA, "$a", spanA, "$b", spanB, "${A}", traceA, "${a}", spanA).Replace(s)
		if got := newText(t).Attr(in, recordedAt.UnixNano(), toOctober); got != in {
			t.Errorf("Attr(%q) = %q, want it untouched", in, got)
		}
	}
}

func TestLineXRay(t *testing.T) {
	text := newText(t)
	in := "X-Amzn-Trace-Id: Root=1-" + traceA[:8] + "-" + traceA[8:] + ";Parent=" + spanA + ";Sampled=1"
	id := renamed(t, traceA)
	want := "X-Amzn-Trace-Id: Root=1-" + id[:8] + "-" + id[8:] + ";Parent=" + renamed(t, spanA) + ";Sampled=1"
	if got := text.Attr(in, recordedAt.UnixNano(), toOctober); got != want {
		t.Errorf("Attr(%q)\n got %q\nwant %q", in, got, want)
	}
}

// TestLineNoBijection: without IDs, ids stay and times move.
func TestLineNoBijection(t *testing.T) {
	in := "2022-08-22T05:18:42Z trace_id=" + traceA + " 00-" + traceA + "-" + spanA + "-01 Root=1-" + traceA[:8] + "-" + traceA[8:]
	if got, want := line(t, in, recordedAt, toOctober), "2022-10-02T21:18:52Z"+in[20:]; got != want {
		t.Errorf("Attr = %q, want %q", got, want)
	}
	if got := (&rebase.Text{}).ID(traceA); got != traceA {
		t.Errorf("ID = %q, want it untouched", got)
	}
}

func TestID(t *testing.T) {
	text := newText(t)
	zero := strings.Repeat("0", 32)
	for _, c := range []struct{ in, want string }{
		{traceA, renamed(t, traceA)},
		{strings.ToUpper(traceA), renamed(t, strings.ToUpper(traceA))},
		{spanA, renamed(t, spanA)},
		{zero[:16] + spanA, zero[:16] + renamed(t, spanA)}, // a 64-bit id in full length
		{"", ""}, {zero, zero}, {zero[:16], zero[:16]}, {"0", "0"},
		{"root", "root"}, {traceA + "0", traceA + "0"}, {"e33831ed-b58d-4dee-8cdf-b9a4301a7eba", "e33831ed-b58d-4dee-8cdf-b9a4301a7eba"},
	} {
		if got := text.ID(c.in); got != c.want {
			t.Errorf("ID(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if short, full := text.ID("1f"), text.ID("000000000000001f"); short != full {
		t.Errorf("ID of 1f with its zeros cut is %q, in full %q", short, full)
	}
	if short, full := text.ID(traceA[1:]), text.ID(traceA); short != full {
		t.Errorf("ID of a trace id with its zero cut is %q, in full %q", short, full)
	}
}

func TestIDName(t *testing.T) {
	for name, want := range map[string]bool{
		"trace_id": true, "traceID": true, "trace.id": true, "TraceId": true, "otelSpanID": true, "parent_span_id": true,
		"parentId": true, "dd.trace_id": true, "x-b3-spanid": true, "transaction.id": true, "trace": true,
		"": false, "id": false, "user_id": false, "lifespan": false, "trace_state": false, "span_kind": false, "request_id": false,
	} {
		if got := rebase.IDName(name); got != want {
			t.Errorf("IDName(%q) = %v, want %v", name, got, want)
		}
	}
}
