package distort

import (
	"encoding/binary"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/rebase"
)

// maxResources bounds what is remembered of resources; a reader may hand out many.
const maxResources = 4096

// spanChain applies the rules of traces.
type spanChain struct {
	rules     []rule
	resources map[*replay.Resource]facts
}

func (c *spanChain) apply(s *replay.Span) (due int64, ok bool) {
	t, trace := spanTime(s), s.Span.TraceID()
	f, ok := c.resources[s.Resource]
	if !ok {
		if len(c.resources) >= maxResources {
			clear(c.resources)
		}
		f = resourceFacts(c.rules, s.Resource)
		c.resources[s.Resource] = f
	}
	due = t
	renamed := false
	for i := range c.rules {
		r := &c.rules[i]
		if f.rules&r.bit == 0 {
			continue
		}
		if r.Kind == IngestionLag {
			due = r.late(due, f.key)
			continue
		}
		if !r.in(t) {
			continue
		}
		switch r.Kind {
		case TraceSampling:
			if !r.draw.hits(r.Keep, binary.BigEndian.Uint64(trace[:8]), binary.BigEndian.Uint64(trace[8:])) {
				return 0, false
			}
		case SpansMissing:
			return 0, false
		case BrokenPropagation:
			if !renamed {
				renamed = true
				if f.own&r.bit != 0 && enters(s.Span) {
					s.Span.SetParentSpanID(pcommon.SpanID{})
				}
				r.text.Span(s.Span, 0)
			}
		case ClockSkew:
			(&rebase.Text{}).Span(s.Span, time.Duration(r.skew()))
		}
	}
	end := spanTime(s)
	due = max(due, end) // a fast clock's stamp must be past
	s.Lag = time.Duration(due - end)
	return due, true
}

// enters tells whether a span is where a request from another service comes in.
func enters(s ptrace.Span) bool {
	return s.Kind() == ptrace.SpanKindServer || s.Kind() == ptrace.SpanKindConsumer
}
