package logformat

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// zapLine is go.uber.org/zap's NewProductionEncoderConfig.
func zapLine(dst []string, _ Origin, t time.Time, e Event) []string {
	b := []byte(`{"level":"`)
	b = append(b, [...]string{"debug", "info", "warn", "error", "fatal"}[e.Level]...)
	b = append(b, `","ts":`...)
	b = strconv.AppendFloat(b, float64(t.UnixNano())/float64(time.Second), 'f', -1, 64)
	for _, f := range []Field{{"logger", e.Logger}, {"caller", e.Caller}} {
		if f.Value != "" {
			b = appendMember(b, f)
		}
	}
	b = appendMember(b, Field{"msg", e.Message})
	for _, f := range e.withTrace() {
		b = appendMember(b, f)
	}
	if e.Err != "" {
		b = appendMember(b, Field{"error", e.Err})
	}
	if e.Stack != "" {
		b = appendMember(b, Field{"stacktrace", e.Stack})
	}
	return append(dst, string(append(b, '}')))
}

// pinoLine is pino with its default serializer for errors.
func pinoLine(dst []string, o Origin, t time.Time, e Event) []string {
	b := fmt.Appendf(nil, `{"level":%d,"time":%d,"pid":1`, 20+10*int(e.Level), t.UnixMilli())
	b = appendMember(b, Field{"hostname", o.Host})
	if e.Logger != "" {
		b = appendMember(b, Field{"name", e.Logger})
	}
	if e.traced() {
		b = appendMember(b, Field{"trace_id", e.trace()})
		b = appendMember(b, Field{"span_id", e.span()})
		b = append(b, `,"trace_flags":"01"`...)
	}
	for _, f := range e.Fields {
		b = appendMember(b, f)
	}
	if e.Err != "" {
		kind := e.ErrType
		if kind == "" {
			kind = "Error"
		}
		b = append(b, `,"err":{"type":`...)
		b = appendString(b, kind)
		b = appendMember(b, Field{"message", e.Err})
		b = appendMember(b, Field{"stack", strings.TrimSuffix(kind+": "+e.Err+"\n"+e.Stack, "\n")})
		b = append(b, '}')
	}
	b = appendMember(b, Field{"msg", e.Message})
	return append(dst, string(append(b, '}')))
}

// logfmtLine is go-kit/log with the fields that Prometheus and Loki log by default.
func logfmtLine(dst []string, _ Origin, t time.Time, e Event) []string {
	b := []byte("ts=")
	b = t.AppendFormat(b, "2006-01-02T15:04:05.000000000Z07:00")
	if e.Caller != "" {
		b = appendPair(b, Field{"caller", e.Caller})
	}
	b = appendPair(b, Field{"level", [...]string{"debug", "info", "warn", "error", "error"}[e.Level]})
	if e.Logger != "" {
		b = appendPair(b, Field{"component", e.Logger})
	}
	b = appendPair(b, Field{"msg", e.Message})
	for _, f := range e.withTrace() {
		b = appendPair(b, f)
	}
	if e.Err != "" {
		b = appendPair(b, Field{"err", e.Err})
	}
	if e.Stack != "" {
		b = appendPair(b, Field{"stack", e.Stack})
	}
	return append(dst, string(b))
}

// appendMember appends a member of a JSON object that is not the first.
func appendMember(b []byte, f Field) []byte {
	b = append(b, ',')
	b = appendString(b, f.Key)
	b = append(b, ':')
	switch v := f.Value.(type) {
	case string:
		return appendString(b, v)
	case time.Duration:
		// zap writes seconds.
		return strconv.AppendFloat(b, v.Seconds(), 'f', -1, 64)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return appendString(b, text(v))
		}
	}
	return append(b, text(f.Value)...)
}

// appendString appends s as a JSON string, without the escapes for HTML.
func appendString(b []byte, s string) []byte {
	var w strings.Builder
	encoder := json.NewEncoder(&w)
	encoder.SetEscapeHTML(false)
	// A string can always be encoded.
	_ = encoder.Encode(s)
	return append(b, strings.TrimSuffix(w.String(), "\n")...)
}

// appendPair appends a blank and key=value, quoted where logfmt demands it.
func appendPair(b []byte, f Field) []byte {
	b = append(b, ' ')
	b = append(b, f.Key...)
	b = append(b, '=')
	v := text(f.Value)
	if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r == '=' || r == '"' || r == '\x7f' }) {
		return strconv.AppendQuote(b, v)
	}
	return append(b, v...)
}

// text writes a value as Go does.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}
