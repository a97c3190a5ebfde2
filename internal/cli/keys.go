package cli

import (
	"fmt"
	"strings"

	"firedrill/replay/distort"
)

// key is one setting. The table below is the only place that lists them: flags, environment
// variables, the strict check of the configuration file, `firedrill config` and docs/cli.md all come
// from it.
type key struct {
	name  string // in the file: sections are separated by dots
	kind  kind
	def   string // as text; "" is unset
	help  string
	flag  string // overrides the flag's usual name
	short string // one-letter flag
	// secret values are shown as *** and can be given in the environment, in the file or by naming a
	// file, but not as a flag: arguments are visible to everybody on the machine.
	secret bool
}

// flagName is the key's flag without dashes, "" when it has none.
func (k key) flagName() string {
	switch {
	case k.flag != "":
		return k.flag
	case k.secret:
		return ""
	}
	return strings.ReplaceAll(k.name, ".", "-")
}

// env is the key's environment variable.
func (k key) env() string { return envPrefix + "_" + envName(k.name) }

const envPrefix = "FIREDRILL"

// envName is the part of a variable's name that stands for a key.
func envName(name string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(name))
}

// keys is the table of all settings, in the order in which help and documentation show them.
var keys = concat(
	[]key{
		{name: "output", short: "o", kind: choice("text", "json"), def: "text", help: "what to print on standard output"},
		{name: "log.level", kind: choice("debug", "info", "warn", "error"), def: "warn", help: "least level that is logged to standard error"},
		{name: "log.format", kind: choice("text", "json"), def: "text", help: "form of the log"},
	},
	[]key{
		{name: "scenarios", kind: textKind, help: "folder whose folders are more scenarios, beside those of the program"},
		{name: "history", kind: historyKind, help: "how much recorded time before the page to load in bulk; all loads everything, so that the recording ends now; default: what the scenario says, or all before --page-at"},
		{name: "speed", kind: speedKind, def: "1", help: "recorded seconds a second once the page has come"},
		{name: "for", kind: durationKind, help: "stop after this much live time; default: at the recording's end, or at the scenario's time box"},
		{name: "page-at", kind: momentKind, help: "recorded time of the page, where live delivery starts: RFC 3339, or a duration from the recording's start; default: what the scenario says, or the end of --history"},
		{name: "difficulty", kind: choice(distort.Presets()...), def: distort.Normal, help: "how the evidence is distorted: not at all, as the scenario declares, or harder; a session that is resumed keeps its own"},
		{name: "session", kind: sessionKind, help: "id of the session; default: a random one"},
		{name: "metrics-addr", kind: textKind, help: "serve firedrill's own /metrics and /healthz on this address, such as 127.0.0.1:8420"},
		{name: "state-dir", kind: textKind, help: "folder for what must outlive a crash; default: $XDG_STATE_HOME/firedrill"},
	},
	[]key{
		{name: "listen", kind: textKind, def: "127.0.0.1:8420", help: "address and port of the challenge server"},
		{name: "public-url", kind: urlKind, help: "address at which people reach the challenge server; default: that of --listen"},
		{name: "store.url", kind: textKind, help: "where the contest is kept: postgres://USER:PASSWORD@HOST/DATABASE, or sqlite:FILE; default: a file in --state-dir", secret: true},
		{name: "grafana.url", kind: urlKind, help: "address of Grafana, to link to"},
		{name: "rules.lockout", kind: durationKind, def: "2m", help: "how long a player cannot submit after a first wrong suspect; it doubles with each"},
		{name: "rules.penalty", kind: durationKind, def: "5m", help: "what each wrong suspect adds to a player's time"},
		{name: "server.url", kind: urlKind, def: "http://127.0.0.1:8420", help: "address of the Firedrill server that the commands talk to"},
		{name: "server.token", kind: textKind, help: "token for the server", secret: true},
		{name: "server.token-file", kind: textKind, help: "file that holds the token for the server"},
	},
	backEndKeys("prometheus", "url", urlKind, "Prometheus, or another receiver of remote write"),
	[]key{
		{name: "prometheus.window", kind: durationKind, def: "8d", help: "how far back the server takes samples (its out_of_order_time_window)"},
	},
	backEndKeys("loki", "url", urlKind, "Loki"),
	[]key{
		{name: "loki.tenant", kind: textKind, help: "X-Scope-OrgID to push with; default: the session's id"},
		{name: "loki.window", kind: durationKind, def: "7d", help: "how far back the server takes lines (its reject_old_samples_max_age)"},
	},
	backEndKeys("otlp", "endpoint", urlKind, "an OTLP receiver of traces, such as Jaeger's on port 4317"),
	[]key{
		{name: "otlp.protocol", kind: choice("grpc", "http"), def: "grpc", help: "how to speak OTLP"},
	},
	backEndKeys("jaeger", "url", urlKind, "Jaeger's query API, from which the proof reads spans back"),
	[]key{
		{name: "ports", kind: choice("default", "auto"), def: "default", help: "ports of the local stack: the conventional ones, or free ones"},
		{name: "prometheus.port", kind: portKind, def: "9090", help: "port of the local Prometheus"},
		{name: "loki.port", kind: portKind, def: "3100", help: "port of the local Loki"},
		{name: "otlp.grpc-port", kind: portKind, def: "4317", help: "port on which the local Jaeger takes OTLP over gRPC"},
		{name: "otlp.http-port", kind: portKind, def: "4318", help: "port on which the local Jaeger takes OTLP over HTTP"},
		{name: "jaeger.port", kind: portKind, def: "16686", help: "port of the local Jaeger's query API"},
		{name: "server.port", kind: portKind, def: "8420", help: "port of firedrill's own /metrics and /healthz"},
		{name: "stack.dir", flag: "dir", kind: textKind, help: "folder for the local stack's data and logs; default: a temporary one, removed at the end"},
		{name: "stack.bin", kind: textKind, help: "folder with the prometheus, loki and jaeger binaries; default: bin/ here, then the folder of firedrill itself"},
	},
)

