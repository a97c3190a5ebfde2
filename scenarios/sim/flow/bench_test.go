package flow_test

import (
	"testing"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// shop has ten services; a request makes about eight calls.
const shop = `version: 1
namespace: shop
cluster: prod
nodes:
  - {name: node-a, zone: a, cores: 16, memory: 64Gi}
  - {name: node-b, zone: b, cores: 16, memory: 64Gi}
  - {name: node-c, zone: c, cores: 16, memory: 64Gi}
services:
  - {name: gateway, kind: gateway, version: 1.0.0, replicas: 2, cpu: {request: 500m}, memory: {request: 64Mi, base: 32Mi},
     dependencies: [{service: web, timeout: 10s}],
     operations: [{name: GET /, steps: [{work: {time: 200us}}, {call: {service: web, operation: GET /}}]}]}
  - {name: web, version: 1.0.0, replicas: 3, workers: 64, cpu: {request: 500m, limit: 2}, memory: {request: 128Mi, base: 64Mi},
     dependencies: [{service: cart, timeout: 1s, retry: {attempts: 3, backoff: 50ms, budget: 0.2}}, {service: catalog, timeout: 1s},
       {service: checkout, timeout: 2s}],
     operations: [{name: GET /, steps: [{work: {time: "lognormal(2ms, 10ms)", cpu: 0.8}},
       {parallel: [{call: {service: cart, operation: shop.Cart/Get}}, {call: {service: catalog, operation: GET /items}}]},
       {call: {service: checkout, operation: POST /orders}, share: 0.3}]}]}
  - {name: cart, version: 1.0.0, replicas: 2, cpu: {request: 500m}, memory: {request: 128Mi, base: 64Mi},
     dependencies: [{service: redis, timeout: 100ms, pool: {size: 20}}],
     operations: [{name: shop.Cart/Get, protocol: grpc, steps: [{work: {time: exp(1ms)}}, {call: {service: redis, operation: GET}}]}]}
  - {name: catalog, runtime: jvm, version: 1.0.0, replicas: 2, workers: 40, cpu: {request: 1}, memory: {request: 512Mi, limit: 1Gi, base: 128Mi, live: 100Mi},
     caches: [{name: items, keys: 2000, skew: 1, ttl: 60s, single_flight: true}],
     dependencies: [{service: db, timeout: 1s, pool: {size: 10}}, {service: search, timeout: 500ms}],
     operations: [{name: GET /items, steps: [{work: {time: "lognormal(2ms, 8ms)"}}, {call: {service: search, operation: GET /search}, share: 0.5},
       {cached: {cache: items, miss: [{call: {service: db, operation: SELECT items}}]}}]}]}
  - {name: search, runtime: node, version: 1.0.0, replicas: 2, cpu: {request: 500m}, memory: {request: 128Mi, base: 64Mi},
     operations: [{name: GET /search, steps: [{work: {time: "lognormal(3ms, 15ms)", cpu: 0.3}}]}]}
  - {name: checkout, version: 1.0.0, replicas: 3, cpu: {request: 500m}, memory: {request: 128Mi, base: 64Mi},
     dependencies: [{service: payment, timeout: 2s}, {service: db, timeout: 1s, pool: {size: 20}}, {service: bus}],
     operations: [{name: POST /orders, steps: [{work: {time: "lognormal(2ms, 10ms)"}}, {call: {service: db, operation: INSERT orders, times: 4}},
       {call: {service: payment, operation: POST /pay}}, {publish: {topic: orders}}]}]}
  - {name: payment, kind: external, version: "", replicas: 2, operations: [{name: POST /pay, steps: [{work: {time: "lognormal(40ms, 200ms)", cpu: 0}}]}]}
  - {name: db, kind: database, version: "15", replicas: 1, max_connections: 200, workers: 64, cpu: {request: 4}, memory: {request: 2Gi, base: 1Gi},
     operations: [{name: SELECT items, steps: [{work: {time: "lognormal(2ms, 20ms)", cpu: 0.3}}]},
       {name: INSERT orders, steps: [{work: {time: "lognormal(2ms, 12ms)", cpu: 0.2}}]}]}
  - {name: redis, kind: cache, version: "7", replicas: 1, workers: 1, cpu: {request: 1}, memory: {request: 1Gi, base: 500Mi},
     operations: [{name: GET, steps: [{work: {time: exp(60us)}}]}]}
  - {name: bus, kind: broker, version: "3", replicas: 3, cpu: {request: 1}, memory: {request: 1Gi, base: 500Mi}}
  - {name: mailer, runtime: python, version: 1.0.0, replicas: 2, cpu: {request: 500m}, memory: {request: 128Mi, base: 64Mi},
     dependencies: [{service: db, timeout: 1s}],
     operations: [{name: process orders, protocol: message, steps: [{work: {time: exp(5ms)}}, {call: {service: db, operation: SELECT items}}]}]}
topics:
  - {name: orders, broker: bus, partitions: 6, consumers: [{group: mailer, service: mailer, operation: process orders}]}
clients:
  - {name: users, service: gateway, rate: 200, daily: 0.2, mix: [{operation: GET /, weight: 1}]}
`

type counter struct {
	flow.Nop
	handled, attempts, answers, failed int
}

func (c *counter) Handled(*flow.Handled)   { c.handled++ }
func (c *counter) Attempted(*flow.Attempt) { c.attempts++ }
func (c *counter) Answered(a *flow.Answer) {
	c.answers++
	if a.Failure != nil {
		c.failed++
	}
}

// BenchmarkShop simulates a minute of ten services at 200 requests a second. 90 of them are a recording.
func BenchmarkShop(b *testing.B) {
	sys, err := model.Read("system.yaml", []byte(shop))
	if err != nil {
		b.Fatal(err)
	}
	c := &counter{}
	f := start(b, sys, 1, c)
	f.Run(10 * des.Second)
	*c = counter{}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		f.Run(10*des.Second + des.Time(i+1)*des.Minute)
	}
	b.ReportMetric(float64(c.attempts)/float64(b.N), "calls/op")
	b.ReportMetric(float64(c.handled)/float64(b.N), "handled/op")
	if c.failed > c.answers/50 {
		b.Errorf("%d of %d requests failed", c.failed, c.answers)
	}
}
