package otlptrace

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// makeSpans returns n spans of traces of 10 over some resources, with 8 attributes each; the first starts at
// start, in nanoseconds since the epoch, and each next one 1 ms later.
func makeSpans(n, resources int, start int64, seed uint64) []replay.Span {
	rng := rand.New(rand.NewPCG(seed, 2))
	all := make([]*replay.Resource, resources)
	for i := range all {
		all[i] = makeResource(i)
	}
	spans := make([]replay.Span, n)
	var (
		trace pcommon.TraceID
		root  pcommon.SpanID
	)
	for i := range spans {
		span := ptrace.NewSpan()
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], rng.Uint64())
		if i%10 == 0 {
			binary.BigEndian.PutUint64(trace[:8], rng.Uint64())
			binary.BigEndian.PutUint64(trace[8:], rng.Uint64())
			root = id
		} else {
			span.SetParentSpanID(root)
		}
		span.SetTraceID(trace)
		span.SetSpanID(id)
		span.SetName([]string{"GET /cart", "POST /checkout", "Convert"}[i%3])
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(pcommon.Timestamp(start + int64(i)*1e6))
		span.SetEndTimestamp(pcommon.Timestamp(start + int64(i)*1e6 + 5e6))
		attributes := span.Attributes()
		attributes.EnsureCapacity(8)
		attributes.PutStr("http.request.method", "GET")
		attributes.PutStr("url.path", "/api/cart/checkout")
		attributes.PutInt("http.response.status_code", 200)
		attributes.PutStr("server.address", "cart.shop.svc.cluster.local")
		attributes.PutInt("server.port", 8080)
		attributes.PutBool("retry", i%7 == 0)
		attributes.PutDouble("queue.seconds", rng.Float64())
		attributes.PutStr("user.id", fmt.Sprintf("u-%08x", rng.Uint32()))
		spans[i] = replay.Span{Resource: all[rng.IntN(resources)], Span: span}
	}
	return spans
}

func makeResource(i int) *replay.Resource {
	r := &replay.Resource{
		Attributes: pcommon.NewMap(),
		Scope:      pcommon.NewInstrumentationScope(),
		SchemaURL:  "https://opentelemetry.io/schemas/1.26.0",
	}
	r.Attributes.PutStr("service.name", fmt.Sprintf("service-%d", i))
	r.Attributes.PutStr("k8s.pod.name", fmt.Sprintf("service-%d-7f9c-%d", i, i*7))
	r.Attributes.PutStr("k8s.namespace.name", "shop")
	r.Scope.SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
	r.Scope.SetVersion("0.60.0")
	return r
}

// BenchmarkEncode measures grouping and encoding on one core:
//
//	go test -run '^$' -bench Encode -benchmem -cpu 1 ./replay/otlptrace
func BenchmarkEncode(b *testing.B) {
	items := makeSpans(8192, 20, 1700000000e9, 1)
	o := Options{MaxSpans: DefaultMaxSpans, MaxBytes: DefaultMaxBytes, ResourceAttributes: map[string]string{"firedrill.session": "s1"}}
	spans, bytes := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		for rest := items; len(rest) > 0; {
			body, n, err := encode(rest, o)
			if err != nil {
				b.Fatal(err)
			}
			rest, spans, bytes = rest[n:], spans+n, bytes+len(body)
		}
	}
	b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
	b.ReportMetric(float64(bytes)/float64(spans), "bytes/span")
}
