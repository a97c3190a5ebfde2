package platform_test

import (
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/platform"
)

// poisson offers work to a pod at random times and measures how long it takes.
type poisson struct {
	k            *des.Kernel
	pod          *platform.Pod
	rand         *des.Rand
	gap, demand  des.Dist
	began        []des.Time
	sum, demands des.Time
	done         int
}

func (p *poisson) Handle(uint64) {
	p.began = append(p.began, p.k.Now())
	d := p.demand.Sample(p.rand)
	p.demands += d
	p.pod.Run(d, des.HandlerFunc(func(i uint64) {
		p.sum += p.k.Now() - p.began[i]
		p.done++
	}), uint64(len(p.began)-1))
	p.k.After(p.gap.Sample(p.rand), p, 0)
}

// The mean time in a processor-sharing queue does not depend on the shape of the demand, and equals that of M/M/c.
func TestProcessorSharingAgreesWithTheory(t *testing.T) {
	for _, c := range []struct {
		name   string
		cores  float64
		load   float64
		demand des.Dist
		want   float64 // Mean time over mean demand: 1 + ErlangC/(c(1-load)).
	}{
		{"M/M/1 at 0.7", 1, 0.7, des.Exponential(10 * ms), 1 / (1 - 0.7)},
		{"M/G/1 at 0.8", 1, 0.8, des.LogNormal(5*ms, 40*ms), 1 / (1 - 0.8)},
		{"M/D/1 at 0.5", 1, 0.5, des.Constant(10 * ms), 1 / (1 - 0.5)},
		{"M/M/4 at 0.8", 4, 0.8, des.Exponential(10 * ms), 1 + 0.596432/(4*(1-0.8))},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k, _, w := lone(c.cores, 1, platform.PodConfig{})
			mean := des.FromFloat(float64(c.demand.Mean()) / c.load / c.cores)
			p := &poisson{k: k, pod: w.Pods()[0], rand: des.NewRand(3, c.name), gap: des.Exponential(mean), demand: c.demand}
			k.At(0, p, 0)
			k.Run(1_000_000 * mean)
			actual := p.demands.Seconds() / float64(len(p.began))
			near(t, "mean time / mean demand", p.sum.Seconds()/float64(p.done)/actual, c.want, 0.02)
			near(t, "CPU time used", p.pod.CPU().Usage.Seconds(), p.demands.Seconds(), 0.0001)
			if c := p.pod.CPU(); c.Periods != 0 || c.Throttled != 0 {
				t.Errorf("throttling is counted without a limit: %+v", c)
			}
		})
	}
}

func TestThreadsShareTheCores(t *testing.T) {
	k, _, w := lone(2, 1, platform.PodConfig{})
	var a, b, c des.Time
	p := w.Pods()[0]
	p.Run(20*ms, finish(k, &a), 0)
	p.Run(20*ms, finish(k, &b), 0)
	k.Run(10 * ms)
	p.Run(5*ms, finish(k, &c), 0) // From here three threads on two cores: each at 2/3.
	k.Run(sec)
	equal(t, "c", c, 17500*des.Microsecond)
	equal(t, "a", a, 22500*ms/1000) // 10 + 7.5 (5 done), then alone with b.
	equal(t, "b", b, a)
	equal(t, "usage", p.CPU().Usage, 45*ms)
	equal(t, "waiting", p.CPU().Waiting, 7500*des.Microsecond)
}

func TestOneLockMakesOneThreadRun(t *testing.T) {
	k, _, w := lone(8, 1, platform.PodConfig{Runtime: platform.Runtime{Kind: platform.Python}})
	var a, b des.Time
	w.Pods()[0].Run(10*ms, finish(k, &a), 0)
	w.Pods()[0].Run(20*ms, finish(k, &b), 0)
	k.Run(sec)
	equal(t, "a", a, 20*ms)
	equal(t, "b", b, 30*ms)
}

func TestNothingIsCalledAfterACrash(t *testing.T) {
	k, n, w := lone(2, 1, platform.PodConfig{})
	p := w.Pods()[0]
	p.Run(10*ms, des.HandlerFunc(func(uint64) { p.Crash(1) }), 0)
	var at des.Time
	p.Run(10*ms, finish(k, &at), 0) // Done in the same instant, but after the crash.
	k.Run(sec)
	equal(t, "the other thread ended at", at, -1)
	equal(t, "usage of the node", n.Usage(), 20*ms)
}

func TestQuota(t *testing.T) {
	for _, c := range []struct {
		name               string
		limit              float64
		threads            int
		demand             des.Time // Of each thread.
		throttled, periods uint64
		offset             des.Time // From the start of a period.
		stopped            des.Time // Wall time without progress.
		want               des.Time // Throttled, summed over threads.
	}{
		// 20 portions of 50 ms; after each but the last the rest of the period is lost.
		{"one thread at half a core", 0.5, 1, sec, 19, 20, 0, 19 * 50 * ms, 19 * 50 * ms},
		// 200 ms of quota are used up in 50 ms by four threads: 4 x 250 ms take five portions.
		{"four threads at two cores", 2, 4, 250 * ms, 4, 5, 0, 4 * 50 * ms, 4 * 4 * 50 * ms},
		{"within the limit", 2, 2, 250 * ms, 0, 3, 0, 0, 0},
		{"at the limit", 1, 1, sec, 0, 10, 0, 0, 0},
		// 30 ms in the first period, then portions of 50 ms: the last 20 ms in the 20th after it.
		{"from within a period", 0.5, 1, sec, 19, 21, 70 * ms, 19 * 50 * ms, 19 * 50 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, _, w := lone(8, 1, platform.PodConfig{CPULimit: c.limit})
			p := w.Pods()[0]
			start := p.PeriodEnd() + c.offset
			k.Run(start)
			var last des.Time
			for range c.threads {
				p.Run(c.demand, finish(k, &last), 0)
			}
			k.Run(k.Now() + 10*sec)
			near(t, "wall time", (last - start).Seconds(), (c.demand + c.stopped).Seconds(), 1e-6)
			s := p.CPU()
			equal(t, "periods", s.Periods, c.periods)
			equal(t, "throttled periods", s.ThrottledPeriods, c.throttled)
			near(t, "throttled time", s.Throttled.Seconds(), c.want.Seconds(), 1e-6)
			near(t, "waiting time", s.Waiting.Seconds(), c.stopped.Seconds(), 1e-6)
		})
	}
}

