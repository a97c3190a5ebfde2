package scenarios

import (
	"fmt"
	"log/slog"

	"firedrill/scenarios/sim/model"
)

// Answer is what answer.yaml says: the answer key of a scenario, the faults that make it come true and
// the evidence that they do. Nothing outside that file tells the cause.
//
// An Answer does not show itself: printing, logging and encoding it give no more than its type's name.
type Answer struct {
	// Version of the format: 1.
	Version int `yaml:"version" jsonschema:"required"`
	// Accepted lists the faults, each as the suspect that is right about it.
	Accepted []Accepted `yaml:"accepted"`
	// NothingBroken says that no user is served worse: the suspect "nothing is broken", which every scenario
	// offers, is right. Accepted then may say what made it look otherwise, and naming that is right as well.
	NothingBroken bool `yaml:"nothing_broken"`
	// Chain leads from the cause to the page, one step an entry.
	Chain []string `yaml:"chain" jsonschema:"required"`
	// Decoys are what looks like a cause and is none.
	Decoys []Decoy `yaml:"decoys"`
	// Explanation is the whole story, in Markdown, with sources where the mechanism was taken from a public post-mortem.
	Explanation string `yaml:"explanation" jsonschema:"required"`
	// GoldenPath lists the queries that lead to the cause, in order.
	GoldenPath []Step `yaml:"golden_path" jsonschema:"required"`
	// Faults are injected into the simulated system.
	Faults []model.Fault `yaml:"faults"`
	// Evidence lists what the back ends must answer once the recording is replayed.
	Evidence []Assertion `yaml:"evidence"`
	// Phrases give the answer away: none of them occurs in any other file, in the telemetry or in what players are shown.
	Phrases []string `yaml:"phrases" jsonschema:"required"`
}

// Accepted is one fault, as the suspect that is right about it.
type Accepted struct {
	// Role says whether the fault explains the page.
	Role Role `yaml:"role"`
	// Component is one of the suspects' components.
	Component string `yaml:"component" jsonschema:"required"`
	// Aliases are other components of the suspects that are as right, such as the pool of a database.
	Aliases []string `yaml:"aliases"`
	// Cause is one of the suspects' causes.
	Cause string `yaml:"cause" jsonschema:"required"`
	// Onset is when the fault began: a duration from the recording's start, or RFC 3339.
	Onset Moment `yaml:"onset" jsonschema:"required"`
	// Tolerance is how far from it a player's onset may be, in either direction.
	Tolerance Duration `yaml:"tolerance" jsonschema:"required"`
}

// Role says whether a fault explains the page.
type Role string

// The roles.
const (
	RoleCause      Role = "cause"      // it does, alone or with the others of this role: all must be found; the default
	RoleCoincident Role = "coincident" // it is real and innocent of the page
)

var roles = []Role{RoleCause, RoleCoincident}

// Decoy is something that looks like a cause.
type Decoy struct {
	// Component of the catalogue that it points to.
	Component string `yaml:"component" jsonschema:"required"`
	// Signal is what is seen.
	Signal string `yaml:"signal" jsonschema:"required"`
	// WhyWrong is why it is not the cause.
	WhyWrong string `yaml:"why_wrong" jsonschema:"required"`
	// Evidence names the assertions that show it: a decoy that nobody can see misleads nobody.
	Evidence []string `yaml:"evidence" jsonschema:"required"`
}

// Step is one query of the golden path.
type Step struct {
	// Title says what is asked.
	Title string `yaml:"title" jsonschema:"required"`
	// Datasource that is asked.
	Datasource Datasource `yaml:"datasource" jsonschema:"required"`
	// Query in the language of the data source; for jaeger a search such as service=cart min_duration=2s.
	Query string `yaml:"query" jsonschema:"required"`
	// Shows is what is seen.
	Shows string `yaml:"shows" jsonschema:"required"`
}

// Datasource is where a query goes.
type Datasource string

// The data sources.
const (
	Prometheus Datasource = "prometheus"
	Loki       Datasource = "loki"
	Jaeger     Datasource = "jaeger"
)

var datasources = []Datasource{Prometheus, Loki, Jaeger}

// Assertion is one piece of evidence: a query, when it is asked and what it must answer. Exactly one
// of PromQL, LogQL and Traces is set.
type Assertion struct {
	// Name is one line, unique in the file.
	Name string `yaml:"name" jsonschema:"required"`
	// PromQL is an expression that gives a scalar or a vector. The session's label is added to it.
	PromQL string `yaml:"promql"`
	// LogQL is a metric query, such as sum(count_over_time({service_name="cart"} |= "timeout" [5m])).
	LogQL string `yaml:"logql"`
	// Traces searches for traces.
	Traces *TraceSearch `yaml:"traces"`
	// At is the moment of an instant query.
	At *Moment `yaml:"at"`
	// From begins a stretch of time, both ends of which belong to it. Queries are asked every 30 s, and every answer must be
	// within bounds; traces are searched in the whole stretch at once.
	From *Moment `yaml:"from"`
	// To ends the stretch.
	To *Moment `yaml:"to"`
	// Expect holds the bounds; every series of an answer must keep them, and an answer without any does not.
	Expect Bounds `yaml:"expect" jsonschema:"required"`
}

// Bounds is a closed interval.
type Bounds struct {
	// Min is the least value allowed; without it there is none.
	Min *float64 `yaml:"min"`
	// Max is the greatest value allowed; without it there is none.
	Max *float64 `yaml:"max"`
}

// Contain tells whether v, a number, lies within.
func (b Bounds) Contain(v float64) bool {
	return (b.Min == nil || v >= *b.Min) && (b.Max == nil || v <= *b.Max)
}

// TraceSearch finds the traces that have a span of a service with all that is asked for. Its value is
// the number of traces, or with Quantile a duration in seconds.
type TraceSearch struct {
	// Service that has the span.
	Service string `yaml:"service" jsonschema:"required"`
	// Operation is the span's name.
	Operation string `yaml:"operation"`
	// Tags are attributes of the span.
	Tags map[string]string `yaml:"tags"`
	// MinDuration is the least duration of the span.
	MinDuration Duration `yaml:"min_duration"`
	// Quantile of the duration of the spans found, in seconds, instead of the number of traces: above 0 and up to 1.
	Quantile float64 `yaml:"quantile"`
}

// LoadAnswer reads the answer key of a scenario and checks it against the scenario. A scenario without
// one is an error that wraps fs.ErrNotExist. Only what grades, builds or validates may call it.
func LoadAnswer(s *Scenario) (*Answer, error) {
	name := s.Path(AnswerFile)
	text, err := s.readFile(AnswerFile)
	if err != nil {
		return nil, err
	}
	a := &Answer{}
	doc, err := decode(name, true, text, a)
	if err != nil {
		return nil, err
	}
	for i := range a.Accepted {
		if a.Accepted[i].Role == "" {
			a.Accepted[i].Role = RoleCause
		}
	}
	a.check(doc, s)
	if err := doc.err(); err != nil {
		return nil, err
	}
	return a, nil
}

const hidden = "scenarios.Answer"

// String hides the answer.
func (Answer) String() string { return hidden }

// GoString hides the answer.
func (Answer) GoString() string { return hidden }

// Format hides the answer from every verb.
func (Answer) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// LogValue hides the answer.
func (Answer) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the answer.
func (Answer) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalYAML hides the answer.
func (Answer) MarshalYAML() (any, error) { return hidden, nil }
