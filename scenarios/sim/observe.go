package sim

import (
	"strings"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/semconv"
)

// processOf returns the process that a replica is, nil for those of others.
func processOf(r *flow.Replica) *process {
	if r == nil {
		return nil
	}
	p, _ := r.User.(*process)
	return p
}

// Bytes on the wire: a request, an answer, and what a message or a statement takes. Panels of network traffic follow
// the traffic; nothing else depends on them.
const (
	requestBytes = 900
	answerBytes  = 2600
)

// Handled is called by the request path.
func (r *run) Handled(h *flow.Handled) {
	p := processOf(h.Replica)
	if p == nil {
		return
	}
	p.traffic(requestBytes, answerBytes)
	if h.Killed {
		return
	}
	switch {
	case p.app != nil:
		p.app.handled(h)
	case p.gateway != nil:
		p.gateway.handled(h)
	case p.store != nil:
		p.store.handled(h)
	}
}

// Attempted is called by the request path.
func (r *run) Attempted(a *flow.Attempt) {
	p := processOf(a.Dependency.Replica)
	if p == nil {
		return
	}
	if !a.NotSent {
		p.traffic(answerBytes, requestBytes)
	}
	switch {
	case p.app != nil:
		p.app.attempted(a)
	case p.gateway != nil:
		p.gateway.attempted(a)
	}
}

// Spanned is called by the request path.
func (r *run) Spanned(s *flow.Span) {
	p := processOf(s.Replica)
	if p == nil || p.app == nil || !sampled(s.Trace, s.Started) {
		return
	}
	span := telemetry.Span{
		Kind: telemetry.KindInternal, Name: s.Name, Scope: telemetry.Scope{Name: p.unit.service.Model.Front()},
	}
	if s.Failure != nil {
		span.Status, span.StatusMessage = telemetry.StatusError, p.text(s.Failure, s.Trace)
	}
	p.record(span, s.Trace, s.Started, s.Ended)
}

// Published is called by the request path.
func (r *run) Published(m *flow.Publication) {
	if b := processOf(m.Broker); b != nil {
		b.traffic(requestBytes, requestBytes/4)
	}
	p := processOf(m.Replica)
	if p == nil || p.app == nil || m.Operation == nil {
		return
	}
	p.traffic(requestBytes/4, requestBytes)
	o := p.app.producer(m.Topic)
	out := semconv.Outcome{}
	if m.Failure != nil {
		out.Error, out.Message = errorType(m.Failure), p.text(m.Failure, m.Trace)
	}
	o.End((m.Ended - m.Started).Duration(), out, r.wall(m.Ended), exemplar(m.Trace, m.Started), telemetry.SpanID(m.Trace.Span))
	if !sampled(m.Trace, m.Started) {
		return
	}
	more := []telemetry.Attribute{semconv.Partition(itoa(m.Partition))}
	if m.Offset >= 0 {
		more = append(more, semconv.Offset(int(m.Offset+r.offsetBase(m.Topic, m.Partition))))
	}
	p.record(o.Span(out, more...), m.Trace, m.Started, m.Ended)
}

