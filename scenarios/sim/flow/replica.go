package flow

import (
	"fmt"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
)

// serviceState is what replicas of a service share.
type serviceState struct {
	flow      *Flow
	ip        string // of the Kubernetes Service
	port      int
	front     *Service   // whose callers reach its replicas: itself, or the one that it stands behind
	behind    []*Service // those that stand behind it
	endpoints []*Replica // whom callers choose from; one may be dead until they have heard of it
	slots     []bool     // of replicas, in use or not
	writes    *Operation // of a broker: what a producer calls
	caches    []*CacheState
	locks     []*LockState
	flags     map[string]*bool
	started   int // replicas of an external service, ever
}

// operationState is what an operation does.
type operationState struct {
	steps  []step
	hidden bool // observers do not hear of it
}

// replicaState is what a replica works with. Each purpose has its own random stream.
type replicaState struct {
	flow           *Flow
	slot           int // among the service's replicas
	dead, traces   bool
	queue, running requests
	work           *des.Rand // times
	choose         *des.Rand // shares, keys, failures
	lines          *des.Rand // log sampling and placeholders
	ids            *des.Rand // traces and spans
	effects        []effects // by operation and caller
	flights        []map[int32]*flight
	producers      []*Dependency // by topic; nil where the service does not publish

	perRequest, garbage  int64
	idle, leakRate       float64 // cores, bytes per second
	logShare, traceShare float64
	netWait              des.Dist
	netLoss              float64
	unready              bool
	cpuLimit             float64
	memLimit             int64
}

// effects are the parameters that may differ between operations and callers.
type effects struct {
	time, cpu, fail, leak float64
	wait                  des.Dist // nil: none
}

func (p *Replica) effect(op *Operation, caller int) *effects {
	if op.hidden {
		caller = 0
	}
	return &p.effects[op.Index*(p.flow.nobody+1)+caller]
}

// housekeeping is how often a replica's idle work is done and its leak grows.
const housekeeping = des.Second

// newReplica makes a server for a container that has started.
func (f *Flow) newReplica(service *Service, pod *platform.Pod) *Replica {
	m := service.Model
	p := &Replica{Service: service, Pod: pod, Started: f.Kernel.Now(), Version: m.Version}
	p.flow = f
	if pod != nil {
		p.Name, p.IP, p.Version = pod.Name(), pod.IP(), pod.Version()
		p.Node, p.Zone = pod.Node().Name, pod.Node().Zone
		f.replicaOf[pod] = p
	} else {
		service.started++
		p.Name = fmt.Sprintf("%s-%d", m.Name, service.started)
		p.IP = fmt.Sprintf("203.0.113.%d", 10+(service.Index*16+service.started)%240)
	}
	front := service.front
	for p.slot < len(front.slots) && front.slots[p.slot] {
		p.slot++
	}
	if p.slot == len(front.slots) {
		front.slots = append(front.slots, false)
	}
	front.slots[p.slot] = true
	name := fmt.Sprintf("replica/%s/%s/%d/", m.Name, p.Name, int64(p.Started))
	p.work, p.choose = des.NewRand(f.seed, name+"work"), des.NewRand(f.seed, name+"choose")
	p.lines, p.ids = des.NewRand(f.seed, name+"lines"), des.NewRand(f.seed, name+"ids")
	p.traces = hasSpans(m.Kind)
	p.perRequest = int64(m.Memory.PerRequest)
	p.Locks = service.locks
	p.LookUps = make([]LookUps, len(m.Caches))
	for i := range m.Caches {
		c := service.caches[i]
		if !m.Caches[i].Shared {
			c = f.newCache(&m.Caches[i], name)
		}
		p.Caches = append(p.Caches, c)
		p.flights = append(p.flights, map[int32]*flight{})
	}
	p.effects = make([]effects, max(1, len(m.Operations))*(f.nobody+1))
	for i := range m.Dependencies {
		p.Dependencies = append(p.Dependencies, f.newDependency(p, &m.Dependencies[i], i, name))
	}
	p.producers = f.newProducers(p, name)
	service.Replicas = append(service.Replicas, p)
	f.parameters.begin(p)
	if pod != nil {
		phase := des.FromFloat(p.lines.Float64() * float64(housekeeping))
		f.Kernel.After(phase, p, replicaKeeps)
	}
	f.idleLines(p)
	f.parameters.changed(service) // Of the others too: they may not be among the first any more.
	return p
}

