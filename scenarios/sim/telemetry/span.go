package telemetry

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TraceID names a trace. Its bytes must be random: samplers decide by them.
type TraceID = pcommon.TraceID

// SpanID names a span in its trace; zero stands for none.
type SpanID = pcommon.SpanID

// Kind is the role of a span in a call.
type Kind = ptrace.SpanKind

// The kinds of spans.
const (
	KindInternal = ptrace.SpanKindInternal
	KindServer   = ptrace.SpanKindServer
	KindClient   = ptrace.SpanKindClient
	KindProducer = ptrace.SpanKindProducer
	KindConsumer = ptrace.SpanKindConsumer
)

// Status is how an operation ended; instrumentation sets Error or leaves it unset.
type Status = ptrace.StatusCode

// The statuses of spans.
const (
	StatusUnset = ptrace.StatusCodeUnset
	StatusOK    = ptrace.StatusCodeOk
	StatusError = ptrace.StatusCodeError
)

// Span is one finished operation. Times are ns.
type Span struct {
	TraceID       TraceID
	SpanID        SpanID
	Parent        SpanID // zero for a root
	Kind          Kind
	Name          string
	Start, End    int64
	Status        Status
	StatusMessage string
	Attributes    []Attribute // in this order
	Events        []SpanEvent
	Links         []Link
	Resource      *Resource
	Scope         Scope
}

// SpanEvent is something that happened during a span.
type SpanEvent struct {
	Name       string
	Time       int64
	Attributes []Attribute
}

// Link points to a span of another trace, for example that of the producer of a message.
type Link struct {
	TraceID TraceID
	SpanID  SpanID
}

// Scope is the instrumentation library that made a span.
type Scope struct{ Name, Version string }

// Attribute is a name with a string, a whole number, a number or a truth value.
type Attribute struct {
	Key   string
	Value any // string, int64, float64 or bool
}

// String returns an attribute with a string.
func String(key, v string) Attribute { return Attribute{key, v} }

// Int returns an attribute with a whole number.
func Int(key string, v int) Attribute { return Attribute{key, int64(v)} }

// Float returns an attribute with a number.
func Float(key string, v float64) Attribute { return Attribute{key, v} }

// Bool returns an attribute with a truth value.
func Bool(key string, v bool) Attribute { return Attribute{key, v} }

func putAttributes(m pcommon.Map, attributes []Attribute) {
	m.EnsureCapacity(len(attributes))
	for _, a := range attributes {
		switch v := a.Value.(type) {
		case string:
			m.PutStr(a.Key, v)
		case int64:
			m.PutInt(a.Key, v)
		case float64:
			m.PutDouble(a.Key, v)
		case bool:
			m.PutBool(a.Key, v)
		}
	}
}

// put fills an empty OTLP span.
func (s *Span) put(o ptrace.Span) {
	o.SetTraceID(s.TraceID)
	o.SetSpanID(s.SpanID)
	o.SetParentSpanID(s.Parent)
	o.SetKind(s.Kind)
	o.SetName(s.Name)
	o.SetStartTimestamp(pcommon.Timestamp(s.Start))
	o.SetEndTimestamp(pcommon.Timestamp(s.End))
	o.Status().SetCode(s.Status)
	o.Status().SetMessage(s.StatusMessage)
	putAttributes(o.Attributes(), s.Attributes)
	for _, e := range s.Events {
		x := o.Events().AppendEmpty()
		x.SetName(e.Name)
		x.SetTimestamp(pcommon.Timestamp(e.Time))
		putAttributes(x.Attributes(), e.Attributes)
	}
	for _, l := range s.Links {
		x := o.Links().AppendEmpty()
		x.SetTraceID(l.TraceID)
		x.SetSpanID(l.SpanID)
	}
}
