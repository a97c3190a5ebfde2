package otlptrace

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	jsoniter "github.com/json-iterator/go"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// spanKey is what makes a span one and the same to Jaeger: start is in microseconds.
type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
	start uint64
}

// parser reads answers of Jaeger's query API and keeps the spans whose resource has all of the
// attributes: those of other sessions do not count.
type parser struct {
	attributes map[string]string
}

// parseTraces reads an answer of /api/traces (internal/uimodel). A trace that is not found is named among
// its errors; any other error makes the answer useless. Of about 1.2 KB a span, few short members are
// wanted: skipping the others without decoding them is five times as fast as encoding/json.
func (p parser) parseTraces(body []byte) ([]spanKey, error) {
	var (
		keys    []spanKey
		problem error // the first value that is no id, or error of the server
	)
	it := jsoniter.ConfigDefault.BorrowIterator(body)
	defer jsoniter.ConfigDefault.ReturnIterator(it)
	eachMember(it, func(member string) {
		switch member {
		case "data":
			eachElement(it, func() {
				found, err := p.readTrace(it)
				keys = append(keys, found...)
				problem = cmp.Or(problem, err)
			})
		case "errors":
			eachElement(it, func() {
				eachMember(it, func(member string) {
					if member != "msg" {
						it.Skip()
					} else if words := it.ReadString(); words != notFound {
						problem = cmp.Or(problem, fmt.Errorf("server answered: %s", cutWords(words)))
					}
				})
			})
		default:
			it.Skip()
		}
	})
	if it.Error != nil {
		return nil, fmt.Errorf("parse answer: %w", it.Error)
	}
	if problem != nil {
		return nil, problem
	}
	return keys, nil
}

// readTrace reads one trace. What is wrong with an id is an error, and the reading goes on.
func (p parser) readTrace(it *jsoniter.Iterator) (keys []spanKey, err error) {
	var processes []string // by index of keys
	own := map[string]bool{}
	eachMember(it, func(member string) {
		switch member {
		case "spans":
			eachElement(it, func() {
				key, process, e := readSpan(it)
				keys, processes = append(keys, key), append(processes, process)
				err = cmp.Or(err, e)
			})
		case "processes":
			eachMember(it, func(process string) { own[process] = p.readProcess(it) })
		default:
			it.Skip()
		}
	})
	if len(p.attributes) == 0 {
		return keys, err
	}
	kept := keys[:0]
	for i, key := range keys {
		if own[processes[i]] {
			kept = append(kept, key)
		}
	}
	return kept, err
}

// readSpan reads one span and the id of its process.
func readSpan(it *jsoniter.Iterator) (key spanKey, process string, err error) {
	var trace, span bool
	eachMember(it, func(member string) {
		switch member {
		case "traceID":
			var e error
			key.trace, e = parseTraceID(it.ReadString())
			err, trace = cmp.Or(err, e), true
		case "spanID":
			text := it.ReadString()
			id, e := strconv.ParseUint(text, 16, 64)
			if e != nil {
				err = cmp.Or(err, fmt.Errorf("parse answer: span id %.40q is not hexadecimal", text))
			}
			binary.BigEndian.PutUint64(key.span[:], id)
			span = true
		case "startTime":
			key.start = it.ReadUint64()
		case "processID":
			process = it.ReadString()
		default:
			it.Skip()
		}
	})
	if !trace || !span {
		err = cmp.Or(err, errors.New("parse answer: a span without id or trace id"))
	}
	return key, process, err
}

// readProcess reads a process, Jaeger's word for a resource, and tells whether it has all attributes.
func (p parser) readProcess(it *jsoniter.Iterator) bool {
	found := 0
	eachMember(it, func(member string) {
		if want, ok := p.attributes["service.name"]; ok && member == "serviceName" {
			if it.ReadString() == want {
				found++
			}
			return
		}
		if member != "tags" {
			it.Skip()
			return
		}
		eachElement(it, func() {
			var name, value string
			eachMember(it, func(member string) {
				switch {
				case member == "key":
					name = it.ReadString()
				case member == "value" && it.WhatIsNext() == jsoniter.StringValue:
					value = it.ReadString()
				default:
					it.Skip()
				}
			})
			if want, ok := p.attributes[name]; ok && want == value {
				found++
			}
		})
	})
	return found >= len(p.attributes)
}

// eachMember calls f for each member of the object that comes next; null is an object without any.
func eachMember(it *jsoniter.Iterator, f func(member string)) {
	it.ReadObjectCB(func(it *jsoniter.Iterator, member string) bool {
		f(member)
		return it.Error == nil
	})
}

// eachElement calls f for each element of the array that comes next; null is an array without any.
func eachElement(it *jsoniter.Iterator, f func()) {
	it.ReadArrayCB(func(it *jsoniter.Iterator) bool {
		f()
		return it.Error == nil
	})
}

// parseTracesV3 reads an answer of the newer API: OTLP in JSON.
func (p parser) parseTracesV3(body []byte) ([]spanKey, error) {
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("parse answer: %w", err)
	}
	var u ptrace.JSONUnmarshaler
	traces, err := u.UnmarshalTraces(answer.Result)
	if err != nil {
		return nil, fmt.Errorf("parse answer: %w", err)
	}
	var keys []spanKey
	for _, rs := range traces.ResourceSpans().All() {
		if !p.owns(rs.Resource().Attributes()) {
			continue
		}
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				keys = append(keys, keyOf(span))
			}
		}
	}
	return keys, nil
}

func (p parser) owns(attributes pcommon.Map) bool {
	for name, want := range p.attributes {
		if got, ok := attributes.Get(name); !ok || got.AsString() != want {
			return false
		}
	}
	return true
}

// keyOf returns the key under which Jaeger stores a span.
func keyOf(span ptrace.Span) spanKey {
	return spanKey{span.TraceID(), span.SpanID(), uint64(span.StartTimestamp()) / 1000}
}

// parseTraceID reads an id as Jaeger writes it: 32 hexadecimal digits, or 16 when the first half is 0.
func parseTraceID(s string) (id pcommon.TraceID, err error) {
	high, low := "0", s
	if len(s) > 16 {
		high, low = s[:len(s)-16], s[len(s)-16:]
	}
	h, err1 := strconv.ParseUint(high, 16, 64)
	l, err2 := strconv.ParseUint(low, 16, 64)
	if err1 != nil || err2 != nil {
		return id, fmt.Errorf("parse answer: trace id %.40q is not hexadecimal", s)
	}
	binary.BigEndian.PutUint64(id[:8], h)
	binary.BigEndian.PutUint64(id[8:], l)
	return id, nil
}
