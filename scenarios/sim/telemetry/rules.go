package telemetry

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// RuleGroup is a group of a Prometheus rule file. Its rules are evaluated one after the other at the same
// time; each sees what those before it wrote.
type RuleGroup struct {
	Name     string         `yaml:"name"`
	Interval model.Duration `yaml:"interval"` // 1m when zero
	Rules    []Rule         `yaml:"rules"`
}

// Rule is one rule of a Prometheus rule file: a recording rule with Record or an alerting rule with Alert.
type Rule struct {
	Record        string            `yaml:"record,omitempty"`
	Alert         string            `yaml:"alert,omitempty"`
	Expr          string            `yaml:"expr"`
	For           model.Duration    `yaml:"for,omitempty"`
	KeepFiringFor model.Duration    `yaml:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:"labels,omitempty"`      // plain values, no templates
	Annotations   map[string]string `yaml:"annotations,omitempty"` // not stored
}

// Alert is one alert from the time when its condition first held until it did no longer. Times are ns and 0
// for what has not happened.
type Alert struct {
	Labels   labels.Labels // alertname included
	Active   int64         // the condition held first; it was pending
	Firing   int64
	Resolved int64 // the condition, and keep_firing_for after it, was over
}

// Rules evaluates one group of rules over the samples that its Recorder writes.
type Rules struct {
	recorder *Recorder
	interval time.Duration
	hash     uint64
	rules    []*rule
	store    *ruleStore
	engine   *promql.Engine
	alerts   []*Alert // all there have been
}

// rule is one rule with its state.
type rule struct {
	Rule
	query    parser.Expr
	labels   labels.Labels
	active   map[string]*alert        // by labels, with alertname
	previous map[string]labels.Labels // series of the last evaluation
}

// Rules adds a group of rules. Evaluation begins with the samples of scrapes that come after the call. It
// refuses what promtool refuses, with the name of the rule.
func (r *Recorder) Rules(g RuleGroup) (*Rules, error) {
	if g.Interval == 0 {
		g.Interval = model.Duration(time.Minute)
	}
	h := fnv.New64a()
	h.Write([]byte(g.Name))
	rs := &Rules{recorder: r, interval: time.Duration(g.Interval), hash: h.Sum64()}
	var queries []parser.Expr
	for _, one := range g.Rules {
		c, err := newRule(one)
		if err != nil {
			return nil, fmt.Errorf("rule group %s: %w", g.Name, err)
		}
		rs.rules = append(rs.rules, c)
		queries = append(queries, c.query)
	}
	rs.store = newRuleStore(queries, rs.interval)
	rs.engine = newEngine(rs.interval)
	for _, f := range rs.families() {
		r.describe(f)
	}
	r.work <- func(o *output) error {
		o.rules = append(o.rules, rs)
		return nil
	}
	return rs, nil
}

func newRule(one Rule) (*rule, error) {
	name := one.Record + one.Alert
	fail := func(err error) (*rule, error) { return nil, fmt.Errorf("rule %s: %w", name, err) }
	if (one.Record == "") == (one.Alert == "") {
		return fail(errors.New("needs either record or alert"))
	}
	if one.Record != "" && (!model.UTF8Validation.IsValidMetricName(one.Record) || one.For != 0 || one.KeepFiringFor != 0) {
		return fail(errors.New("record must be a metric name, and has no for or keep_firing_for"))
	}
	for k, v := range one.Labels {
		if strings.Contains(v, "{{") {
			return fail(fmt.Errorf("label %s: templates are not supported", k))
		}
	}
	query, err := parser.NewParser(parser.Options{}).ParseExpr(one.Expr)
	if err != nil {
		return fail(err)
	}
	return &rule{Rule: one, query: query, labels: labels.FromMap(one.Labels), active: map[string]*alert{}, previous: map[string]labels.Labels{}}, nil
}

// families describes what the rules write, but for recorded metrics, whose type follows from no rule.
func (rs *Rules) families() []Family {
	for _, r := range rs.rules {
		if r.Alert != "" {
			return []Family{
				{"ALERTS", TypeGauge, "Pending and firing alerts."},
				{"ALERTS_FOR_STATE", TypeGauge, "Time when the condition of an active alert first held, in seconds since the epoch."},
			}
		}
	}
	return nil
}

// Next returns the first time at or after from at which the group is evaluated: like targets, groups have
// their own place in the interval.
func (rs *Rules) Next(from int64) int64 { return next(from, rs.interval, rs.hash) }

// Eval evaluates the rules at the time at and writes what they give, as Prometheus does: recorded series,
// ALERTS and ALERTS_FOR_STATE, with a stale marker for each series that is there no longer.
func (rs *Rules) Eval(at int64) {
	rs.recorder.work <- func(o *output) error { return rs.eval(o, at) }
}

// Alerts returns all alerts there have been, by time and labels. Call it after Recorder.Close.
func (rs *Rules) Alerts() []Alert {
	var out []Alert
	for _, a := range rs.alerts {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Alert) int {
		if a.Active != b.Active {
			return int(min(max(a.Active-b.Active, -1), 1))
		}
		return labels.Compare(a.Labels, b.Labels)
	})
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
