package rebase

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Span rebases one span in place: start, end and events move rigidly, trace, span, parent and link ids are
// renamed, attributes of the span, its events and its links go through Attributes with the span's recorded
// end as their time. Times of 0, the trace state and the resource are left alone.
func (t *Text) Span(s ptrace.Span, shift time.Duration) {
	recorded := int64(s.EndTimestamp())
	s.SetStartTimestamp(move(s.StartTimestamp(), shift))
	s.SetEndTimestamp(move(s.EndTimestamp(), shift))
	if t.IDs != nil {
		s.SetTraceID(t.IDs.Trace(s.TraceID()))
		s.SetSpanID(t.IDs.Span(s.SpanID()))
		s.SetParentSpanID(t.IDs.Span(s.ParentSpanID()))
	}
	t.Attributes(s.Attributes(), recorded, shift)
	for _, event := range s.Events().All() {
		event.SetTimestamp(move(event.Timestamp(), shift))
		t.Attributes(event.Attributes(), recorded, shift)
	}
	for _, link := range s.Links().All() {
		if t.IDs != nil {
			link.SetTraceID(t.IDs.Trace(link.TraceID()))
			link.SetSpanID(t.IDs.Span(link.SpanID()))
		}
		t.Attributes(link.Attributes(), recorded, shift)
	}
}

// move shifts a time stamp. 0 means that there is none.
func move(ts pcommon.Timestamp, shift time.Duration) pcommon.Timestamp {
	if ts == 0 {
		return 0
	}
	return pcommon.Timestamp(int64(ts) + int64(shift))
}

// Attributes rebases the values of m in place, also within slices and maps: strings by Named; whole and
// floating numbers where they count seconds, milliseconds, microseconds or nanoseconds since the epoch
// within a day of recorded. Bytes and names are left alone. A span's resource is shared with others: copy
// it and give the copy's attributes.
func (t *Text) Attributes(m pcommon.Map, recorded int64, shift time.Duration) {
	for name, v := range m.All() {
		t.value(name, v, recorded, shift)
	}
}

// Named rebases the value of a named attribute, metadata entry or exemplar label: by ID when it has 16 or 32
// bytes and the name announces an id, else by Attr.
func (t *Text) Named(name, s string, recorded int64, shift time.Duration) string {
	if (len(s) == 16 || len(s) == 32) && IDName(name) {
		return t.ID(s)
	}
	return t.Attr(s, recorded, shift)
}

func (t *Text) value(name string, v pcommon.Value, recorded int64, shift time.Duration) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s := v.Str()
		if moved := t.Named(name, s, recorded, shift); moved != s {
			v.SetStr(moved)
		}
	case pcommon.ValueTypeInt:
		n := v.Int()
		if unit := epochUnit(float64(n)); unit != 0 && within(n, unit, recorded) {
			v.SetInt(floorDiv(n*unit+int64(shift), unit))
		}
	case pcommon.ValueTypeDouble:
		f := v.Double()
		if unit := epochUnit(f); unit != 0 && within(int64(f), unit, recorded) {
			v.SetDouble(addShift(f, int64(shift), unit))
		}
	case pcommon.ValueTypeMap:
		t.Attributes(v.Map(), recorded, shift)
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			t.value(name, e, recorded, shift)
		}
	}
}

// within reports whether n units since the epoch are within epochGuard of recorded.
func within(n, unit, recorded int64) bool {
	d, guard := n-recorded/unit, int64(epochGuard)/unit
	return -guard <= d && d <= guard
}
