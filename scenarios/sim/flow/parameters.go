package flow

import (
	"math"
	"sort"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// value is what a parameter is set to: one of the three.
type value struct {
	number float64
	dist   model.Dist
	list   []float64
}

// rule is how a parameter of a T is read and set. base is what system.yaml says.
type rule[T any] struct {
	parse func(string) (value, error)
	base  func(T) value
	set   func(T, value)
	// once: set is called when the parameter is switched on, and at no other time.
	once bool
}

// The rules of all parameters, by what has them.
var (
	effectRules = map[model.Parameter]rule[*effects]{
		model.WorkTime:    {number, one[*effects], func(e *effects, v value) { e.time = v.number }, false},
		model.WorkCPU:     {number, one[*effects], func(e *effects, v value) { e.cpu = v.number }, false},
		model.WorkWait:    {dist, zero[*effects], func(e *effects, v value) { e.wait = distOf(v.dist) }, false},
		model.ErrorShare:  {number, zero[*effects], func(e *effects, v value) { e.fail = v.number }, false},
		model.LeakRequest: {size, zero[*effects], func(e *effects, v value) { e.leak = v.number }, false},
	}
	replicaRules = map[model.Parameter]rule[*Replica]{
		model.LeakRate: {size, zero[*Replica], func(p *Replica, v value) { p.leakRate = v.number }, false},
		model.AllocBytes: {size, func(p *Replica) value { return of(p.Service.Model.Memory.Alloc) },
			func(p *Replica, v value) { p.garbage = int64(v.number) }, false},
		model.Workers: {number, func(p *Replica) value { return of(p.Service.Model.Workers) },
			func(p *Replica, v value) { p.Workers = whole(v); p.next() }, false},
		model.QueueSize: {number, func(p *Replica) value { return of(p.Service.Model.Queue) },
			func(p *Replica, v value) { p.Queue = whole(v) }, false},
		model.CPULimit: {cores, func(p *Replica) value { return of(p.Service.Model.CPU.Limit) },
			func(p *Replica, v value) { p.cpuLimit = v.number; p.resize() }, false},
		model.MemLimit: {size, func(p *Replica) value { return of(p.Service.Model.Memory.Limit) },
			func(p *Replica, v value) { p.memLimit = int64(v.number); p.resize() }, false},
		model.IdleCPU: {cores, func(p *Replica) value { return of(p.Service.Model.CPU.Idle) },
			func(p *Replica, v value) { p.idle = v.number }, false},
		model.Unready: {number, zero[*Replica], func(p *Replica, v value) { p.setUnready(v.number >= 1) }, false},
		model.Kill:    {number, zero[*Replica], func(p *Replica, _ value) { p.kill() }, true},
		model.Buckets: {buckets, func(p *Replica) value { return value{list: p.Service.Model.Buckets} },
			func(p *Replica, v value) { p.setBuckets(v.list) }, false},
		model.NetworkWait: {dist, zero[*Replica], func(p *Replica, v value) { p.netWait = distOf(v.dist) }, false},
		model.NetworkLoss: {number, zero[*Replica], func(p *Replica, v value) { p.netLoss = v.number }, false},
		model.Connections: {number, func(p *Replica) value { return of(p.Service.Model.MaxConnections) },
			func(p *Replica, v value) { p.Connections.Max = whole(v) }, false},
		model.LogShare: {number, func(p *Replica) value { return of(p.Service.Model.Logs.Requests) },
			func(p *Replica, v value) { p.logShare = v.number }, false},
		model.TraceShare: {number, func(p *Replica) value { return of(p.flow.Model.Tracing.Head) },
			func(p *Replica, v value) { p.traceShare = v.number }, false},
	}
	dependencyRules = map[model.Parameter]rule[*Dependency]{
		model.DepTimeout: {dur, func(d *Dependency) value { return of(d.Model.Timeout) },
			func(d *Dependency, v value) { d.timeout = des.FromFloat(v.number) }, false},
		model.DepDeadline: {dur, func(d *Dependency) value { return of(d.Model.Deadline) },
			func(d *Dependency, v value) { d.deadline = des.FromFloat(v.number) }, false},
		model.DepAttempts: {number, func(d *Dependency) value { return of(d.retry.Attempts) },
			func(d *Dependency, v value) { d.attempts = whole(v) }, false},
		model.DepBackoff: {dur, func(d *Dependency) value { return of(d.retry.Backoff) },
			func(d *Dependency, v value) { d.backoff = des.FromFloat(v.number) }, false},
		model.DepBudget: {number, func(d *Dependency) value { return of(d.retry.Budget) },
			func(d *Dependency, v value) { d.budget = v.number }, false},
		model.DepPool: {number, func(d *Dependency) value { return of(d.poolSize()) },
			func(d *Dependency, v value) { d.setPool(whole(v)) }, false},
		model.DepHedge: {dur, func(d *Dependency) value { return of(d.hedgeAfter()) },
			func(d *Dependency, v value) { d.hedge = des.FromFloat(v.number) }, false},
	}
	cacheRules = map[model.Parameter]rule[*CacheState]{
		model.CacheTTL: {dur, func(c *CacheState) value { return of(c.Model.TTL) },
			func(c *CacheState, v value) { c.ttl = des.FromFloat(v.number) }, false},
		model.CacheFlush: {number, zero[*CacheState], func(c *CacheState, _ value) { c.flush() }, true},
		model.CacheAlign: {number, zero[*CacheState], func(c *CacheState, _ value) { c.align() }, true},
	}
	nodeRules = map[model.Parameter]rule[*node]{
		model.NodeNeighbour: {number, func(n *node) value { return of(n.model.Neighbour) },
			func(n *node, v value) { n.platform.SetNeighbour(v.number, v.number) }, false},
		model.NodeCores: {number, func(n *node) value { return of(n.model.Cores) },
			func(n *node, v value) { n.platform.SetCores(v.number) }, false},
	}
	clientRules = map[model.Parameter]rule[*Client]{
		model.ClientRate: {number, func(c *Client) value { return of(c.Model.Rate) },
			func(c *Client, v value) { c.base = v.number }, false},
	}
	topicRules = map[model.Parameter]rule[*Topic]{
		model.Poison:        {number, zero[*Topic], func(t *Topic, v value) { t.poison(whole(v)) }, true},
		model.Produce:       {number, zero[*Topic], func(t *Topic, v value) { t.produce(v.number) }, false},
		model.PartitionSkew: {number, zero[*Topic], func(t *Topic, v value) { t.skew = v.number }, false},
	}
)

type numeric interface {
	~int | ~int64 | ~float64
}

func of[N numeric](n N) value { return value{number: float64(n)} }
func zero[T any](T) value     { return value{} }
func one[T any](T) value      { return value{number: 1} }

func whole(v value) int { return int(math.Round(v.number)) }

func read[N numeric](parse func(string) (N, error)) func(string) (value, error) {
	return func(s string) (value, error) {
		n, err := parse(s)
		return of(n), err
	}
}

var (
	number = read(model.ParseNumber)
	size   = read(model.ParseBytes)
	cores  = read(model.ParseCores)
	dur    = read(model.ParseDur)
)

func dist(s string) (value, error) {
	d, err := model.ParseDist(s)
	return value{dist: d}, err
}

func buckets(s string) (value, error) {
	l, err := model.ParseBuckets(s)
	return value{list: l}, err
}

// change is one Setting of a fault or an event. level is how far it is in force, 0 to 1.
type change struct {
	setting model.Setting
	only    *model.Only
	to      value
	level   float64
}

// apply returns what an old value becomes. Numbers and distributions go from one to the other in a straight
// line; what cannot, changes as soon as the change is in force at all.
func (c *change) apply(old value) value {
	if c.level == 0 {
		return old
	}
	to := c.to
	if k := c.setting.Times; c.setting.To == "" {
		to = value{number: old.number * k, dist: scaled(old.dist, k), list: old.list}
	}
	if c.level == 1 {
		return to
	}
	v := value{number: old.number + float64(c.level*(to.number-old.number)), dist: to.dist, list: to.list}
	switch {
	case old.dist.Kind == "":
		v.dist = scaled(to.dist, c.level)
	case old.dist.Kind == to.dist.Kind:
		v.dist.A = old.dist.A + float64(c.level*(to.dist.A-old.dist.A))
		v.dist.B = old.dist.B + float64(c.level*(to.dist.B-old.dist.B))
	}
	return v
}

func scaled(d model.Dist, k float64) model.Dist {
	d.A, d.B = max(1, d.A*k), d.B*k
	if d.Kind == "" {
		return model.Dist{}
	}
	d.B = max(d.A, d.B)
	return d
}

// matches tells whether a change is about a replica. first holds the names of the service's pods in order.
func (c *change) matches(p *Replica, names []string) bool {
	o := c.only
	if o == nil {
		return true
	}
	if o.Zone != "" && o.Zone != p.Zone || o.Node != "" && o.Node != p.Node || o.Version != "" && o.Version != p.Version {
		return false
	}
	return o.Replicas == 0 || sort.SearchStrings(names, p.Name) < o.Replicas
}

// concerns tells whether a change is about an operation and a caller.
func (c *change) concerns(op *model.Operation, caller string) bool {
	o := c.only
	return o == nil || (len(o.Operations) == 0 || op != nil && contains(o.Operations, op.Name)) &&
		(len(o.Callers) == 0 || contains(o.Callers, caller))
}

func contains(all []string, s string) bool {
	for _, x := range all {
		if x == s {
			return true
		}
	}
	return false
}
