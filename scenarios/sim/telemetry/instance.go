package telemetry

import (
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Instance is one running copy of a service, as the three signals name it. Empty fields are left out.
type Instance struct {
	Service     string // service.name, the scrape job and the container by default
	Namespace   string
	Version     string
	Pod         string
	Container   string // Service when empty
	Node        string
	Zone        string // cloud.availability_zone
	Environment string // deployment.environment.name
	Address     string // host:port of the metrics endpoint
	Language    string // telemetry.sdk.language: go, java, nodejs, python, ...
}

func (i Instance) container() string {
	if i.Container != "" {
		return i.Container
	}
	return i.Service
}

// TargetLabels are those of the instance's own metrics endpoint.
func (i Instance) TargetLabels() labels.Labels {
	return filled("job", i.Service, "instance", i.Address, "namespace", i.Namespace, "pod", i.Pod, "container", i.container())
}

// StreamLabels are those of the instance's log. An agent on the node names the node, as Promtail's Helm chart has it.
func (i Instance) StreamLabels() labels.Labels {
	return filled("service_name", i.Service, "namespace", i.Namespace, "node_name", i.Node, "pod", i.Pod, "container", i.container())
}

// Resource is what the instance's spans say of their origin.
func (i Instance) Resource() *Resource {
	var attributes []Attribute
	for _, a := range []Attribute{
		{"service.name", i.Service}, {"service.namespace", i.Namespace}, {"service.version", i.Version}, {"service.instance.id", i.Pod},
		{"deployment.environment.name", i.Environment},
		{"k8s.namespace.name", i.Namespace}, {"k8s.pod.name", i.Pod}, {"k8s.container.name", i.container()}, {"k8s.node.name", i.Node},
		{"cloud.availability_zone", i.Zone},
		{"telemetry.sdk.name", "opentelemetry"}, {"telemetry.sdk.language", i.Language}, {"telemetry.sdk.version", sdkVersions[i.Language]},
	} {
		if a.Value != "" {
			attributes = append(attributes, a)
		}
	}
	return NewResource(attributes...)
}

// sdkVersions are releases of OpenTelemetry's SDKs from the time of the scenarios, by language.
var sdkVersions = map[string]string{
	"go": "1.40.0", "java": "1.58.0", "nodejs": "2.4.0", "python": "1.39.1", "dotnet": "1.14.0", "ruby": "1.10.0",
}

// TargetInfo exposes target_info, which OpenTelemetry's exporter for Prometheus adds to each process.
func (i Instance) TargetInfo(g *Group) {
	l := filled("service_name", i.Service, "service_namespace", i.Namespace, "service_instance_id", i.Pod, "service_version", i.Version)
	var pairs []string
	l.Range(func(l labels.Label) { pairs = append(pairs, l.Name, l.Value) })
	g.Info(Family{"target_info", TypeInfo, "Target metadata"}, pairs...)
}

// Resource is the origin of spans: what OTLP calls a resource. Spans of one instance should share one.
type Resource struct{ attributes []Attribute }

// NewResource returns a resource with the attributes.
func NewResource(attributes ...Attribute) *Resource { return &Resource{attributes} }

func (r *Resource) put(o pcommon.Resource) { putAttributes(o.Attributes(), r.attributes) }

// filled returns the labels whose value is not empty.
func filled(pairs ...string) labels.Labels {
	b := labels.NewScratchBuilder(len(pairs) / 2)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			b.Add(pairs[i], pairs[i+1])
		}
	}
	b.Sort()
	return b.Labels()
}
