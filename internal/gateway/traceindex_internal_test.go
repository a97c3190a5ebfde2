package gateway

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// list is a source of spans in the order in which they are due.
type list struct {
	replay.Source
	spans []replay.Span
	err   error
	opens int
}

func (l *list) Bounds() (start, end time.Time) { return time.Unix(1000, 0), time.Unix(100_000, 0) }

func (l *list) Spans(time.Time, time.Time) (replay.Reader[replay.Span], error) {
	l.opens++
	return &listReader{l.spans, l.err}, nil
}

func (l *list) HasTrace(pcommon.TraceID) bool      { return false }
func (l *list) Families() map[string]replay.Family { return nil }

type listReader struct {
	rest []replay.Span
	err  error
}

func (r *listReader) Read(p []replay.Span) (int, error) {
	if len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *listReader) Close() error { return nil }

// span n of a trace, due at second at; parent 0 is none.
func span(service string, trace, n, parent byte, at, lag int64) replay.Span {
	s := replay.Span{Resource: &replay.Resource{Attributes: pcommon.NewMap()}, Span: ptrace.NewSpan(), Lag: time.Duration(lag) * time.Second}
	if service != "" {
		s.Resource.Attributes.PutStr("service.name", service)
	}
	s.Span.SetName("op")
	s.Span.SetTraceID(pcommon.TraceID{15: trace})
	s.Span.SetSpanID(pcommon.SpanID{7: n})
	if parent > 0 {
		s.Span.SetParentSpanID(pcommon.SpanID{7: parent})
	}
	s.Span.SetEndTimestamp(pcommon.Timestamp((at - lag) * int64(time.Second)))
	return s
}

// Calls are found whichever of the two spans comes first, and show when the later one is due.
func TestIndexCalls(t *testing.T) {
	x, err := buildIndex(t.Context(), &list{spans: []replay.Span{
		span("b", 1, 2, 1, 1001, 0), span("a", 1, 1, 0, 1002, 0), // the child ends first, as usual
		span("a", 2, 1, 0, 1003, 0), span("b", 2, 2, 1, 1015, 0), // the parent does not wait
		span("a", 3, 1, 0, 1018, 0), span("a", 3, 2, 1, 1019, 0), // a call within a service
		span("b", 4, 2, 1, 1020, 15), // a span that lags, due when the clock is full: counted there
		span("a", 4, 1, 0, 1020, 0),
		span("c", 5, 2, 9, 1021, 0),                             // a parent that is not there
		span("", 6, 2, 1, 1022, 0), span("a", 6, 1, 0, 1023, 0), // a resource without a name
		span("b", 7, 1, 0, 1024, 0), span("b", 8, 2, 1, 3000, 0), // the same span ids in two traces
	}})
	if err != nil {
		t.Fatal(err)
	}
	calls := func(parent, child string, from, to, horizon int64) uint64 {
		for i := range x.edges {
			if e := &x.edges[i]; e.edge == (edge{parent, child}) {
				return e.between(from*1e9, to*1e9, horizon*1e9)
			}
		}
		return 0
	}
	if len(x.edges) != 2 {
		t.Errorf("edges %+v, want a-b and a-%s", x.edges, noService)
	}
	for _, c := range []struct {
		from, to, horizon int64
		want              uint64
	}{
		{0, 9000, 9000, 3}, {0, 9000, 1020, 3}, {0, 9000, 1019, 1}, {0, 9000, 1010, 1}, {0, 9000, 1009, 0},
		{1010, 9000, 9000, 2}, {0, 1010, 9000, 1}, {1020, 9000, 9000, 0}, {1020, 1010, 9000, 0}, {9000, 0, 9000, 0}, {0, 1001, 9000, 1},
	} {
		if got := calls("a", "b", c.from, c.to, c.horizon); got != c.want {
			t.Errorf("calls of (%d, %d] at %d: %d, want %d", c.from, c.to, c.horizon, got, c.want)
		}
	}
	if got := calls("a", noService, 0, 9000, 9000); got != 1 {
		t.Errorf("calls of a service without a name: %d, want 1", got)
	}
}

// An operation shows from its first due time on, and not at all when a session's history begins after its last.
func TestIndexOperations(t *testing.T) {
	x, err := buildIndex(t.Context(), &list{spans: []replay.Span{
		span("early", 1, 1, 0, 1001, 0), span("b", 2, 1, 0, 1002, 0), span("early", 3, 1, 0, 1003, 0), span("lagging", 4, 1, 0, 1030, 25), span("b", 5, 1, 0, 1040, 0),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, horizon int64
		want          string
	}{
		{0, 1000, ""}, {0, 1001, "early "}, {0, 1002, "b early "}, {0, 1029, "b early "}, {0, 1030, "b early lagging "},
		{1003, 1035, "b early lagging "}, {1004, 1035, "b lagging "}, {1041, 2000, ""},
	} {
		got := ""
		for o := range x.visible(c.from*1e9, c.horizon*1e9) {
			got += o.service + " "
		}
		if got != c.want {
			t.Errorf("services of [%d, %d]: %q, want %q", c.from, c.horizon, got, c.want)
		}
	}
}

// However many spans there are, a bounded number of them is kept for matching, and those close together still match.
func TestIndexIsBounded(t *testing.T) {
	b := &indexBuilder{operations: make(map[operation]*operationSeen), edges: make(map[edge]*edgeSeen), spans: make(map[spanID]string), orphans: make(map[spanID][]string)}
	most := 0
	for i := range int64(3 * maxSpansApart) {
		s := span("a", 0, 1, 2, 1000, 0)
		if i%2 == 1 {
			s = span("b", 0, 2, 0, 1000, 0)
		}
		id := i / 2
		s.Span.SetTraceID(pcommon.TraceID{1, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)})
		b.add(&s)
		most = max(most, len(b.spans)+len(b.spansBefore))
	}
	if most > 2*maxSpansApart {
		t.Errorf("%d spans in memory, at most %d are allowed", most, 2*maxSpansApart)
	}
	if e := b.edges[edge{"b", "a"}]; e == nil || e.calls[len(e.calls)-1].n != 3*maxSpansApart/2 {
		t.Errorf("calls %+v, want %d", e, 3*maxSpansApart/2)
	}
	for i := range maxOperations + 10 {
		s := span("a", 0, 1, 0, 1000, 0)
		s.Span.SetName(string(rune('a'+i%26)) + string(rune(i+1000)))
		b.add(&s)
	}
	if len(b.operations) > maxOperations {
		t.Errorf("%d operations, at most %d are allowed", len(b.operations), maxOperations)
	}
}

// An index is built once, for everybody; one that failed is built again.
func TestIndexesAreShared(t *testing.T) {
	var all indexes
	l := &list{spans: []replay.Span{span("a", 1, 1, 0, 1001, 0)}}
	first, err := all.get(t.Context(), t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := all.get(t.Context(), t.Context(), l); err != nil || again != first || l.opens != 1 {
		t.Errorf("asked twice: the same index is %v, %v, and the source was read %d times", again == first, err, l.opens)
	}
	bad := &list{err: errors.New("disk gone")}
	for want := range 2 {
		if _, err := all.get(t.Context(), t.Context(), bad); !errors.Is(err, bad.err) || bad.opens != want+1 {
			t.Errorf("a source that cannot be read: %v, read %d times", err, bad.opens)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.get(t.Context(), gone, &list{spans: l.spans}); !errors.Is(err, context.Canceled) {
		t.Errorf("a gateway that is closed builds: %v", err)
	}
}
