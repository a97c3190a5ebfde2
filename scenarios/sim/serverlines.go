package sim

import (
	"strings"

	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/telemetry/logformat"
)

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

// serverProcess is the process of a PostgreSQL server that writes a line of its own accord: a client's, when the line
// names a user, the worker that a vacuum is started in, or the checkpointer, which the server forks first.
func serverProcess(l *model.Line, seed uint64) string {
	switch {
	case l.Logger != "":
		return itoa(120 + int(seed>>36%40))
	case strings.HasPrefix(l.Message, "automatic "):
		return itoa(1000 + int(seed>>36%30000))
	case strings.HasPrefix(l.Message, "checkpoint "):
		return "27"
	}
	return "1"
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
