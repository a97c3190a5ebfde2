package platform_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/platform"
)

// watched is a cluster of three nodes in two zones that notes the life cycle.
type watched struct {
	*des.Kernel
	*platform.Cluster
	events []string
	lowest int // The fewest endpoints of any workload since it was set.
}

func watch(seed uint64) *watched {
	k := new(des.Kernel)
	w := &watched{Kernel: k, Cluster: platform.NewCluster(k, seed), lowest: 1000}
	for i, zone := range []string{"a", "a", "b"} {
		w.AddNode(platform.NodeConfig{Name: fmt.Sprint("node-", i), Zone: zone, Cores: 4, Memory: 16 * gib})
	}
	note := func(what string) func(*platform.Pod) {
		return func(p *platform.Pod) {
			w.events = append(w.events, fmt.Sprintf("%v %s %s %s", k.Now(), what, p.Name(), p.ContainerID()))
		}
	}
	w.Listen(platform.Listener{
		Started: note("started"), Ready: note("ready"), NotReady: note("not ready"), Terminating: note("terminating"),
		Removed: note("removed"), Killed: func(p *platform.Pod, t platform.Termination) { note("killed " + t.Reason)(p) },
		Endpoints: func(l *platform.Workload) { w.lowest = min(w.lowest, len(l.Endpoints())) },
	})
	return w
}

func names(pods []*platform.Pod) (names []string) {
	for _, p := range pods {
		names = append(names, p.Name())
	}
	return names
}

func TestPodsAreNamedAndPlacedAsKubernetesDoes(t *testing.T) {
	c := watch(1)
	w := c.AddWorkload(platform.WorkloadConfig{Name: "checkout", Namespace: "shop", Replicas: 4, Version: "1.2.0"})
	s := c.AddWorkload(platform.WorkloadConfig{Name: "postgres", Kind: platform.StatefulSet, Replicas: 2, Zones: []string{"a"}})

	pattern := regexp.MustCompile(`^checkout-[bcdfghjklmnpqrstvwxz2456789]{10}-[bcdfghjklmnpqrstvwxz2456789]{5}$`)
	zones, ips := map[string]int{}, map[string]bool{}
	for _, p := range w.Pods() {
		if !pattern.MatchString(p.Name()) || !strings.HasPrefix(p.Name(), w.Owner()+"-") {
			t.Errorf("pod name %q", p.Name())
		}
		if !regexp.MustCompile(`^containerd://[0-9a-f]{64}$`).MatchString(p.ContainerID()) {
			t.Errorf("container id %q", p.ContainerID())
		}
		zones[p.Node().Zone]++
		ips[p.IP()] = true
	}
	if zones["a"] != 2 || zones["b"] != 2 || len(ips) != 4 {
		t.Errorf("zones %v, addresses %v", zones, ips)
	}
	if got, want := names(s.Pods()), []string{"postgres-0", "postgres-1"}; !slices.Equal(got, want) {
		t.Errorf("stateful set has %v, want %v", got, want)
	}
	if a, b := s.Pods()[0].Node(), s.Pods()[1].Node(); a == b || a.Zone != "a" || b.Zone != "a" {
		t.Errorf("stateful set is on %s and %s", a.Name, b.Name)
	}
	equal(t, "endpoints at once", len(w.Endpoints()), 4)
}

