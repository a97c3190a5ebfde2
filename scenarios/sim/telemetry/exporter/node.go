package exporter

import (
	"math"
	"strconv"

	"firedrill/scenarios/sim/telemetry"
)

// Node is what the node exporter says of a machine.
type Node struct {
	CPUs            int             // how many there are
	CPU             map[string]Read // seconds of all CPUs by mode: user, system, iowait, steal, softirq, idle
	Load1           Read
	MemoryTotal     Read // bytes
	MemoryAvailable Read
	Received, Sent  Read // bytes, of eth0
	CPUPressure     Read // seconds for which some task waited for a CPU
	BootTime        Read // seconds since the epoch
}

var cpuModes = []string{"idle", "iowait", "softirq", "steal", "system", "user"}

// Add exposes a node on its exporter.
func (n Node) Add(g *telemetry.Group) {
	for cpu := range max(n.CPUs, 1) {
		for _, mode := range cpuModes {
			add(g, "node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", n.share(n.CPU[mode]), "cpu", strconv.Itoa(cpu), "mode", mode)
		}
	}
	add(g, "node_load1", "1m load average.", n.Load1)
	add(g, "node_memory_MemTotal_bytes", "Memory information field MemTotal_bytes.", n.MemoryTotal)
	add(g, "node_memory_MemAvailable_bytes", "Memory information field MemAvailable_bytes.", n.MemoryAvailable)
	add(g, "node_network_receive_bytes_total", "Bytes received by a device.", n.Received, "device", "eth0")
	add(g, "node_network_transmit_bytes_total", "Bytes sent by a device.", n.Sent, "device", "eth0")
	add(g, "node_pressure_cpu_waiting_seconds_total", "Seconds that processes have waited for CPU time.", n.CPUPressure)
	add(g, "node_boot_time_seconds", "Unix time of the last boot.", n.BootTime)
}

// share is what one CPU has of the seconds of all, in hundredths, which is how the kernel counts: work is spread evenly.
func (n Node) share(all Read) Read {
	if all == nil {
		return nil
	}
	cpus := float64(max(n.CPUs, 1))
	return func() float64 { return math.Floor(all()/cpus*100) / 100 }
}
