package semconv

import "firedrill/scenarios/sim/telemetry"

// scopes are the instrumentation libraries by language and what they instrument, with releases from the
// time of the scenarios.
var scopes = map[string]map[string]telemetry.Scope{
	"go": {
		"http":        {Name: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", Version: "0.65.0"},
		"http client": {Name: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", Version: "0.65.0"},
		"rpc":         {Name: "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc", Version: "0.65.0"},
		"postgresql":  {Name: "github.com/XSAM/otelsql", Version: "0.41.0"},
		"mysql":       {Name: "github.com/XSAM/otelsql", Version: "0.41.0"},
		"redis":       {Name: "github.com/redis/go-redis/extra/redisotel", Version: "9.17.2"},
		"kafka":       {Name: "github.com/twmb/franz-go/plugin/kotel", Version: "1.6.0"},
	},
	"java": {
		"http":        {Name: "io.opentelemetry.tomcat-10.0", Version: "2.23.0-alpha"},
		"http client": {Name: "io.opentelemetry.apache-httpclient-5.2", Version: "2.23.0-alpha"},
		"rpc":         {Name: "io.opentelemetry.grpc-1.6", Version: "2.23.0-alpha"},
		"postgresql":  {Name: "io.opentelemetry.jdbc", Version: "2.23.0-alpha"},
		"mysql":       {Name: "io.opentelemetry.jdbc", Version: "2.23.0-alpha"},
		"redis":       {Name: "io.opentelemetry.lettuce-5.1", Version: "2.23.0-alpha"},
		"kafka":       {Name: "io.opentelemetry.kafka-clients-0.11", Version: "2.23.0-alpha"},
	},
	"nodejs": {
		"http":        {Name: "@opentelemetry/instrumentation-http", Version: "0.210.0"},
		"http client": {Name: "@opentelemetry/instrumentation-http", Version: "0.210.0"},
		"rpc":         {Name: "@opentelemetry/instrumentation-grpc", Version: "0.210.0"},
		"postgresql":  {Name: "@opentelemetry/instrumentation-pg", Version: "0.62.0"},
		"mysql":       {Name: "@opentelemetry/instrumentation-mysql2", Version: "0.56.0"},
		"redis":       {Name: "@opentelemetry/instrumentation-redis", Version: "0.58.0"},
		"kafka":       {Name: "@opentelemetry/instrumentation-kafkajs", Version: "0.19.0"},
	},
	"python": {
		"http":        {Name: "opentelemetry.instrumentation.asgi", Version: "0.60b1"},
		"http client": {Name: "opentelemetry.instrumentation.httpx", Version: "0.60b1"},
		"rpc":         {Name: "opentelemetry.instrumentation.grpc", Version: "0.60b1"},
		"postgresql":  {Name: "opentelemetry.instrumentation.psycopg", Version: "0.60b1"},
		"mysql":       {Name: "opentelemetry.instrumentation.pymysql", Version: "0.60b1"},
		"redis":       {Name: "opentelemetry.instrumentation.redis", Version: "0.60b1"},
		"kafka":       {Name: "opentelemetry.instrumentation.confluent_kafka", Version: "0.60b1"},
	},
}

// scope returns the library that instruments something in a language; other pairs have none.
func scope(language, what string) telemetry.Scope { return scopes[language][what] }
