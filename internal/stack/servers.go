package stack

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	config "firedrill/grafana/stack"
)

// prepare makes the folders of a stack and writes the servers' configuration files into Dir/config.
func prepare(dir string) error {
	for _, sub := range append([]string{"logs", "config"}, Names...) {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return fmt.Errorf("make folder of the stack: %w", err)
		}
	}
	names, err := fs.Glob(config.Files, "*")
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := config.Files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "config", name), b, 0o644); err != nil {
			return fmt.Errorf("write configuration of a back end: %w", err)
		}
	}
	return nil
}

// specs returns the three servers. The configuration files are the same everywhere; what differs is
// given by flags (Prometheus) and environment variables (Loki, Jaeger).
func specs(o Options, p allPorts, u URLs) []spec {
	at := func(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
	data := func(name string) string { return filepath.Join(o.Dir, name) }
	conf := func(file string) string { return filepath.Join(o.Dir, "config", file) }
	return []spec{
		{
			name: Prometheus,
			path: filepath.Join(o.Bin, Prometheus),
			dir:  data(Prometheus),
			args: []string{
				"--config.file=" + conf("prometheus.yml"),
				"--storage.tsdb.path=" + data(Prometheus),
				"--web.listen-address=" + at(o.Host, p.Prometheus),
				"--web.enable-remote-write-receiver",
				"--enable-feature=exemplar-storage",
			},
			env:   environ(),
			probe: probePrometheus(u.Prometheus),
		},
		{
			name: Loki,
			path: filepath.Join(o.Bin, Loki),
			dir:  data(Loki),
			args: []string{"-config.file=" + conf("loki.yaml"), "-config.expand-env=true"},
			env: environ(
				"LOKI_HOST="+o.Host,
				"LOKI_HTTP_PORT="+strconv.Itoa(p.Loki),
				"LOKI_GRPC_PORT="+strconv.Itoa(p.lokiGRPC),
				"LOKI_DATA="+data(Loki),
			),
			probe: probeLoki(u.Loki),
		},
		{
			name: Jaeger,
			path: filepath.Join(o.Bin, Jaeger),
			dir:  data(Jaeger),
			args: []string{"--config=" + conf("jaeger.yaml")},
			env: environ(
				"JAEGER_DATA="+data(Jaeger),
				"JAEGER_QUERY_HTTP="+at(o.Host, p.Jaeger),
				"JAEGER_QUERY_GRPC="+at("127.0.0.1", p.jaegerQueryGRPC),
				"JAEGER_OTLP_GRPC="+at(o.Host, p.OTLPGRPC),
				"JAEGER_OTLP_HTTP="+at(o.Host, p.OTLPHTTP),
				// Else Jaeger stores traces of its own API calls among those of the replay.
				"OTEL_TRACES_SAMPLER=always_off",
				// Bulk loading makes far more garbage than what Badger holds: collecting early keeps Jaeger small when it
				// plays one session. With a hundred Badger holds 1.1 GB, most of it buffers of compactions, and a soft limit
				// below that leaves nothing but collecting: Jaeger stops to answer.
				"GOGC=50",
				"GOMEMLIMIT=2560MiB",
			),
			probe: probeJaeger(u),
		},
	}
}

// environ is the whole environment of a server: its own variables and the few that any program
// needs. The rest is left out, so that an OTEL_ or JAEGER_ variable of the user changes nothing.
func environ(own ...string) []string {
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "GOMAXPROCS", "SYSTEMROOT"} {
		if v, ok := os.LookupEnv(name); ok {
			own = append(own, name+"="+v)
		}
	}
	return own
}
