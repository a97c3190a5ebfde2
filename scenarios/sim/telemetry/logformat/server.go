package logformat

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// nginxLine is the predefined format "combined"; its access log has no trace ids. An event without Access
// goes to the error log.
func nginxLine(dst []string, _ Origin, t time.Time, e Event) []string {
	a := e.Access
	if a == nil {
		b := fmt.Appendf(nil, "%s [%s] %s#%s: %s", t.Format("2006/01/02 15:04:05"),
			[...]string{"debug", "info", "warn", "error", "crit"}[e.Level], e.thread(), e.thread(), e.Message)
		for _, f := range e.Fields {
			b = fmt.Appendf(b, ", %s: %s", f.Key, text(f.Value))
		}
		return append(dst, string(b))
	}
	return append(dst, fmt.Sprintf(`%s - - [%s] "%s %s %s" %d %d "%s" "%s"`, orDash(a.Client), t.Format("02/Jan/2006:15:04:05 -0700"),
		a.Method, a.Path, a.protocol(), a.Status, a.Sent, orDash(a.Referer), orDash(a.UserAgent)))
}

// envoyLine is envoy's default access log format, which begins with the time when the request began. An
// event without Access goes to its own log, in the default format of spdlog there.
func envoyLine(dst []string, _ Origin, t time.Time, e Event) []string {
	a := e.Access
	if a == nil {
		b := fmt.Appendf(nil, "[%s][%s][%s][%s] ", t.Format("2006-01-02 15:04:05.000"), e.thread(),
			[...]string{"debug", "info", "warning", "error", "critical"}[e.Level], orDash(e.Logger))
		if e.Caller != "" {
			b = fmt.Appendf(b, "[%s] ", e.Caller)
		}
		return append(dst, string(append(b, e.Message...)))
	}
	upstream := "-"
	if a.UpstreamService > 0 {
		upstream = strconv.FormatInt(a.UpstreamService.Milliseconds(), 10)
	}
	return append(dst, fmt.Sprintf(`[%s] "%s %s %s" %d %s %d %d %d %s "%s" "%s" "%s" "%s" "%s"`,
		t.Add(-a.Duration).Format("2006-01-02T15:04:05.000Z07:00"), a.Method, a.Path, a.protocol(), a.Status, orDash(a.Flags),
		a.Received, a.Sent, a.Duration.Milliseconds(), upstream, orDash(a.Client), orDash(a.UserAgent), orDash(a.RequestID),
		orDash(a.Authority), orDash(a.Upstream)))
}

func (a *Access) protocol() string {
	if a.Protocol == "" {
		return "HTTP/1.1"
	}
	return a.Protocol
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// postgresLines is PostgreSQL's stderr log with log_line_prefix '%m [%p] %q%u@%d ': the message, and a line
// with the same prefix for each further part, such as DETAIL and STATEMENT.
func postgresLines(dst []string, _ Origin, t time.Time, e Event) []string {
	prefix := t.Format("2006-01-02 15:04:05.000 MST") + " [" + e.thread() + "] "
	if e.Logger != "" {
		prefix += e.Logger + " "
	}
	level := [...]string{"DEBUG", "LOG", "WARNING", "ERROR", "FATAL"}[e.Level]
	dst = append(dst, prefix+level+":  "+tabbed(e.Message))
	for _, f := range e.Fields {
		dst = append(dst, prefix+strings.ToUpper(f.Key)+":  "+tabbed(text(f.Value)))
	}
	return dst
}

// tabbed indents the lines after the first with a tab, as the server does.
func tabbed(s string) string { return strings.ReplaceAll(s, "\n", "\n\t") }
