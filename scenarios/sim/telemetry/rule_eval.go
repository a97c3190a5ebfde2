package telemetry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// lookback is Prometheus's default lookback delta.
const lookback = 5 * time.Minute

// newEngine returns an engine with Prometheus's defaults, but without @: what it names may lie too far back; interval is the default step of subqueries.
func newEngine(interval time.Duration) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Hour, LookbackDelta: lookback, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return interval.Milliseconds() },
		Parser:                   parser.NewParser(parser.Options{}),
	})
}

// alert is an alert with what its rule must remember of it.
type alert struct {
	Alert
	quietSince int64 // the condition no longer holds, but keep_firing_for does
}

// eval is one evaluation of the group (Group.Eval of Prometheus's rules/group.go).
func (rs *Rules) eval(o *output, at int64) error {
	rs.store.trim(millis(at))
	for _, r := range rs.rules {
		result, err := rs.query(r.Expr, at)
		if err == nil && r.Alert != "" {
			result, err = rs.alertSamples(r, result, at)
		} else if err == nil {
			result, err = r.recorded(result)
		}
		if err == nil {
			err = r.write(o, result, millis(at))
		}
		if err != nil {
			return fmt.Errorf("rule %s%s at %s: %w", r.Record, r.Alert, time.Unix(0, at).UTC().Format(time.RFC3339), err)
		}
	}
	return nil
}

// query evaluates an expression. The result is sorted by labels.
func (rs *Rules) query(expr string, at int64) (promql.Vector, error) {
	ctx := context.Background()
	q, err := rs.engine.NewInstantQuery(ctx, rs.store, nil, expr, time.Unix(0, at))
	if err != nil {
		return nil, err
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	switch v := result.Value.(type) {
	case promql.Vector:
		out := slices.Clone(v)
		slices.SortFunc(out, func(a, b promql.Sample) int { return labels.Compare(a.Metric, b.Metric) })
		return out, nil
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V}}, nil
	}
	return nil, errors.New("expr is neither a vector nor a scalar")
}

// recorded turns the result of a recording rule into its series (RecordingRule.Eval of rules/recording.go).
func (r *rule) recorded(result promql.Vector) (promql.Vector, error) {
	for i := range result {
		b := labels.NewBuilder(result[i].Metric)
		b.Set(model.MetricNameLabel, r.Record)
		r.labels.Range(func(l labels.Label) { b.Set(l.Name, l.Value) })
		result[i].Metric = b.Labels()
		result[i].F = portable(result[i].F)
		if h := result[i].H; h != nil {
			result[i].H = portableHistogram(h)
		}
	}
	if result.ContainsSameLabelset() {
		return nil, errors.New("the result has series with the same labels")
	}
	return result, nil
}

// alertSamples takes the state of the rule's alerts one step on and returns their series
// (AlertingRule.Eval of rules/alerting.go).
func (rs *Rules) alertSamples(r *rule, result promql.Vector, at int64) (promql.Vector, error) {
	holds := map[string]bool{}
	for _, s := range result {
		b := labels.NewBuilder(s.Metric)
		b.Del(model.MetricNameLabel)
		r.labels.Range(func(l labels.Label) { b.Set(l.Name, l.Value) })
		b.Set(model.AlertNameLabel, r.Alert)
		l := b.Labels()
		id := l.String()
		if holds[id] {
			return nil, errors.New("the result has alerts with the same labels")
		}
		holds[id] = true
		if r.active[id] == nil {
			a := &alert{Alert: Alert{Labels: l, Active: at}}
			r.active[id] = a
			rs.alerts = append(rs.alerts, &a.Alert)
		}
	}
	var out promql.Vector
	for _, id := range sortedKeys(r.active) {
		a := r.active[id]
		if !holds[id] && !a.lingers(at, time.Duration(r.KeepFiringFor)) {
			a.Resolved = at
			delete(r.active, id)
			continue
		}
		if holds[id] {
			a.quietSince = 0
		}
		state := "pending"
		if a.Firing == 0 && at-a.Active >= int64(time.Duration(r.For)) {
			a.Firing = at
		}
		if a.Firing != 0 {
			state = "firing"
		}
		b := labels.NewBuilder(a.Labels)
		b.Set(model.MetricNameLabel, "ALERTS_FOR_STATE")
		out = append(out, promql.Sample{Metric: b.Labels(), F: float64(a.Active / int64(time.Second))})
		b.Set(model.MetricNameLabel, "ALERTS")
		b.Set("alertstate", state)
		out = append(out, promql.Sample{Metric: b.Labels(), F: 1})
	}
	return out, nil
}

// lingers reports whether an alert whose condition does not hold at the time at goes on firing.
func (a *alert) lingers(at int64, keep time.Duration) bool {
	if a.Firing == 0 || keep == 0 {
		return false
	}
	if a.quietSince == 0 {
		a.quietSince = at
	}
	return at-a.quietSince < int64(keep)
}

// write writes the samples of one evaluation, and stale markers for the series of the last one that are
// not among them.
func (r *rule) write(o *output, result promql.Vector, at int64) error {
	current := make(map[string]labels.Labels, len(result))
	for _, s := range result {
		current[s.Metric.String()] = s.Metric
		var err error
		if s.H != nil {
			err = o.floatHistogram(s.Metric, at, s.H)
		} else {
			err = o.sample(s.Metric, at, s.F)
		}
		if err != nil {
			return err
		}
	}
	for _, id := range sortedKeys(r.previous) {
		if _, ok := current[id]; ok {
			continue
		}
		if err := o.sample(r.previous[id], at, math.Float64frombits(value.StaleNaN)); err != nil {
			return err
		}
	}
	r.previous = current
	return nil
}

// portable rounds a computed value to 24 bits, which is a ten-millionth of it: the engine's last bits
// depend on the processor (fused multiply-add, math.Exp), the recording's must not. Whole numbers
// are exact everywhere and stay.
func portable(v float64) float64 {
	if v == math.Trunc(v) || math.IsNaN(v) {
		return v
	}
	const drop = 52 - 23
	return math.Float64frombits((math.Float64bits(v) + 1<<(drop-1)) &^ (1<<drop - 1))
}

func portableHistogram(h *histogram.FloatHistogram) *histogram.FloatHistogram {
	h = h.Copy()
	h.Count, h.Sum, h.ZeroCount = portable(h.Count), portable(h.Sum), portable(h.ZeroCount)
	for _, buckets := range [][]float64{h.PositiveBuckets, h.NegativeBuckets} {
		for i := range buckets {
			buckets[i] = portable(buckets[i])
		}
	}
	return h
}
