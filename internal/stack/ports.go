package stack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports that are picked lie below the range from which kernels take the local ports of outgoing
// connections (32768 and up on Linux, 49152 and up by RFC 6335). From that range a client that retries while a
// back end is down could be given the back end's own port and keep it from coming back.
const (
	firstFree = 20000
	lastFree  = 32000
)

// allPorts adds the ports that only the servers themselves use.
type allPorts struct {
	Ports
	lokiGRPC        int
	jaegerQueryGRPC int
}

// portTakenError says that a server could not listen on a port that had been free.
type portTakenError struct{ err error }

func (e *portTakenError) Error() string { return e.err.Error() }
func (e *portTakenError) Unwrap() error { return e.err }

// choosePorts settles all ports of a stack. A fixed port that somebody else uses is an error which
// names the port and its flag.
func choosePorts(o Options) (allPorts, error) {
	p := allPorts{Ports: o.Ports}
	def := DefaultPorts()
	used := map[int]string{}
	for _, f := range []struct {
		port *int
		def  int
		flag string
	}{
		{&p.Prometheus, def.Prometheus, "--prometheus-port"},
		{&p.Loki, def.Loki, "--loki-port"},
		{&p.OTLPGRPC, def.OTLPGRPC, "--otlp-grpc-port"},
		{&p.OTLPHTTP, def.OTLPHTTP, "--otlp-http-port"},
		{&p.Jaeger, def.Jaeger, "--jaeger-port"},
	} {
		if o.AutoPorts {
			continue
		}
		if *f.port == 0 {
			*f.port = f.def
		}
		if other, twice := used[*f.port]; twice {
			return p, fmt.Errorf("port %d is given twice, by %s and %s", *f.port, other, f.flag)
		}
		used[*f.port] = f.flag
		if err := canListen(o.Host, *f.port); err != nil {
			return p, fmt.Errorf("port %d is in use; free it, choose another with %s, or use --ports auto (%w)", *f.port, f.flag, err)
		}
	}
	free := []*int{&p.lokiGRPC, &p.jaegerQueryGRPC}
	if o.AutoPorts {
		free = append(free, &p.Prometheus, &p.Loki, &p.OTLPGRPC, &p.OTLPHTTP, &p.Jaeger)
	}
	for _, port := range free {
		n, err := freePort(o.Host, used)
		if err != nil {
			return p, err
		}
		*port = n
		used[n] = "another server"
	}
	return p, nil
}

func canListen(host string, port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}

// freePort finds a port that is free on host and on loopback. It tries at random, so that two stacks
// which start at once rarely meet.
func freePort(host string, used map[int]string) (int, error) {
	for range 1000 {
		n := firstFree + rand.IntN(lastFree-firstFree)
		if used[n] == "" && canListen(host, n) == nil && canListen("127.0.0.1", n) == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d on %s", firstFree, lastFree, host)
}
