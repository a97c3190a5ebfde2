package platform_test

import (
	"fmt"
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/platform"
)

// steady has every pod of a workload that serves use a share of a core: of each second, that much.
func steady(k *des.Kernel, w *platform.Workload, cores *float64) {
	none := des.HandlerFunc(func(uint64) {})
	var step des.HandlerFunc
	step = func(uint64) {
		for _, p := range w.Pods() {
			if p.State() == platform.Ready && *cores > 0 {
				p.Run(des.FromFloat(*cores*float64(100*ms)), none, 0)
			}
		}
		k.After(100*ms, step, 0)
	}
	k.At(k.Now(), step, 0)
}

func TestAutoscalerFormula(t *testing.T) {
	for _, c := range []struct {
		replicas, min, max int
		cores              float64 // Used by each pod, which requests half a core.
		utilization, want  int     // After the first sync.
		limited            bool
	}{
		{4, 1, 20, 0.40, 80, 4, false},  // On target.
		{4, 1, 20, 0.436, 87, 4, false}, // 8.75 % above: within the tolerance.
		{4, 1, 20, 0.45, 90, 5, false},  // 12.5 % above: ceil(4 * 1.125).
		{4, 1, 20, 0.79, 158, 8, false}, // ceil(4 * 1.975).
		{4, 1, 6, 0.79, 158, 6, true},   // At most 6.
		{2, 1, 20, 0.98, 196, 5, false},
		{1, 1, 20, 3.20, 635, 5, true},  // 8, but at most 4 pods (or as many again) in 15 s.
		{6, 1, 20, 1.20, 239, 12, true}, // 18, but at most as many again.
	} {
		t.Run(fmt.Sprintf("%d pods at %d %%", c.replicas, c.utilization), func(t *testing.T) {
			k, _, w := lone(64, c.replicas, platform.PodConfig{CPURequest: 0.5})
			cores := c.cores
			steady(k, w, &cores)
			a := w.Autoscale(platform.AutoscalerConfig{Min: c.min, Max: c.max, Target: 80})
			k.Run(15*sec + 1)
			d := a.Last()
			if d.Utilization != c.utilization || d.Desired != c.want || d.Limited != c.limited || w.Config().Replicas != c.want {
				t.Errorf("decided %+v with %d replicas, want utilization %d, desired %d, limited %v",
					d, w.Config().Replicas, c.utilization, c.want, c.limited)
			}
		})
	}
}

func TestAutoscalerScalesDownAfterFiveMinutes(t *testing.T) {
	k, _, w := lone(64, 4, platform.PodConfig{CPURequest: 0.5})
	cores := 0.79
	steady(k, w, &cores)
	a := w.Autoscale(platform.AutoscalerConfig{Min: 2, Max: 20, Target: 80})
	k.Run(16 * sec)
	equal(t, "replicas", w.Config().Replicas, 8)
	equal(t, "scaled at", a.ScaledAt(), 15*sec)
	cores = 0.1
	// The recommendation of 8 at 15 s holds for 300 s, and the sync at 315 s is the last to see it.
	k.Run(329 * sec)
	equal(t, "replicas at 329 s", w.Config().Replicas, 8)
	equal(t, "recommended", a.Last().Recommended, 2)
	k.Run(331 * sec)
	equal(t, "replicas at 331 s", w.Config().Replicas, 2)
	k.Run(400 * sec)
	equal(t, "ready", w.Status().Ready, 2)
	cores = 0
	k.Run(1000 * sec)
	equal(t, "replicas of an idle workload", w.Config().Replicas, 2)
}

// While new pods start they count as idle, so that one surge of load is not answered twice; pods that do not report
// count as busy when scaling down.
func TestAutoscalerCountsPodsThatAreNotReady(t *testing.T) {
	k, _, w := lone(64, 4, platform.PodConfig{CPURequest: 0.5, StartUp: des.Constant(2 * des.Minute)})
	cores := 0.6 // 120 %: ceil(4 * 1.5) = 6.
	steady(k, w, &cores)
	a := w.Autoscale(platform.AutoscalerConfig{Min: 1, Max: 20, Target: 80})
	k.Run(16 * sec)
	equal(t, "replicas", w.Config().Replicas, 6)
	cores = 0.65
	k.Run(100 * sec) // 130 % of 4 pods would ask for 7, but 86 % of 6 is within the tolerance.
	equal(t, "replicas while two start", w.Config().Replicas, 6)
	equal(t, "utilization", a.Last().Utilization, 130)

	k, _, w = lone(64, 4, platform.PodConfig{CPURequest: 0.5, StartUp: des.Constant(sec)})
	cores = 0.2 // 40 % of 4: two are enough.
	steady(k, w, &cores)
	a = w.Autoscale(platform.AutoscalerConfig{Min: 4, Max: 20, Target: 80})
	k.Run(320 * sec) // Within the first five minutes a restarted pod would be left out.
	equal(t, "recommended", a.Last().Recommended, 2)
	w.Pods()[0].Crash(1)
	k.Run(331 * sec) // (3 * 40 + 100) / 4 = 55 %: ceil(4 * 0.6875).
	equal(t, "recommended after a crash", a.Last().Recommended, 3)
	equal(t, "replicas", w.Config().Replicas, 4)
}
