// Package semconv gives the operations of services the names that OpenTelemetry's semantic conventions
// (v1.45, https://opentelemetry.io/docs/specs/semconv/) give them, in metrics and spans alike: HTTP, RPC,
// databases and messaging. Metric names are those of the translation to Prometheus.
//
// An Operation is made once for each process and endpoint or dependency, and told of every call:
//
//	in := semconv.Set{Group: process, Language: "go", Server: semconv.Both}
//	pay := in.HTTPServer(semconv.HTTP{Method: "POST", Route: "/payments"})
//	pay.Begin()
//	pay.End(time.Duration(end-begin), semconv.Outcome{Status: 503}, end, trace, span) // a zero trace is not sampled
//	s := pay.Span(semconv.Outcome{Status: 503}, semconv.Path("/payments")...)        // then add ids, times, resource
package semconv

import (
	"strconv"
	"strings"
	"time"

	"firedrill/scenarios/sim/telemetry"
)

// Exposure tells which kinds of buckets a process exposes. A classic histogram is 17 series for each
// set of labels, a native one is one.
type Exposure int

// The exposures.
const (
	Native Exposure = iota
	Classic
	Both
)

func (x Exposure) buckets(classic []float64) telemetry.Buckets {
	b := telemetry.Buckets{Native: x != Classic}
	if x != Native {
		b.Classic = classic
	}
	return b
}

// Set makes the operations of one process.
type Set struct {
	Group    *telemetry.Group
	Language string   // as in telemetry.Instance; names the instrumentation scopes
	Server   Exposure // of the durations of what the process serves
	Client   Exposure // of what it calls
	// Buckets are the classic buckets of what the process serves; nil for those that the conventions advise.
	Buckets []float64
}

// served are the buckets of what the process serves.
func (s Set) served() telemetry.Buckets {
	if s.Buckets != nil {
		return s.Server.buckets(s.Buckets)
	}
	return s.Server.buckets(telemetry.DurationBuckets)
}

// Outcome is how a call ended.
type Outcome struct {
	// Status is the HTTP status code or the gRPC code. An HTTP status of 0 means that no answer came.
	Status int
	// Error is error.type: timeout, or the class of an exception. When empty it follows from the status.
	Error string
	// Message describes an error to people, in the span's status.
	Message string
}

// Operation is one endpoint that a process serves or one kind of call that it makes.
type Operation struct {
	kind       telemetry.Kind
	name       string
	scope      telemetry.Scope
	attributes []telemetry.Attribute
	judge      func(Outcome) verdict
	active     *telemetry.Gauge
	messages   func(errorType string) *telemetry.Counter
	duration   func(labels ...string) *telemetry.Histogram
	labels     []string
	ends       map[Outcome]*ends
}

// verdict is what an outcome is for the conventions of one protocol.
type verdict struct {
	statusLabel, statusAttribute string
	status                       any // string or int64; nil for none
	errorType                    string
	failed                       bool // the span's status is an error
}

// ends are the metrics of one outcome.
type ends struct {
	duration *telemetry.Histogram
	messages *telemetry.Counter
}

// Begin counts a call that begins. A process that does not know of beginnings exposes ActiveRequests instead.
func (o *Operation) Begin() {
	if o.active != nil {
		o.active.Add(1)
	}
}

// End counts a call that took so long and ended at the time at, in ns. The trace becomes an exemplar; it must
// be zero when it is not sampled.
func (o *Operation) End(took time.Duration, out Outcome, at int64, trace telemetry.TraceID, span telemetry.SpanID) {
	if o.active != nil && o.active.Value() > 0 {
		o.active.Add(-1)
	}
	out.Message = ""
	e := o.ends[out]
	if e == nil {
		e = o.metrics(out)
		o.ends[out] = e
	}
	if e.messages != nil {
		e.messages.Inc()
	}
	if trace.IsEmpty() {
		e.duration.Observe(took.Seconds())
		return
	}
	e.duration.ObserveExemplar(took.Seconds(), at, trace, span)
}

