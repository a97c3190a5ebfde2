package challenge

import (
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"firedrill/scenarios"
)

// guiltyNames are the names of the components whose faults explain the page.
func guiltyNames(e Explanation) []string {
	var names []string
	for _, f := range e.Faults {
		if f.Explains {
			names = append(append(names, f.Component), f.Aliases...)
		}
	}
	return names
}

// landmark is what a step of the golden path is about: a question to the same back end that names one of its metrics, where it is
// PromQL, and one of its services, where it names any, came close to it.
type landmark struct {
	backend   Backend
	metrics   []string
	services  []string
	operation string // of a search for traces; asking for another operation is not close
}

// landmarks finds what the steps of a golden path are about, among the services of the catalogue.
func landmarks(path []ExplainedStep, catalogue []scenarios.Service) []landmark {
	out := make([]landmark, len(path))
	for i, step := range path {
		m := landmark{backend: Backend(step.Datasource)}
		for _, v := range catalogue {
			if mentions(step.Query, v.Name) {
				m.services = append(m.services, v.Name)
			}
		}
		switch m.backend {
		case PrometheusBackend:
			m.metrics = metricNames(step.Query)
		case JaegerBackend:
			m.operation = operationOf(step.Query)
			if found := searchedService.FindStringSubmatch(step.Query); found != nil {
				m.services = []string{found[1]} // others may be named by the operation
			}
		}
		out[i] = m
	}
	return out
}

// How golden paths (docs/scenario-authoring.md) and trails write a search for traces.
var (
	searchedOperation = regexp.MustCompile(`(?:^|\s)operation=(?:"([^"]*)"|(\S+))`)
	searchedService   = regexp.MustCompile(`(?:^|\s)service=(\S+)`)
	variable          = regexp.MustCompile(`\$__\w+|\$\{__\w+\}`)
)

func operationOf(search string) string {
	if found := searchedOperation.FindStringSubmatch(search); found != nil {
		return found[1] + found[2]
	}
	return ""
}

// metricNames are the metrics that a PromQL expression selects, none when it cannot be parsed.
func metricNames(query string) []string {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(variable.ReplaceAllString(query, "1m"))
	if err != nil {
		return nil
	}
	var names []string
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && v.Name != "" && !slices.Contains(names, v.Name) {
			names = append(names, v.Name)
		}
		return nil
	})
	return names
}

// near tells whether a player's question came close.
func (m landmark) near(e TrailEntry) bool {
	if e.Backend != m.backend || m.backend == PrometheusBackend && !mentionsAny(e.Query, m.metrics) {
		return false
	}
	if asked := operationOf(e.Query); m.operation != "" && asked != "" && asked != m.operation {
		return false
	}
	if len(m.services) == 0 {
		return m.backend == PrometheusBackend
	}
	return mentionsAny(e.Query, m.services)
}

func mentionsAny(text string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return mentions(text, name) })
}

// mentions tells whether a query has a name as a whole word: orders-db is not in orders-db-exporter, and it is in orders-db-.*, which
// selects its pods.
func mentions(text, name string) bool {
	for from := 0; name != ""; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		i += from
		before, after := text[:i], text[i+len(name):]
		if !wordEnds.MatchString(before) && !wordBegins.MatchString(after) {
			return true
		}
		from = i + 1
	}
	return false
}

// A word goes on over a hyphen when a letter or digit stands on the other side.
var (
	wordEnds   = regexp.MustCompile(`\w-?$`)
	wordBegins = regexp.MustCompile(`^-?\w`)
)
