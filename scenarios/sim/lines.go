package sim

import (
	"strings"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/telemetry/logformat"
)

// Logged is called by the request path.
func (r *run) Logged(e *flow.Entry) {
	p := processOf(e.Replica)
	if p == nil || !r.recording(e.Time) {
		return
	}
	switch e.Kind {
	case flow.LogRequest:
		p.request(e)
	case flow.LogError:
		p.failed(e)
	case flow.LogSlow:
		p.slow(e)
	case flow.LogStatement:
		p.statement(e)
	default:
		p.line(e)
	}
}

// write writes a line with the ids of a trace, if it is sampled.
func (p *process) write(at des.Time, t flow.Trace, e logformat.Event) {
	if t.Sampled {
		e.TraceID, e.SpanID = t.ID, t.Span
	}
	p.unit.log.Log(p.unit.run.wall(at), e)
}

// line is one that system.yaml has.
func (p *process) line(e *flow.Entry) {
	fill := filler(e.Seed)
	l := e.Line
	event := logformat.Event{Level: level(l.Level), Logger: l.Logger, Message: fill(l.Message)}
	if event.Logger == "" {
		event.Logger = p.logger()
	}
	event.Caller, event.Thread = p.caller(ofService, l.Message), p.thread(e.Trace)
	if e.Kind != flow.LogStep {
		event.Thread = p.background()
	}
	if p.unit.service.Model.Logs.Format == "postgres" {
		event.Thread = serverProcess(l, e.Seed)
	}
	for _, key := range sortedKeys(l.Fields) {
		event.Fields = append(event.Fields, logformat.Field{Key: key, Value: fill(l.Fields[key])})
	}
	p.write(e.Time, e.Trace, event)
}

func level(s string) logformat.Level {
	switch s {
	case "debug":
		return logformat.Debug
	case "warn":
		return logformat.Warn
	case "error":
		return logformat.Error
	}
	return logformat.Info
}

// filler replaces the placeholders of a line: the same one has the same value within a line.
func filler(seed uint64) func(string) string {
	r := strings.NewReplacer(
		"{n}", itoa(int(1+seed%997)), "{ms}", itoa(int(3+(seed>>12)%480)), "{id}", itoa(int(100_000+(seed>>24)%900_000)))
	return func(s string) string {
		if !strings.Contains(s, "{") {
			return s
		}
		return r.Replace(s)
	}
}

// request is an access log line, or what a service says of a request that it has served.
func (p *process) request(e *flow.Entry) {
	m, h := p.unit.service.Model, e.Handled
	if h.Message != nil {
		p.consumed(e)
		return
	}
	o := h.Operation.Model
	took := h.Ended - h.Arrived
	switch m.Logs.Format {
	case "nginx", "envoy":
		p.access(e)
		return
	}
	if m.Kind == model.Cache || m.Kind == model.Database || m.Kind == model.Broker {
		return // They do not log requests.
	}
	event := logformat.Event{Level: requestLevel(o.Protocol, h.Failure), Logger: p.requestLogger(), Thread: p.thread(e.Trace), Caller: p.caller(ofServer, "request")}
	millis := float64(int64(took/des.Microsecond)) / 1000
	method, _ := cut(o.Name)
	where, status := path(o, e.Trace), statusOf(h.Failure)
	peer := p.peer(h)
	grpc := o.Protocol == model.GRPC
	code := "OK"
	if grpc && h.Failure != nil {
		code = grpcCode(m.Runtime, h.Failure.Status)
	}
	switch m.Logs.Format {
	case "logback":
		event.Message = method + " " + where + " -> " + itoa(status) + " (" + trimmed(millis) + " ms)"
		if grpc {
			event.Message = o.Name + " -> " + code + " (" + trimmed(millis) + " ms)"
		}
	case "python":
		event.Message = peer + ` - "` + method + " " + where + ` HTTP/1.1" ` + itoa(status)
		if grpc {
			event.Message = "/" + o.Name + " " + code + " " + trimmed(millis) + "ms"
		}
	case "pino":
		event.Message = "request completed"
		if h.Failure != nil {
			event.Message = "request errored"
		}
		event.Fields = []logformat.Field{{Key: "method", Value: method}, {Key: "url", Value: where}, {Key: "statusCode", Value: status}, {Key: "responseTime", Value: int(millis + 0.5)}}
		if grpc {
			event.Fields = []logformat.Field{{Key: "rpc", Value: o.Name}, {Key: "code", Value: code}, {Key: "responseTime", Value: int(millis + 0.5)}}
		}
	case "klog":
		event.Message = "HTTP"
		event.Fields = []logformat.Field{{Key: "verb", Value: method}, {Key: "URI", Value: where}, {Key: "latency", Value: took.Duration().String()}, {Key: "srcIP", Value: peer}, {Key: "resp", Value: status}}
	default:
		event.Message = "request served"
		event.Fields = []logformat.Field{{Key: "method", Value: method}, {Key: "path", Value: where}, {Key: "status", Value: status}, {Key: "duration_ms", Value: millis}, {Key: "peer", Value: peer}}
		if grpc {
			event.Message = "finished call"
			service, method, _ := strings.Cut(o.Name, "/")
			event.Fields = []logformat.Field{{Key: "grpc.service", Value: service}, {Key: "grpc.method", Value: method}, {Key: "grpc.code", Value: code}, {Key: "grpc.time_ms", Value: millis}, {Key: "peer.address", Value: peer}}
		}
	}
	p.write(e.Time, e.Trace, event)
}

