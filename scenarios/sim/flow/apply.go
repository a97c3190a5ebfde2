package flow

import (
	"sort"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// parameters are all changes of faults and events, in the order in which they are applied one upon the other.
type parameters struct {
	flow    *Flow
	changes []*change
}

// parse reads Setting.To.
func parse(s model.Setting) (v value, err error) {
	if s.To == "" {
		return value{}, nil
	}
	for _, f := range []func(string) (value, error){
		effectRules[s.Parameter].parse, replicaRules[s.Parameter].parse, dependencyRules[s.Parameter].parse,
		cacheRules[s.Parameter].parse, nodeRules[s.Parameter].parse, clientRules[s.Parameter].parse, topicRules[s.Parameter].parse,
	} {
		if f != nil {
			return f(s.To)
		}
	}
	return value{}, nil
}

func (ps *parameters) add(s model.Setting, only *model.Only) *change {
	to, _ := parse(s) // Checked by model.
	c := &change{setting: s, only: only, to: to}
	ps.changes = append(ps.changes, c)
	return c
}

// level sets how far a change is in force, and what follows from it.
func (ps *parameters) level(c *change, level float64) {
	if level == c.level {
		return
	}
	on := c.level == 0
	c.level = level
	f, s := ps.flow, c.setting
	switch {
	case s.Service != "":
		service := f.byName[s.Service]
		names := service.podNames()
		for _, p := range append([]*Replica(nil), service.Replicas...) {
			if c.matches(p, names) {
				ps.replica(p, s.Parameter, s.Name, on)
			}
		}
	case s.Node != "":
		settle(ps, f.nodes[s.Node], nodeRules, s.Parameter, func(c *change) bool { return c.setting.Node == s.Node }, on)
	case s.Client != "":
		for _, x := range f.Clients {
			if x.Model.Name == s.Client {
				settle(ps, x, clientRules, s.Parameter, func(c *change) bool { return c.setting.Client == s.Client }, on)
			}
		}
	case s.Topic != "":
		settle(ps, f.topic(s.Topic), topicRules, s.Parameter, func(c *change) bool { return c.setting.Topic == s.Topic }, on)
	}
}

// settle gives one parameter of x the value that follows from its base and all changes about it. on says that
// one of them has just been switched on.
func settle[T any](ps *parameters, x T, rules map[model.Parameter]rule[T], name model.Parameter, about func(*change) bool, on bool) {
	r := rules[name]
	if r.set == nil {
		return
	}
	v := r.base(x)
	for _, c := range ps.changes {
		if c.setting.Parameter == name && c.level > 0 && about(c) {
			v = c.apply(v)
		}
	}
	if !r.once || on && v.number >= 1 {
		r.set(x, v)
	}
}

// replica settles a parameter of a replica, whichever of its parts has it.
func (ps *parameters) replica(p *Replica, name model.Parameter, part string, on bool) {
	names := p.Service.podNames()
	mine := func(c *change) bool {
		return c.setting.Service == p.Service.Model.Name && c.setting.Name == part && c.matches(p, names)
	}
	settle(ps, p, replicaRules, name, mine, on)
	for _, d := range p.Dependencies {
		if d.Model.Service == part {
			settle(ps, d, dependencyRules, name, mine, on)
		}
	}
	for i, c := range p.Caches {
		if c.Model.Name == part && (!c.Model.Shared || p == p.Service.Replicas[0]) {
			settle(ps, p.Caches[i], cacheRules, name, mine, on)
		}
	}
	if effectRules[name].set == nil {
		return
	}
	f := ps.flow
	for i := range p.effects {
		op, caller := i/(f.nobody+1), i%(f.nobody+1)
		var m *model.Operation
		if op < len(p.Service.Operations) {
			m = p.Service.Operations[op].Model
		}
		about := func(c *change) bool { return mine(c) && c.concerns(m, f.callerName(caller)) }
		settle(ps, &p.effects[i], effectRules, name, about, on)
	}
}

func (f *Flow) callerName(i int) string {
	switch n := len(f.Services); {
	case i < n:
		return f.Services[i].Model.Name
	case i < f.nobody:
		return f.Clients[i-n].Model.Name
	}
	return ""
}

// begin settles a replica that has just started as system.yaml has it.
func (ps *parameters) begin(p *Replica) {
	for i := range p.effects {
		p.effects[i] = effects{time: 1, cpu: 1}
	}
	for _, name := range order(replicaRules) {
		ps.replica(p, name, "", false)
	}
}

// again settles what changes have touched.
func (ps *parameters) again(p *Replica) {
	for _, c := range ps.changes {
		if c.level > 0 && c.setting.Service == p.Service.Model.Name {
			ps.replica(p, c.setting.Parameter, c.setting.Name, false)
		}
	}
}

// changed follows a change of a service's pods, by which others may be the first ones.
func (ps *parameters) changed(s *Service) {
	for _, p := range append([]*Replica(nil), s.Replicas...) {
		ps.again(p)
	}
}

func order[T any](rules map[model.Parameter]rule[T]) []model.Parameter {
	var names []model.Parameter
	for name := range rules {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	return names
}

// podNames are the names of a service's pods, in order, whether their containers run or not.
func (s *Service) podNames() []string {
	var names []string
	if s.Workload == nil {
		for _, p := range s.Replicas {
			names = append(names, p.Name)
		}
	} else {
		for _, p := range s.Workload.Pods() {
			names = append(names, p.Name())
		}
	}
	sort.Strings(names)
	return names
}

// resize gives the container the limits in force.
func (p *Replica) resize() {
	if p.Pod == nil || p.dead {
		return
	}
	if c := p.Pod.Config(); c.CPULimit != p.cpuLimit || c.MemoryLimit != p.memLimit {
		p.Pod.Resize(p.cpuLimit, p.memLimit)
	}
}

// setUnready has the readiness probe fail; an external service has no probe and leaves at once.
func (p *Replica) setUnready(is bool) {
	if p.unready == is {
		return
	}
	p.unready = is
	if p.Pod == nil {
		p.Service.announce()
	}
}

// setBuckets is for replicas that start: a process does not change its histograms.
func (p *Replica) setBuckets(bounds []float64) {
	if p.Started == p.flow.Kernel.Now() {
		p.Buckets = bounds
	}
}

// kill ends the container. That of an external service is back after its start-up time.
func (p *Replica) kill() {
	if p.Pod != nil {
		p.Pod.Crash(137)
		return
	}
	p.die()
	p.Service.announce()
	p.flow.Kernel.After(des.Time(p.Service.Model.Startup), p.Service, 0)
}

// Handle starts another replica of an external service.
func (s *Service) Handle(uint64) {
	s.flow.newReplica(s, nil)
	s.announce()
}

func (d *Dependency) hedgeAfter() model.Dur {
	if d.Model.Hedge == nil {
		return 0
	}
	return d.Model.Hedge.After
}

func (d *Dependency) poolSize() int {
	if d.Model.Pool == nil {
		return 0
	}
	return d.Model.Pool.Size
}

// setPool changes the size of the pool; a dependency that has none gets one.
func (d *Dependency) setPool(n int) {
	if d.pool == nil {
		if n == 0 {
			return
		}
		d.pool = newPool(d.flow, d)
	}
	d.pool.resize(n)
}

// poison puts messages that no consumer can read on the first partition.
func (t *Topic) poison(n int) {
	for range n {
		t.put(0, nil, entry{poison: true})
	}
}
