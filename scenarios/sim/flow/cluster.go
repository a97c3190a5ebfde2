package flow

import (
	"fmt"
	"math"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
)

// age is how long the first pods of a service have been running: since its last deployment, hours to two weeks ago.
func (f *Flow) age(m *model.Service) des.Time {
	return 5*des.Hour + des.FromFloat(des.NewRand(f.seed, "age/"+m.Name).Float64()*float64(14*24*des.Hour))
}

// preStop is how long a pod that is to end serves on while its callers learn of it.
const preStop = 5 * des.Second

var runtimes = map[model.Runtime]platform.RuntimeKind{
	model.Go: platform.Go, model.JVM: platform.JVM, model.Node20: platform.NodeJS, model.Python: platform.Python,
	model.Native: platform.Native,
}

// node is a machine and what parameters change about it.
type node struct {
	model    *model.Node
	platform *platform.Node
}

// buildCluster makes the nodes and the first pods, which make the first replicas.
func (f *Flow) buildCluster() (err error) {
	f.Cluster = platform.NewCluster(f.Kernel, f.seed)
	for i := range f.Model.Nodes {
		m := &f.Model.Nodes[i]
		n := f.Cluster.AddNode(platform.NodeConfig{Name: m.Name, Zone: m.Zone, Cores: m.Cores, Memory: int64(m.Memory)})
		f.nodes[m.Name] = &node{m, n}
		n.SetNeighbour(m.Neighbour, m.Neighbour)
	}
	f.Cluster.Listen(f.listener())
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v: give it other nodes, smaller requests, or the nodes more cores and memory", r)
		}
	}()
	for _, s := range f.Services {
		if s.Model.Kind == model.External {
			for range s.Model.Replicas {
				f.newReplica(s, nil)
			}
			s.announce()
			continue
		}
		s.Workload = f.Cluster.AddWorkload(f.workload(s))
		if a := s.Model.Autoscale; a != nil {
			s.Workload.Autoscale(platform.AutoscalerConfig{Min: a.Min, Max: a.Max, Target: int(math.Round(a.Target * 100))})
		}
		s.announce()
	}
	return nil
}

func (f *Flow) workload(s *Service) platform.WorkloadConfig {
	m := s.Model
	c := platform.WorkloadConfig{
		Name: m.Name, Namespace: f.Model.Namespace, Replicas: m.Replicas, Version: m.Version, Nodes: m.Nodes, Age: f.age(m),
		Ready:   func(p *platform.Pod) bool { r := f.replicaOf[p]; return r == nil || !r.unready },
		Drained: func(p *platform.Pod) bool { r := f.replicaOf[p]; return r == nil || r.InFlight+r.Queued == 0 },
		Pod: platform.PodConfig{
			CPURequest: float64(m.CPU.Request), CPULimit: float64(m.CPU.Limit),
			MemoryRequest: int64(m.Memory.Request), MemoryLimit: int64(m.Memory.Limit),
			StartUp: des.Constant(des.Time(m.Startup)), PreStop: preStop,
			Runtime: platform.Runtime{Kind: runtimes[m.Runtime], Base: int64(m.Memory.Base), Live: int64(m.Memory.Live)},
		},
	}
	if m.Runtime == model.JVM {
		c.Pod.Runtime.MaxHeap = int64(m.Memory.Heap)
	}
	if m.Kind == model.Database || m.Kind == model.Cache || m.Kind == model.Broker {
		c.Kind = platform.StatefulSet
	}
	return c
}

func (f *Flow) listener() platform.Listener {
	return platform.Listener{
		Started: func(p *platform.Pod) { f.newReplica(f.serviceOf(p), p) },
		Killed: func(p *platform.Pod, _ platform.Termination) {
			if r := f.replicaOf[p]; r != nil {
				r.die()
			}
		},
		Removed:   func(p *platform.Pod) { delete(f.replicaOf, p); f.parameters.changed(f.serviceOf(p)) },
		Endpoints: func(w *platform.Workload) { f.byName[w.Config().Name].announce() },
	}
}

func (f *Flow) serviceOf(p *platform.Pod) *Service { return f.byName[p.Workload().Config().Name] }

// announce tells callers and consumer groups which replicas there are.
func (s *Service) announce() {
	s = s.front
	for _, p := range s.endpoints {
		p.Ready = false
	}
	s.endpoints = nil
	s.addEndpoints(s)
	for _, canary := range s.behind {
		s.addEndpoints(canary)
	}
	for _, p := range s.endpoints {
		p.Ready = !p.dead
	}
	s.flow.membersChanged(s)
}

// addEndpoints adds the replicas of a service that are ready, in order of creation.
func (s *Service) addEndpoints(of *Service) {
	if of.Workload == nil {
		s.endpoints = append(s.endpoints, of.Replicas...)
		return
	}
	for _, pod := range of.Workload.Endpoints() {
		if p := s.flow.replicaOf[pod]; p != nil {
			s.endpoints = append(s.endpoints, p)
		}
	}
}

// serving is what a service does when it is asked for an operation of its own, or of the one that it stands behind.
func (s *Service) serving(op *Operation) *Operation {
	if op.Service == s {
		return op
	}
	return s.Operations[op.Index]
}
