package otlptrace

import (
	"math/bits"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"firedrill/replay"
)

// groupSlack is more than the tags and lengths that wrap the spans of a resource and scope take.
const groupSlack = 24

var sizer ptrace.ProtoMarshaler

// encode returns the request of the longest prefix of items that fits, and the length of that prefix,
// at least 1. Spans are not copied: they are lent to the request and handed back.
func encode(items []replay.Span, o Options) (body []byte, n int, err error) {
	var (
		traces = ptrace.NewTraces()
		groups = map[*replay.Resource]ptrace.SpanSlice{}
		lent   = make([]ptrace.Span, 0, min(len(items), o.MaxSpans))
		last   *replay.Resource
		group  ptrace.SpanSlice
		total  int
	)
	for i := range items[:min(len(items), o.MaxSpans)] {
		item := &items[i]
		size := sizer.SpanSize(item.Span)
		size += 1 + varintSize(size)
		if item.Resource != last {
			known, ok := groups[item.Resource]
			if !ok {
				rs := traces.ResourceSpans().AppendEmpty()
				known = describe(item.Resource, rs, o.ResourceAttributes)
				groups[item.Resource] = known
				size += sizer.ResourceSpansSize(rs) + groupSlack
			}
			last, group = item.Resource, known
		}
		if i > 0 && total+size > o.MaxBytes {
			break
		}
		total += size
		span := group.AppendEmpty()
		item.Span.MoveTo(span)
		lent = append(lent, span)
	}
	defer func() {
		for i, span := range lent {
			span.MoveTo(items[i].Span)
		}
	}()
	if last := traces.ResourceSpans().Len() - 1; last >= 0 && traces.ResourceSpans().At(last).ScopeSpans().At(0).Spans().Len() == 0 {
		// The span that brought this resource did not fit.
		i := -1
		traces.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { i++; return i == last })
	}
	body, err = ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	return body, len(lent), err
}

// describe fills in what the spans of a resource share and returns where they go.
func describe(r *replay.Resource, rs ptrace.ResourceSpans, extra map[string]string) ptrace.SpanSlice {
	attributes := rs.Resource().Attributes()
	r.Attributes.CopyTo(attributes)
	for name, value := range extra {
		attributes.PutStr(name, value)
	}
	rs.SetSchemaUrl(r.SchemaURL)
	ss := rs.ScopeSpans().AppendEmpty()
	r.Scope.CopyTo(ss.Scope())
	ss.SetSchemaUrl(r.ScopeURL)
	return ss.Spans()
}

func varintSize(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }
