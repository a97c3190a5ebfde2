package semconv

import "firedrill/scenarios/sim/telemetry"

// RPC is a gRPC method, as its server or a client of it sees it.
type RPC struct {
	Service string // package.Service
	Method  string
	Address string // server.address: the host that clients ask
	Port    int
}

func (r RPC) name() string { return r.Service + "/" + r.Method }

// The gRPC codes that simulated services give.
const (
	OK                = 0
	Canceled          = 1
	Unknown           = 2
	InvalidArgument   = 3
	DeadlineExceeded  = 4
	NotFound          = 5
	ResourceExhausted = 8
	Unimplemented     = 12
	Internal          = 13
	Unavailable       = 14
	DataLoss          = 15
)

// codes are the names of the gRPC codes, in their order.
var codes = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
	"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

// RPCServer is a method that the process serves.
func (s Set) RPCServer(r RPC) *Operation {
	f := r.fixed()
	f.span("server.address", r.Address)
	f.span("server.port", r.Port)
	return s.operation(Operation{kind: telemetry.KindServer, name: r.name(), scope: scope(s.Language, "rpc"), judge: judgeRPCServer}, f,
		telemetry.Family{Name: "rpc_server_call_duration_seconds", Type: telemetry.TypeHistogram, Help: "Measures the duration of an incoming Remote Procedure Call (RPC)."},
		s.served())
}

// RPCClient is a method that the process calls.
func (s Set) RPCClient(r RPC) *Operation {
	f := r.fixed()
	f.both("server_address", "server.address", r.Address)
	f.both("server_port", "server.port", r.Port)
	return s.operation(Operation{kind: telemetry.KindClient, name: r.name(), scope: scope(s.Language, "rpc"), judge: judgeRPCClient}, f,
		telemetry.Family{Name: "rpc_client_call_duration_seconds", Type: telemetry.TypeHistogram, Help: "Measures the duration of an outgoing Remote Procedure Call (RPC)."},
		s.Client.buckets(telemetry.DurationBuckets))
}

func (r RPC) fixed() (f fixed) {
	f.both("rpc_system_name", "rpc.system.name", "grpc")
	f.both("rpc_method", "rpc.method", r.name())
	return f
}

// judgeRPCServer: only codes that blame the server are errors (semantic conventions for gRPC).
func judgeRPCServer(o Outcome) verdict {
	switch o.Status {
	case Unknown, DeadlineExceeded, Unimplemented, Internal, Unavailable, DataLoss:
		return judgeRPC(o, true)
	}
	return judgeRPC(o, false)
}

// judgeRPCClient: everything but OK is an error.
func judgeRPCClient(o Outcome) verdict { return judgeRPC(o, o.Status != OK) }

func judgeRPC(o Outcome, failed bool) verdict {
	code := codes[Unknown]
	if o.Status >= 0 && o.Status < len(codes) {
		code = codes[o.Status]
	}
	v := verdict{statusLabel: "rpc_response_status_code", statusAttribute: "rpc.response.status_code", status: code, failed: failed || o.Error != ""}
	if v.failed {
		v.errorType = o.Error
		if v.errorType == "" {
			v.errorType = code
		}
	}
	return v
}