func TestNodeDividesItsCoresByWeight(t *testing.T) {
	k := new(des.Kernel)
	c := platform.NewCluster(k, 1)
	n := c.AddNode(platform.NodeConfig{Name: "n", Cores: 4, Memory: gib})
	pods := map[string]*platform.Pod{}
	for _, name := range []string{"large", "small", "modest"} {
		request := map[string]float64{"large": 1, "small": 0.5, "modest": 1}[name]
		w := c.AddWorkload(platform.WorkloadConfig{Name: name, Replicas: 1, Pod: platform.PodConfig{CPURequest: request}})
		pods[name] = w.Pods()[0]
	}
	var at des.Time
	run := func(name string, threads int) {
		for range threads {
			pods[name].Run(des.Hour, finish(k, &at), 0)
		}
	}
	usage := func(name string) float64 { return pods[name].CPU().Usage.Seconds() }

	// Modest and the neighbour want less than their weights let them have: the others divide 2.5 cores by 2 : 1.
	run("large", 8)
	run("small", 8)
	run("modest", 1)
	n.SetNeighbour(0.5, 10)
	k.Run(12 * sec)
	near(t, "large", usage("large"), 12*2.5*2/3, 1e-6)
	near(t, "small", usage("small"), 12*2.5/3, 1e-6)
	near(t, "modest", usage("modest"), 12, 1e-6)
	near(t, "node", n.Usage().Seconds(), 48, 1e-6)
	equal(t, "waiting of modest", pods["modest"].CPU().Waiting, 0)
	equal(t, "crowded while the neighbour has enough", n.Crowded(), 0)

	// A neighbour that wants all, with half of all weight, halves what there is.
	n.SetNeighbour(16, 2.5)
	k.Run(22 * sec)
	near(t, "large", usage("large"), 20+8, 1e-6)
	near(t, "small", usage("small"), 10+4, 1e-6)
	near(t, "modest", usage("modest"), 12+8, 1e-6)
	equal(t, "waiting of modest", pods["modest"].CPU().Waiting, 10*sec)
	equal(t, "crowded", n.Crowded(), 10*sec)

	n.SetNeighbour(0, 0)
	k.Run(23 * sec)
	near(t, "large", usage("large"), 28+2, 1e-6)
	near(t, "node", n.Usage().Seconds(), 4*23, 1e-6)
	equal(t, "crowded, the neighbour gone", n.Crowded(), 10*sec)
}

// What is granted never exceeds the node, and nothing idles while somebody waits.
func TestCrowdedNodeConservesWork(t *testing.T) {
	k, n, w := lone(3, 6, platform.PodConfig{CPURequest: 0.2, CPULimit: 1.5})
	var clients []*poisson
	for i, p := range w.Pods() {
		c := &poisson{k: k, pod: p, rand: des.NewRand(5, p.Name()), gap: des.Exponential(15 * ms), demand: des.Exponential(10 * ms)}
		clients = append(clients, c)
		k.At(des.Time(i), c, 0)
	}
	for range 600 { // Offered 4 of 3 cores: it is busy all the time.
		before := n.Usage()
		busy := n.Runnable() > 20
		k.Run(k.Now() + 100*ms)
		used := n.Usage() - before
		if used > 300*ms+10 || busy && used < 299*ms {
			t.Fatalf("at %v: used %v in 100 ms of three cores", k.Now(), used)
		}
	}
	var sum des.Time
	for _, c := range clients {
		sum += c.pod.CPU().Usage
	}
	near(t, "sum over pods", sum.Seconds(), n.Usage().Seconds(), 1e-9)
	if w.Pods()[0].CPU().ThrottledPeriods > w.Pods()[0].CPU().Periods {
		t.Error("more throttled periods than periods")
	}
}

// go test -run '^$' -bench Run -benchmem ./scenarios/sim/platform
func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name  string
		cores float64
		limit float64
		pods  int
		load  float64
	}{
		{"uncontended", 64, 0, 8, 0.02}, {"uncontended,limit", 64, 8, 8, 0.02}, {"crowded", 8, 0, 8, 0.95},
	} {
		b.Run("node="+c.name, func(b *testing.B) {
			k, _, w := lone(c.cores, c.pods, platform.PodConfig{CPULimit: c.limit})
			gap := des.FromFloat(1e6 * float64(c.pods) / c.cores / c.load)
			done := 0
			for i, p := range w.Pods() {
				r := des.NewRand(1, p.Name())
				finished := des.HandlerFunc(func(uint64) { done++ })
				var arrive des.HandlerFunc
				arrive = func(uint64) {
					p.Run(des.Time(r.IntN(2_000_000)), finished, 0)
					k.After(des.Time(r.IntN(int(2*gap))), arrive, 0)
				}
				k.At(des.Time(i), arrive, 0)
			}
			k.Run(sec)
			done = 0
			b.ReportAllocs()
			for b.Loop() {
				k.Run(k.Now() + 10*ms)
			}
			b.ReportMetric(float64(done)/b.Elapsed().Seconds()/1e6, "MRun/s")
		})
	}
}
