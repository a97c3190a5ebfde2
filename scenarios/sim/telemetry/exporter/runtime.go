package exporter

import "firedrill/scenarios/sim/telemetry"

// Process is what the client libraries say of their process.
type Process struct {
	StartTime  float64 // seconds since the epoch
	CPUSeconds Read
	Resident   Read // bytes
	Virtual    Read // bytes
	OpenFDs    Read
	MaxFDs     Read
}

// Add exposes a process.
func (p Process) Add(g *telemetry.Group) {
	add(g, "process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.", Constant(p.StartTime))
	add(g, "process_cpu_seconds_total", "User and system CPU time spent in seconds.", p.CPUSeconds)
	add(g, "process_resident_memory_bytes", "Resident memory size in bytes.", p.Resident)
	add(g, "process_virtual_memory_bytes", "Virtual memory size in bytes.", p.Virtual)
	add(g, "process_open_fds", "Open file descriptors.", p.OpenFDs)
	add(g, "process_max_fds", "Limit of open file descriptors.", p.MaxFDs)
}

// Go is what client_golang's collector says of the Go runtime.
type Go struct {
	Version    string // go1.25.4
	Goroutines Read
	Threads    Read
	HeapAlloc  Read // bytes in use
	HeapSys    Read // bytes had from the system
	Allocated  Read // bytes allocated since the start
	NextGC     Read // heap bytes at which the next collection begins
	// GC gives the pauses: their quantiles 0, 0.25, 0.5, 0.75 and 1, their sum in seconds and their count.
	GC func() (quantiles []float64, sum float64, count uint64)
}

var goQuantiles = []float64{0, 0.25, 0.5, 0.75, 1}

// Add exposes a Go runtime.
func (r Go) Add(g *telemetry.Group) {
	g.Info(telemetry.Family{Name: "go_info", Type: telemetry.TypeGauge, Help: "Information about the Go environment."}, "version", r.Version)
	add(g, "go_goroutines", "Goroutines that currently exist.", r.Goroutines)
	add(g, "go_threads", "OS threads created.", r.Threads)
	add(g, "go_memstats_heap_alloc_bytes", "Heap bytes allocated and still in use.", r.HeapAlloc)
	add(g, "go_memstats_heap_sys_bytes", "Heap bytes obtained from the system.", r.HeapSys)
	add(g, "go_memstats_alloc_bytes_total", "Bytes allocated in heap until now, even if released already.", r.Allocated)
	add(g, "go_memstats_next_gc_bytes", "Heap bytes at which the next garbage collection takes place.", r.NextGC)
	if r.GC != nil {
		g.Summary(telemetry.Family{Name: "go_gc_duration_seconds", Type: telemetry.TypeSummary, Help: "Wall-time pause durations of garbage collection cycles."}, goQuantiles, r.GC)
	}
}

// Pool is a memory pool of a JVM.
type Pool struct {
	Name  string // G1 Eden Space, G1 Old Gen, Metaspace, ...
	Type  string // heap or non_heap
	Used  Read   // bytes
	Limit Read   // bytes; nil without one
}

// JVM is what OpenTelemetry's Java agent says of the runtime.
type JVM struct {
	Pools   []Pool
	Threads Read
	CPU     Read // utilisation of the process, 0 to 1
}

// jvmGCBuckets are those that the conventions advise for jvm.gc.duration.
var jvmGCBuckets = []float64{0.01, 0.1, 1, 10}

// Add exposes a JVM. Its collections are counted by JVMGC.
func (j JVM) Add(g *telemetry.Group) {
	for _, p := range j.Pools {
		add(g, "jvm_memory_used_bytes", "Measure of memory used.", p.Used, "jvm_memory_pool_name", p.Name, "jvm_memory_type", p.Type)
		add(g, "jvm_memory_limit_bytes", "Measure of max obtainable memory.", p.Limit, "jvm_memory_pool_name", p.Name, "jvm_memory_type", p.Type)
	}
	add(g, "jvm_thread_count", "Number of executing platform threads.", j.Threads)
	add(g, "jvm_cpu_recent_utilization_ratio", "Recent CPU utilization for the process.", j.CPU)
}

// JVMGC returns the histogram of a collector's pauses in seconds; name is for example "G1 Young Generation",
// action "end of minor GC".
func JVMGC(g *telemetry.Group, name, action string) *telemetry.Histogram {
	return g.Histogram(telemetry.Family{Name: "jvm_gc_duration_seconds", Type: telemetry.TypeHistogram, Help: "Duration of JVM garbage collection actions."},
		telemetry.Buckets{Classic: jvmGCBuckets}, "jvm_gc_name", name, "jvm_gc_action", action)
}

// NodeJS is what prom-client says of the Node.js runtime.
type NodeJS struct {
	Lag, LagP99 Read // of the event loop, seconds
	HeapUsed    Read // bytes
	HeapSize    Read // bytes
}

// Add exposes a Node.js runtime.
func (n NodeJS) Add(g *telemetry.Group) {
	add(g, "nodejs_eventloop_lag_seconds", "Lag of event loop in seconds.", n.Lag)
	add(g, "nodejs_eventloop_lag_p99_seconds", "The 99th percentile of the recorded event loop delays.", n.LagP99)
	add(g, "nodejs_heap_size_used_bytes", "Process heap size used from Node.js in bytes.", n.HeapUsed)
	add(g, "nodejs_heap_size_total_bytes", "Process heap size from Node.js in bytes.", n.HeapSize)
}

// Python is what prometheus_client says of the Python runtime.
type Python struct {
	Collections [3]Read // by generation
	Collected   Read    // objects of generation 0
}

// Add exposes a Python runtime.
func (p Python) Add(g *telemetry.Group) {
	for i, generation := range []string{"0", "1", "2"} {
		add(g, "python_gc_collections_total", "Number of times this generation was collected.", p.Collections[i], "generation", generation)
	}
	add(g, "python_gc_objects_collected_total", "Objects collected during gc.", p.Collected, "generation", "0")
}
