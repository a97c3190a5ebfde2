package sim

import (
	"slices"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/exporter"
)

// pauses are those of a process's collector.
type pauses struct {
	ring [256]float64 // seconds, the latest
	n    int
	jvm  map[platform.Collection]*telemetry.Histogram
}

// collected is told of each pause.
func (p *process) collected(e platform.GCEvent) {
	if p.app == nil {
		return
	}
	g := &p.app.pauses
	g.ring[g.n%len(g.ring)] = e.Pause.Seconds()
	g.n++
	if g.jvm == nil {
		return
	}
	h := g.jvm[e.Kind]
	if h == nil {
		action := "end of major GC"
		name := "G1 Old Generation"
		if e.Kind == platform.Minor {
			name, action = "G1 Young Generation", "end of minor GC"
		} else if e.Kind == platform.Major {
			name, action = "G1 Concurrent GC", "end of concurrent GC pause"
		}
		h = exporter.JVMGC(p.group, name, action)
		g.jvm[e.Kind] = h
	}
	h.Observe(e.Pause.Seconds())
}

// quantiles are those of the pauses that the ring holds: 0, 0.25, 0.5, 0.75 and 1.
func (g *pauses) quantiles() []float64 {
	all := slices.Sorted(slices.Values(g.ring[:min(g.n, len(g.ring))]))
	out := make([]float64, 5)
	for i := range out {
		if n := len(all); n > 0 {
			out[i] = all[i*(n-1)/4]
		}
	}
	return out
}

// observeRuntime adds what client libraries say of their process and its runtime.
func (p *process) observeRuntime() {
	g, pod := p.group, p.unit.pod
	exporter.Process{
		StartTime:  float64(p.unit.run.wall(pod.Started())/1e7) / 100,
		CPUSeconds: func() float64 { return pod.CPU().Usage.Seconds() },
		Resident:   func() float64 { return pages(float64(pod.Memory().WorkingSet)) },
		OpenFDs:    func() float64 { return float64(14 + p.sockets()) },
	}.Add(g)
	p.unit.instance.TargetInfo(g)
	switch p.unit.service.Model.Runtime {
	case model.Go:
		p.observeGo()
	case model.JVM:
		p.observeJVM()
	case model.Node20:
		lag := func() float64 { return 0.0008 + float64(0.003*float64(max(pod.Runnable()-1, 0))) }
		exporter.NodeJS{
			Lag:      lag,
			HeapUsed: func() float64 { return float64(pod.Memory().HeapUsed) },
			HeapSize: func() float64 { return float64(pod.Memory().HeapCommitted) },
		}.Add(g)
	case model.Python:
		collections := func(each float64) exporter.Read {
			return func() float64 { return float64(int64(float64(pod.Memory().Allocated) / (each * 4096))) }
		}
		// CPython's thresholds: 700 objects, and ten collections of the younger generation.
		exporter.Python{Collections: [3]exporter.Read{collections(700), collections(7000), collections(70000)}}.Add(g)
	}
}

// sockets is how many connections a process has open, about.
func (p *process) sockets() int {
	n := p.replica.InFlight + p.replica.Queued
	for _, d := range p.replica.Dependencies {
		n += max(d.Pool.Used+d.Pool.Idle, d.InFlight/4+1)
	}
	return n
}

func (p *process) observeGo() {
	pod := p.unit.pod
	exporter.Go{
		Version:    "go1.26.5",
		Goroutines: func() float64 { return float64(18 + 2*p.sockets() + p.replica.InFlight) },
		HeapAlloc:  func() float64 { return float64(pod.Memory().HeapUsed) },
		NextGC:     func() float64 { return float64(pod.Memory().HeapGoal) },
		GC: func() ([]float64, float64, uint64) {
			m := pod.Memory()
			return p.app.pauses.quantiles(), m.GC[platform.Major].Pause.Seconds(), m.GC[platform.Major].Count
		},
	}.Add(p.group)
}

func (p *process) observeJVM() {
	pod, m := p.unit.pod, p.unit.service.Model
	threads := 24
	if m.Workers > 0 {
		threads += m.Workers
	}
	heap := func(part func(platform.MemoryStats) int64) exporter.Read {
		return func() float64 { return float64(part(pod.Memory())) }
	}
	most := exporter.Read(nil)
	if heapMax := pod.Memory().HeapMax; heapMax > 0 {
		most = exporter.Constant(float64(heapMax))
	}
	last := struct {
		at, used des.Time
	}{p.unit.run.flow.Kernel.Now(), pod.CPU().Usage}
	exporter.JVM{
		Pools: []exporter.Pool{
			{Name: "G1 Eden Space", Type: "heap", Used: heap(func(s platform.MemoryStats) int64 { return s.Eden })},
			{Name: "G1 Survivor Space", Type: "heap", Used: heap(func(s platform.MemoryStats) int64 { return s.Survivor })},
			{Name: "G1 Old Gen", Type: "heap", Used: heap(func(s platform.MemoryStats) int64 { return s.Old }), Limit: most},
			{Name: "Metaspace", Type: "non_heap", Used: exporter.Constant(pages(float64(m.Memory.Base) * 0.4))},
		},
		Threads: func() float64 { return float64(threads) },
		CPU: func() float64 {
			now, used := p.unit.run.flow.Kernel.Now(), pod.CPU().Usage
			spent, passed := used-last.used, now-last.at
			last.at, last.used = now, used
			if passed <= 0 {
				return 0
			}
			return min(1, spent.Seconds()/(passed.Seconds()*float64(max(pod.Procs(), 1))))
		},
	}.Add(p.group)
}
