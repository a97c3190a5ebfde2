package platform_test

import (
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/platform"
)

func TestResize(t *testing.T) {
	k, _, w := lone(4, 1, platform.PodConfig{MemoryLimit: gib, Runtime: platform.Runtime{Base: 200 * mib}})
	p := w.Pods()[0]
	var at des.Time
	p.Run(des.Hour, finish(k, &at), 0)
	k.Run(10 * sec)
	p.Resize(0.25, gib)
	k.Run(20 * sec)
	near(t, "usage with a quarter of a core", p.CPU().Usage.Seconds(), 10+2.5, 1e-3)
	near(t, "throttled periods", float64(p.CPU().ThrottledPeriods), 100, 0.011)
	k.Run(p.PeriodEnd() - ms) // Throttled, and throttled under the next limit too.
	before := p.CPU()
	p.Resize(0.2, gib/2)
	equal(t, "throttled periods", p.CPU().ThrottledPeriods, before.ThrottledPeriods)
	p.Resize(0, gib/2)
	before, at = p.CPU(), k.Now()
	k.Run(at + 10*sec)
	equal(t, "usage without a limit", p.CPU().Usage-before.Usage, 10*sec)
	equal(t, "periods without a limit", p.CPU().Periods, before.Periods)
	p.Resize(0, 100*mib)
	k.Run(k.Now() + sec)
	equal(t, "end below the memory in use", p.LastTermination().Reason, "OOMKilled")
}

func TestSetCores(t *testing.T) {
	k, n, w := lone(4, 2, platform.PodConfig{})
	var at des.Time
	for _, p := range w.Pods() {
		p.Run(des.Hour, finish(k, &at), 0)
	}
	k.Run(sec)
	n.SetCores(1)
	k.Run(3 * sec)
	equal(t, "usage", n.Usage(), 2*sec+2*sec)
	n.SetCores(4)
	k.Run(4 * sec)
	equal(t, "usage", n.Usage(), 6*sec)
	equal(t, "waiting", w.Pods()[0].CPU().Waiting, 2*sec)
}