// backEndKeys are the settings that say how to reach one back end.
func backEndKeys(section, address string, kind kind, what string) []key {
	at := section + "."
	return []key{
		{name: at + address, kind: kind, help: "address of " + what},
		{name: at + "username", kind: textKind, help: "user for basic auth"},
		{name: at + "password", kind: textKind, help: "password for basic auth", secret: true},
		{name: at + "password-file", kind: textKind, help: "file that holds the password"},
		{name: at + "bearer-token", kind: textKind, help: "bearer token", secret: true},
		{name: at + "bearer-token-file", kind: textKind, help: "file that holds the bearer token"},
		{name: at + "ca-file", kind: textKind, help: "certificate authorities to trust instead of the system's, PEM"},
		{name: at + "cert-file", kind: textKind, help: "client certificate, PEM"},
		{name: at + "key-file", kind: textKind, help: "key of the client certificate, PEM"},
		{name: at + "server-name", kind: textKind, help: "name to expect in the server's certificate"},
		{name: at + "insecure-skip-verify", kind: boolKind, def: "false", help: "accept any server certificate"},
		{name: at + "headers", kind: mapKind, help: "more headers for each request", secret: true},
	}
}

// keysIn returns the keys with one of the names, or in one of the sections (names that end in a dot;
// ports belong to the local stack and must be named). A name that the table does not have is a mistake of the program.
func keysIn(names ...string) []key {
	var out []key
	for _, name := range names {
		before := len(out)
		for _, k := range keys {
			if k.name == name || strings.HasSuffix(name, ".") && strings.HasPrefix(k.name, name) && !strings.HasSuffix(k.name, "port") {
				out = append(out, k)
			}
		}
		if len(out) == before {
			panic(fmt.Sprintf("cli: no key %q", name))
		}
	}
	return out
}

// keyNames lists the names of all keys.
func keyNames() []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}

func concat(lists ...[]key) []key {
	var out []key
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}
