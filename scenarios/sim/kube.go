package sim

import (
	"fmt"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/exporter"
)

// The chart's release is in the names of its services, as in most clusters that run kube-prometheus-stack.
const release = "kube-prometheus-stack"

// node is one machine: its kubelet's cAdvisor and its node exporter.
type node struct {
	run     *run
	node    *platform.Node
	kubelet *telemetry.Target
	load    float64
	waiting des.Time         // for a CPU, of anybody
	crowded des.Time         // of it, what the neighbours were seen to wait
	pressed des.Time         // until when waiting is known
	rx, tx  float64          // bytes, of all pods there have been
	group   *telemetry.Group // of the node exporter
	old     des.Time         // since boot, at the simulation's begin
}

// loadEvery is how often Linux samples what is runnable; loadKeep is what stays of the 1-minute average, e**(-5/60).
const (
	loadEvery = 5 * des.Second
	loadKeep  = 0.9200444146293232
)

// observeCluster adds what watches the platform.
func (r *run) observeCluster() {
	pods := r.stream("monitoring")
	for _, n := range r.flow.Cluster.Nodes() {
		x := &node{run: r, node: n}
		r.nodes = append(r.nodes, x)
		x.kubelet = r.target(labels.FromStrings("job", "kubelet", "instance", n.IP+":10250", "namespace", "kube-system",
			"service", release+"-kubelet", "endpoint", "https-metrics", "metrics_path", "/metrics/cadvisor", "node", n.Name))
		r.every(x.kubelet.Next, scrape(x.kubelet))
		exported := r.target(labels.FromStrings("job", "node-exporter", "instance", n.IP+":9100", "namespace", "monitoring",
			"service", release+"-prometheus-node-exporter", "endpoint", "http-metrics", "container", "node-exporter",
			"pod", release+"-prometheus-node-exporter-"+suffix(pods), "node", n.Name))
		x.observe(exported.Group(), pods)
		r.every(exported.Next, scrape(exported))
		r.flow.Kernel.After(loadEvery, x, 0)
	}
	r.kube = r.target(labels.FromStrings("job", "kube-state-metrics", "instance", "10.244.0.9:8080", "namespace", "monitoring",
		"service", release+"-kube-state-metrics", "endpoint", "http", "container", "kube-state-metrics",
		"pod", fmt.Sprintf("%s-kube-state-metrics-%s-%s", release, template(pods), suffix(pods))))
	for _, s := range r.flow.Services {
		if s.Workload != nil {
			r.observeWorkload(s.Model, s.Workload)
		}
	}
	r.every(r.kube.Next, scrape(r.kube))
}

// scrape scrapes an endpoint that is always there.
func scrape(t *telemetry.Target) func(int64) bool {
	return func(at int64) bool { t.Scrape(at); return true }
}

// observe adds the node exporter's metrics.
func (n *node) observe(g *telemetry.Group, r *des.Rand) {
	cores := n.node.Cores
	used := func(share float64) exporter.Read {
		return func() float64 { return share * n.node.Usage().Seconds() }
	}
	idle := func(share float64) exporter.Read {
		return func() float64 {
			return share * float64(float64(cores*n.run.flow.Kernel.Now().Seconds())-n.node.Usage().Seconds())
		}
	}
	booted := float64(n.run.epoch/1e9 - int64(2+r.IntN(40))*86400 - int64(r.IntN(86400)))
	exporter.Node{
		CPUs: int(cores),
		CPU: map[string]exporter.Read{
			"user": used(0.8), "system": used(0.17), "softirq": used(0.03),
			"iowait": idle(0.002),
			"steal":  exporter.Constant(0),
			"idle":   idle(0.998),
		},
		Load1:           func() float64 { return hundredths(n.load) },
		MemoryTotal:     exporter.Constant(float64(n.node.Memory)),
		MemoryAvailable: n.available,
		Received:        func() float64 { return n.traffic(true) },
		Sent:            func() float64 { return n.traffic(false) },
		CPUPressure:     func() float64 { return n.pressure().Seconds() },
		BootTime:        exporter.Constant(booted),
	}.Add(g)
	n.group, n.old = g, des.FromSeconds(float64(n.run.epoch)/1e9-booted)
}

