package flow

import (
	"fmt"
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
)

// Options of New.
type Options struct {
	Seed uint64
	// Start is the wall time of simulated time 0; the daily rhythm of clients needs it.
	Start    time.Time
	Observer Observer // nil: Nop
}

// Flow is a system that runs.
type Flow struct {
	Model    *model.System
	Kernel   *des.Kernel // for the caller's own events, such as scrapes
	Cluster  *platform.Cluster
	Services []*Service // as in model.System.Services
	Topics   []*Topic   // as in model.System.Topics
	Clients  []*Client  // as in model.System.Clients

	flowState
}

// flowState is what everything shares: structs to be used again, and those that observers get.
type flowState struct {
	observer    Observer
	seed        uint64
	zone, cross des.Dist
	byName      map[string]*Service
	nobody      int // the caller of messages, after all services and clients
	replicaOf   map[*platform.Pod]*Replica
	nodes       map[string]*node
	parameters  parameters
	failures    map[failureKey]*Failure
	zipfs       map[zipfKey]*des.Zipf

	// cancelled is the failure of steps whose caller has gone; refused and reset travel to a client, which
	// words them.
	cancelled, refused, reset *Failure

	freeRequests []*request
	freeStrands  []*strand
	freeCalls    []*call
	freeAttempts []*attempt
	scratch      []*strand

	handled     Handled
	attempted   Attempt
	spanned     Span
	publication Publication
	wait        Wait
	entry       Entry
	incident    Incident
	answer      Answer
}

func (f *Flow) logged(e Entry) {
	if e.Replica.Service.Model.Kind == model.External {
		return
	}
	f.entry = e
	f.entry.Time = f.Kernel.Now()
	f.observer.Logged(&f.entry)
}

func (f *Flow) happened(i Incident) {
	f.incident = i
	f.incident.Time = f.Kernel.Now()
	f.observer.Happened(&f.incident)
}

// New builds a system at time 0, its first pods running for days. The system has gone through model.Read.
// An error says which fault names what is not there, or that the pods do not fit on the nodes.
func New(sys *model.System, faults []model.Fault, o Options) (f *Flow, err error) {
	if err := sys.CheckFaults(faults); err != nil {
		return nil, err
	}
	f = &Flow{Model: sys, Kernel: &des.Kernel{}}
	f.observer, f.seed = o.Observer, o.Seed
	if f.observer == nil {
		f.observer = Nop{}
	}
	f.zone, f.cross = distOf(sys.Network.Zone), distOf(sys.Network.Cross)
	f.byName, f.replicaOf, f.nodes = map[string]*Service{}, map[*platform.Pod]*Replica{}, map[string]*node{}
	f.failures, f.zipfs = map[failureKey]*Failure{}, map[zipfKey]*des.Zipf{}
	f.nobody = len(sys.Services) + len(sys.Clients)
	f.cancelled, f.refused = &Failure{Reason: model.Cancelled}, &Failure{Reason: model.Unavailable}
	f.reset = &Failure{Reason: model.Unavailable, Text: "the container died"}
	f.buildServices()
	f.buildTopics()
	for _, s := range f.Services {
		for _, op := range s.Operations {
			op.steps = f.compile(s, op, op.Model.Steps)
		}
	}
	f.parameters.flow = f
	f.buildClients(o.Start)
	if err := f.buildCluster(); err != nil {
		return nil, err
	}
	for _, t := range f.Topics {
		for _, g := range t.Groups {
			g.Handle(0)
			g.Rebalances = 0
		}
	}
	f.planFaults(faults)
	f.planEvents()
	for _, c := range f.Clients {
		c.begin()
	}
	return f, nil
}

// Run advances the simulation to a time, not included.
func (f *Flow) Run(until des.Time) { f.Kernel.Run(until) }

func portOf(m *model.Service) int {
	switch m.Kind {
	case model.Database:
		return 5432
	case model.Cache:
		return 6379
	case model.Broker:
		return 9092
	case model.External:
		return 443
	}
	if len(m.Operations) > 0 && m.Operations[0].Protocol == model.GRPC {
		return 9090
	}
	return 8080
}

func (f *Flow) buildServices() {
	for i := range f.Model.Services {
		m := &f.Model.Services[i]
		s := &Service{Model: m, Index: i}
		s.flow, s.port, s.flags = f, portOf(m), map[string]*bool{}
		s.ip = fmt.Sprintf("10.96.%d.%d", i/200, 10+i%200)
		for j := range m.Operations {
			s.Operations = append(s.Operations, &Operation{Service: s, Model: &m.Operations[j], Index: j})
		}
		for j := range m.Caches {
			var shared *CacheState
			if m.Caches[j].Shared {
				shared = f.newCache(&m.Caches[j], "service/"+m.Name+"/")
			}
			s.caches = append(s.caches, shared)
		}
		for j := range m.Locks {
			l := &LockState{Model: &m.Locks[j]}
			l.keys = map[int32]*keyQueue{}
			s.locks = append(s.locks, l)
		}
		f.Services = append(f.Services, s)
		f.byName[m.Name] = s
	}
	for _, s := range f.Services {
		if s.front = f.byName[s.Model.Front()]; s.front != s {
			s.front.behind = append(s.front.behind, s)
			s.flags = s.front.flags
		}
	}
}

// writeTime is what it takes a broker to append a message and to copy it to its followers.
var writeTime = des.LogNormal(600*des.Microsecond, 4*des.Millisecond)

func (f *Flow) buildTopics() {
	for i := range f.Model.Topics {
		m := &f.Model.Topics[i]
		t := &Topic{Model: m, Index: i, Broker: f.byName[m.Broker], Partitions: make([]Partition, m.Partitions)}
		t.flow, t.rand = f, des.NewRand(f.seed, "topic/"+m.Name)
		for j := range m.Consumers {
			c := &m.Consumers[j]
			g := &Group{Topic: t, Model: c, Service: f.byName[c.Service], Offsets: make([]Offset, m.Partitions)}
			g.Operation = g.Service.operation(c.Operation)
			for k := range m.Partitions {
				g.members = append(g.members, &member{flow: f, group: g, partition: k})
			}
			t.Groups = append(t.Groups, g)
		}
		if b := t.Broker; b.writes == nil {
			b.writes = &Operation{Service: b, Model: &model.Operation{Name: "produce", Protocol: model.Message, Unlogged: true}}
			b.writes.hidden = true
			b.writes.steps = []step{{kind: stepWork, share: 1, time: writeTime, cpu: 0.1}}
		}
		t.Broker.Topics = append(t.Broker.Topics, t)
		f.Topics = append(f.Topics, t)
	}
}

func (f *Flow) buildClients(start time.Time) {
	day := start.UTC()
	seconds := float64(day.Hour()*3600 + day.Minute()*60 + day.Second())
	for i := range f.Model.Clients {
		m := &f.Model.Clients[i]
		c := &Client{Model: m, Index: i}
		c.flow, c.rand, c.base, c.dayStart = f, des.NewRand(f.seed, "client/"+m.Name), m.Rate, seconds
		c.dep = f.newDependency(nil, &model.Dependency{Service: m.Service, Timeout: m.Timeout, Retry: m.Retry}, -1, "client/"+m.Name+"/")
		c.dep.caller = len(f.Services) + i
		var sum, total float64
		for _, r := range m.Mix {
			total += r.Weight
		}
		for _, r := range m.Mix {
			sum += r.Weight
			c.targets = append(c.targets, f.byName[m.Service].operation(r.Operation))
			c.weights = append(c.weights, sum/total)
		}
		f.Clients = append(f.Clients, c)
	}
}
