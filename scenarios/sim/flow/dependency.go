package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// dependencyState is what a client library works with.
type dependencyState struct {
	flow        *Flow
	rand        *des.Rand
	caller      int // as effects are found by
	multiplexed bool
	retry       *model.Retry
	retryOn     [6]bool // by reasonIndex
	pool        *pool
	breaker     *breaker
	tokens      float64
	turn        int
	loads       []int32 // requests by slot of the target's replicas

	timeout, deadline, backoff, hedge, poolWait des.Time
	attempts                                    int
	budget                                      float64
}

func (f *Flow) newDependency(p *Replica, m *model.Dependency, index int, name string) *Dependency {
	d := &Dependency{Replica: p, Model: m, Index: index, Target: f.byName[m.Service]}
	d.flow = f
	d.rand = des.NewRand(f.seed, name+"dependency/"+m.Service)
	d.turn = d.rand.IntN(1 << 16)
	if p != nil {
		d.caller = p.Service.Index
	}
	d.setRetry(m.Retry)
	target := d.Target.Model
	if len(target.Operations) > 0 {
		d.multiplexed = target.Operations[0].Protocol == model.GRPC
	}
	d.timeout, d.deadline = des.Time(m.Timeout), des.Time(m.Deadline)
	if m.Hedge != nil {
		d.hedge = des.Time(m.Hedge.After)
	}
	if m.Breaker != nil {
		d.breaker = &breaker{}
	}
	if m.Pool != nil || target.Kind == model.Database {
		d.pool = newPool(f, d)
		if m.Pool != nil {
			d.Pool.Max, d.poolWait = m.Pool.Size, des.Time(m.Pool.Wait)
		}
	}
	return d
}

func (d *Dependency) setRetry(r *model.Retry) {
	if r == nil {
		r = &model.Retry{Attempts: 1, Backoff: model.Dur(100 * des.Millisecond), MaxBackoff: model.Dur(30 * des.Second), Jitter: "full",
			On: []string{string(model.Timeout), string(model.Unavailable), string(model.Rejected)}}
	}
	d.retry, d.attempts, d.backoff, d.budget = r, r.Attempts, des.Time(r.Backoff), r.Budget
	d.tokens = bucketSize
	for _, on := range r.On {
		d.retryOn[reasonIndex(model.Reason(on))] = true
	}
}

// deliveryTimeout is how long a producer tries, if the service has no dependency on the broker.
const deliveryTimeout = model.Dur(30 * des.Second)

// newProducers makes the clients for the topics that a service publishes to: those of its dependencies, or
// their own.
func (f *Flow) newProducers(p *Replica, name string) []*Dependency {
	all := make([]*Dependency, len(f.Topics))
	own := map[*Service]*Dependency{}
	for i, t := range f.Topics {
		for _, d := range p.Dependencies {
			if d.Target == t.Broker {
				own[t.Broker] = d
			}
		}
		if own[t.Broker] == nil {
			own[t.Broker] = f.newDependency(p, &model.Dependency{Service: t.Broker.Model.Name, Timeout: deliveryTimeout}, -1, name)
		}
		all[i] = own[t.Broker]
	}
	return all
}
