package convert

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// jaegerScope is what tells two instrumentation scopes of one process apart.
type jaegerScope struct{ process, name, version string }

// translate maps a trace to OTLP the way the collector's Jaeger receiver does
// (opentelemetry-collector-contrib, pkg/translator/jaeger): process tags become resource attributes,
// otel.scope.* and otel.library.* the scope, span.kind the kind, otel.status_code, otel.status_description
// and error the status, w3c.tracestate the trace state; the first CHILD_OF reference into the same trace
// is the parent, all other references are links; logs become events, named by their field event or,
// failing that, message. Warnings are Jaeger's own remarks and are left out.
func (d *jaegerReader) translate(t *jaegerTrace) (ptrace.Traces, error) {
	td := ptrace.NewTraces()
	resources := map[string]ptrace.ResourceSpans{}
	scopes := map[jaegerScope]ptrace.SpanSlice{}
	for i := range t.Spans {
		s := &t.Spans[i]
		fail := func(err error) (ptrace.Traces, error) {
			return td, fmt.Errorf("span %d (%.40q): %w", i+1, s.SpanID, err)
		}
		process, id := t.Processes[s.ProcessID], s.ProcessID
		if s.Process != nil {
			process, id = *s.Process, fmt.Sprintf("span %d", i)
		} else if _, ok := t.Processes[s.ProcessID]; !ok {
			return fail(fmt.Errorf(`process %.40q is not in "processes"`, s.ProcessID))
		}
		rs, ok := resources[id]
		if !ok {
			rs = td.ResourceSpans().AppendEmpty()
			a := rs.Resource().Attributes()
			if err := putTags(a, process.Tags); err != nil {
				return fail(fmt.Errorf("process tags: %w", err))
			}
			if process.ServiceName != "" {
				a.PutStr("service.name", process.ServiceName)
			}
			resources[id] = rs
		}
		span := ptrace.NewSpan()
		if err := s.span(t.TraceID, span); err != nil {
			return fail(err)
		}
		for range s.Warnings {
			d.skip("warning of Jaeger's on a span", d.name)
		}
		key := takeScope(id, span.Attributes())
		spans, ok := scopes[key]
		if !ok {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(key.name)
			ss.Scope().SetVersion(key.version)
			spans = ss.Spans()
			scopes[key] = spans
		}
		span.MoveTo(spans.AppendEmpty())
	}
	return td, nil
}

// span fills dst from s.
func (s *jaegerSpan) span(traceID string, dst ptrace.Span) error {
	if s.TraceID != "" {
		traceID = s.TraceID
	}
	trace, err := jaegerTraceID(traceID)
	if err != nil {
		return err
	}
	id, err := jaegerSpanID(s.SpanID)
	if err != nil {
		return err
	}
	// The sums below stay within int64 nanoseconds.
	const most = math.MaxInt64 / 1000 / 2
	if s.StartTime > most || s.Duration > most {
		return fmt.Errorf("startTime %d µs, duration %d µs: beyond the year 2116", s.StartTime, s.Duration)
	}
	dst.SetTraceID(trace)
	dst.SetSpanID(id)
	dst.SetName(s.OperationName)
	dst.SetStartTimestamp(pcommon.Timestamp(s.StartTime * 1000))
	dst.SetEndTimestamp(pcommon.Timestamp((s.StartTime + s.Duration) * 1000))
	dst.SetFlags(s.Flags & 1) // only "sampled" means the same in both
	if s.ParentSpanID != "" && strings.Trim(s.ParentSpanID, "0") != "" {
		parent, err := jaegerSpanID(s.ParentSpanID)
		if err != nil {
			return fmt.Errorf("parentSpanID: %w", err)
		}
		dst.SetParentSpanID(parent)
	}
	for _, r := range s.References {
		refTrace, err := jaegerTraceID(r.TraceID)
		if err != nil {
			return fmt.Errorf("reference: %w", err)
		}
		refSpan, err := jaegerSpanID(r.SpanID)
		if err != nil {
			return fmt.Errorf("reference: %w", err)
		}
		if r.RefType != "CHILD_OF" && r.RefType != "FOLLOWS_FROM" {
			return fmt.Errorf("reference type %.40q, want CHILD_OF or FOLLOWS_FROM", r.RefType)
		}
		child := r.RefType == "CHILD_OF" && refTrace == trace
		if child && (dst.ParentSpanID().IsEmpty() || dst.ParentSpanID() == refSpan) {
			dst.SetParentSpanID(refSpan)
			continue
		}
		l := dst.Links().AppendEmpty()
		l.SetTraceID(refTrace)
		l.SetSpanID(refSpan)
		l.Attributes().PutStr("opentracing.ref_type", strings.ToLower(r.RefType))
	}
	if err := putTags(dst.Attributes(), s.Tags); err != nil {
		return fmt.Errorf("tags: %w", err)
	}
	takeKind(dst)
	takeStatus(dst)
	takeString(dst.Attributes(), "w3c.tracestate", dst.TraceState().FromRaw)
	for _, l := range s.Logs {
		if err := l.event(dst.Events().AppendEmpty()); err != nil {
			return fmt.Errorf("logs: %w", err)
		}
	}
	return nil
}