// metrics returns the metrics of an outcome.
func (o *Operation) metrics(out Outcome) *ends {
	v := o.judge(out)
	labels := o.labels[:len(o.labels):len(o.labels)]
	switch status := v.status.(type) {
	case string:
		labels = append(labels, v.statusLabel, status)
	case int64:
		labels = append(labels, v.statusLabel, strconv.FormatInt(status, 10))
	}
	if v.errorType != "" {
		labels = append(labels, "error_type", v.errorType)
	}
	e := &ends{duration: o.duration(labels...)}
	if o.messages != nil {
		e.messages = o.messages(v.errorType)
	}
	return e
}

// Span returns the span of a call, without ids, times and resource. The attributes come after those of
// the conventions.
func (o *Operation) Span(out Outcome, more ...telemetry.Attribute) telemetry.Span {
	v := o.judge(out)
	s := telemetry.Span{Kind: o.kind, Name: o.name, Scope: o.scope}
	s.Attributes = make([]telemetry.Attribute, 0, len(o.attributes)+len(more)+2)
	s.Attributes = append(s.Attributes, o.attributes...)
	if v.status != nil {
		s.Attributes = append(s.Attributes, telemetry.Attribute{Key: v.statusAttribute, Value: v.status})
	}
	if v.errorType != "" {
		s.Attributes = append(s.Attributes, telemetry.String("error.type", v.errorType))
	}
	s.Attributes = append(s.Attributes, more...)
	if v.failed {
		s.Status, s.StatusMessage = telemetry.StatusError, out.Message
	}
	return s
}

// Path is the path of one HTTP request and, if it has one after a question mark, its query.
func Path(path string) []telemetry.Attribute {
	path, query, found := strings.Cut(path, "?")
	all := []telemetry.Attribute{telemetry.String("url.path", path)}
	if found {
		all = append(all, telemetry.String("url.query", query))
	}
	return all
}

// FullURL is the URL that an HTTP client asked for.
func FullURL(url string) telemetry.Attribute { return telemetry.String("url.full", url) }

// ResendCount is which retry of an HTTP request this is, from 1.
func ResendCount(n int) telemetry.Attribute { return telemetry.Int("http.request.resend_count", n) }

// QueryText is the statement that a database was sent, with placeholders.
func QueryText(query string) telemetry.Attribute { return telemetry.String("db.query.text", query) }

// Exception is the event that SDKs record for an exception. The stack may be empty.
func Exception(at int64, class, message, stack string) telemetry.SpanEvent {
	e := telemetry.SpanEvent{Name: "exception", Time: at, Attributes: []telemetry.Attribute{
		telemetry.String("exception.type", class), telemetry.String("exception.message", message)}}
	if stack != "" {
		e.Attributes = append(e.Attributes, telemetry.String("exception.stacktrace", stack))
	}
	return e
}

// fixed collects the parts that an operation's metrics and spans have in common, each under its own name.
type fixed struct {
	labels     []string
	attributes []telemetry.Attribute
}

// both adds a value to labels and attributes; empty strings and zeros are left out.
func (f *fixed) both(label, attribute string, v any) {
	switch v := v.(type) {
	case string:
		if v != "" {
			f.labels = append(f.labels, label, v)
		}
	case int:
		if v != 0 {
			f.labels = append(f.labels, label, strconv.Itoa(v))
		}
	}
	f.span(attribute, v)
}

// span adds a value to the attributes only.
func (f *fixed) span(attribute string, v any) {
	switch v := v.(type) {
	case string:
		if v != "" {
			f.attributes = append(f.attributes, telemetry.String(attribute, v))
		}
	case int:
		if v != 0 {
			f.attributes = append(f.attributes, telemetry.Int(attribute, v))
		}
	}
}

// operation completes an operation with its histogram.
func (s Set) operation(o Operation, f fixed, family telemetry.Family, b telemetry.Buckets) *Operation {
	o.labels, o.attributes = f.labels, f.attributes
	o.ends = map[Outcome]*ends{}
	o.duration = func(labels ...string) *telemetry.Histogram { return s.Group.Histogram(family, b, labels...) }
	return &o
}
