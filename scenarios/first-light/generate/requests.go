package generate

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// call is one request as one service sees it.
type call struct {
	pod        *pod
	method     string
	route      string
	path       string
	begin, end time.Time
	status     int
	trace      pcommon.TraceID
	span       pcommon.SpanID
	waited     time.Duration // for a database connection
}

// simulation turns the requests of the shop's visitors into telemetry, in memory; output writes it.
type simulation struct {
	shop  *shop
	rng   *rand.Rand
	calls []call // by end, once run is through
	lines []line // by time, once run is through
}

// poolTrouble is when product-catalog's database connections start to be held too long.
var poolTrouble = page.Add(-3*time.Minute - 20*time.Second)

// run simulates all requests.
func (s *simulation) run() {
	for second := range int(end.Sub(start) / time.Second) {
		at := start.Add(time.Duration(second) * time.Second)
		for range s.poisson(perSecond) {
			begin := at.Add(time.Duration(s.rng.Int64N(int64(time.Second))))
			// The last requests end inside the recording.
			if begin.Before(end.Add(-8 * time.Second)) {
				s.visit(begin)
			}
		}
	}
	s.sort()
}

// visit is one visitor's request to the frontend.
func (s *simulation) visit(begin time.Time) {
	front := s.shop.serving("frontend", begin, s.rng)
	trace := s.traceID()
	if s.rng.IntN(4) == 0 {
		s.order(front, trace, begin)
		return
	}
	product := s.rng.IntN(400)
	c := s.open(front, trace, "GET", "/product/{id}", fmt.Sprintf("/product/%d", product), begin)
	next := begin.Add(s.work(2 * time.Millisecond))
	looked := s.lookUp(front, c, product, next)
	c.status = looked.status
	c.end = looked.end.Add(s.work(3 * time.Millisecond))
	s.finish(c, pcommon.SpanID{})
	s.frontLine(c)
}

// order is a visitor's request that buys what is in the cart.
func (s *simulation) order(front *pod, trace pcommon.TraceID, begin time.Time) {
	c := s.open(front, trace, "POST", "/checkout", "/checkout", begin)
	checkout := s.shop.serving("checkout", begin, s.rng)
	id := 100000 + s.rng.IntN(900000)

	sent := begin.Add(s.work(2 * time.Millisecond))
	o := s.open(checkout, trace, "POST", "/orders", "/orders", sent.Add(s.network()))
	cart := s.shop.serving("cart", o.begin, s.rng)
	asked := o.begin.Add(s.work(time.Millisecond))
	k := s.open(cart, trace, "GET", "/carts/{user}", fmt.Sprintf("/carts/u%d", s.rng.IntN(5000)), asked.Add(s.network()))
	k.end = k.begin.Add(s.work(4 * time.Millisecond))
	got := k.end.Add(s.network())
	s.finish(k, s.client(checkout, o, "cart", k, asked, got))
	s.cartLine(k)

	looked := s.lookUp(checkout, o, s.rng.IntN(400), got)
	o.status = looked.status
	o.end = looked.end.Add(s.work(6 * time.Millisecond))
	returned := o.end.Add(s.network())
	s.finish(o, s.client(front, c, "checkout", o, sent, returned))
	s.orderLine(o, id)

	c.status = o.status
	c.end = returned.Add(s.work(2 * time.Millisecond))
	s.finish(c, pcommon.SpanID{})
	s.frontLine(c)
}

// answer is when and how a call came back to its caller.
type answer struct {
	end    time.Time
	status int
}

// lookUp asks product-catalog for a product on behalf of the parent's request.
func (s *simulation) lookUp(from *pod, parent call, product int, at time.Time) answer {
	catalog := s.shop.serving("product-catalog", at, s.rng)
	c := s.open(catalog, parent.trace, "GET", "/products/{id}", fmt.Sprintf("/products/%d", product), at.Add(s.network()))
	c.waited = s.connectionWait(c.begin)
	query := c.begin.Add(s.work(time.Millisecond) + c.waited)
	took := s.work(5 * time.Millisecond)
	c.end = query.Add(took + s.work(time.Millisecond))
	if c.waited >= poolTimeout {
		c.status = 503
		c.end = query.Add(s.work(time.Millisecond))
	} else {
		s.query(catalog, c, query, query.Add(took))
	}
	back := c.end.Add(s.network())
	s.finish(c, s.client(from, parent, "product-catalog", c, at, back))
	s.catalogLine(c, product)
	status := c.status
	if status != 200 {
		status = 500
	}
	return answer{back, status}
}

