package gateway

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

const (
	// maxOperations bounds an index: what a recording has of services, operations and kinds beyond it is left out.
	maxOperations = 20_000
	// maxEdges bounds the pairs of services that call each other.
	maxEdges = 5_000
	// tick is how fine the calls between services are counted.
	tick = 10 * time.Second
	// A span is matched with a parent that is due at most so much earlier or later. The recording's spans come in order of
	// their due time, so that no more of them need to be in memory.
	maxApart      = 10 * time.Minute
	maxSpansApart = 250_000
)

// noService is what Jaeger calls the service of a resource without service.name (pkg/translator/jaeger of
// opentelemetry-collector-contrib).
const noService = "OTLPResourceNoServiceName"

// traceIndex is what the spans of a Source have to tell about its services, with the recorded times from which on it shows. It
// does not change once it is built.
type traceIndex struct {
	operations []operationSeen
	edges      []edgeSeen
}

// operation is a kind of span.
type operation struct{ service, name, kind string }

type operationSeen struct {
	operation
	first, last int64 // due times, recorded
}

// edge is a call from one service to another.
type edge struct{ parent, child string }

type edgeSeen struct {
	edge
	calls []callsUpTo
}

// callsUpTo says how many calls there were until a recorded time, a multiple of tick; a call is there when both its spans are.
type callsUpTo struct {
	until int64
	n     uint64
}

// visible yields the operations that a session has sent: those with a span due from the beginning of its history up to the horizon, as
// far as first and last tell.
func (x *traceIndex) visible(from, horizon int64) func(yield func(operation) bool) {
	return func(yield func(operation) bool) {
		for _, o := range x.operations {
			if o.first <= horizon && o.last >= from && !yield(o.operation) {
				return
			}
		}
	}
}

// between counts the calls in (from, to], rounded to ticks so that nothing after the horizon is counted.
func (e *edgeSeen) between(from, to, horizon int64) uint64 {
	to = min(ceilTick(to), floorTick(horizon))
	from = floorTick(from)
	if to <= from {
		return 0
	}
	return e.upTo(to) - e.upTo(from)
}

func (e *edgeSeen) upTo(t int64) uint64 {
	i := sort.Search(len(e.calls), func(i int) bool { return e.calls[i].until > t })
	if i == 0 {
		return 0
	}
	return e.calls[i-1].n
}

func floorTick(t int64) int64 { return t - mod(t, int64(tick)) }

func ceilTick(t int64) int64 { return t + mod(-t, int64(tick)) }

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// indexBuilder reads spans in order of their due time.
type indexBuilder struct {
	operations map[operation]*operationSeen
	edges      map[edge]*edgeSeen
	// services by span, of late and of before that; and children that came before their parent.
	spans, spansBefore     map[spanID]string
	orphans, orphansBefore map[spanID][]string
	since                  int64 // due time from which on spans and orphans are
}

type spanID struct {
	trace [16]byte
	span  [8]byte
}

// buildIndex reads all spans of a source.
func buildIndex(ctx context.Context, src replay.Source) (*traceIndex, error) {
	start, end := src.Bounds()
	r, err := src.Spans(start, end)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := &indexBuilder{
		operations: make(map[operation]*operationSeen), edges: make(map[edge]*edgeSeen),
		spans: make(map[spanID]string), orphans: make(map[spanID][]string), since: start.UnixNano(),
	}
	buf := make([]replay.Span, 512)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := r.Read(buf)
		for i := range buf[:n] {
			b.add(&buf[i])
		}
		if errors.Is(err, io.EOF) {
			return b.index(), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (b *indexBuilder) add(s *replay.Span) {
	due := int64(s.Span.EndTimestamp()) + int64(s.Lag)
	service := noService
	if v, ok := s.Resource.Attributes.Get("service.name"); ok {
		service = v.AsString()
	}
	op := operation{service, s.Span.Name(), kindName(s.Span.Kind())}
	seen := b.operations[op]
	if seen == nil && len(b.operations) < maxOperations {
		seen = &operationSeen{operation: op, first: due}
		b.operations[op] = seen
	}
	if seen != nil {
		seen.last = due
		service = seen.service // one string for all
	}

	if due-b.since > int64(maxApart) || len(b.spans) >= maxSpansApart {
		b.spansBefore, b.spans = b.spans, make(map[spanID]string)
		b.orphansBefore, b.orphans = b.orphans, make(map[spanID][]string)
		b.since = due
	}
	self := spanID{s.Span.TraceID(), s.Span.SpanID()}
	b.spans[self] = service
	for _, orphans := range []map[spanID][]string{b.orphans, b.orphansBefore} {
		for _, child := range orphans[self] {
			b.call(service, child, due)
		}
		delete(orphans, self)
	}
	if s.Span.ParentSpanID().IsEmpty() {
		return
	}
	parent := spanID{self.trace, s.Span.ParentSpanID()}
	if by, ok := b.spans[parent]; ok {
		b.call(by, service, due)
	} else if by, ok := b.spansBefore[parent]; ok {
		b.call(by, service, due)
	} else {
		b.orphans[parent] = append(b.orphans[parent], service)
	}
}

// call counts a call that shows at a due time, which never goes back.
func (b *indexBuilder) call(parent, child string, due int64) {
	if parent == child { // as Jaeger does (dependencystore, processTrace)
		return
	}
	e := b.edges[edge{parent, child}]
	if e == nil {
		if len(b.edges) >= maxEdges {
			return
		}
		e = &edgeSeen{edge: edge{parent, child}}
		b.edges[e.edge] = e
	}
	until := ceilTick(due)
	if n := len(e.calls); n == 0 {
		e.calls = append(e.calls, callsUpTo{until, 1})
	} else if last := &e.calls[n-1]; last.until == until {
		last.n++
	} else {
		e.calls = append(e.calls, callsUpTo{until, last.n + 1})
	}
}

func (b *indexBuilder) index() *traceIndex {
	x := &traceIndex{}
	for _, o := range b.operations {
		x.operations = append(x.operations, *o)
	}
	slices.SortFunc(x.operations, func(a, b operationSeen) int {
		return cmp.Or(strings.Compare(a.service, b.service), strings.Compare(a.name, b.name), strings.Compare(a.kind, b.kind))
	})
	for _, e := range b.edges {
		e.calls = slices.Clip(e.calls)
		x.edges = append(x.edges, *e)
	}
	slices.SortFunc(x.edges, func(a, b edgeSeen) int {
		return cmp.Or(strings.Compare(a.parent, b.parent), strings.Compare(a.child, b.child))
	})
	return x
}

// kindName is what Jaeger's API calls the kind of a span.
func kindName(k ptrace.SpanKind) string {
	if k == ptrace.SpanKindUnspecified {
		return ""
	}
	return strings.ToLower(k.String())
}
