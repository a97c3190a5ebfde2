package sim

import (
	"testing"

	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// TestClasses: Spring wraps what the socket throws, in the log; the instrumentation of the client sees what was thrown.
func TestClasses(t *testing.T) {
	for _, c := range []struct{ kind, text, class, errorType string }{
		{"java.net.SocketTimeoutException", `I/O error on GET request for "http://a:8080/b": Read timed out`, "org.springframework.web.client.ResourceAccessException", "java.net.SocketTimeoutException"},
		{"java.sql.SQLTransientConnectionException", "HikariPool-1 - Connection is not available", "java.sql.SQLTransientConnectionException", "java.sql.SQLTransientConnectionException"},
		{"CircuitBreakerOpen", notPermitted + ": CircuitBreaker 'a' is OPEN", notPermitted, notPermitted},
	} {
		f := &flow.Failure{Type: c.kind, Text: c.text}
		if got := class(f); got != c.class {
			t.Errorf("%s: a log names %s, want %s", c.text, got, c.class)
		}
		if got := errorType(f); got != c.errorType {
			t.Errorf("%s: error.type is %s, want %s", c.text, got, c.errorType)
		}
	}
}

// TestServerProcesses: the first process of a PostgreSQL server writes little; what a client or a worker says has its own.
func TestServerProcesses(t *testing.T) {
	const seed = 5 << 36
	for _, c := range []struct {
		line model.Line
		want string
	}{
		{model.Line{Message: "could not send data to client", Logger: "app@shop"}, "125"},
		{model.Line{Message: `automatic vacuum of table "shop.public.orders"`}, "1005"},
		{model.Line{Message: "checkpoint complete: wrote 7 buffers"}, "27"},
		{model.Line{Message: "received SIGHUP, reloading configuration files"}, "1"},
	} {
		if got := serverProcess(&c.line, seed); got != c.want {
			t.Errorf("%q is written by process %s, want %s", c.line.Message, got, c.want)
		}
	}
}
