package exporter_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/exporter"
	"firedrill/scenarios/sim/telemetry/internal/scrapetest"
)

var one = exporter.Constant(1)

// The package comment promises how many series each thing is.
func TestSeries(t *testing.T) {
	for _, c := range []struct {
		name string
		add  func(*telemetry.Group)
		want int
	}{
		{"nothing", exporter.Container{}.Add, 0},
		{"container", exporter.Container{CPUSeconds: one, Periods: one, ThrottledPeriods: one, ThrottledSeconds: one, CPUPressure: one, CPULimit: one, WorkingSet: one, RSS: one, MemoryLimit: one, OOMEvents: one, Received: one, Sent: one}.Add, 12},
		{"pod", exporter.Pod{Phase: func() string { return "Running" }, Ready: func() bool { return true }, Created: 1}.Add, 11},
		{"container status", exporter.ContainerStatus{Restarts: one, LastTerminated: func() string { return "" }, CPURequest: one, CPULimit: one, MemoryRequest: one, MemoryLimit: one}.Add, 5},
		{"deployment", exporter.Deployment{Desired: one, Replicas: one, Available: one, Unavailable: one, Updated: one, ObservedGeneration: one}.Add, 6},
		{"stateful set", exporter.StatefulSet{Desired: one, Replicas: one, Ready: one, Updated: one}.Add, 4},
		{"hpa", exporter.HPA{Min: one, Max: one, Current: one, Desired: one}.Add, 4},
		{"node", exporter.Node{CPU: map[string]exporter.Read{"user": one, "system": one, "iowait": one, "steal": one, "softirq": one, "idle": one}, Load1: one, MemoryTotal: one, MemoryAvailable: one, Received: one, Sent: one, CPUPressure: one, BootTime: one}.Add, 13},
		{"process", exporter.Process{StartTime: 1, CPUSeconds: one, Resident: one, Virtual: one, OpenFDs: one, MaxFDs: one}.Add, 6},
		{"go", exporter.Go{Version: "go1.25.4", Goroutines: one, Threads: one, HeapAlloc: one, HeapSys: one, Allocated: one, NextGC: one,
			GC: func() ([]float64, float64, uint64) { return []float64{0, 1, 2, 3, 4}, 5, 6 }}.Add, 14},
		{"jvm", exporter.JVM{Pools: []exporter.Pool{{Name: "G1 Old Gen", Type: "heap", Used: one, Limit: one}, {Name: "Metaspace", Type: "non_heap", Used: one}}, Threads: one, CPU: one}.Add, 5},
		{"jvm gc", func(g *telemetry.Group) { exporter.JVMGC(g, "G1 Young Generation", "end of minor GC").Observe(0.02) }, 7},
		{"node.js", exporter.NodeJS{Lag: one, LagP99: one, HeapUsed: one, HeapSize: one}.Add, 4},
		{"python", exporter.Python{Collections: [3]exporter.Read{one, one, one}, Collected: one}.Add, 4},
		{"pool", func(g *telemetry.Group) {
			exporter.ConnectionPool{Name: "orders", Used: one, Idle: one, Max: one, Pending: one, Timeouts: one}.Add(g, telemetry.Buckets{Native: true}).Observe(1)
		}, 6},
		{"postgres", exporter.PostgreSQL{Database: "orders", Backends: map[string]exporter.Read{"active": one, "idle": one, "idle in transaction": one}, MaxConnections: one,
			Locks:              map[string]exporter.Read{"accesssharelock": one, "rowsharelock": one, "rowexclusivelock": one, "sharelock": one, "exclusivelock": one, "accessexclusivelock": one},
			LongestTransaction: one, Commits: one, Rollbacks: one, BlocksRead: one, BlocksHit: one, Returned: one, Fetched: one, Inserted: one, Updated: one, Deadlocks: one}.Add, 21},
		{"redis", exporter.Redis{Clients: one, BlockedClients: one, Memory: one, MaxMemory: one, Commands: one, Hits: one, Misses: one, Expired: one, Evicted: one, Keys: one}.Add, 11},
		{"kafka partition", func(g *telemetry.Group) { exporter.KafkaPartition(g, "orders", "0", one) }, 1},
		{"kafka consumer", func(g *telemetry.Group) { exporter.KafkaConsumer(g, "mail", "orders", "0", one, one) }, 2},
	} {
		if got := scrapetest.Once(t, c.add); len(got) != c.want {
			t.Errorf("%s: %d series, want %d: %v", c.name, len(got), c.want, got)
		}
	}
}

func TestPodState(t *testing.T) {
	got := scrapetest.Once(t, exporter.Pod{IP: "10.1.1.1", HostIP: "10.0.0.1", Node: "n", OwnerKind: "ReplicaSet", Owner: "pay-7d9f",
		Phase: func() string { return "Pending" }, Ready: func() bool { return false }, Created: 1772373600}.Add)
	want := map[string]float64{
		`{__name__="kube_pod_info", created_by_kind="ReplicaSet", created_by_name="pay-7d9f", host_ip="10.0.0.1", node="n", pod_ip="10.1.1.1"}`: 1,
		`{__name__="kube_pod_owner", owner_is_controller="true", owner_kind="ReplicaSet", owner_name="pay-7d9f"}`:                               1,
		`{__name__="kube_pod_created"}`:                       1772373600,
		`{__name__="kube_pod_status_phase", phase="Pending"}`: 1, `{__name__="kube_pod_status_phase", phase="Running"}`: 0, `{__name__="kube_pod_status_phase", phase="Failed"}`: 0,
		`{__name__="kube_pod_status_phase", phase="Succeeded"}`: 0, `{__name__="kube_pod_status_phase", phase="Unknown"}`: 0,
		`{__name__="kube_pod_status_ready", condition="true"}`: 0, `{__name__="kube_pod_status_ready", condition="false"}`: 1, `{__name__="kube_pod_status_ready", condition="unknown"}`: 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("series (-want +got):\n" + diff)
	}
}

func TestLastTermination(t *testing.T) {
	got := scrapetest.Once(t, exporter.ContainerStatus{LastTerminated: func() string { return "OOMKilled" }}.Add)
	if diff := cmp.Diff(map[string]float64{`{__name__="kube_pod_container_status_last_terminated_reason", reason="OOMKilled"}`: 1}, got); diff != "" {
		t.Error("series (-want +got):\n" + diff)
	}
}

// Each CPU has its share of the seconds of all, in the hundredths that the kernel counts.
func TestNodeCPUs(t *testing.T) {
	got := scrapetest.Once(t, exporter.Node{CPUs: 2, CPU: map[string]exporter.Read{"user": exporter.Constant(20.477)}}.Add)
	want := map[string]float64{`{__name__="node_cpu_seconds_total", cpu="0", mode="user"}`: 10.23, `{__name__="node_cpu_seconds_total", cpu="1", mode="user"}`: 10.23}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("series (-want +got):\n" + diff)
	}
}

// The network belongs to the pod, not to the container.
func TestContainerNetwork(t *testing.T) {
	got := scrapetest.Once(t, func(g *telemetry.Group) {
		exporter.Container{Received: exporter.Constant(9), CPULimit: exporter.Constant(0.5)}.Add(g)
	})
	want := map[string]float64{`{__name__="container_network_receive_bytes_total", interface="eth0"}`: 9, `{__name__="container_spec_cpu_quota"}`: 50000}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("series (-want +got):\n" + diff)
	}
}
