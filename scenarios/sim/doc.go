// Package sim turns a system and what breaks it into a recording: it wires the request path (package flow), the
// cluster below it (package platform) and the instrumentation that such a system carries (package telemetry). [Build]
// does all of it. Nothing is drawn by hand: a metric, a line or a span is there because something in the
// simulated system happened, and the three agree because they tell of the same happening.
//
// # What is simulated
//
//   - Requests one by one: clients, proxies, services with workers and queues, calls with time-outs, retries and pools,
//     databases with locks and connections, caches, brokers with partitions and consumers (package flow).
//   - Pods on nodes: CPU shares and quotas, heaps and their collectors, kills for memory, probes, restarts with
//     back-off, rollouts and the autoscaler (package platform).
//   - What watches them: OpenTelemetry in our own code, ingress-nginx or Envoy, postgres_exporter, redis_exporter,
//     kafka_exporter, cAdvisor, kube-state-metrics, the node exporter, Prometheus with its rules, and the log of
//     every container.
//
// # What is not
//
// Packets, disks, DNS, the control plane and the monitoring itself cannot fail. Network traffic is a fixed number of
// bytes per request, rows and blocks of a database a fixed number per statement, descriptors and goroutines follow the connections:
// they move with the load and tell nothing more. Pods that fit on no node are not listed by kube-state-metrics. External services have no signal but
// what their callers see. Brokers and caches write no lines but those of system.yaml.
//
// # Time
//
// The system runs for five minutes before the recording starts, so that pools, caches, heaps and queues are as they
// always are. Processes of that time are hours to weeks old: what they counted in the warm-up is multiplied by
// their age in units of the warm-up when the recording starts, so that counters do not start near zero and still agree with
// each other; so are those of the nodes since their boot. Offsets of topics begin somewhere. No sample, line or span of the
// warm-up is written, and no trace that began in it.
//
// # Names
//
// Every series has cluster and job, and what the discovery of kube-prometheus-stack gives: namespace, pod, container,
// instance and service. A service's name is its job, its container, its service_name in log streams and its service.name
// in traces. kubelet (with cAdvisor), kube-state-metrics and node-exporter are targets of their own, whose series
// carry the namespace, pod and container that they tell of. A container that restarts has a new id, so that its old
// series of cAdvisor end stale, as the series of a pod do that is gone. Names of the application itself, where no
// convention has one: worker_pool_* for workers and queues, client_request_retries_total, client_request_hedges_total,
// circuit_breaker_*, cache_gets_total and cache_size (Micrometer's).
//
// Durations of what a process serves are classic histograms, or as system.yaml has it; those of what it calls are native
// ones, a series each, unless the service has both: ten services with three pods each stay below 3,000 series.
//
// # Links
//
// Whether a trace is recorded is known only when it is over (tail sampling). So lines and exemplars wait until then: an id in
// a line, its metadata or an exemplar is always that of a recorded trace. Lines of other requests have none,
// although a service with head sampling would print ids that lead nowhere.
//
// # What lines say
//
// A line says what its process knows: its own errors, those that others answered, its beginning and its end. A
// process that is killed says nothing. Client libraries report retries, and repeat themselves less with time. No line and no metric
// is made for a fault.
package sim