// handled counts what the process has served, and makes its span.
func (a *app) handled(h *flow.Handled) {
	p := a.process
	r := p.unit.run
	o, began := a.servers[h.Operation.Index], h.Arrived
	if h.Message != nil {
		o, began = a.consumer(h.Message.Group), h.Started
	}
	if o == nil {
		return
	}
	out := p.outcome(h.Operation.Model.Protocol, h.Failure, h.Trace)
	if !h.Uncounted {
		o.End((h.Ended - began).Duration(), out, r.wall(h.Ended), exemplar(h.Trace, began), telemetry.SpanID(h.Trace.Span))
	}
	if !sampled(h.Trace, began) {
		return
	}
	var more []telemetry.Attribute
	switch h.Operation.Model.Protocol {
	case model.HTTP:
		more = append(more, semconv.Path(path(h.Operation.Model, h.Trace))...)
	case model.Message:
		d := h.Message
		more = append(more, semconv.Partition(itoa(d.Partition)), semconv.Offset(int(d.Offset+r.offsetBase(d.Topic, d.Partition))))
	}
	if h.From != nil {
		more = append(more, telemetry.String("network.peer.address", h.From.IP))
	} else if h.Client != nil {
		more = append(more, telemetry.String("client.address", address(h.Trace)))
	}
	s := o.Span(out, more...)
	if d := h.Message; d != nil && d.Producer.ID != h.Trace.ID && d.Producer.Sampled {
		s.Links = []telemetry.Link{{TraceID: telemetry.TraceID(d.Producer.ID), SpanID: telemetry.SpanID(d.Producer.Span)}}
	}
	if f := h.Failure; f != nil && s.Status == telemetry.StatusError && f.Text != "" {
		s.Events = []telemetry.SpanEvent{semconv.Exception(r.wall(h.Ended), class(f), p.text(f, h.Trace), p.stackTrace(h.Operation, f, h.Trace))}
	}
	p.record(s, h.Trace, began, h.Ended)
}

// attempted counts a call of the process, and makes its span.
func (a *app) attempted(t *flow.Attempt) {
	p, d := a.process, t.Dependency
	c := &a.clients[d.Index]
	o := c.operations[t.Operation.Index]
	if o == nil || t.NotSent && d.Model.Breaker != nil && d.Breaker.Phase != flow.Closed {
		return // The breaker stands before the instrumented client.
	}
	began, protocol := t.Started, t.Operation.Model.Protocol
	if protocol == model.SQL {
		// A statement begins when it has a connection; drivers do not report that there was none.
		began = t.Sent
		if t.NotSent {
			return
		}
	}
	if c.wait != nil && !t.NotSent {
		c.wait.Observe((t.Sent - t.Started).Seconds())
	}
	out := p.outcome(protocol, t.Failure, t.Trace)
	if f := t.Failure; f != nil && f.Status == 0 {
		out.Error = errorType(f)
	}
	r := p.unit.run
	o.End((t.Ended - began).Duration(), out, r.wall(t.Ended), exemplar(t.Trace, began), telemetry.SpanID(t.Trace.Span))
	if !sampled(t.Trace, began) {
		return
	}
	var more []telemetry.Attribute
	if protocol == model.HTTP {
		m := d.Target.Model
		more = append(more, semconv.FullURL(url(m, t.Operation.Model, t.Trace)))
		if t.Number > 1 {
			more = append(more, semconv.ResendCount(t.Number-1))
		}
	}
	if t.Server != nil {
		more = append(more, telemetry.String("network.peer.address", t.Server.IP))
	}
	s := o.Span(out, more...)
	if wait := t.Sent - t.Started; !t.NotSent && protocol != model.SQL && wait >= des.Millisecond {
		s.Events = append(s.Events, telemetry.SpanEvent{Name: "connection.acquired", Time: r.wall(t.Sent),
			Attributes: []telemetry.Attribute{telemetry.Float("wait_seconds", wait.Seconds())}})
	}
	if f := t.Failure; f != nil && f.Status == 0 {
		s.Events = append(s.Events, semconv.Exception(r.wall(t.Ended), class(f), p.text(f, t.Trace), ""))
	}
	p.record(s, t.Trace, began, t.Ended)
}

// outcome is how something ended, in the words of the semantic conventions.
func (p *process) outcome(protocol model.Protocol, f *flow.Failure, t flow.Trace) semconv.Outcome {
	switch {
	case f == nil && protocol == model.HTTP:
		return semconv.Outcome{Status: 200}
	case f == nil:
		return semconv.Outcome{}
	case protocol == model.HTTP:
		return semconv.Outcome{Status: f.Status}
	case protocol == model.GRPC:
		return semconv.Outcome{Status: f.Status, Message: p.text(f, t)}
	}
	return semconv.Outcome{Error: errorType(f), Message: p.text(f, t)}
}

