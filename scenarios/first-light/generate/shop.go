package generate

import (
	"math/rand/v2"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// pod is one instance of a service. Between from and to it runs and is scraped.
type pod struct {
	service, name, instance string
	from, to                time.Time // to is zero for one that outlives the recording
	started                 time.Time // of its process
	scrapeAt                time.Duration
	stream                  labels.Labels
	spans                   ptrace.SpanSlice // those of this pod
	telemetry               *telemetry
}

// version is that of all services.
const version = "1.9.2"

// shop is the deployment: which pods serve which service.
type shop struct {
	pods   []*pod
	traces ptrace.Traces
}

// newShop lists the pods. The one of cart is replaced in the middle of the history, as a routine
// deployment does: its series end with stale markers, and others begin.
func newShop() *shop {
	replaced := start.Add(18 * time.Minute)
	long := start.Add(-53 * time.Hour)
	s := &shop{traces: ptrace.NewTraces()}
	s.add("frontend", "frontend-6c9b8d7f45-2xkqp", "10.244.1.12:8080", "go", long, time.Time{}, time.Time{})
	s.add("frontend", "frontend-6c9b8d7f45-hv7mz", "10.244.2.31:8080", "go", long.Add(4*time.Second), time.Time{}, time.Time{})
	s.add("checkout", "checkout-5d4f6b9c88-tq4wn", "10.244.1.15:8080", "go", long, time.Time{}, time.Time{})
	s.add("cart", "cart-7b8c5f6d9-l2x8r", "10.244.2.33:8080", "dotnet", long, time.Time{}, replaced)
	s.add("cart", "cart-84d6c7b5f-9pzjk", "10.244.1.40:8080", "dotnet", replaced.Add(-9*time.Second), replaced.Add(-5*time.Second), time.Time{})
	s.add("product-catalog", "product-catalog-6f7d8c9b54-r5ncd", "10.244.2.35:8080", "go", long, time.Time{}, time.Time{})
	return s
}

func (s *shop) add(service, name, instance, language string, started, from, to time.Time) {
	if from.IsZero() {
		from = start
	}
	resource := s.traces.ResourceSpans().AppendEmpty()
	attributes := resource.Resource().Attributes()
	attributes.PutStr("service.name", service)
	attributes.PutStr("service.namespace", "shop")
	attributes.PutStr("service.version", version)
	attributes.PutStr("service.instance.id", name)
	attributes.PutStr("k8s.namespace.name", "shop")
	attributes.PutStr("k8s.pod.name", name)
	attributes.PutStr("k8s.container.name", service)
	attributes.PutStr("telemetry.sdk.language", language)
	spans := resource.ScopeSpans().AppendEmpty()
	scope := spans.Scope()
	scope.SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
	scope.SetVersion("0.60.0")
	if language == "dotnet" {
		scope.SetName("Microsoft.AspNetCore")
		scope.SetVersion("9.0.0")
	}
	p := &pod{
		service: service, name: name, instance: instance, from: from, to: to, started: started,
		// Prometheus spreads its targets over the interval.
		scrapeAt: time.Duration(len(s.pods)) * 2371 * time.Millisecond,
		stream:   labels.FromStrings("service_name", service, "namespace", "shop", "pod", name, "container", service),
		spans:    spans.Spans(),
	}
	p.telemetry = newTelemetry(p)
	s.pods = append(s.pods, p)
}

// serving picks a pod of a service that runs at t.
func (s *shop) serving(service string, t time.Time, rng *rand.Rand) *pod {
	var running []*pod
	for _, p := range s.pods {
		if p.service == service && !t.Before(p.from) && (p.to.IsZero() || t.Before(p.to)) {
			running = append(running, p)
		}
	}
	return running[rng.IntN(len(running))]
}