// Handle samples the load.
func (n *node) Handle(uint64) {
	n.load = float64(n.load*loadKeep) + float64(n.node.Runnable()*(1-loadKeep))
	n.run.flow.Kernel.After(loadEvery, n, 0)
}

// available is the node's memory without that of its containers, and of the system, the page cache's dirty part and
// what other tenants hold.
func (n *node) available() float64 {
	free := float64(n.node.Memory) * 0.92
	for _, p := range n.run.flow.Cluster.Pods() {
		if p.Node() == n.node {
			free -= float64(p.Memory().WorkingSet)
		}
	}
	return pages(max(free, float64(n.node.Memory)*0.01))
}

// pressure is for how long anything on the node has waited for CPUs. Who waits at the same time as others counts once,
// as far as a scrape interval shows it: it cannot have more waiting than time.
func (n *node) pressure() des.Time {
	now, crowded := n.run.flow.Kernel.Now(), n.node.Crowded()
	more := crowded - n.crowded
	for _, p := range n.run.flow.Cluster.Pods() {
		u := n.run.units[p.Name()]
		if p.Node() != n.node || u == nil || u.process == nil {
			continue
		}
		waited := p.CPU().Waiting
		more += waited - u.process.waited
		u.process.waited = waited
	}
	n.waiting += min(more, now-n.pressed)
	n.crowded, n.pressed = crowded, now
	return n.waiting
}

// traffic is what has come in or gone out, of all pods of the node.
func (n *node) traffic(in bool) float64 {
	for _, p := range n.run.flow.Cluster.Pods() {
		u := n.run.units[p.Name()]
		if u == nil || p.Node() != n.node {
			continue
		}
		n.rx, n.tx = n.rx+u.rx-u.rxSeen, n.tx+u.tx-u.txSeen
		u.rxSeen, u.txSeen = u.rx, u.tx
	}
	if in {
		return n.rx
	}
	return n.tx
}

// observePod adds what kube-state-metrics says of a pod, and cAdvisor of its network.
func (u *unit) observePod() {
	p, r := u.pod, u.run
	rand := r.stream("pod/" + p.Name())
	uid := uuid(rand)
	namespace := []string{"namespace", r.sys.Namespace, "pod", p.Name(), "uid", uid}
	status := r.kube.Group(namespace...)
	container := r.kube.Group(append(namespace, "container", u.service.Model.Front())...)
	u.states = []*telemetry.Group{status, container}
	kind := "ReplicaSet"
	if p.Workload().Config().Kind == platform.StatefulSet {
		kind = "StatefulSet"
	}
	exporter.Pod{
		IP: p.IP(), HostIP: p.Node().IP, Node: p.Node().Name, OwnerKind: kind, Owner: p.Owner(),
		Created: float64(r.wall(p.Created()) / 1e9),
		Ready:   func() bool { return p.State() == platform.Ready },
		Phase: func() string {
			if p.State() == platform.Pending {
				return "Pending"
			}
			return "Running"
		},
	}.Add(status)
	c := p.Config()
	exporter.ContainerStatus{
		Restarts:       func() float64 { return float64(p.Restarts()) },
		LastTerminated: func() string { return p.LastTermination().Reason },
		Waiting: func() string {
			if p.State() == platform.Waiting {
				return "CrashLoopBackOff"
			}
			return ""
		},
		CPURequest: positive(c.CPURequest), CPULimit: positive(c.CPULimit),
		MemoryRequest: positive(float64(c.MemoryRequest)), MemoryLimit: positive(float64(c.MemoryLimit)), Node: p.Node().Name,
	}.Add(container)
	u.network = r.nodeOf(p).kubelet.Group("namespace", r.sys.Namespace, "pod", p.Name())
	exporter.Container{Received: func() float64 { return u.rx }, Sent: func() float64 { return u.tx }}.Add(u.network)
}