// errorType is error.type: the code of a database's error, else the class.
func errorType(f *flow.Failure) string {
	if f.Code != "" {
		return f.Code
	}
	return thrown(f)
}

// The request path words errors of open breakers alike in all runtimes, and answers of servers as if all were theirs to
// blame for.
const (
	breakerOpen  = "CircuitBreakerOpen"
	notPermitted = "io.github.resilience4j.circuitbreaker.CallNotPermittedException"
)

// Spring's RestClient wraps what the socket throws, and words it so (org.springframework.web.client.DefaultRestClient).
const (
	wrapper = "org.springframework.web.client.ResourceAccessException"
	wrapped = "I/O error on "
)

// class is the class of an error as the code that meets it names it.
func class(f *flow.Failure) string {
	if strings.HasPrefix(f.Text, wrapped) {
		return wrapper
	}
	return thrown(f)
}

// thrown is the class of what the client itself throws, which instrumentation sees.
func thrown(f *flow.Failure) string {
	switch {
	case f.Type == breakerOpen && strings.HasPrefix(f.Text, notPermitted):
		return notPermitted
	case f.Reason == model.Invalid:
		return strings.Replace(f.Type, "HttpServerErrorException", "HttpClientErrorException", 1)
	}
	return f.Type
}

// record writes a span of the process.
func (p *process) record(s telemetry.Span, t flow.Trace, began, ended des.Time) {
	s.TraceID, s.SpanID, s.Parent = telemetry.TraceID(t.ID), telemetry.SpanID(t.Span), telemetry.SpanID(t.Parent)
	s.Start, s.End = p.unit.run.wall(began), p.unit.run.wall(ended)
	s.Resource = p.unit.resource
	p.unit.run.tracer.Record(s)
}

// traffic counts bytes on the pod's network.
func (p *process) traffic(in, out float64) {
	u := p.unit
	u.rx, u.tx = u.rx+in, u.tx+out
}

// text is what an error says. Its path is that of this request.
func (p *process) text(f *flow.Failure, t flow.Trace) string {
	text := strings.TrimPrefix(f.Text, notPermitted+": ")
	if f.Reason == model.Invalid {
		text = strings.Replace(text, " Server Error: ", " Client Error: ", 1)
	}
	// Paths are worded with either placeholder.
	return strings.NewReplacer("{id}", id(t), "{n}", id(t)).Replace(text)
}

// id is what a request is about: an order, a customer. It is the same in all places of a trace.
func id(t flow.Trace) string {
	n := uint64(0)
	for _, b := range t.ID[:6] {
		n = n<<8 | uint64(b)
	}
	return itoa(int(10000 + n%90000))
}

// address is where a request from outside comes from.
func address(t flow.Trace) string {
	// Networks of access providers; the last bytes follow the trace.
	first := [...]string{"81.173", "91.64", "188.100", "2.204", "84.140", "109.43", "78.55", "93.219"}
	return first[t.ID[15]%8] + "." + itoa(int(t.ID[14])) + "." + itoa(1+int(t.ID[13])%254)
}

// path is that of one request.
func path(o *model.Operation, t flow.Trace) string {
	p := o.Path
	if p == "" {
		_, p = cut(o.Name)
	}
	for {
		i := strings.IndexByte(p, '{')
		j := strings.IndexByte(p, '}')
		if i < 0 || j < i {
			return p
		}
		p = p[:i] + id(t) + p[j+1:]
	}
}

// url is what a client asks for.
func url(m *model.Service, o *model.Operation, t flow.Trace) string {
	if m.Kind == model.External {
		return "https://" + m.Name + path(o, t)
	}
	return "http://" + m.Name + ":" + itoa(port(m, model.HTTP)) + path(o, t)
}

// offsetBase is how many messages a partition had when the simulation began.
func (r *run) offsetBase(t *flow.Topic, partition int) int64 {
	return r.offsets[t.Index][partition]
}
