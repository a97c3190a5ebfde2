package platform_test

import (
	"fmt"
	"slices"
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/platform"
)

// allocate has the pod make garbage at a steady rate, in small pieces.
func allocate(k *des.Kernel, p *platform.Pod, bytesPerSecond int64) {
	var step des.HandlerFunc
	step = func(uint64) {
		p.Alloc(bytesPerSecond / 1000)
		k.After(ms, step, 0)
	}
	k.At(k.Now(), step, 0)
}

func TestGoCollectsWhenTheHeapHasDoubled(t *testing.T) {
	for _, c := range []struct {
		gogc int
		gap  float64 // Seconds between cycles: live * GOGC/100 / rate.
	}{{0, 10}, {50, 5}, {200, 20}} {
		k, _, w := lone(8, 1, platform.PodConfig{Runtime: platform.Runtime{Kind: platform.Go, Live: 100 * mib, GOGC: c.gogc}})
		p := w.Pods()[0]
		allocate(k, p, 10*mib)
		k.Run(10 * 60 * sec)
		m := p.Memory()
		near(t, fmt.Sprintf("cycles with GOGC=%d", c.gogc), float64(m.GC[platform.Major].Count), 600/c.gap, 0.05)
		// Marking costs 1 ns a byte besides the pauses, and nothing else runs here.
		marking := p.CPU().Usage - m.GC[platform.Major].Pause
		near(t, "CPU time of marking", marking.Seconds(), float64(m.GC[platform.Major].Count)*100*mib/1e9, 0.03)
		if pause := m.GC[platform.Major].Pause / des.Time(m.GC[platform.Major].Count); pause > 200*des.Microsecond {
			t.Errorf("pauses last %v on average", pause)
		}
		if top := int64(float64(100*mib) * (1 + c.gap/10) * 1.15); m.WorkingSet > top {
			t.Errorf("working set %d MiB, want at most %d", m.WorkingSet/mib, top/mib)
		}
	}
}

func TestGarbageMadeWhileMarkingStays(t *testing.T) {
	k, _, w := lone(8, 1, platform.PodConfig{CPULimit: 0.1, Runtime: platform.Runtime{Kind: platform.Go, Live: 100 * mib}})
	p := w.Pods()[0]
	allocate(k, p, 10*mib)
	least := p.Memory().HeapUsed
	for p.Memory().GC[platform.Major].Count < 4 {
		k.Run(k.Now() + ms)
		least = min(least, p.Memory().HeapUsed)
	}
	// Marking takes 105 ms of CPU time, which a tenth of a core gives in about a second.
	if made := least - 100*mib; made < 8*mib || made > 12*mib {
		t.Errorf("a cycle leaves %d KiB of garbage, want what was made while it ran", made/1024)
	}
}

func TestPauseStopsTheApplication(t *testing.T) {
	k, _, w := lone(4, 1, platform.PodConfig{Runtime: platform.Runtime{Kind: platform.Python, Live: 200 * mib}})
	p := w.Pods()[0]
	var at des.Time
	p.Run(sec, finish(k, &at), 0)
	k.Run(100 * ms)
	p.Alloc(3000 * mib) // A twentieth of it is in cycles.
	k.Run(10 * sec)
	m := p.Memory()
	equal(t, "collections", m.GC[platform.Major].Count, 1)
	near(t, "pause", m.GC[platform.Major].Pause.Seconds(), 0.21, 0.6)
	near(t, "end of the work", at.Seconds(), (sec + m.GC[platform.Major].Pause).Seconds(), 1e-6)
	equal(t, "heap used", m.HeapUsed, 200*mib)
}

func TestNodeScavengesOftenAndMarksRarely(t *testing.T) {
	k, _, w := lone(4, 1, platform.PodConfig{Runtime: platform.Runtime{Kind: platform.NodeJS, Live: 64 * mib, MaxHeap: 200 * mib}})
	p := w.Pods()[0]
	allocate(k, p, 32*mib)
	k.Run(600 * sec)
	m := p.Memory()
	// Each 16 MiB a scavenge, which leaves half a MiB; each 32 MiB of that a collection of everything.
	near(t, "scavenges", float64(m.GC[platform.Minor].Count), 1200, 0.05)
	near(t, "collections", float64(m.GC[platform.Major].Count), 600/32.0, 0.2)
	if mean := m.GC[platform.Major].Pause / des.Time(m.GC[platform.Major].Count); mean > 15*ms {
		t.Errorf("marking pauses for %v on average", mean)
	}
	p.Leak(140 * mib)
	k.Run(650 * sec)
	equal(t, "end of a full heap", p.LastTermination().ExitCode, 134)
}

