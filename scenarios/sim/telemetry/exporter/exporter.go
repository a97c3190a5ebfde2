// Package exporter lists the metrics of platforms and runtimes that dashboards of production systems
// use, under their real names: cAdvisor, kube-state-metrics, node exporter, Go, JVM, Node.js and Python
// runtimes, processes, connection pools, PostgreSQL, Redis and Kafka.
//
// Each function adds one thing to a group of a target; what it says comes from callbacks, which are asked at
// each scrape. A callback that is nil leaves its metric out. To take the thing away, remove the group.
//
// # Series
//
// With everything filled in: Container 12, Pod 11, ContainerStatus 5 to 7, Deployment 6, StatefulSet 4, HPA 4, Node 7 and 6 a CPU, Process 6, Go 14,
// JVM 2 and up to 2 a memory pool, JVMGC 7, NodeJS 4, Python 4, ConnectionPool 5 and its histogram, PostgreSQL 21, Redis 11,
// KafkaPartition 1, KafkaConsumer 2. Each target adds 4.
package exporter

import (
	"strings"

	"firedrill/scenarios/sim/telemetry"
)

// Read is asked for a value at each scrape.
type Read func() float64

// Constant returns a Read that always gives v.
func Constant(v float64) Read { return func() float64 { return v } }

// add exposes a metric whose type follows from its name: counters end in _total.
func add(g *telemetry.Group, name, help string, read Read, pairs ...string) {
	if read == nil {
		return
	}
	f := telemetry.Family{Name: name, Type: telemetry.TypeGauge, Help: help}
	if strings.HasSuffix(name, "_total") {
		f.Type = telemetry.TypeCounter
	}
	g.Func(f, read, pairs...)
}

// truth is 1 for true.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
