package platform_test

import (
	"math"
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/platform"
)

const (
	ms  = des.Millisecond
	sec = des.Second
	mib = 1 << 20
	gib = 1 << 30
)

// lone returns a kernel, a node of that many cores, and the pods of a workload on it.
func lone(cores float64, replicas int, pod platform.PodConfig) (*des.Kernel, *platform.Node, *platform.Workload) {
	k := new(des.Kernel)
	c := platform.NewCluster(k, 1)
	n := c.AddNode(platform.NodeConfig{Name: "node-a", Zone: "a", Cores: cores, Memory: 64 * gib})
	w := c.AddWorkload(platform.WorkloadConfig{Name: "web", Namespace: "shop", Replicas: replicas, Version: "1.0", Pod: pod})
	return k, n, w
}

// finish returns a handler that notes when it is called.
func finish(k *des.Kernel, at *des.Time) des.Handler {
	*at = -1
	return des.HandlerFunc(func(uint64) { *at = k.Now() })
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s is %.6g, want %.6g within %g %%", what, got, want, 100*relative)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