func (r *run) nodeOf(p *platform.Pod) *node {
	for _, n := range r.nodes {
		if n.node == p.Node() {
			return n
		}
	}
	panic("sim: pod without a node")
}

// observeContainer adds what cAdvisor says of a container.
func (p *process) observeContainer() {
	u, pod := p.unit, p.unit.pod
	m := u.service.Model
	p.container = u.run.nodeOf(pod).kubelet.Group("namespace", u.run.sys.Namespace, "pod", pod.Name(), "container", m.Front(),
		"image", "registry.internal/"+u.run.sys.Namespace+"/"+m.Front()+":"+pod.Version(), "id", cgroup(pod))
	c := exporter.Container{
		CPUSeconds:  func() float64 { return pod.CPU().Usage.Seconds() },
		WorkingSet:  func() float64 { return pages(float64(pod.Memory().WorkingSet)) },
		CPUPressure: func() float64 { return pod.CPU().Waiting.Seconds() },
	}
	if pod.Config().CPULimit > 0 {
		c.Periods = func() float64 { return float64(pod.CPU().Periods) }
		c.ThrottledPeriods = func() float64 { return float64(pod.CPU().ThrottledPeriods) }
		c.ThrottledSeconds = func() float64 { return pod.CPU().Throttled.Seconds() }
	}
	c.Add(p.container)
}

// cgroup is the container's, as systemd's driver names it.
func cgroup(p *platform.Pod) string {
	id := p.ContainerID()
	if i := len("containerd://"); len(id) > i {
		id = id[i:]
	}
	return "/kubepods.slice/cri-containerd-" + id + ".scope"
}

// observeWorkload adds what kube-state-metrics says of a deployment or a stateful set, and of its autoscaler.
func (r *run) observeWorkload(m *model.Service, w *platform.Workload) {
	status := func(f func(platform.Status) int) exporter.Read {
		return func() float64 { return float64(f(w.Status())) }
	}
	spec := status(func(s platform.Status) int { return s.Spec })
	ready := status(func(s platform.Status) int { return s.Ready })
	replicas := status(func(s platform.Status) int { return s.Replicas })
	updated := status(func(s platform.Status) int { return s.Updated })
	if w.Config().Kind == platform.StatefulSet {
		exporter.StatefulSet{Desired: spec, Replicas: replicas, Ready: ready, Updated: updated}.
			Add(r.kube.Group("namespace", r.sys.Namespace, "statefulset", m.Name))
	} else {
		g := r.kube.Group("namespace", r.sys.Namespace, "deployment", m.Name)
		exporter.Deployment{
			Desired: spec, Replicas: replicas, Available: ready, Updated: updated,
			Unavailable:        status(func(s platform.Status) int { return s.Unavailable }),
			ObservedGeneration: status(func(s platform.Status) int { return s.Generation }),
		}.Add(g)
		exporter.DeploymentVersion(g, func() string { return w.Config().Version })
	}
	if a := w.Autoscaler(); a != nil {
		exporter.HPA{
			Min: exporter.Constant(float64(a.Min)), Max: exporter.Constant(float64(a.Max)),
			Current: replicas, Desired: func() float64 { return float64(a.Last().Desired) },
		}.Add(r.kube.Group("namespace", r.sys.Namespace, "horizontalpodautoscaler", m.Name))
	}
}

// positive reads a setting that may be missing.
func positive(v float64) exporter.Read {
	if v <= 0 {
		return nil
	}
	return exporter.Constant(v)
}

// pages rounds bytes to whole pages of memory, which is how the kernel counts them.
func pages(bytes float64) float64 { return float64(int64(bytes) &^ 4095) }

func hundredths(v float64) float64 { return float64(int64(float64(v*100)+0.5)) / 100 }

const alphabet = "bcdfghjklmnpqrstvwxz2456789"

// suffix and template are the two parts of a pod's name that Kubernetes draws.
func suffix(r *des.Rand) string   { return letters(r, 5) }
func template(r *des.Rand) string { return letters(r, 10) }

func letters(r *des.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// uuid is a random one, version 4.
func uuid(r *des.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}

func itoa(n int) string { return strconv.Itoa(n) }
