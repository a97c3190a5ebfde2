package gateway

import (
	"net/http"
	"strings"

	"firedrill/internal/challenge"
)

// route is one entry of the list of what may be asked.
type route struct {
	name string // in metrics and in the trail
	// path is below the back end's prefix; one * stands for one segment, which ask.arg holds.
	path string
	post bool // takes a form as the body, too
	// serve answers, unless it returns a problem.
	serve func(g *Gateway, w http.ResponseWriter, a *ask) *problem
}

// ask is one authorised request.
type ask struct {
	*http.Request
	backend challenge.Backend
	*route
	arg     string // the variable segment of the path
	form    formValues
	player  string
	session challenge.Session
	trail   *challenge.TrailEntry // Query, From and To are filled in while serving
}

// target is the path at the back end, which is the same as below the prefix.
func (a *ask) target() string { return strings.Replace(a.path, "*", a.arg, 1) }

// prefixes of the back ends, without a slash at the end.
var prefixes = map[string]challenge.Backend{
	"/prometheus": challenge.PrometheusBackend,
	"/loki":       challenge.LokiBackend,
	"/jaeger":     challenge.JaegerBackend,
}

// routes is the whole list.
var routes = map[challenge.Backend][]route{
	challenge.PrometheusBackend: {
		{name: "query", path: "/api/v1/query", post: true, serve: promQuery},
		{name: "query_range", path: "/api/v1/query_range", post: true, serve: promQuery},
		{name: "query_exemplars", path: "/api/v1/query_exemplars", post: true, serve: promQuery},
		{name: "series", path: "/api/v1/series", post: true, serve: promMatch},
		{name: "labels", path: "/api/v1/labels", post: true, serve: promMatch},
		{name: "label_values", path: "/api/v1/label/*/values", serve: promMatch},
		{name: "metadata", path: "/api/v1/metadata", serve: promMetadata},
		{name: "format_query", path: "/api/v1/format_query", post: true, serve: promText},
		{name: "parse_query", path: "/api/v1/parse_query", post: true, serve: promText},
		{name: "rules", path: "/api/v1/rules", serve: constant(`{"status":"success","data":{"groups":[]}}`)},
		{name: "alerts", path: "/api/v1/alerts", serve: constant(`{"status":"success","data":{"alerts":[]}}`)},
		// Grafana takes what the server can do from its version (public/app/plugins/datasource/prometheus), and no features
		// as a sign that it is not Mimir (pkg/promlib/heuristics.go).
		{name: "buildinfo", path: "/api/v1/status/buildinfo", serve: constant(`{"status":"success","data":{"version":"3.0.0","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""}}`)},
	},
	challenge.LokiBackend: {
		{name: "query", path: "/loki/api/v1/query", post: true, serve: lokiForward},
		{name: "query_range", path: "/loki/api/v1/query_range", post: true, serve: lokiForward},
		{name: "labels", path: "/loki/api/v1/labels", post: true, serve: lokiForward},
		{name: "label_values", path: "/loki/api/v1/label/*/values", post: true, serve: lokiForward},
		{name: "series", path: "/loki/api/v1/series", post: true, serve: lokiForward},
		{name: "index_stats", path: "/loki/api/v1/index/stats", post: true, serve: lokiForward},
		{name: "index_volume", path: "/loki/api/v1/index/volume", post: true, serve: lokiForward},
		{name: "index_volume_range", path: "/loki/api/v1/index/volume_range", post: true, serve: lokiForward},
		{name: "patterns", path: "/loki/api/v1/patterns", post: true, serve: lokiForward},
		{name: "detected_labels", path: "/loki/api/v1/detected_labels", post: true, serve: lokiForward},
		{name: "detected_fields", path: "/loki/api/v1/detected_fields", post: true, serve: lokiForward},
		{name: "detected_field_values", path: "/loki/api/v1/detected_field/*/values", post: true, serve: lokiForward},
		{name: "format_query", path: "/loki/api/v1/format_query", post: true, serve: lokiForward},
		{name: "tail", path: "/loki/api/v1/tail", serve: lokiTail},
		{name: "buildinfo", path: "/loki/api/v1/status/buildinfo", serve: lokiForward},
	},
	challenge.JaegerBackend: {
		{name: "services", path: "/api/services", serve: jaegerServices},
		{name: "service_operations", path: "/api/services/*/operations", serve: jaegerServiceOperations},
		{name: "operations", path: "/api/operations", serve: jaegerOperations},
		{name: "dependencies", path: "/api/dependencies", serve: jaegerDependencies},
		{name: "search", path: "/api/traces", serve: jaegerSearch},
		{name: "trace", path: "/api/traces/*", serve: jaegerTrace},
	},
}

// split takes the prefix of the back end off a path.
func split(path string) (b challenge.Backend, rest string, ok bool) {
	i := strings.IndexByte(path[1:], '/') + 1
	if i == 0 {
		return "", "", false
	}
	b, ok = prefixes[path[:i]]
	return b, path[i:], ok
}

// find looks up a path below the back end's prefix.
func find(b challenge.Backend, path string) (found *route, arg string, ok bool) {
	for i := range routes[b] {
		e := &routes[b][i]
		before, after, variable := strings.Cut(e.path, "*")
		if !variable {
			if path == e.path {
				return e, "", true
			}
			continue
		}
		if len(path) > len(before)+len(after) && strings.HasPrefix(path, before) && strings.HasSuffix(path, after) {
			if arg := path[len(before) : len(path)-len(after)]; !strings.Contains(arg, "/") {
				return e, arg, true
			}
		}
	}
	return nil, "", false
}

// constant answers every session alike.
func constant(json string) func(*Gateway, http.ResponseWriter, *ask) *problem {
	return func(_ *Gateway, w http.ResponseWriter, _ *ask) *problem {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(json))
		return nil
	}
}
