package sim

import (
	"hash/fnv"
	"slices"
	"strings"

	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// The names that programs give their parts are made up from those of services and operations, so that a
// service has its own and always the same.

// hash picks a number below n for a text: a line of a source file, say.
func hash(n int, parts ...string) int {
	h := fnv.New32a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return int(h.Sum32() % uint32(n))
}

// words splits a name at what is no letter or digit.
func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') })
}

// camel joins words as classes are written.
func camel(all []string) string {
	var b strings.Builder
	for _, w := range all {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// snake joins words as Python's functions are written.
func snake(all []string) string { return strings.ToLower(strings.Join(all, "_")) }

// subject is what an operation is about: the last fixed part of its route, its method, its table or topic.
func subject(o *model.Operation) []string {
	name := o.Name
	if o.Protocol == model.GRPC {
		_, name, _ = strings.Cut(name, "/")
		return []string{name}
	}
	_, name = cut(name)
	parts := strings.Split(name, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		if w := words(parts[i]); len(w) > 0 && !strings.HasPrefix(parts[i], "{") {
			return w
		}
	}
	return []string{"request"}
}

// doing is an operation in words for a line.
func (p *process) doing(o *flow.Operation) string { return o.Model.Name }

// base is the package of a service's own classes.
func (p *process) base() string {
	w := words(p.unit.service.Model.Front())
	return "com." + snake(words(p.unit.run.sys.Namespace)) + "." + strings.ToLower(strings.Join(w, ""))
}

// logger is the logger of the service's own code.
func (p *process) logger() string {
	m := p.unit.service.Model
	switch m.Logs.Format {
	case "logback":
		return p.base() + ".service." + camel(words(m.Front())) + "Service"
	case "python":
		return snake(words(m.Front())) + ".service"
	}
	return ""
}

// requestLogger is the logger of request lines.
func (p *process) requestLogger() string {
	switch p.unit.service.Model.Logs.Format {
	case "logback":
		if p.grpcOnly() {
			return p.base() + ".grpc.LoggingServerInterceptor"
		}
		return p.base() + ".web.RequestLoggingFilter"
	case "python":
		return "uvicorn.access"
	}
	return ""
}

// clientLogger is the logger of the code that calls other services.
func (p *process) clientLogger() string {
	m := p.unit.service.Model
	switch m.Logs.Format {
	case "logback":
		return p.base() + ".client." + camel(words(m.Front())) + "Client"
	case "python":
		return snake(words(m.Front())) + ".client"
	}
	return ""
}

// The parts of a program that write lines.
const (
	ofMain    = "main"
	ofServer  = "server"
	ofService = "service"
	ofClient  = "client"
)

// caller is the place in the source of a part that writes a line, where formats have one; what names the line.
func (p *process) caller(part, what string) string {
	m := p.unit.service.Model
	line := itoa(24 + hash(310, m.Front(), part, what))
	switch {
	case m.Logs.Format == "json" && m.Runtime == model.Go:
		if part == ofMain {
			return m.Front() + "/main.go:" + line
		}
		return part + "/" + part + ".go:" + line
	case m.Logs.Format == "python" && part == ofServer:
		return "httptools_impl.py:481"
	case m.Logs.Format == "python" && part == ofMain && strings.Contains(strings.ToLower(what), "application startup"):
		return "on.py:" + line // uvicorn/lifespan/on.py
	case m.Logs.Format == "python" && part == ofMain:
		return "server.py:" + line
	case m.Logs.Format == "python":
		return part + ".py:" + line
	case m.Logs.Format == "klog":
		return part + ".go:" + line
	}
	return ""
}

// background is the thread of what no request causes, such as timers, where formats have one.
func (p *process) background() string {
	m := p.unit.service.Model
	switch {
	case m.Logs.Format != "logback":
		return ""
	case m.Kind == model.Broker:
		return "kafka-scheduler-" + itoa(p.rand.IntN(10))
	}
	return "scheduling-1"
}

// thread is the thread of a request that writes a line, where formats have one: the same for all lines of the request.
func (p *process) thread(t flow.Trace) string {
	m := p.unit.service.Model
	if m.Logs.Format != "logback" {
		return ""
	}
	most := m.Workers
	if most == 0 {
		most = 40
	}
	n := p.rand.IntN(1 << 16)
	if t.ID != (flow.TraceID{}) {
		n = int(t.ID[8])<<8 | int(t.ID[9])
	}
	pool := "http-nio-" + itoa(port(m, model.HTTP)) + "-exec-"
	if p.grpcOnly() {
		pool = "grpc-default-executor-"
	}
	return pool + itoa(1+n%min(most, 200))
}

// grpcOnly tells whether the service is reached by gRPC alone, and so has no web server.
func (p *process) grpcOnly() bool {
	ops := p.unit.service.Model.Operations
	return len(ops) > 0 && !slices.ContainsFunc(ops, func(o model.Operation) bool { return o.Protocol != model.GRPC })
}

// stack is the trace of an exception as the runtime prints it; Go's errors have none, and neither have answers of others.
func (p *process) stack(o *flow.Operation, f *flow.Failure) string {
	if f.Reason != model.Internal || o == nil {
		return ""
	}
	name := p.unit.service.Model.Front()
	class, method := camel(words(name)), camel(subject(o.Model))
	at := func(what string) string { return itoa(30 + hash(220, name, o.Model.Name, what)) }
	small := strings.ToLower(method[:1]) + method[1:]
	switch p.unit.service.Model.Runtime {
	case model.JVM:
		return "\tat " + p.base() + ".service." + class + "Service." + small + "(" + class + "Service.java:" + at("service") + ")\n" +
			"\tat " + p.base() + ".web." + class + "Controller." + small + "(" + class + "Controller.java:" + at("web") + ")\n" +
			"\tat java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(DirectMethodHandleAccessor.java:103)\n" +
			"\tat java.base/java.lang.reflect.Method.invoke(Method.java:580)\n" +
			"\tat org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:258)\n" +
			"\tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)\n" +
			"\tat jakarta.servlet.http.HttpServlet.service(HttpServlet.java:658)\n" +
			"\tat org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:140)\n" +
			"\t... 38 common frames omitted"
	case model.Python:
		f := snake(subject(o.Model))
		return `  File "/app/` + snake(words(name)) + `/api.py", line ` + at("web") + `, in ` + f + "\n    return await service." + f + "(request)\n" +
			`  File "/app/` + snake(words(name)) + `/service.py", line ` + at("service") + `, in ` + f + "\n    item = self._load(payload)"
	case model.Node20:
		return "    at " + class + "Service." + small + " (/app/dist/service.js:" + at("service") + ":19)\n" +
			"    at async /app/dist/routes.js:" + at("web") + ":22\n" +
			"    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)"
	}
	return ""
}

// stackTrace is what exception.stacktrace of a span has: the stack with the exception, in the runtime's order.
func (p *process) stackTrace(o *flow.Operation, f *flow.Failure, t flow.Trace) string {
	stack := p.stack(o, f)
	if stack == "" {
		return ""
	}
	head := class(f) + ": " + p.text(f, t)
	if p.unit.service.Model.Runtime == model.Python {
		return "Traceback (most recent call last):\n" + stack + "\n" + head
	}
	return head + "\n" + stack
}

// grpcCode is the name of a gRPC code, as Go prints it or as the other libraries do.
func grpcCode(runtime model.Runtime, code int) string {
	names := [...]string{"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
		"PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal",
		"Unavailable", "DataLoss", "Unauthenticated"}
	if runtime != model.Go {
		names = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
			"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
			"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}
	}
	if code < 0 || code >= len(names) {
		return names[2]
	}
	return names[code]
}
