package flow

import (
	"encoding/binary"

	"firedrill/scenarios/sim/model"
)

func (p *Replica) newSpan() SpanID {
	var id SpanID
	binary.BigEndian.PutUint64(id[:], p.ids.Uint64()|1)
	return id
}

// inbound is the context of a request's own work: a child of the caller's span, or the root of a trace
// that begins here. Head sampling is OpenTelemetry's TraceIDRatioBased: it looks at the trace id alone.
func (p *Replica) inbound(t Trace) Trace {
	if !p.traces {
		return t
	}
	if t.ID != (TraceID{}) {
		return Trace{ID: t.ID, Span: p.newSpan(), Parent: t.Span, Sampled: t.Sampled}
	}
	binary.BigEndian.PutUint64(t.ID[:8], p.ids.Uint64()|1)
	low := p.ids.Uint64()
	binary.BigEndian.PutUint64(t.ID[8:], low)
	t.Span = p.newSpan()
	t.Sampled = float64(low>>1) < p.traceShare*(1<<63)
	return t
}

// outbound is the context of an attempt.
func (d *Dependency) outbound(c *call) Trace {
	t := c.trace()
	if p := d.Replica; p != nil && p.traces && c.partition < 0 {
		return Trace{ID: t.ID, Span: p.newSpan(), Parent: t.Span, Sampled: t.Sampled}
	}
	return t
}

// hasSpans tells which kinds of services make spans.
func hasSpans(k model.Kind) bool { return k == model.App }
