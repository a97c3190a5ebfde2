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
		code = grpcCode(h.Failure.Status)
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

// agents are what browsers and apps call themselves.
var agents = [...]string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
	"okhttp/5.1.0",
}

// access is a line of a proxy's access log, and of its error log when an upstream failed it.
func (p *process) access(e *flow.Entry) {
	h := e.Handled
	method, _ := cut(h.Operation.Model.Name)
	seed := p.rand.Uint64()
	var drawn flow.Trace // Proxies know of no trace; what they see is drawn for the request.
	for i := range drawn.ID {
		drawn.ID[i] = byte(seed >> (i % 8 * 8))
	}
	a := &logformat.Access{
		Client: address(drawn), Method: method, Path: path(h.Operation.Model, drawn), Status: statusOf(h.Failure),
		Sent: int(180 + seed>>8%5200), Duration: (h.Ended - h.Arrived).Duration(), UserAgent: agents[seed>>40%uint64(len(agents))],
		Authority: "api." + p.unit.run.sys.Namespace + ".example.com",
	}
	if h.From != nil {
		a.Client, a.UserAgent = h.From.IP, "-"
	}
	if method == "POST" || method == "PUT" {
		a.Received = int(90 + seed>>16%900)
	}
	if f := h.Failure; f != nil {
		a.Sent = len(f.Text) / 2
		if f.Reason == model.Cancelled {
			a.Status, a.Sent = 499, 0
		}
	}
	if p.gateway != nil && p.gateway.envoy {
		a.RequestID = uuid(p.rand)
		p.upstream(a, h)
	}
	p.write(e.Time, flow.Trace{}, logformat.Event{Access: a})
}

// upstream fills in what Envoy knows of where a request went.
func (p *process) upstream(a *logformat.Access, h *flow.Handled) {
	up := p.gateway.upstream
	if up != nil && up.Server != nil && up.Ended >= h.Arrived {
		a.Upstream = up.Server.IP + ":" + itoa(port(up.Server.Service.Model, up.Operation.Model.Protocol))
		if up.Failure == nil || up.Failure.Status > 0 {
			a.UpstreamService = (up.Ended - up.Sent).Duration()
		}
	}
	f := h.Failure
	if f == nil {
		return
	}
	switch {
	case f.Reason == model.Cancelled:
		a.Flags = "DC"
	case f.Reason == model.Timeout && a.UpstreamService == 0:
		a.Flags = "UT"
	case f.Reason == model.Rejected:
		a.Flags = "UO"
	case f.Reason == model.Unavailable && up != nil && up.Server == nil:
		a.Flags = "UH"
	case f.Reason == model.Unavailable && a.UpstreamService == 0:
		a.Flags = "UC"
	}
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

// upstreamFailed is the line of a proxy's error log.
func (p *process) upstreamFailed(e *flow.Entry) {
	if p.gateway == nil || p.gateway.envoy || e.Dependency == nil || e.Failure.Status > 0 {
		return // Envoy has it in the access log; an answer of the upstream is no error of nginx.
	}
	method, where := "GET", "/"
	if e.Operation != nil {
		method, _ = cut(e.Operation.Model.Name)
		where = path(e.Operation.Model, e.Trace)
	}
	event := logformat.Event{Level: logformat.Error, Thread: itoa(31 + p.rand.IntN(4)), Message: "*" + itoa(100_000+p.rand.IntN(900_000)) + " " + p.text(e.Failure, e.Trace)}
	request := method + " " + where + " HTTP/1.1"
	host := p.unit.pod.IP()
	if up := p.gateway.upstream; up != nil && up.Server != nil {
		host = up.Server.IP + ":" + itoa(port(up.Server.Service.Model, model.HTTP))
	}
	event.Fields = []logformat.Field{{Key: "client", Value: address(e.Trace)}, {Key: "server", Value: "api." + p.unit.run.sys.Namespace + ".example.com"},
		{Key: "request", Value: `"` + request + `"`}, {Key: "upstream", Value: `"http://` + host + where + `"`}}
	p.write(e.Time, flow.Trace{}, event)
}

// slow is a statement that took longer than log_min_duration_statement.
func (p *process) slow(e *flow.Entry) {
	h := e.Handled
	event := p.backend(e)
	event.Level = logformat.Info
	event.Message = "duration: " + thousandths(h.Ended-h.Started) + " ms  execute <unnamed>: " + statement(h.Operation.Model)
	p.write(e.Time, flow.Trace{}, event)
}

// statement is a statement that failed.
func (p *process) statement(e *flow.Entry) {
	if e.Failure.Text == "" {
		return
	}
	event := p.backend(e)
	event.Level, event.Message = logformat.Error, e.Failure.Text
	event.Fields = []logformat.Field{{Key: "STATEMENT", Value: statement(e.Handled.Operation.Model)}}
	p.write(e.Time, flow.Trace{}, event)
}

// backend is the server process that a connection has.
func (p *process) backend(e *flow.Entry) logformat.Event {
	name := database(p.unit.service.Model)
	return logformat.Event{Thread: itoa(120 + p.rand.IntN(40)), Logger: name + "@" + name}
}

// statement is the text of a statement.
func statement(o *model.Operation) string {
	if o.Query != "" {
		return o.Query
	}
	verb, table := cut(o.Name)
	switch verb {
	case "INSERT":
		return "INSERT INTO " + table + " VALUES ($1, $2, $3)"
	case "UPDATE":
		return "UPDATE " + table + " SET updated_at = $1 WHERE id = $2"
	case "DELETE":
		return "DELETE FROM " + table + " WHERE id = $1"
	}
	return verb + " * FROM " + table + " WHERE id = $1"
}

// peer is the address and port that a request came from.
func (p *process) peer(h *flow.Handled) string {
	from := address(h.Trace)
	if h.From != nil {
		from = h.From.IP
	}
	return from + ":" + itoa(32768+p.rand.IntN(28000))
}