func (l *jaegerLog) event(e ptrace.SpanEvent) error {
	if l.Timestamp > math.MaxInt64/1000 {
		return fmt.Errorf("timestamp %d µs: beyond the year 2262", l.Timestamp)
	}
	e.SetTimestamp(pcommon.Timestamp(l.Timestamp * 1000))
	if err := putTags(e.Attributes(), l.Fields); err != nil {
		return err
	}
	if !takeString(e.Attributes(), "event", e.SetName) {
		takeString(e.Attributes(), "message", e.SetName)
	}
	return nil
}

// takeString moves a string attribute elsewhere.
func takeString(a pcommon.Map, key string, set func(string)) bool {
	v, ok := a.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return false
	}
	set(v.Str())
	a.Remove(key)
	return true
}

var jaegerKinds = map[string]ptrace.SpanKind{
	"client": ptrace.SpanKindClient, "server": ptrace.SpanKindServer, "producer": ptrace.SpanKindProducer,
	"consumer": ptrace.SpanKindConsumer, "internal": ptrace.SpanKindInternal,
}

func takeKind(s ptrace.Span) {
	v, ok := s.Attributes().Get("span.kind")
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return
	}
	if k, ok := jaegerKinds[strings.ToLower(v.Str())]; ok {
		s.SetKind(k)
		s.Attributes().Remove("span.kind")
	}
}

// takeStatus reads the status. error=true alone makes an error; otel.status_code rules when it is there.
// A tag that says something else, such as the error's text, stays an attribute.
func takeStatus(s ptrace.Span) {
	a := s.Attributes()
	if v, ok := a.Get("error"); ok && (v.Type() == pcommon.ValueTypeBool || v.Type() == pcommon.ValueTypeStr) {
		if b, err := strconv.ParseBool(v.AsString()); err == nil {
			if b {
				s.Status().SetCode(ptrace.StatusCodeError)
			}
			a.Remove("error")
		}
	}
	if v, ok := a.Get("otel.status_code"); ok {
		code, known := map[string]ptrace.StatusCode{
			"OK": ptrace.StatusCodeOk, "ERROR": ptrace.StatusCodeError, "UNSET": ptrace.StatusCodeUnset,
			"0": ptrace.StatusCodeUnset, "1": ptrace.StatusCodeOk, "2": ptrace.StatusCodeError,
		}[strings.ToUpper(v.AsString())]
		if known {
			s.Status().SetCode(code)
			a.Remove("otel.status_code")
		}
	}
	takeString(a, "otel.status_description", s.Status().SetMessage)
}

// takeScope removes the scope's tags. otel.library.* are its older names.
func takeScope(process string, a pcommon.Map) jaegerScope {
	k := jaegerScope{process: process}
	for _, p := range []string{"otel.library.", "otel.scope."} {
		takeString(a, p+"name", func(v string) { k.name = v })
		takeString(a, p+"version", func(v string) { k.version = v })
	}
	return k
}

// putTags adds tags as attributes of their own type. The last of several with one key wins.
func putTags(a pcommon.Map, tags []jaegerTag) error {
	for _, t := range tags {
		if err := t.put(a); err != nil {
			return fmt.Errorf("tag %.60q of type %.20q: %w", t.Key, t.Type, err)
		}
	}
	return nil
}

// put adds the tag. 64-bit integers may be quoted, since JavaScript cannot hold them all.
func (t *jaegerTag) put(a pcommon.Map) error {
	var text string
	quoted := json.Unmarshal(t.Value, &text) == nil && len(t.Value) > 0 && t.Value[0] == '"'
	if !quoted {
		text = string(t.Value)
	}
	switch strings.ToLower(t.Type) {
	case "string", "":
		if !quoted && t.Type != "" {
			return fmt.Errorf("value %.60s is not a string", t.Value)
		}
		a.PutStr(t.Key, text)
	case "bool":
		v, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("value %.60s is not true or false", t.Value)
		}
		a.PutBool(t.Key, v)
	case "int64":
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("value %.60s is not a 64-bit integer", t.Value)
		}
		a.PutInt(t.Key, v)
	case "float64":
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("value %.60s is not a number", t.Value)
		}
		a.PutDouble(t.Key, v)
	case "binary":
		v, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !quoted {
			return fmt.Errorf("value %.60s is not base64", t.Value)
		}
		a.PutEmptyBytes(t.Key).FromRaw(v)
	default:
		return errors.New("want string, bool, int64, float64 or binary")
	}
	return nil
}

// jaegerTraceID parses a trace id of up to 32 hex digits, whose leading zeros may be missing.
func jaegerTraceID(s string) (id pcommon.TraceID, err error) {
	return id, jaegerID(id[:], "trace", s)
}

func jaegerSpanID(s string) (id pcommon.SpanID, err error) {
	return id, jaegerID(id[:], "span", s)
}

func jaegerID(dst []byte, what, s string) error {
	if s != "" && len(s) <= 2*len(dst) {
		padded := strings.Repeat("0", 2*len(dst)-len(s)) + s
		if _, err := hex.Decode(dst, []byte(padded)); err == nil && strings.Trim(s, "0") != "" {
			return nil
		}
	}
	return fmt.Errorf("%s id %.60q, want 1 to %d hex digits that are not all zero", what, s, 2*len(dst))
}
