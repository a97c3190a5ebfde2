package platform

import (
	"fmt"

	"firedrill/scenarios/sim/des"
)

// Kind is the controller of a workload.
type Kind int

// The kinds of workloads.
const (
	Deployment Kind = iota
	StatefulSet
)

// WorkloadConfig describes a workload. The functions may be nil.
type WorkloadConfig struct {
	Name, Namespace string
	Container       string // Its name; empty is the workload's.
	Kind            Kind
	Replicas        int
	Version         string
	Zones, Nodes    []string // Where its pods may run; empty is everywhere.
	Age             des.Time // How long the first pods have been running, about.
	Pod             PodConfig
	// Ready and Live answer the readiness and the liveness probe: every 10 s, failed after three times. nil is always.
	Ready, Live func(*Pod) bool
	// Drained tells whether a terminating pod has finished its requests; asked every second, for at most 30 s. nil is
	// after one second.
	Drained func(*Pod) bool
}

// Status counts the pods of a workload as Deployment.status and kube-state-metrics do.
type Status struct {
	Spec        int // The replicas wanted.
	Replicas    int // Those that exist and are not terminating.
	Updated     int // Of these, those of the latest revision.
	Ready       int
	Unavailable int // max(Spec, Replicas) - Ready.
	Generation  int // Counts changes of the specification, from 1.
}

// Workload is a Deployment or a StatefulSet.
type Workload struct {
	cluster    *Cluster
	config     WorkloadConfig
	rand       *des.Rand
	revision   string // The hash of the pod template.
	owner      string // The replica set that new pods belong to.
	generation int
	pods       []*Pod
	endpoints  []*Pod
	autoscaler *Autoscaler
	pending    bool // A reconciliation is scheduled.
}

func newWorkload(c *Cluster, config WorkloadConfig) *Workload {
	if config.Container == "" {
		config.Container = config.Name
	}
	w := &Workload{cluster: c, config: config, generation: 1}
	w.rand = des.NewRand(c.seed, "workload/"+config.Namespace+"/"+config.Name)
	w.name()
	return w
}

// name gives the current revision its name: a deployment that returns to an earlier template returns to its replica set.
func (w *Workload) name() {
	template := w.config.Pod
	template.StartUp = nil // Not a matter of the template, and an interface may print as an address.
	w.revision = templateHash(fmt.Sprintf("%s %s %s %+v", w.config.Namespace, w.config.Name, w.config.Version, template))
	w.owner = w.config.Name
	if w.config.Kind == Deployment {
		w.owner += "-" + w.revision
	}
}

// Config returns the present configuration.
func (w *Workload) Config() WorkloadConfig { return w.config }

// Owner returns the name of the replica set (or stateful set) that new pods belong to.
func (w *Workload) Owner() string { return w.owner }

// Pods returns the pods that exist, in the order of creation. The slice must not be changed.
func (w *Workload) Pods() []*Pod { return w.pods }

// Endpoints returns the pods that callers send requests to, in the order of creation: those that were ready
// EndpointDelay ago, more or less. A later change makes a new slice; it must not be changed.
func (w *Workload) Endpoints() []*Pod { return w.endpoints }

// Autoscaler returns the workload's autoscaler, or nil.
func (w *Workload) Autoscaler() *Autoscaler { return w.autoscaler }

// Status counts the pods.
func (w *Workload) Status() Status {
	s := Status{Spec: w.config.Replicas, Generation: w.generation}
	for _, p := range w.pods {
		if p.state == Terminating {
			continue
		}
		s.Replicas++
		if w.current(p) {
			s.Updated++
		}
		if p.state == Ready {
			s.Ready++
		}
	}
	s.Unavailable = max(0, max(s.Spec, s.Replicas)-s.Ready)
	return s
}

// Scale sets the number of replicas.
func (w *Workload) Scale(replicas int) {
	w.config.Replicas = replicas
	w.generation++
	w.changed()
}

// Rollout changes the version and, unless change is nil, the pod template, and replaces the pods one by one: a
// deployment adds a new pod before it ends an old one (maxSurge 1, maxUnavailable 0), a stateful set ends the one with
// the highest number first.
func (w *Workload) Rollout(version string, change func(*PodConfig)) {
	w.config.Version = version
	if change != nil {
		change(&w.config.Pod)
	}
	w.generation++
	w.name()
	w.changed()
}

// Delete ends a pod gracefully, as kubectl delete pod does; the workload makes another.
func (w *Workload) Delete(p *Pod) { p.terminate() }

// current tells whether a pod is of the latest revision.
func (w *Workload) current(p *Pod) bool { return p.revision == w.revision }

// create makes a pod, bound to no node yet.
func (w *Workload) create() *Pod {
	p := &Pod{cluster: w.cluster, workload: w, config: w.config.Pod, owner: w.owner, version: w.config.Version,
		revision: w.revision, created: w.cluster.kernel.Now()}
	if w.config.Kind == StatefulSet {
		for w.numbered(p.ordinal) != nil {
			p.ordinal++
		}
		p.name = fmt.Sprintf("%s-%d", w.owner, p.ordinal)
	} else {
		p.name = w.owner + "-" + suffix(w.rand)
	}
	p.rand = des.NewRand(w.cluster.seed, fmt.Sprintf("pod/%s/%s/%d", w.config.Namespace, p.name, p.created))
	w.pods = append(w.pods, p)
	w.cluster.pods = append(w.cluster.pods, p)
	return p
}

func (w *Workload) numbered(ordinal int) *Pod {
	for _, p := range w.pods {
		if p.ordinal == ordinal {
			return p
		}
	}
	return nil
}

// announce has the endpoints follow the pods' readiness after a delay.
func (w *Workload) announce() {
	w.cluster.kernel.After(EndpointDelay, des.HandlerFunc(func(uint64) { w.syncEndpoints() }), 0)
}

func (w *Workload) syncEndpoints() {
	var ready []*Pod
	for _, p := range w.pods {
		if p.state == Ready {
			ready = append(ready, p)
		}
	}
	w.endpoints = ready
	w.cluster.each(func(l *Listener) {
		if l.Endpoints != nil {
			l.Endpoints(w)
		}
	})
}
