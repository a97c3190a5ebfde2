package exporter

import "firedrill/scenarios/sim/telemetry"

// Pod is what kube-state-metrics says of a pod.
type Pod struct {
	IP, HostIP, Node string
	OwnerKind, Owner string        // ReplicaSet and its name
	Phase            func() string // Pending, Running, Succeeded, Failed or Unknown
	Ready            func() bool
	Created          float64 // seconds since the epoch
}

// phases are those that kube-state-metrics exposes, all of them, with 1 for the present one.
var phases = []string{"Pending", "Succeeded", "Failed", "Unknown", "Running"}

// Add exposes a pod on kube-state-metrics. The group has the labels namespace, pod and uid.
func (p Pod) Add(g *telemetry.Group) {
	g.Info(telemetry.Family{Name: "kube_pod_info", Type: telemetry.TypeGauge, Help: "Information about the pod."},
		"pod_ip", p.IP, "host_ip", p.HostIP, "node", p.Node, "created_by_kind", p.OwnerKind, "created_by_name", p.Owner)
	g.Info(telemetry.Family{Name: "kube_pod_owner", Type: telemetry.TypeGauge, Help: "The pod's owner."},
		"owner_kind", p.OwnerKind, "owner_name", p.Owner, "owner_is_controller", "true")
	add(g, "kube_pod_created", "Unix creation time of the pod.", Constant(p.Created))
	for _, phase := range phases {
		add(g, "kube_pod_status_phase", "The pod's current phase.", func() float64 { return truth(p.Phase() == phase) }, "phase", phase)
	}
	add(g, "kube_pod_status_ready", "Whether the pod is ready to serve requests.", func() float64 { return truth(p.Ready()) }, "condition", "true")
	add(g, "kube_pod_status_ready", "Whether the pod is ready to serve requests.", func() float64 { return truth(!p.Ready()) }, "condition", "false")
	add(g, "kube_pod_status_ready", "Whether the pod is ready to serve requests.", Constant(0), "condition", "unknown")
}

// ContainerStatus is what kube-state-metrics says of a container.
type ContainerStatus struct {
	Restarts       Read
	LastTerminated func() string // reason, such as OOMKilled or Error; empty when there was none
	Waiting        func() string // reason, such as CrashLoopBackOff; empty when it does not wait
	CPURequest     Read          // cores
	CPULimit       Read
	MemoryRequest  Read // bytes
	MemoryLimit    Read
	Node           string
}

// Add exposes a container on kube-state-metrics. The group has the labels namespace, pod and container.
func (c ContainerStatus) Add(g *telemetry.Group) {
	add(g, "kube_pod_container_status_restarts_total", "Restarts of the container.", c.Restarts)
	if c.LastTerminated != nil {
		g.InfoFunc(telemetry.Family{Name: "kube_pod_container_status_last_terminated_reason", Type: telemetry.TypeGauge, Help: "Why the container was last in the terminated state."}, "reason", c.LastTerminated)
	}
	if c.Waiting != nil {
		g.InfoFunc(telemetry.Family{Name: "kube_pod_container_status_waiting_reason", Type: telemetry.TypeGauge, Help: "Why the container is in the waiting state."}, "reason", c.Waiting)
	}
	const requests, limits = "kube_pod_container_resource_requests", "kube_pod_container_resource_limits"
	add(g, requests, "Requested amount of a resource.", c.CPURequest, "resource", "cpu", "unit", "core", "node", c.Node)
	add(g, requests, "Requested amount of a resource.", c.MemoryRequest, "resource", "memory", "unit", "byte", "node", c.Node)
	add(g, limits, "Limit of a resource.", c.CPULimit, "resource", "cpu", "unit", "core", "node", c.Node)
	add(g, limits, "Limit of a resource.", c.MemoryLimit, "resource", "memory", "unit", "byte", "node", c.Node)
}

// Deployment is what kube-state-metrics says of a deployment.
type Deployment struct {
	Desired            Read // spec.replicas
	Replicas           Read
	Available          Read
	Unavailable        Read
	Updated            Read
	ObservedGeneration Read // rises with every change of the specification
}

// Add exposes a deployment on kube-state-metrics. The group has the labels namespace and deployment.
func (d Deployment) Add(g *telemetry.Group) {
	add(g, "kube_deployment_spec_replicas", "Desired replicas of the deployment.", d.Desired)
	add(g, "kube_deployment_status_replicas", "Replicas of the deployment.", d.Replicas)
	add(g, "kube_deployment_status_replicas_available", "Available replicas of the deployment.", d.Available)
	add(g, "kube_deployment_status_replicas_unavailable", "Unavailable replicas of the deployment.", d.Unavailable)
	add(g, "kube_deployment_status_replicas_updated", "Replicas of the deployment's newest specification.", d.Updated)
	add(g, "kube_deployment_status_observed_generation", "Generation that the deployment controller has seen.", d.ObservedGeneration)
}

// StatefulSet is what kube-state-metrics says of a stateful set.
type StatefulSet struct {
	Desired  Read // spec.replicas
	Replicas Read
	Ready    Read
	Updated  Read
}

// Add exposes a stateful set on kube-state-metrics. The group has the labels namespace and statefulset.
func (s StatefulSet) Add(g *telemetry.Group) {
	add(g, "kube_statefulset_replicas", "Desired replicas of the stateful set.", s.Desired)
	add(g, "kube_statefulset_status_replicas", "Replicas of the stateful set.", s.Replicas)
	add(g, "kube_statefulset_status_replicas_ready", "Ready replicas of the stateful set.", s.Ready)
	add(g, "kube_statefulset_status_replicas_updated", "Replicas of the stateful set's newest specification.", s.Updated)
}

// DeploymentVersion exposes the label app.kubernetes.io/version of a deployment, which changes as it is rolled out.
func DeploymentVersion(g *telemetry.Group, version func() string) {
	g.InfoFunc(telemetry.Family{Name: "kube_deployment_labels", Type: telemetry.TypeGauge, Help: "Kubernetes labels of the deployment."}, "label_app_kubernetes_io_version", version)
}

// HPA is what kube-state-metrics says of a horizontal pod autoscaler.
type HPA struct {
	Min, Max         Read
	Current, Desired Read // replicas
}

// Add exposes an autoscaler on kube-state-metrics. The group has the labels namespace and horizontalpodautoscaler.
func (h HPA) Add(g *telemetry.Group) {
	add(g, "kube_horizontalpodautoscaler_spec_min_replicas", "Lower limit of replicas.", h.Min)
	add(g, "kube_horizontalpodautoscaler_spec_max_replicas", "Upper limit of replicas.", h.Max)
	add(g, "kube_horizontalpodautoscaler_status_current_replicas", "Current replicas.", h.Current)
	add(g, "kube_horizontalpodautoscaler_status_desired_replicas", "Replicas that the autoscaler wants.", h.Desired)
}
