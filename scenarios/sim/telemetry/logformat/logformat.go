// Package logformat writes log lines as the logging libraries and servers of different stacks do, with
// their own order of fields, levels and time stamps.
//
// Every time stamp it writes is one that package replay/rebase moves (docs/rebasing.md). Times are
// nanoseconds since the epoch, written in UTC.
package logformat

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Format is a way to write lines.
type Format string

// The formats.
const (
	JSON     Format = "json"     // Go, zap's production encoder: ts in seconds
	Pino     Format = "pino"     // Node.js: time in milliseconds, levels as numbers
	Logfmt   Format = "logfmt"   // Go kit: ts in RFC 3339
	Logback  Format = "logback"  // Java: thread, logger, stack traces of several lines
	Python   Format = "python"   // logging with the pattern of OpenTelemetry's instrumentation
	Klog     Format = "klog"     // Kubernetes components
	Nginx    Format = "nginx"    // access log "combined"; error log for events without Access
	Envoy    Format = "envoy"    // default access log; its own log for events without Access
	Postgres Format = "postgres" // log_line_prefix '%m [%p] %q%u@%d '
	Rails    Format = "rails"    // Ruby's Logger
	Plain    Format = "plain"    // time, level, message, fields
)

// Formats returns all formats.
func Formats() []Format {
	return []Format{JSON, Pino, Logfmt, Logback, Python, Klog, Nginx, Envoy, Postgres, Rails, Plain}
}

// Level is the severity of an event.
type Level int

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
	Fatal
)

// Event is what a program logs. Formats leave out what they have no place for.
type Event struct {
	Level   Level
	Logger  string // name or class of the logger; user@database for postgres
	Caller  string // file:line
	Thread  string // thread name; process id for postgres, klog, nginx and rails ("1" when empty)
	Message string
	Fields  []Field // in this order; for postgres DETAIL, HINT and STATEMENT lines
	Err     string  // message of the error
	ErrType string  // class of the exception
	Stack   string  // its frames, one a line, as the language prints them
	TraceID [16]byte
	SpanID  [8]byte
	Access  *Access // a request served, for access logs
}

// Field is a name with a value.
type Field struct {
	Key   string
	Value any // string, int, int64, float64, bool or time.Duration
}

// Access is a request as a proxy logs it.
type Access struct {
	Client    string // address
	Method    string
	Path      string // with query
	Protocol  string // HTTP/1.1 when empty
	Status    int
	Received  int // bytes of the request's body
	Sent      int // bytes of the response's body
	Referer   string
	UserAgent string
	Duration  time.Duration
	// The rest is envoy's.
	Authority       string
	RequestID       string
	Upstream        string // address; none when empty
	UpstreamService time.Duration
	Flags           string // response flags such as UT or UF,URX
}

// Origin is what lines say of the process that wrote them.
type Origin struct {
	Service string
	Host    string // pod
	// Correlated processes write trace ids into their lines, where their stack's instrumentation does so.
	Correlated bool
}

// Append appends the lines of an event at the time t to dst. Most formats give one; an event of postgres
// is as many lines as it has parts.
func (f Format) Append(dst []string, o Origin, t int64, e Event) ([]string, error) {
	render := renderers[f]
	if render == nil {
		return dst, fmt.Errorf("log format %q: there is no such format", f)
	}
	if !o.Correlated {
		e.TraceID, e.SpanID = [16]byte{}, [8]byte{}
	}
	return render(dst, o, time.Unix(0, t).UTC(), e), nil
}

type renderer func(dst []string, o Origin, t time.Time, e Event) []string

var renderers = map[Format]renderer{
	JSON: zapLine, Pino: pinoLine, Logfmt: logfmtLine, Logback: logbackLine, Python: pythonLine, Klog: klogLine,
	Nginx: nginxLine, Envoy: envoyLine, Postgres: postgresLines, Rails: railsLine, Plain: plainLine,
}

func (e *Event) traced() bool  { return e.TraceID != [16]byte{} }
func (e *Event) trace() string { return hex.EncodeToString(e.TraceID[:]) }
func (e *Event) span() string  { return hex.EncodeToString(e.SpanID[:]) }

// thread returns the process id or thread of formats that always have one.
func (e *Event) thread() string {
	if e.Thread == "" {
		return "1"
	}
	return e.Thread
}

// withTrace returns the fields and, when the event has a trace, its ids under the names that
// OpenTelemetry's log bridges use.
func (e *Event) withTrace() []Field {
	if !e.traced() {
		return e.Fields
	}
	return append(slices.Clip(e.Fields), Field{"trace_id", e.trace()}, Field{"span_id", e.span()})
}

// caller splits file:line, with zeros when it is missing.
func (e *Event) caller() (file, line string) {
	file, line, ok := strings.Cut(e.Caller, ":")
	if !ok {
		return "unknown", "0"
	}
	return file, line
}