func TestRolloutKeepsTheReplicas(t *testing.T) {
	c := watch(1)
	busy := map[*platform.Pod]bool{}
	w := c.AddWorkload(platform.WorkloadConfig{Name: "web", Replicas: 3, Version: "1",
		Drained: func(p *platform.Pod) bool { return !busy[p] }, Pod: platform.PodConfig{StartUp: des.Uniform(2*sec, 9*sec)}})
	old := names(w.Pods())
	busy[w.Pods()[2]] = true // Never done: it is killed after the grace period.
	owner := w.Owner()
	c.Run(10 * sec)
	c.events, c.lowest = nil, 1000

	c.At(10*sec, des.HandlerFunc(func(uint64) {
		w.Rollout("2", func(p *platform.PodConfig) { p.CPULimit = 1 })
	}), 0)
	for c.Now() < 120*sec {
		c.Run(c.Now() + 100*ms)
		if s := w.Status(); s.Ready < 3 || s.Replicas > 4 {
			t.Fatalf("at %v: %+v", c.Now(), s)
		}
	}
	equal(t, "fewest endpoints", c.lowest, 3)
	equal(t, "status", w.Status(), platform.Status{Spec: 3, Replicas: 3, Updated: 3, Ready: 3, Generation: 2})
	for _, p := range w.Pods() {
		if p.Version() != "2" || p.Config().CPULimit != 1 || slices.Contains(old, p.Name()) || p.Owner() == owner {
			t.Errorf("pod %s of %s is left, version %s", p.Name(), p.Owner(), p.Version())
		}
	}
	kills := 0
	for _, e := range c.events {
		if strings.Contains(e, "killed Error") {
			kills++
		}
	}
	equal(t, "pods killed after the grace period", kills, 1)

	// Back to the old template is back to its replica set.
	w.Rollout("1", func(p *platform.PodConfig) { p.CPULimit = 0 })
	equal(t, "replica set", w.Owner(), owner)
}

func TestRolloutOfAPodThatNeverGetsReadyStops(t *testing.T) {
	c := watch(1)
	w := c.AddWorkload(platform.WorkloadConfig{Name: "web", Replicas: 2, Version: "1",
		Ready: func(p *platform.Pod) bool { return p.Version() == "1" }})
	c.Run(sec)
	w.Rollout("2", nil)
	c.Run(10 * des.Minute)
	equal(t, "status", w.Status(), platform.Status{Spec: 2, Replicas: 3, Updated: 1, Ready: 2, Unavailable: 1, Generation: 2})
	equal(t, "endpoints", len(w.Endpoints()), 2)
	w.Rollout("1", nil)
	c.Run(11 * des.Minute)
	equal(t, "status", w.Status(), platform.Status{Spec: 2, Replicas: 2, Updated: 2, Ready: 2, Generation: 3})
}

func TestStatefulSetRollsFromTheHighestNumber(t *testing.T) {
	c := watch(1)
	w := c.AddWorkload(platform.WorkloadConfig{Name: "db", Kind: platform.StatefulSet, Replicas: 3, Version: "1"})
	c.Run(sec)
	c.events = nil
	w.Rollout("2", nil)
	w.Scale(4)
	for c.Now() < 2*des.Minute {
		c.Run(c.Now() + 100*ms)
		if s := w.Status(); s.Ready < 2 {
			t.Fatalf("at %v: %+v", c.Now(), s)
		}
	}
	var order []string
	for _, e := range c.events {
		if f := strings.Fields(e); f[1] == "terminating" || f[1] == "ready" {
			order = append(order, f[1]+" "+f[2])
		}
	}
	want := []string{"ready db-3", "terminating db-2", "ready db-2", "terminating db-1", "ready db-1", "terminating db-0", "ready db-0"}
	if !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	w.Scale(1)
	c.Run(3 * des.Minute)
	if got := names(w.Pods()); !slices.Equal(got, []string{"db-0"}) {
		t.Errorf("after scaling down: %v", got)
	}
}

func TestProbes(t *testing.T) {
	c := watch(1)
	ready, live := true, true
	w := c.AddWorkload(platform.WorkloadConfig{Name: "web", Replicas: 1, Ready: func(*platform.Pod) bool { return ready },
		Live: func(*platform.Pod) bool { return live }})
	p := w.Pods()[0]
	ready = false
	c.Run(20 * sec) // Two failures, which do not count once it has answered.
	ready = true
	c.Run(30 * sec)
	ready = false
	c.Run(50 * sec)
	equal(t, "state", p.State(), platform.Ready)
	c.Run(60 * sec)
	equal(t, "state", p.State(), platform.NotReady)
	c.Run(61 * sec)
	equal(t, "endpoints", len(w.Endpoints()), 0)
	ready = true
	c.Run(72 * sec)
	equal(t, "state", p.State(), platform.Ready)
	equal(t, "endpoints", len(w.Endpoints()), 1)
	equal(t, "restarts", p.Restarts(), 0)
	live = false
	c.Run(102 * sec)
	live = true
	c.Run(112 * sec)
	equal(t, "restarts", p.Restarts(), 1)
	equal(t, "last exit code", p.LastTermination().ExitCode, 137)
	equal(t, "state", p.State(), platform.Ready)
}

