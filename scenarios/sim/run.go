package sim

import (
	"time"

	prometheus "github.com/prometheus/common/model"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/telemetry"
)

// run is one simulation on its way into a recording. It observes the request path; what it is told goes to the
// processes that the instrumentation lives in.
type run struct {
	flow.Nop
	sys    *model.System
	flow   *flow.Flow
	rec    *telemetry.Recorder
	tracer *telemetry.Tracer
	epoch  int64            // wall time of simulated time 0, ns since the Unix epoch
	units  map[string]*unit // by the pod's name
	// targets are all endpoints that there were at the warm-up's end.
	targets []*telemetry.Target
	nodes   []*node
	kube    *telemetry.Target // kube-state-metrics
	seed    uint64
	// offsets are those that partitions had when the simulation began, by topic.
	offsets [][]int64
}

// wall is the recorded time of a simulated one, in ns.
func (r *run) wall(t des.Time) int64 { return r.epoch + int64(t) }

// recording tells whether the warm-up is over at a time.
func (r *run) recording(t des.Time) bool { return t >= warmUp }

// sampling is what system.yaml says, without the head decision: that is taken where a trace begins, by flow.
func sampling(t model.Traces) telemetry.Sampling {
	s := telemetry.Sampling{Head: 1}
	if t.Errors || t.Slower > 0 || t.Rest > 0 {
		s.Tail = &telemetry.Tail{Wait: decisionWait, SlowerThan: t.Slower.D(), Share: t.Rest, IgnoreErrors: !t.Errors}
	}
	return s
}

// decisionWait is the default of the collector's tail sampling processor.
const decisionWait = 30 * time.Second

// observe adds all instrumentation. At the end of the warm-up everything is given its age.
func (r *run) observe() error {
	r.flow.Kernel.At(warmUp, des.HandlerFunc(func(uint64) { r.age() }), 0)
	r.observeCluster()
	r.observeBrokers()
	for _, s := range r.flow.Services {
		for _, replica := range s.Replicas {
			if replica.Pod != nil {
				r.started(replica)
				processOf(replica).ready = true
			}
		}
	}
	r.flow.Cluster.Listen(r.listener())
	return r.rules()
}

// age gives what has run all along the counters of its age, and leaves one scrape out, so that no series is new in the
// first one of the recording.
func (r *run) age() {
	for _, name := range sortedKeys(r.units) {
		if p := r.units[name].process; p != nil {
			p.age()
		}
	}
	for _, n := range r.nodes {
		grow(n.group, n.old)
	}
	for _, t := range r.targets {
		t.Skip()
	}
}

// rules adds the rule groups of the system. The cluster is an external label of production systems; a recording has it
// on every series, so that rules add it here.
func (r *run) rules() error {
	for _, g := range r.sys.Rules {
		group := telemetry.RuleGroup{Name: g.Name, Interval: prometheus.Duration(g.Interval.D())}
		for _, one := range g.Rules {
			l := map[string]string{"cluster": r.sys.Cluster}
			for name, v := range one.Labels {
				l[name] = v
			}
			group.Rules = append(group.Rules, telemetry.Rule{
				Record: one.Record, Alert: one.Alert, Expr: one.Expr, Labels: l, Annotations: one.Annotations,
				For: prometheus.Duration(one.For.D()), KeepFiringFor: prometheus.Duration(one.KeepFiring.D()),
			})
		}
		rules, err := r.rec.Rules(group)
		if err != nil {
			return err
		}
		r.every(rules.Next, func(at int64) bool { rules.Eval(at); return true })
	}
	return nil
}

// every calls do at the times that next names, as long as it returns true. It begins with the recording, or now if
// that is later.
func (r *run) every(next func(from int64) int64, do func(at int64) bool) {
	t := &timer{r, next, do}
	t.plan(r.wall(max(warmUp, r.flow.Kernel.Now())))
}

// timer is an event that comes again and again.
type timer struct {
	run  *run
	next func(from int64) int64
	do   func(at int64) bool
}

func (t *timer) plan(from int64) {
	t.run.flow.Kernel.At(des.Time(t.next(from)-t.run.epoch), t, 0)
}

// Handle is the event.
func (t *timer) Handle(uint64) {
	if at := t.run.wall(t.run.flow.Kernel.Now()); t.do(at) {
		t.plan(at + 1)
	}
}
