package sim

import (
	"strconv"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/logformat"
)

// unit is one pod as the three signals know it.
type unit struct {
	run      *run
	pod      *platform.Pod
	service  *flow.Service
	instance telemetry.Instance
	resource *telemetry.Resource
	log      *telemetry.Stream
	target   *telemetry.Target  // nil for what has no endpoint of its own
	process  *process           // nil while no container runs
	states   []*telemetry.Group // what kube-state-metrics says of it
	network  *telemetry.Group   // what cAdvisor says of its network
	rx, tx   float64            // bytes, of all its containers
	rxSeen   float64            // of them, those that the node has counted
	txSeen   float64
	gone     bool
}

// process is one run of a unit's container. It is what flow.Replica.User points to.
type process struct {
	unit      *unit
	replica   *flow.Replica
	group     *telemetry.Group // of the unit's own endpoint
	container *telemetry.Group // of cAdvisor
	rand      *des.Rand        // of what lines say and nothing depends on
	app       *app             // of kind app
	gateway   *gateway         // of kind gateway
	store     *served          // of kinds database and cache
	quiet     map[string]*quiet
	ready     bool     // has been, once
	waited    des.Time // for a CPU, as the node has counted it
}

// metricsPort is where a service's metrics are scraped.
func metricsPort(s *model.Service) int {
	switch s.Kind {
	case model.Database:
		return 9187
	case model.Cache:
		return 9121
	case model.Gateway:
		if s.Logs.Format == "envoy" {
			return 9901
		}
		return 10254
	default:
		return 8080
	}
}

// language is what OpenTelemetry calls a runtime.
func language(r model.Runtime) string {
	return map[model.Runtime]string{model.Go: "go", model.JVM: "java", model.Node20: "nodejs", model.Python: "python"}[r]
}

// unitOf returns the unit of a pod, and makes it when there is none yet. It is nil for what has no instrumentation at
// all.
func (r *run) unitOf(p *platform.Pod, s *flow.Service) *unit {
	if u := r.units[p.Name()]; u != nil {
		return u
	}
	m := s.Model
	u := &unit{run: r, pod: p, service: s}
	u.instance = telemetry.Instance{
		Service: m.Front(), Namespace: r.sys.Namespace, Version: p.Version(), Pod: p.Name(), Node: p.Node().Name, Zone: p.Node().Zone,
		Environment: "production", Language: language(m.Runtime), Address: p.IP() + ":" + strconv.Itoa(metricsPort(m)),
	}
	u.resource = u.instance.Resource()
	format := logformat.Format(m.Logs.Format)
	u.log = r.rec.Stream(telemetry.StreamOptions{
		Labels: u.instance.StreamLabels(), Format: format, Correlated: m.Kind == model.App && !m.Logs.NoTraceIDs,
	})
	if m.Kind != model.Broker {
		scraped := u.instance
		if exporter := map[model.Kind]string{model.Database: "postgres-exporter", model.Cache: "redis-exporter"}[m.Kind]; exporter != "" {
			scraped.Container = exporter
		}
		u.target = r.target(scraped.TargetLabels(), "service", m.Front())
		r.every(u.target.Next, u.scrape)
	}
	r.units[p.Name()] = u
	u.observePod()
	return u
}

// target adds an endpoint, with the labels that all have.
func (r *run) target(l labels.Labels, more ...string) *telemetry.Target {
	b := labels.NewBuilder(l).Set("cluster", r.sys.Cluster)
	for i := 0; i < len(more); i += 2 {
		b.Set(more[i], more[i+1])
	}
	t := r.rec.Target(b.Labels())
	if !r.recording(r.flow.Kernel.Now()) {
		r.targets = append(r.targets, t)
	}
	return t
}

// scrape scrapes the unit's own endpoint. Nothing listens there before the process serves; once the pod is gone it is
// no target any more.
func (u *unit) scrape(at int64) bool {
	switch {
	case u.gone:
		u.target.Close(at)
		return false
	case u.process == nil || u.pod.State() == platform.Starting:
		u.target.ScrapeFailed(at)
	default:
		u.target.Scrape(at)
	}
	return true
}

// started is called when a container begins to run.
func (r *run) started(replica *flow.Replica) {
	u := r.unitOf(replica.Pod, replica.Service)
	p := &process{unit: u, replica: replica, quiet: map[string]*quiet{}}
	p.rand = r.stream("process/" + replica.Name + "/" + replica.Pod.ContainerID())
	u.process, replica.User = p, p
	if u.target != nil {
		p.group = u.target.Group()
	}
	switch u.service.Model.Kind {
	case model.App:
		p.observeRuntime()
		p.app = newApp(p)
	case model.Gateway:
		p.gateway = newGateway(p)
	case model.Database, model.Cache:
		p.store = newServed(p)
	}
	p.observeContainer()
}

// ended is called when a unit's container has ended.
func (u *unit) ended() {
	p := u.process
	if p == nil {
		return
	}
	u.process = nil
	if p.group != nil {
		p.group.Remove()
	}
	p.container.Remove()
}

// removed is called when the pod is gone.
func (u *unit) removed() {
	u.gone = true
	for _, g := range append(u.states, u.network) {
		g.Remove()
	}
	delete(u.run.units, u.pod.Name())
}

// age makes what a process has counted during the warm-up what it would have counted since its start.
func (p *process) age() {
	began := p.unit.pod.Started()
	if began > 0 {
		return
	}
	for _, g := range []*telemetry.Group{p.group, p.container, p.unit.network} {
		if g != nil {
			grow(g, -began)
		}
	}
}

// grow is age for a group of something that is as old at the simulation's begin.
func grow(g *telemetry.Group, old des.Time) {
	if times := uint64((old + warmUp + warmUp/2) / warmUp); times > 1 {
		g.Age(times)
	}
}

// stream is a stream of random numbers for what nothing else depends on.
func (r *run) stream(name string) *des.Rand { return des.NewRand(r.seed, "sim/"+name) }