func (f *Flow) newCache(m *model.LocalCache, name string) *CacheState {
	c := &CacheState{Model: m}
	c.kernel, c.rand = f.Kernel, des.NewRand(f.seed, name+"cache/"+m.Name)
	c.zipf = f.zipf(m.Keys, m.Skew)
	c.expiry, c.ttl = make([]des.Time, m.Keys), des.Time(m.TTL)
	if !m.Cold && f.Kernel.Now() == 0 {
		c.warm()
	}
	return c
}

// Events of a replica. Idle lines are replicaWrites and what follows, one for each.
const (
	replicaKeeps uint64 = iota
	replicaWrites
)

// Handle receives the replica's events.
func (p *Replica) Handle(kind uint64) {
	if p.dead {
		return
	}
	if kind >= replicaWrites {
		p.writeIdle(int(kind - replicaWrites))
		return
	}
	if p.idle > 0 {
		p.Pod.Run(des.FromFloat(p.idle*float64(housekeeping)), nothing, 0)
	}
	if p.leakRate > 0 {
		p.Pod.Leak(int64(p.leakRate * housekeeping.Seconds()))
	}
	p.flow.Kernel.After(housekeeping, p, replicaKeeps)
}

var nothing = des.HandlerFunc(func(uint64) {})

// idleLines plans the lines that come now and then.
func (f *Flow) idleLines(p *Replica) {
	for i := range p.Service.Model.Logs.Idle {
		p.planIdle(i)
	}
}

func (p *Replica) planIdle(i int) {
	l := &p.Service.Model.Logs.Idle[i]
	k := p.flow.Kernel
	at := max(k.Now(), des.Time(l.From)).Add(des.FromFloat(p.lines.Exp() * float64(l.Every)))
	if l.Until == 0 || at < des.Time(l.Until) {
		k.At(at, p, replicaWrites+uint64(i))
	}
}

func (p *Replica) writeIdle(i int) {
	line := &p.Service.Model.Logs.Idle[i].Line
	p.flow.logged(Entry{Kind: LogIdle, Replica: p, Line: line, Seed: p.lines.Uint64()})
	p.planIdle(i)
}

// compute runs CPU work. External services have all the CPU they need.
func (p *Replica) compute(cpu des.Time, h des.Handler, arg uint64) {
	if p.Pod == nil {
		p.flow.Kernel.After(cpu, h, arg)
		return
	}
	p.Pod.Run(cpu, h, arg)
}

func (p *Replica) hold(bytes int64) {
	if p.Pod != nil && bytes > 0 {
		p.Pod.Hold(bytes)
	}
}

func (p *Replica) release(bytes, garbage int64) {
	if p.Pod == nil {
		return
	}
	if bytes > 0 {
		p.Pod.Release(bytes)
	}
	p.Pod.Alloc(garbage)
}

func (p *Replica) alloc(bytes int64) {
	if p.Pod != nil {
		p.Pod.Alloc(bytes)
	}
}

func (p *Replica) leakBytes(bytes int64) {
	if p.Pod != nil {
		p.Pod.Leak(bytes)
	}
}

// dependency is the client that a call step uses.
func (p *Replica) dependency(st *step) *Dependency { return p.Dependencies[st.dependency] }

// die is the end of the container: its requests are lost, and their callers learn of it by a reset.
func (p *Replica) die() {
	f, service := p.flow, p.Service
	if p.dead {
		return
	}
	p.dead, p.Ready = true, false
	service.front.slots[p.slot] = false
	for i, other := range service.Replicas {
		if other == p {
			service.Replicas = append(append([]*Replica(nil), service.Replicas[:i]...), service.Replicas[i+1:]...)
			break
		}
	}
	lost := p.InFlight
	for r := p.running.head; r != nil; r = p.running.head {
		p.running.remove(r)
		r.die(f.reset)
	}
	for r := p.queue.head; r != nil; r = p.queue.head {
		p.queue.remove(r)
		r.die(f.reset)
	}
	p.InFlight, p.Queued = 0, 0
	for _, d := range p.Dependencies {
		if d.pool != nil {
			d.pool.quit()
		}
	}
	if service.Model.Kind == model.Database {
		for _, s := range f.Services {
			for _, caller := range s.Replicas {
				for _, d := range caller.Dependencies {
					if d.Target == service && d.pool != nil {
						d.pool.lose(p)
					}
				}
			}
		}
	}
	f.happened(Incident{Kind: ReplicaLost, Replica: p, Count: lost})
	f.membersChanged(service)
}
