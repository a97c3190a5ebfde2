package source

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// maxResources bounds what is remembered of resources.
const maxResources = 4096

// resources makes equal resources one. A recording has one for each message, and each session keeps a
// copy with its own times and ids of every one that it meets.
type resources struct {
	known map[string]*replay.Resource // by their encoding
}

// intern replaces the resources of spans by equal ones that are known. It is not safe for concurrent use.
func (r *resources) intern(spans []replay.Span) {
	seen := map[*replay.Resource]*replay.Resource{}
	for i := range spans {
		s := &spans[i]
		one, ok := seen[s.Resource]
		if !ok {
			one = r.one(s.Resource)
			seen[s.Resource] = one
		}
		s.Resource = one
	}
}

// one returns the resource that stands for all that are equal to res.
func (r *resources) one(res *replay.Resource) *replay.Resource {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	res.Attributes.CopyTo(rs.Resource().Attributes())
	rs.SetSchemaUrl(res.SchemaURL)
	ss := rs.ScopeSpans().AppendEmpty()
	res.Scope.CopyTo(ss.Scope())
	ss.SetSchemaUrl(res.ScopeURL)
	key, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		return res
	}
	if known, ok := r.known[string(key)]; ok {
		return known
	}
	if len(r.known) >= maxResources {
		clear(r.known)
	}
	r.known[string(key)] = res
	return res
}
