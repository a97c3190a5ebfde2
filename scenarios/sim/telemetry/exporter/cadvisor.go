package exporter

import "firedrill/scenarios/sim/telemetry"

// Container is what the kubelet's cAdvisor says of a container and its pod's network.
type Container struct {
	CPUSeconds       Read // used, user and system
	Periods          Read // of the CFS scheduler that had a limit
	ThrottledPeriods Read
	ThrottledSeconds Read
	CPUPressure      Read // seconds for which some task waited for a CPU, throttled or crowded out
	CPULimit         Read // cores
	WorkingSet       Read // bytes
	RSS              Read // bytes
	MemoryLimit      Read // bytes
	OOMEvents        Read
	Received, Sent   Read // bytes, of the pod
}

// Add exposes a container on its node's kubelet. The group has the labels namespace, pod and container; the network
// counters belong to the pod and have none of container but an interface.
func (c Container) Add(g *telemetry.Group) {
	add(g, "container_cpu_usage_seconds_total", "CPU time consumed in seconds.", c.CPUSeconds)
	add(g, "container_cpu_cfs_periods_total", "Enforcement periods that have passed.", c.Periods)
	add(g, "container_cpu_cfs_throttled_periods_total", "Periods in which the container was throttled.", c.ThrottledPeriods)
	add(g, "container_cpu_cfs_throttled_seconds_total", "Time for which the container was throttled.", c.ThrottledSeconds)
	add(g, "container_pressure_cpu_waiting_seconds_total", "Time for which tasks of the container waited for CPU time.", c.CPUPressure)
	add(g, "container_memory_working_set_bytes", "Working set in bytes: what counts towards the limit.", c.WorkingSet)
	add(g, "container_memory_rss", "Resident anonymous memory in bytes.", c.RSS)
	add(g, "container_spec_memory_limit_bytes", "Memory limit in bytes.", c.MemoryLimit)
	if c.CPULimit != nil {
		add(g, "container_spec_cpu_quota", "CPU quota in microseconds for each period of 100 ms.", func() float64 { return c.CPULimit() * 100_000 })
	}
	add(g, "container_oom_events_total", "Out-of-memory events observed.", c.OOMEvents)
	add(g, "container_network_receive_bytes_total", "Bytes received.", c.Received, "container", "", "interface", "eth0")
	add(g, "container_network_transmit_bytes_total", "Bytes sent.", c.Sent, "container", "", "interface", "eth0")
}