// poolTimeout is how long product-catalog waits for a database connection.
const poolTimeout = 5 * time.Second

// connectionWait is how long a request waits for a database connection: hardly at all, until something
// holds them, then more by the minute.
func (s *simulation) connectionWait(at time.Time) time.Duration {
	if at.Before(poolTrouble) {
		return s.work(100 * time.Microsecond)
	}
	grown := min(at.Sub(poolTrouble).Minutes()/4, 1.5)
	return min(s.work(time.Duration(grown*float64(1200*time.Millisecond))), poolTimeout)
}

// open begins a call; whoever opened it sets its end.
func (s *simulation) open(p *pod, trace pcommon.TraceID, method, route, path string, begin time.Time) call {
	return call{pod: p, method: method, route: route, path: path, begin: begin, status: 200, trace: trace, span: s.spanID()}
}

// finish records a call that is through, with its server span below parent.
func (s *simulation) finish(c call, parent pcommon.SpanID) {
	s.calls = append(s.calls, c)
	span := s.newSpan(c.pod, c.trace, c.span, parent, c.method+" "+c.route, ptrace.SpanKindServer, c.begin, c.end)
	a := span.Attributes()
	a.PutStr("http.request.method", c.method)
	a.PutStr("http.route", c.route)
	a.PutStr("url.path", c.path)
	a.PutInt("http.response.status_code", int64(c.status))
	if c.status >= 500 {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
}

// client records the caller's side of a call and returns that span's id.
func (s *simulation) client(from *pod, parent call, service string, c call, begin, end time.Time) pcommon.SpanID {
	id := s.spanID()
	span := s.newSpan(from, parent.trace, id, parent.span, c.method, ptrace.SpanKindClient, begin, end)
	a := span.Attributes()
	a.PutStr("http.request.method", c.method)
	a.PutStr("server.address", service)
	a.PutInt("server.port", 8080)
	a.PutInt("http.response.status_code", int64(c.status))
	if c.status >= 500 {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	if from.service == "frontend" {
		from.telemetry.clientCalls = append(from.telemetry.clientCalls, observation{end, end.Sub(begin).Seconds()})
	}
	return id
}

// query records the database's side of a look-up.
func (s *simulation) query(p *pod, c call, begin, end time.Time) {
	span := s.newSpan(p, c.trace, s.spanID(), c.span, "SELECT catalog.products", ptrace.SpanKindClient, begin, end)
	a := span.Attributes()
	a.PutStr("db.system.name", "postgresql")
	a.PutStr("db.namespace", "catalog")
	a.PutStr("db.operation.name", "SELECT")
	a.PutStr("db.collection.name", "products")
	a.PutStr("server.address", "catalog-db")
	if c.waited > 100*time.Millisecond {
		e := span.Events().AppendEmpty()
		e.SetName("db.client.connection.acquired")
		e.SetTimestamp(pcommon.NewTimestampFromTime(begin))
		e.Attributes().PutDouble("db.client.connection.wait_time", c.waited.Seconds())
	}
}

func (s *simulation) newSpan(p *pod, trace pcommon.TraceID, id, parent pcommon.SpanID, name string, kind ptrace.SpanKind, begin, end time.Time) ptrace.Span {
	span := p.spans.AppendEmpty()
	span.SetTraceID(trace)
	span.SetSpanID(id)
	span.SetParentSpanID(parent)
	span.SetName(name)
	span.SetKind(kind)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	return span
}

// work is a duration that is usually a little below median, and now and then several times as long.
func (s *simulation) work(median time.Duration) time.Duration {
	return time.Duration(float64(median) * math.Exp(0.4*s.rng.NormFloat64()))
}

func (s *simulation) network() time.Duration { return s.work(300 * time.Microsecond) }

// poisson draws how many requests come in a second (Knuth's method; mean is small).
func (s *simulation) poisson(mean float64) int {
	limit, n := math.Exp(-mean), 0
	for p := s.rng.Float64(); p > limit; p *= s.rng.Float64() {
		n++
	}
	return n
}

func (s *simulation) traceID() (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:8], s.rng.Uint64()|1)
	binary.BigEndian.PutUint64(id[8:], s.rng.Uint64())
	return id
}

func (s *simulation) spanID() (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], s.rng.Uint64()|1)
	return id
}
