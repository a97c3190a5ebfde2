package otlptrace

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

const answerOfTwo = `{"data":[{"traceID":"00008ee429000001","spans":[
	{"traceID":"00008ee429000001","spanID":"00000000000000a1","flags":1,"operationName":"op","references":[{"refType":"CHILD_OF","traceID":"1","spanID":"2"}],
	 "startTime":1795346007822296,"duration":5000,"tags":[{"key":"x","type":"float64","value":1.5}],"logs":[],"processID":"p1","warnings":null},
	{"traceID":"00008ee429000001","spanID":"00000000000000a2","startTime":1795346007822297,"processID":"p2","tags":null}],
	"processes":{"p1":{"serviceName":"svc","tags":[{"key":"n","type":"int64","value":5},{"key":"firedrill.session","type":"string","value":"s1"}]},
	"p2":{"serviceName":"other","tags":[{"key":"firedrill.session","type":"string","value":"s2"}]}},"warnings":null}],
	"total":0,"limit":0,"offset":0,"errors":[{"msg":"trace not found","traceID":"0000000000000abc"}]}`

const answerV3 = `{"result":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}},
	{"key":"firedrill.session","value":{"stringValue":"s1"}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[
	{"traceId":"000000000000000000008ee429000002","spanId":"00000000000000a1","startTimeUnixNano":"1795346007822296329",
	"attributes":[{"key":"x","value":{"doubleValue":"NaN"}}],"status":{}}]}]}]}}`

func TestParse(t *testing.T) {
	one := spanKey{pcommon.TraceID{10: 0x8e, 11: 0xe4, 12: 0x29, 15: 1}, pcommon.SpanID{7: 0xa1}, 1795346007822296}
	two := spanKey{one.trace, pcommon.SpanID{7: 0xa2}, 1795346007822297}
	v3 := spanKey{pcommon.TraceID{10: 0x8e, 11: 0xe4, 12: 0x29, 15: 2}, one.span, one.start}
	session := parser{map[string]string{"firedrill.session": "s1"}}
	service := parser{map[string]string{"firedrill.session": "s1", "service.name": "svc"}}
	other := parser{map[string]string{"firedrill.session": "s2", "service.name": "svc"}}
	for _, tt := range []struct {
		name  string
		parse func([]byte) ([]spanKey, error)
		body  string
		want  []spanKey
		err   string
	}{
		{"all", parser{}.parseTraces, answerOfTwo, []spanKey{one, two}, ""},
		{"session", session.parseTraces, answerOfTwo, []spanKey{one}, ""},
		{"service", service.parseTraces, answerOfTwo, []spanKey{one}, ""},
		{"other", other.parseTraces, answerOfTwo, nil, ""},
		{"nothing", parser{}.parseTraces, `{"data":null,"errors":null}`, nil, ""},
		{"cut", parser{}.parseTraces, answerOfTwo[:300], nil, "parse answer: "},
		{"error", parser{}.parseTraces, `{"data":[],"errors":[{"code":500,"msg":"disk on fire"}]}`, nil, "server answered: disk on fire"},
		{"id", parser{}.parseTraces, `{"data":[{"spans":[{"traceID":"xyz","spanID":"1"}]}]}`, nil, `parse answer: trace id "xyz" is not hexadecimal`},
		{"long id", parser{}.parseTraces, `{"data":[{"spans":[{"traceID":"100000000000000000000000000000000","spanID":"1"}]}]}`, nil,
			`parse answer: trace id "100000000000000000000000000000000" is not hexadecimal`},
		{"span id", parser{}.parseTraces, `{"data":[{"spans":[{"traceID":"1","spanID":""}]}]}`, nil, `parse answer: span id "" is not hexadecimal`},
		{"no id", parser{}.parseTraces, `{"data":[{"spans":[{"traceID":"1"}]}]}`, nil, "parse answer: a span without id or trace id"},
		{"html", parser{}.parseTraces, `<html>`, nil, "parse answer: "},
		{"v3", session.parseTracesV3, answerV3, []spanKey{v3}, ""},
		{"v3 other", other.parseTracesV3, answerV3, nil, ""},
		{"v3 html", session.parseTracesV3, `<html>`, nil, "parse answer: "},
		{"v3 cut", session.parseTracesV3, `{"result":{"resourceSpans":[{}`, nil, "parse answer: "},
	} {
		got, err := tt.parse([]byte(tt.body))
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(spanKey{})); diff != "" && !(len(got) == 0 && len(tt.want) == 0) {
			t.Errorf("%s: (-want +got):\n%s", tt.name, diff)
		}
		text := fmt.Sprint(err)
		if (err == nil) != (tt.err == "") || err != nil && text[:min(len(text), len(tt.err))] != tt.err {
			t.Errorf("%s: error %v, want %s...", tt.name, err, tt.err)
		}
	}
}

// FuzzParse looks for answers that panic, or that give spans together with an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(answerOfTwo))
	f.Add([]byte(answerV3))
	f.Add([]byte(`{"data":[{"spans":[{"traceID":1}],"processes":[]}]}`))
	f.Add([]byte(`{"errors":[null,{"msg":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 {
			t.Skip("longer than any answer worth trying")
		}
		p := parser{map[string]string{"firedrill.session": "s1"}}
		for _, parse := range []func([]byte) ([]spanKey, error){p.parseTraces, p.parseTracesV3, parser{}.parseTraces} {
			keys, err := parse(body)
			if err != nil && keys != nil {
				t.Errorf("parse of %q = %d spans and %v", body, len(keys), err)
			}
		}
	})
}
