package generate

import (
	"fmt"
	"slices"
	"time"
)

// line is one log line with the call that it is about.
type line struct {
	at   time.Time
	call call
	text string
}

// The services log in the three forms that are most common where Go and .NET run side by side.

// frontLine is JSON, as log/slog writes it.
func (s *simulation) frontLine(c call) {
	level := "INFO"
	if c.status >= 500 {
		level = "ERROR"
	}
	s.log(c.end, c, fmt.Sprintf(`{"time":%q,"level":%q,"msg":"request served","http.request.method":%q,"url.path":%q,"http.response.status_code":%d,"duration_ms":%.3f,"trace_id":%q,"span_id":%q}`,
		c.end.Format("2006-01-02T15:04:05.000000000Z07:00"), level, c.method, c.path, c.status, milliseconds(c.end.Sub(c.begin)), c.trace, c.span))
}

// orderLine is logfmt, two lines an order.
func (s *simulation) orderLine(c call, id int) {
	const form = `ts=%s level=%s msg=%q order_id=%d trace_id=%s`
	stamp := func(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z07:00") }
	s.log(c.begin, c, fmt.Sprintf(form, stamp(c.begin), "info", "order received", id, c.trace))
	if c.status >= 500 {
		s.log(c.end, c, fmt.Sprintf(form+" err=%q", stamp(c.end), "error", "order not placed", id, c.trace, "product-catalog answered 503 Service Unavailable"))
		return
	}
	s.log(c.end, c, fmt.Sprintf(form+" duration=%s", stamp(c.end), "info", "order placed", id, c.trace, c.end.Sub(c.begin).Round(time.Microsecond)))
}

// cartLine is JSON with the time in milliseconds since the epoch.
func (s *simulation) cartLine(c call) {
	s.log(c.end, c, fmt.Sprintf(`{"timestamp":%d,"level":"Information","category":"Cart.Service","message":"GetCart %s","traceId":%q}`,
		c.end.UnixMilli(), c.path, c.trace))
}

// catalogLine is klog's form; ordinary look-ups are sampled, slow ones are not.
func (s *simulation) catalogLine(c call, product int) {
	const form = "%s%s       1 %s] %s"
	stamp := c.end.Format("0102 15:04:05.000000")
	switch {
	case c.status >= 500:
		s.log(c.end, c, fmt.Sprintf(form, "E", stamp, "pool.go:118", fmt.Sprintf("product %d: no database connection within %s: in use 10 of 10 trace_id=%s", product, poolTimeout, c.trace)))
	case c.waited > 500*time.Millisecond:
		s.log(c.end, c, fmt.Sprintf(form, "W", stamp, "pool.go:97", fmt.Sprintf("product %d: waited %s for a database connection trace_id=%s", product, c.waited.Round(time.Millisecond), c.trace)))
	case product%4 == 0:
		s.log(c.end, c, fmt.Sprintf(form, "I", stamp, "catalog.go:203", fmt.Sprintf("product %d found in %s trace_id=%s", product, c.end.Sub(c.begin).Round(time.Microsecond), c.trace)))
	}
}

func (s *simulation) log(at time.Time, c call, text string) {
	s.lines = append(s.lines, line{at, c, text})
}

// sort puts everything into the order of time.
func (s *simulation) sort() {
	slices.SortStableFunc(s.calls, func(a, b call) int { return a.end.Compare(b.end) })
	for _, p := range s.shop.pods {
		slices.SortStableFunc(p.telemetry.clientCalls, func(a, b observation) int { return a.at.Compare(b.at) })
	}
	slices.SortStableFunc(s.lines, func(a, b line) int { return a.at.Compare(b.at) })
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