// requestLevel is that of a request's line: a failure of the server's is an error, one of the caller's a warning.
func requestLevel(protocol model.Protocol, f *flow.Failure) logformat.Level {
	switch {
	case f == nil:
		return logformat.Info
	case f.Reason == model.Invalid || f.Reason == model.Cancelled:
		return logformat.Warn
	}
	return logformat.Error
}

// consumed is a message that was worked on.
func (p *process) consumed(e *flow.Entry) {
	h := e.Handled
	d := h.Message
	event := logformat.Event{Level: logformat.Info, Logger: p.logger(), Thread: p.thread(e.Trace), Caller: p.caller(ofService, "consumer"), Message: "processed message"}
	if h.Failure != nil {
		return // MessageRetrying and MessageDropped say it.
	}
	event.Fields = []logformat.Field{
		{Key: "topic", Value: d.Topic.Model.Name}, {Key: "partition", Value: d.Partition},
		{Key: "offset", Value: d.Offset + p.unit.run.offsetBase(d.Topic, d.Partition)}, {Key: "duration_ms", Value: int((h.Ended - h.Started) / des.Millisecond)},
	}
	p.write(e.Time, e.Trace, event)
}

// failed is an error as the code that meets it logs it.
func (p *process) failed(e *flow.Entry) {
	f, m := e.Failure, p.unit.service.Model
	if m.Kind == model.Gateway {
		p.upstreamFailed(e)
		return
	}
	event := logformat.Event{Level: logformat.Error, Logger: p.logger(), Thread: p.thread(e.Trace), Caller: p.caller(ofService, f.Type+f.Code)}
	if e.Optional || f.Reason == model.Invalid {
		event.Level = logformat.Warn
	}
	if f.Reason == model.Cancelled {
		return // Whoever has gone is not told, and nobody else is.
	}
	text := p.text(f, e.Trace)
	switch {
	case e.Dependency == nil && e.Operation != nil:
		event.Message = p.doing(e.Operation) + " failed"
		event.Err, event.ErrType, event.Stack = text, class(f), p.stack(e.Operation, f)
	case e.Dependency != nil:
		event.Message = "call to " + e.Dependency.Target.Model.Name + " failed"
		if e.Target != nil {
			event.Fields = append(event.Fields, logformat.Field{Key: "operation", Value: e.Target.Model.Name})
		}
		if e.Optional {
			event.Message += ", going on without"
		}
		event.Err, event.ErrType = text, class(f)
	default:
		event.Message = text
	}
	switch m.Logs.Format {
	case "logback", "python":
		// The class and the message on the line itself; the stack of a remote error tells nothing.
		if e.Dependency != nil {
			event.Message += ": " + class(f) + ": " + text
			event.Err, event.Fields = "", nil
		}
	case "klog":
		event.Stack = ""
	}
	p.write(e.Time, e.Trace, event)
}

// peer is the address and port that a request came from.
func (p *process) peer(h *flow.Handled) string {
	from := address(h.Trace)
	if h.From != nil {
		from = h.From.IP
	}
	return from + ":" + itoa(32768+p.rand.IntN(28000))
}
