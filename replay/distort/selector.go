package distort

import (
	"hash/fnv"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
)

// facts are what the rules need to know of a series, a stream or a resource.
type facts struct {
	known bool
	rules uint64 // bits of the rules whose selectors match
	own   uint64 // those of them that match by themselves, not by what is downstream
	// key identifies the series' scrape target, the stream, or the service of the spans.
	key     uint64
	scraped bool // the series comes from a scrape, not from a rule of Prometheus
	report  report
}

// The labels that name each thing, as Prometheus's and Loki's common configurations write them.
var (
	serviceLabels = []string{"service_name", "service", "app", "app_kubernetes_io_name", "job"}
	podLabels     = []string{"pod", "pod_name", "k8s_pod_name", "kubernetes_pod_name"}
	hostLabels    = []string{"node", "node_name", "host", "host_name", "hostname", "nodename", "k8s_node_name", "kubernetes_node"}
	jobLabels     = []string{"job", "service_name"} // streams seldom have a job
)

// The attributes that name them in resources, by OpenTelemetry's semantic conventions.
var (
	serviceAttributes = []string{"service.name"}
	podAttributes     = []string{"k8s.pod.name"}
	hostAttributes    = []string{"k8s.node.name", "host.name"}
)

// matchLabels tells whether the selector of d matches a series or stream.
func (d *Distortion) matchLabels(l labels.Labels) bool {
	has := func(names []string, want string) bool {
		return want == "" || slices.ContainsFunc(names, func(name string) bool { return l.Get(name) == want })
	}
	// The job of a service with a namespace is namespace/name (OpenTelemetry, Prometheus compatibility).
	service := has(serviceLabels, d.Service) || strings.HasSuffix(l.Get("job"), "/"+d.Service)
	return service && has(podLabels, d.Pod) && has(hostLabels, d.Host) && has(jobLabels, d.Job)
}

// matchResource tells whether the selector of d matches the resource of spans.
func (d *Distortion) matchResource(a pcommon.Map) bool {
	get := func(name string) string {
		v, ok := a.Get(name)
		if !ok {
			return ""
		}
		return v.AsString()
	}
	has := func(names []string, want string) bool {
		return want == "" || slices.ContainsFunc(names, func(name string) bool { return get(name) == want })
	}
	job := has(serviceAttributes, d.Job) || get("service.namespace")+"/"+get("service.name") == d.Job
	return has(serviceAttributes, d.Service) && has(podAttributes, d.Pod) && has(hostAttributes, d.Host) && job
}

// matching returns the bits of the rules that match, and of those that do so by themselves.
func matching(rules []rule, match func(*Distortion) bool) (bits, own uint64) {
	for i := range rules {
		r := &rules[i]
		if match(&r.Distortion) {
			own |= r.bit
		}
		for _, service := range r.Downstream {
			if match(&Distortion{Service: service}) {
				bits |= r.bit
			}
		}
	}
	return bits | own, own
}

func seriesFacts(rules []rule, l labels.Labels) facts {
	name := l.Get(labels.MetricName)
	f := facts{known: true, key: textKey(l.Get("job"), l.Get("instance")), scraped: !fromRule(name), report: reports[name]}
	f.rules, f.own = matching(rules, func(d *Distortion) bool { return d.matchLabels(l) })
	return f
}

// fromRule tells whether a metric is the result of a rule: an alert's state, or a recording rule's, which have colons
// in their names by convention (https://prometheus.io/docs/practices/rules).
func fromRule(name string) bool {
	return name == alertsName || name == alertsForStateName || strings.Contains(name, ":")
}

func streamFacts(rules []rule, l labels.Labels) facts {
	f := facts{known: true, key: labels.StableHash(l)}
	f.rules, f.own = matching(rules, func(d *Distortion) bool { return d.matchLabels(l) })
	return f
}

func resourceFacts(rules []rule, r *replay.Resource) facts {
	f := facts{known: true}
	f.rules, f.own = matching(rules, func(d *Distortion) bool { return d.matchResource(r.Attributes) })
	if v, ok := r.Attributes.Get(serviceAttributes[0]); ok {
		f.key = textKey(v.AsString())
	}
	return f
}

// textKey hashes texts.
func textKey(texts ...string) uint64 {
	h := fnv.New64a()
	for _, t := range texts {
		h.Write([]byte(t))
		h.Write([]byte{0})
	}
	return h.Sum64()
}

// byID keeps the facts of series or streams by their dense ids.
type byID []facts

func (b *byID) at(id uint32) *facts {
	if n := int(id) + 1; n > len(*b) {
		*b = append(*b, make([]facts, n-len(*b))...)
	}
	return &(*b)[id]
}
