package logformat

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// commaMillis is the time of Java's %d{ISO8601} and of Python's logging.
const commaMillis = "2006-01-02 15:04:05,000"

// logbackLine is the pattern
// %d{ISO8601} %-5level [%thread] [trace_id=%X{trace_id} span_id=%X{span_id}] %logger{36} - %msg%n%ex.
// What has no logger is what the virtual machine itself writes, without it.
func logbackLine(dst []string, _ Origin, t time.Time, e Event) []string {
	if e.Logger == "" {
		return append(dst, e.Message)
	}
	thread := e.Thread
	if thread == "" {
		thread = "main"
	}
	b := fmt.Appendf(nil, "%s %-5s [%s] ", t.Format(commaMillis), [...]string{"DEBUG", "INFO", "WARN", "ERROR", "ERROR"}[e.Level], thread)
	if e.traced() {
		b = fmt.Appendf(b, "[trace_id=%s span_id=%s] ", e.trace(), e.span())
	}
	b = fmt.Appendf(b, "%s - %s", abbreviate(e.Logger, 36), e.Message)
	for _, f := range e.Fields {
		b = appendPair(b, f)
	}
	return append(dst, string(appendException(b, e, "")))
}

// abbreviate shortens a class name as logback's %logger{length} does: packages to their first letter from
// the left, until it fits.
func abbreviate(class string, length int) string {
	parts := strings.Split(class, ".")
	size := len(class)
	for i := 0; i < len(parts)-1 && size > length; i++ {
		if len(parts[i]) > 1 {
			size -= len(parts[i]) - 1
			parts[i] = parts[i][:1]
		}
	}
	return strings.Join(parts, ".")
}

// appendException appends the error and its stack on lines of their own.
func appendException(b []byte, e Event, header string) []byte {
	if e.Err == "" {
		return b
	}
	kind := e.ErrType
	if kind == "" {
		kind = "java.lang.RuntimeException"
	}
	b = fmt.Appendf(b, "\n%s%s: %s", header, kind, e.Err)
	if e.Stack != "" {
		b = append(b, '\n')
		b = append(b, e.Stack...)
	}
	return b
}

// pythonLine is the default format of OpenTelemetry's LoggingInstrumentor, and without correlation the
// same without ids.
func pythonLine(dst []string, o Origin, t time.Time, e Event) []string {
	file, line := e.caller()
	logger := e.Logger
	if logger == "" {
		logger = "root"
	}
	b := fmt.Appendf(nil, "%s %s [%s] [%s:%s] ", t.Format(commaMillis), [...]string{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}[e.Level], logger, file, line)
	if o.Correlated {
		trace, span, sampled := "0", "0", "False"
		if e.traced() {
			trace, span, sampled = e.trace(), e.span(), "True"
		}
		b = fmt.Appendf(b, "[trace_id=%s span_id=%s resource.service.name=%s trace_sampled=%s] ", trace, span, o.Service, sampled)
	}
	b = fmt.Appendf(b, "- %s", e.Message)
	for _, f := range e.Fields {
		b = appendPair(b, f)
	}
	if e.Err == "" {
		return append(dst, string(b))
	}
	b = append(b, "\nTraceback (most recent call last):"...)
	if e.Stack != "" {
		b = append(b, '\n')
		b = append(b, e.Stack...)
	}
	kind := e.ErrType
	if kind == "" {
		kind = "RuntimeError"
	}
	return append(dst, string(fmt.Appendf(b, "\n%s: %s", kind, e.Err)))
}

// klogLine is k8s.io/klog/v2: structured when the event has fields or an error, else plain.
func klogLine(dst []string, _ Origin, t time.Time, e Event) []string {
	file, line := e.caller()
	b := fmt.Appendf(nil, "%c%s %7s %s:%s] ", "IIWEF"[e.Level], t.Format("0102 15:04:05.000000"), e.thread(), file, line)
	fields := e.withTrace()
	if len(fields) == 0 && e.Err == "" {
		return append(dst, string(append(b, e.Message...)))
	}
	b = strconv.AppendQuote(b, e.Message)
	if e.Err != "" {
		b = fmt.Appendf(b, " err=%q", e.Err)
	}
	for _, f := range fields {
		if s, ok := f.Value.(string); ok {
			b = fmt.Appendf(b, " %s=%q", f.Key, s)
			continue
		}
		b = appendPair(b, f)
	}
	return append(dst, string(b))
}

// railsLine is Ruby's Logger::Formatter.
func railsLine(dst []string, o Origin, t time.Time, e Event) []string {
	level := [...]string{"DEBUG", "INFO", "WARN", "ERROR", "FATAL"}[e.Level]
	b := fmt.Appendf(nil, "%c, [%s #%s] %5s -- %s: ", level[0], t.Format("2006-01-02T15:04:05.000000"), e.thread(), level, e.Logger)
	if e.traced() {
		b = fmt.Appendf(b, "[trace_id=%s span_id=%s] ", e.trace(), e.span())
	}
	b = append(b, e.Message...)
	for _, f := range e.Fields {
		b = appendPair(b, f)
	}
	if e.Err != "" && e.ErrType == "" {
		e.ErrType = "StandardError"
	}
	return append(dst, string(appendException(b, e, "")))
}

// plainLine is what small programs print.
func plainLine(dst []string, _ Origin, t time.Time, e Event) []string {
	b := fmt.Appendf(nil, "%s %s ", t.Format("2006-01-02T15:04:05.000Z07:00"), [...]string{"DEBUG", "INFO", "WARN", "ERROR", "FATAL"}[e.Level])
	b = append(b, e.Message...)
	for _, f := range e.withTrace() {
		b = appendPair(b, f)
	}
	if e.Err != "" {
		b = append(append(b, ": "...), e.Err...)
	}
	if e.Stack != "" {
		b = append(append(b, '\n'), e.Stack...)
	}
	return append(dst, string(b))
}