func TestJVM(t *testing.T) {
	run := func(live, held int64) (*platform.Pod, platform.MemoryStats, des.Time) {
		k, _, w := lone(4, 1, platform.PodConfig{Runtime: platform.Runtime{Kind: platform.JVM, MaxHeap: gib, Live: live}})
		p := w.Pods()[0]
		allocate(k, p, 100*mib)
		p.Hold(held)
		k.Run(10 * 60 * sec)
		m := p.Memory()
		var pause des.Time
		for _, g := range m.GC {
			pause += g.Pause
		}
		return p, m, pause
	}
	_, m, calm := run(200*mib, 60*mib)
	near(t, "young collections", float64(m.GC[platform.Minor].Count), 600*100.0/341, 0.03)
	equal(t, "full collections", m.GC[platform.Full].Count, 0)
	if m.GC[platform.Major].Count == 0 {
		t.Error("the old generation was never collected")
	}
	if calm > 6*sec {
		t.Errorf("paused for %v of 10 min", calm)
	}
	_, m, busy := run(970*mib, 10*mib)
	if m.GC[platform.Full].Count < 20 || busy < 10*calm {
		t.Errorf("nearly full heap: %d full collections, pauses of %v (%v with room)", m.GC[platform.Full].Count, busy, calm)
	}
	p, _, _ := run(1010*mib, 10*mib)
	equal(t, "end of a full heap", p.LastTermination().ExitCode, 3)
}

func TestNativeMemoryIsFreedAtOnce(t *testing.T) {
	k, _, w := lone(4, 1, platform.PodConfig{Runtime: platform.Runtime{Base: 30 * mib, Live: 10 * mib}})
	p := w.Pods()[0]
	p.Hold(5 * mib)
	equal(t, "working set", p.Memory().WorkingSet, 45*mib)
	p.Release(5 * mib)
	p.Alloc(100 * mib)
	k.Run(sec)
	equal(t, "working set", p.Memory().WorkingSet, 40*mib)
}

func TestLeakEndsInOOMKillsAndBackOff(t *testing.T) {
	k := new(des.Kernel)
	c := platform.NewCluster(k, 1)
	c.AddNode(platform.NodeConfig{Name: "n", Cores: 4, Memory: gib})
	var events []string
	note := func(what string) func(*platform.Pod) {
		return func(p *platform.Pod) { events = append(events, fmt.Sprintf("%v %s", k.Now(), what)) }
	}
	c.Listen(platform.Listener{
		Started: note("started"), Ready: note("ready"), NotReady: note("not ready"), Removed: note("removed"),
		Killed: func(p *platform.Pod, e platform.Termination) {
			note(fmt.Sprint("killed ", e.Reason, " ", e.ExitCode))(p)
		},
	})
	w := c.AddWorkload(platform.WorkloadConfig{Name: "web", Replicas: 1, Pod: platform.PodConfig{
		MemoryLimit: 100 * mib, StartUp: des.Constant(2 * sec), Runtime: platform.Runtime{Base: 40 * mib, Live: 10 * mib}}})
	p := w.Pods()[0]
	var lost des.Time
	p.Run(des.Hour, finish(k, &lost), 0)
	leak := des.HandlerFunc(func(uint64) { p.Leak(49 * mib); p.Leak(2 * mib) })
	id := p.ContainerID()

	k.At(10*sec, leak, 0)
	k.Run(10*sec + 1)
	equal(t, "state", p.State(), platform.Waiting)
	equal(t, "reason", p.WaitingReason(), "ContainerCreating")
	k.Run(20 * sec)
	equal(t, "state", p.State(), platform.Ready)
	equal(t, "restarts", p.Restarts(), 1)
	equal(t, "CPU of the new container", p.CPU().Usage, 0)
	equal(t, "working set of the new container", p.Memory().WorkingSet, 50*mib)
	if p.ContainerID() == id {
		t.Error("the container id has not changed")
	}
	want := []string{"0s started", "0s ready", "10s not ready", "10s killed OOMKilled 137", "11s started", "13s ready"}
	if !slices.Equal(events, want) {
		t.Errorf("events:\n%q\nwant\n%q", events, want)
	}
	equal(t, "the work that was lost was called at", lost, -1)

	// Again and again: the waits double to five minutes.
	for _, wait := range []des.Time{10, 20, 40, 80, 160, 300, 300} {
		at := k.Now()
		k.At(at, leak, 0)
		k.Run(at + 1)
		equal(t, "reason", p.WaitingReason(), "CrashLoopBackOff")
		k.Run(at + wait*sec + sec)
		equal(t, fmt.Sprintf("state before the end of a wait of %d s", wait), p.State(), platform.Waiting)
		k.Run(at + wait*sec + sec + 1)
		equal(t, fmt.Sprintf("state after a wait of %d s", wait), p.State(), platform.Starting)
		k.Run(at + wait*sec + 10*sec)
	}
	equal(t, "restarts", p.Restarts(), 8)

	// Ten minutes without failure are forgiven.
	k.Run(k.Now() + 10*des.Minute)
	at := k.Now()
	k.At(at, leak, 0)
	k.Run(at + 2*sec)
	equal(t, "state", p.State(), platform.Starting)
}