func TestCallersLearnLateOfADeadPod(t *testing.T) {
	c := watch(1)
	w := c.AddWorkload(platform.WorkloadConfig{Name: "web", Replicas: 2})
	c.Run(10 * sec)
	dead := w.Pods()[0]
	dead.Crash(2)
	c.Run(11 * sec)
	equal(t, "endpoints a second later", len(w.Endpoints()), 2)
	c.Run(11*sec + 1)
	if got := w.Endpoints(); len(got) != 1 || got[0] == dead {
		t.Errorf("endpoints then: %v", names(got))
	}
	c.Run(20 * sec)
	equal(t, "endpoints after the restart", len(w.Endpoints()), 2)
	equal(t, "exit code", dead.LastTermination().ExitCode, 2)
}

func TestPodsWaitForRoom(t *testing.T) {
	c := watch(1)
	w := c.AddWorkload(platform.WorkloadConfig{Name: "web", Replicas: 3, Pod: platform.PodConfig{CPURequest: 3}})
	w.Scale(4)
	c.Run(des.Minute)
	equal(t, "ready", w.Status().Ready, 3)
	equal(t, "state of the fourth", w.Pods()[3].State(), platform.Pending)
	w.Delete(w.Pods()[0])
	c.Run(2 * des.Minute)
	equal(t, "ready", w.Status().Ready, 3)
	equal(t, "replicas", w.Status().Replicas, 4)
	w.Scale(3)
	c.Run(3 * des.Minute)
	equal(t, "status", w.Status(), platform.Status{Spec: 3, Replicas: 3, Updated: 3, Ready: 3, Generation: 3})
}

func TestSameSeedSameLife(t *testing.T) {
	run := func(seed uint64, others bool) []string {
		c := watch(seed)
		if others {
			c.AddWorkload(platform.WorkloadConfig{Name: "other", Zones: []string{"b"}, Replicas: 1})
		}
		w := c.AddWorkload(platform.WorkloadConfig{Name: "web", Zones: []string{"a"}, Replicas: 3, Version: "1", Age: 5 * des.Hour,
			Pod: platform.PodConfig{CPURequest: 0.1, CPULimit: 1, MemoryLimit: 200 * mib, StartUp: des.LogNormal(sec, 5*sec),
				Runtime: platform.Runtime{Kind: platform.Go, Base: 20 * mib, Live: 20 * mib}}})
		w.Autoscale(platform.AutoscalerConfig{Min: 2, Max: 6, Target: 70})
		for _, p := range w.Pods() {
			client := &poisson{k: c.Kernel, pod: p, rand: des.NewRand(seed, p.Name()), gap: des.Exponential(10 * ms), demand: des.Exponential(4 * ms)}
			c.At(0, client, 0)
			allocate(c.Kernel, p, 30*mib)
		}
		c.At(30*sec, des.HandlerFunc(func(uint64) { w.Rollout("2", nil) }), 0)
		c.At(40*sec, des.HandlerFunc(func(uint64) { w.Pods()[0].Leak(gib) }), 0)
		c.Run(3 * des.Minute)
		var lines []string
		for _, e := range c.events {
			if strings.Contains(e, "web") {
				lines = append(lines, e)
			}
		}
		for _, p := range w.Pods() {
			lines = append(lines, fmt.Sprintf("%s %v %+v %+v", p.Name(), p.Started(), p.CPU(), p.Memory()))
		}
		return append(lines, fmt.Sprintf("%+v %+v", w.Autoscaler().Last(), c.Nodes()[0].Usage()))
	}
	first := run(1, false)
	if len(first) < 20 {
		t.Fatalf("too little happens: %q", first)
	}
	for name, again := range map[string][]string{"again": run(1, false), "with another workload": run(1, true)} {
		if !slices.Equal(first, again) {
			for i := range min(len(first), len(again)) {
				if first[i] != again[i] {
					t.Errorf("%s: line %d is\n%s, was\n%s", name, i, again[i], first[i])
					break
				}
			}
		}
	}
	if slices.Equal(first, run(2, false)) {
		t.Error("another seed changes nothing")
	}
}
