package source

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
)

func resource(service, schema, scope string) *replay.Resource {
	r := &replay.Resource{Attributes: pcommon.NewMap(), SchemaURL: schema, Scope: pcommon.NewInstrumentationScope()}
	r.Attributes.PutStr("service.name", service)
	r.Attributes.PutInt("process.pid", 7)
	r.Scope.SetName(scope)
	return r
}

// Resources are made one where they are equal in everything, and only there.
func TestResources(t *testing.T) {
	r := &resources{known: map[string]*replay.Resource{}}
	one := map[string]*replay.Resource{}
	for round := range 3 {
		var spans []replay.Span
		var names []string
		for i := range 24 {
			service, schema, scope := fmt.Sprint("s", i%2), fmt.Sprint("u", i/2%2), fmt.Sprint("c", i/4%2)
			spans = append(spans, replay.Span{Resource: resource(service, schema, scope)})
			names = append(names, service+schema+scope)
		}
		r.intern(spans)
		for i, name := range names {
			got := spans[i].Resource
			if want, ok := one[name]; ok && got != want {
				t.Fatalf("round %d: %s has two resources", round, name)
			}
			one[name] = got
			if v, _ := got.Attributes.Get("service.name"); v.AsString()+got.SchemaURL+got.Scope.Name() != name {
				t.Fatalf("round %d: %s has the resource of %s", round, name, v.AsString())
			}
		}
	}
	if len(one) != 8 {
		t.Errorf("%d kinds of resources were tried", len(one))
	}
	for i := range 3 * maxResources {
		r.intern([]replay.Span{{Resource: resource(fmt.Sprint("many", i), "", "")}})
	}
	if len(r.known) > maxResources {
		t.Errorf("%d resources are remembered, at most %d should be", len(r.known), maxResources)
	}
}
