package flow

import (
	"net/http"
	"strconv"
	"strings"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// failureKey finds a failure that has been worded before: they are shared, so that a storm of errors costs
// no memory.
type failureKey struct {
	what   situation
	passed bool
	dep    *model.Dependency
	from   *Operation // of the service that speaks, for what it tells its own caller
	target *Operation
	server *Replica
	cause  *Failure
	limit  des.Time
}

// reasonOf is what retries see. What the server answers keeps its own reason.
var reasonOf = [situations]model.Reason{
	situationTimeout: model.Timeout, situationRefused: model.Unavailable, situationReset: model.Unavailable,
	situationLost: model.Unavailable, situationPool: model.Unavailable, situationBreaker: model.Unavailable,
	situationCancelled: model.Cancelled, situationConnections: model.Unavailable, situationFull: model.Rejected,
	situationBug: model.Internal,
}

// fails words what went wrong with an attempt, as the caller's runtime does. server and cause may be nil.
func (f *Flow) fails(what situation, d *Dependency, target *Operation, server *Replica, cause *Failure) *Failure {
	key := failureKey{what: what, dep: d.Model, target: target, server: server, cause: cause, limit: d.timeout}
	if what == situationPool {
		key.limit = d.poolWait
	}
	if found := f.failures[key]; found != nil {
		return found
	}
	runtime := model.Native
	if d.Replica != nil {
		runtime = d.Replica.Service.Model.Runtime
	}
	protocol := target.Model.Protocol
	p := phraseOf(runtime, protocol, what)
	reason := reasonOf[what]
	failure := &Failure{Reason: reason}
	if what == situationStatus {
		failure.Reason, failure.Status, failure.Code = cause.Reason, cause.Status, cause.Code
	} else if protocol == model.GRPC {
		failure.Status = statusOf(protocol, reason)
	}
	switch {
	case protocol == model.SQL && what == situationTimeout:
		failure.Code = "57014"
	case what == situationConnections:
		failure.Code = "53300"
	}
	r := f.placeholders(d, target, server, cause, failure, key.limit)
	failure.Type, failure.Text = r.Replace(p.class), r.Replace(p.text)
	f.failures[key] = failure
	return failure
}

func phraseOf(runtime model.Runtime, protocol model.Protocol, what situation) phrase {
	if p := byProtocol[protocol][runtime][what]; p.text != "" {
		return p
	}
	if p := common[runtime][what]; p.text != "" {
		return p
	}
	if p := byProtocol[protocol][model.Go][what]; p.text != "" {
		return p
	}
	return common[model.Go][what]
}

func (f *Flow) placeholders(d *Dependency, target *Operation, server *Replica, cause, failure *Failure, limit des.Time) *strings.Replacer {
	service := target.Service
	ip, port := service.ip, strconv.Itoa(service.port)
	if server != nil {
		ip = server.IP
	}
	method, path, found := strings.Cut(target.Model.Name, " ")
	if !found {
		path = "/"
	}
	if target.Model.Path != "" {
		path = target.Model.Path
	}
	name, desc := service.Model.Name, ""
	if cause != nil {
		desc = cause.Text
	}
	code := grpcCodes[failure.Reason]
	url := "http://" + name + ":" + port + path
	if service.Model.Kind == model.External {
		url = "https://" + name + path
	}
	return strings.NewReplacer(
		"{addr}", ip+":"+port, "{ip}", ip, "{port}", port, "{host}", name, "{name}", name,
		"{method}", method, "{Method}", titled(method), "{path}", path, "{url}", url,
		"{status}", strconv.Itoa(failure.Status), "{reason}", http.StatusText(failure.Status),
		"{code}", code.camel, "{CODE}", code.upper, "{desc}", desc,
		"{ms}", strconv.FormatInt(int64(limit/des.Millisecond), 10), "{s}", strconv.FormatFloat(limit.Seconds(), 'f', -1, 64),
		"{size}", strconv.Itoa(d.Pool.Max),
	)
}

// titled is a method as Go's url.Error has it.
func titled(method string) string {
	if method == "" {
		return ""
	}
	return method[:1] + strings.ToLower(method[1:])
}

var grpcCodes = map[model.Reason]struct {
	number       int
	camel, upper string
}{
	model.Timeout:     {4, "DeadlineExceeded", "DEADLINE_EXCEEDED"},
	model.Unavailable: {14, "Unavailable", "UNAVAILABLE"},
	model.Rejected:    {8, "ResourceExhausted", "RESOURCE_EXHAUSTED"},
	model.Internal:    {13, "Internal", "INTERNAL"},
	model.Invalid:     {3, "InvalidArgument", "INVALID_ARGUMENT"},
	model.Cancelled:   {1, "Canceled", "CANCELLED"},
}

var httpStatus = map[model.Reason]int{
	model.Timeout: 504, model.Unavailable: 503, model.Rejected: 503, model.Internal: 500, model.Invalid: 400, model.Cancelled: 499,
}

// statusOf is the status by which a server tells a reason.
func statusOf(protocol model.Protocol, reason model.Reason) int {
	switch protocol {
	case model.HTTP:
		return httpStatus[reason]
	case model.GRPC:
		return grpcCodes[reason].number
	}
	return 0
}

// own words a failure that a server makes itself.
func (f *Flow) own(op *Operation, what situation) *Failure {
	key := failureKey{what: what, from: op}
	if found := f.failures[key]; found != nil {
		return found
	}
	service := op.Service.Model
	p := common[service.Runtime][what]
	failure := &Failure{Reason: reasonOf[what], Status: statusOf(op.Model.Protocol, reasonOf[what]), Type: p.class, Text: p.text}
	if op.Model.Protocol == model.SQL {
		failure.Type = "error"
		failure.Code, failure.Text = "XX000", "could not read block in file: read only 0 of 8192 bytes"
		switch what {
		case situationCancelled:
			failure.Code, failure.Text = "57014", "canceling statement due to user request"
		case situationFull:
			failure.Code, failure.Text = "53300", "remaining connection slots are reserved"
		}
	}
	f.failures[key] = failure
	return failure
}

// passOn is what an operation tells its caller when a call of its own has failed: a timeout stays one, what
// was refused or unavailable is unavailable, what was invalid stays so with its status, the rest is internal.
func (f *Flow) passOn(op *Operation, cause *Failure) *Failure {
	key := failureKey{passed: true, from: op, cause: cause}
	if found := f.failures[key]; found != nil {
		return found
	}
	reason := model.Internal
	switch cause.Reason {
	case model.Timeout, model.Unavailable, model.Invalid:
		reason = cause.Reason
	case model.Rejected:
		reason = model.Unavailable
	}
	status := statusOf(op.Model.Protocol, reason)
	if reason == model.Invalid && op.Model.Protocol == model.HTTP && cause.Status >= 400 {
		status = cause.Status // the call was by HTTP too: gRPC's codes are below
	}
	failure := &Failure{Reason: reason, Status: status, Type: cause.Type, Text: cause.Text}
	f.failures[key] = failure
	return failure
}

// stated is the failure of a model.Fail step.
func stated(op *Operation, m *model.Fail) *Failure {
	reason := m.Reason
	if reason == "" {
		reason = model.Internal
	}
	status := m.Status
	if status == 0 || op.Model.Protocol != model.HTTP {
		status = statusOf(op.Model.Protocol, reason)
	}
	class := string(reason)
	if reason == model.Internal {
		class = exceptions[op.Service.Model.Runtime]
	}
	return &Failure{Reason: reason, Status: status, Type: class, Text: m.Error}
}

// exceptions are the classes that code throws when it has none of its own.
var exceptions = map[model.Runtime]string{
	model.Go: "*errors.errorString", model.JVM: "java.lang.RuntimeException", model.Node20: "Error", model.Python: "RuntimeError", model.Native: "internal",
}
