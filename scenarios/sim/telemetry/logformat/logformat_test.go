package logformat_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay/rebase"
	"firedrill/scenarios/sim/telemetry/logformat"
)

var (
	at     = time.Date(2026, 3, 1, 14, 0, 0, 123456000, time.UTC)
	trace  = [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36}
	span   = [8]byte{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}
	origin = logformat.Origin{Service: "payment", Host: "payment-7d9f-x2k", Correlated: true}
	access = &logformat.Access{Client: "10.0.3.7", Method: "GET", Path: "/orders?id=7", Status: 504, Received: 12, Sent: 167, UserAgent: "k6/1.4",
		Duration: 1500 * time.Millisecond, Authority: "shop.example", RequestID: "b1f7", Upstream: "10.244.1.12:8080", UpstreamService: 1499 * time.Millisecond, Flags: "UT"}
)

// cases are what each format writes for an event, by the format's documentation.
var cases = []struct {
	name   string
	format logformat.Format
	event  logformat.Event
	want   []string
}{
	{"json", logformat.JSON, logformat.Event{Level: logformat.Error, Logger: "http", Caller: "pay/pay.go:42", Message: "charge failed",
		Fields: []logformat.Field{{"order", "a\"7"}, {"attempt", 2}, {"took", 250 * time.Millisecond}}, Err: "context deadline exceeded", TraceID: trace, SpanID: span}, []string{
		`{"level":"error","ts":1772373600.123456,"logger":"http","caller":"pay/pay.go:42","msg":"charge failed","order":"a\"7","attempt":2,"took":0.25,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","error":"context deadline exceeded"}`}},
	{"pino", logformat.Pino, logformat.Event{Level: logformat.Error, Message: "request errored", Fields: []logformat.Field{{"responseTime", 5003}},
		Err: "timeout", ErrType: "AbortError", Stack: "    at fetch (node:internal/deps)", TraceID: trace, SpanID: span}, []string{
		`{"level":50,"time":1772373600123,"pid":1,"hostname":"payment-7d9f-x2k","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","trace_flags":"01","responseTime":5003,"err":{"type":"AbortError","message":"timeout","stack":"AbortError: timeout\n    at fetch (node:internal/deps)"},"msg":"request errored"}`}},
	{"logfmt", logformat.Logfmt, logformat.Event{Level: logformat.Warn, Caller: "cache.go:9", Logger: "cache", Message: "slow look-up",
		Fields: []logformat.Field{{"key", "a=b"}, {"took", 1500 * time.Millisecond}, {"ratio", 0.25}}, TraceID: trace, SpanID: span}, []string{
		`ts=2026-03-01T14:00:00.123456000Z caller=cache.go:9 level=warn component=cache msg="slow look-up" key="a=b" took=1.5s ratio=0.25 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7`}},
	{"logback", logformat.Logback, logformat.Event{Level: logformat.Error, Logger: "com.example.payments.service.RiskClient", Thread: "http-nio-8080-exec-3", Message: "risk check failed",
		Err: "Read timed out", ErrType: "java.net.SocketTimeoutException", Stack: "\tat java.net.http/X.send(X.java:12)", TraceID: trace, SpanID: span}, []string{
		"2026-03-01 14:00:00,123 ERROR [http-nio-8080-exec-3] [trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7] c.e.payments.service.RiskClient - risk check failed\njava.net.SocketTimeoutException: Read timed out\n\tat java.net.http/X.send(X.java:12)"}},
	{"logback, from the virtual machine", logformat.Logback, logformat.Event{Level: logformat.Error, Thread: "main", Message: "Terminating due to java.lang.OutOfMemoryError: Java heap space"}, []string{
		"Terminating due to java.lang.OutOfMemoryError: Java heap space"}},
	{"python", logformat.Python, logformat.Event{Level: logformat.Warn, Logger: "app.views", Caller: "views.py:42", Message: "retrying", TraceID: trace, SpanID: span,
		Err: "timed out", ErrType: "TimeoutError", Stack: "  File \"views.py\", line 42, in get"}, []string{
		"2026-03-01 14:00:00,123 WARNING [app.views] [views.py:42] [trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7 resource.service.name=payment trace_sampled=True] - retrying\nTraceback (most recent call last):\n  File \"views.py\", line 42, in get\nTimeoutError: timed out"}},
	{"klog", logformat.Klog, logformat.Event{Level: logformat.Info, Caller: "controller.go:116", Message: "Synced 3 pods"}, []string{
		`I0301 14:00:00.123456       1 controller.go:116] Synced 3 pods`}},
	{"klog structured", logformat.Klog, logformat.Event{Level: logformat.Error, Caller: "controller.go:116", Message: "Sync failed", Err: "conflict", Fields: []logformat.Field{{"pod", "a/b"}, {"try", 3}}}, []string{
		`E0301 14:00:00.123456       1 controller.go:116] "Sync failed" err="conflict" pod="a/b" try=3`}},
	{"nginx", logformat.Nginx, logformat.Event{Access: access}, []string{
		`10.0.3.7 - - [01/Mar/2026:14:00:00 +0000] "GET /orders?id=7 HTTP/1.1" 504 167 "-" "k6/1.4"`}},
	{"nginx error", logformat.Nginx, logformat.Event{Level: logformat.Error, Thread: "29", Message: "*12 upstream timed out (110: Connection timed out) while reading response header from upstream",
		Fields: []logformat.Field{{"client", "10.0.3.7"}, {"upstream", `"http://10.244.1.12:8080/"`}}}, []string{
		`2026/03/01 14:00:00 [error] 29#29: *12 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.0.3.7, upstream: "http://10.244.1.12:8080/"`}},
	{"envoy", logformat.Envoy, logformat.Event{Access: access}, []string{
		`[2026-03-01T13:59:58.623Z] "GET /orders?id=7 HTTP/1.1" 504 UT 12 167 1500 1499 "10.0.3.7" "k6/1.4" "b1f7" "shop.example" "10.244.1.12:8080"`}},
	{"envoy own", logformat.Envoy, logformat.Event{Level: logformat.Warn, Logger: "upstream", Message: "outlier ejected"}, []string{
		`[2026-03-01 14:00:00.123][1][warning][upstream] outlier ejected`}},
	{"postgres", logformat.Postgres, logformat.Event{Level: logformat.Error, Thread: "4711", Logger: "app@orders", Message: "deadlock detected",
		Fields: []logformat.Field{{"detail", "Process 4711 waits\nProcess 4712 waits"}, {"statement", "UPDATE stock SET n = n - 1"}}}, []string{
		"2026-03-01 14:00:00.123 UTC [4711] app@orders ERROR:  deadlock detected",
		"2026-03-01 14:00:00.123 UTC [4711] app@orders DETAIL:  Process 4711 waits\n\tProcess 4712 waits",
		"2026-03-01 14:00:00.123 UTC [4711] app@orders STATEMENT:  UPDATE stock SET n = n - 1"}},
	{"rails", logformat.Rails, logformat.Event{Level: logformat.Info, Thread: "17", Message: "Completed 200 OK in 12ms", TraceID: trace, SpanID: span}, []string{
		`I, [2026-03-01T14:00:00.123456 #17]  INFO -- : [trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7] Completed 200 OK in 12ms`}},
	{"plain", logformat.Plain, logformat.Event{Level: logformat.Fatal, Message: "cannot listen", Err: "address in use"}, []string{
		`2026-03-01T14:00:00.123Z FATAL cannot listen: address in use`}},
}

func TestLines(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.format.Append(nil, origin, at.UnixNano(), c.event)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("lines (-want +got):\n" + diff)
			}
			if c.format == logformat.JSON || c.format == logformat.Pino {
				if !json.Valid([]byte(got[0])) {
					t.Errorf("not JSON: %s", got[0])
				}
			}
		})
	}
}

// Every format has a case, and every line moves with the session's clock to what the format would
// have written then.
func TestLinesMove(t *testing.T) {
	const shift = 37*24*time.Hour + 5*time.Hour + 17*time.Second
	covered := map[logformat.Format]bool{}
	for _, c := range cases {
		covered[c.format] = true
		t.Run(c.name, func(t *testing.T) {
			recorded, _ := c.format.Append(nil, origin, at.UnixNano(), c.event)
			want, _ := c.format.Append(nil, origin, at.Add(shift).UnixNano(), c.event)
			for i, line := range recorded {
				got := string((&rebase.Text{}).Line([]byte(line), at.UnixNano(), shift))
				if got == line && line != c.event.Message { // A message alone has no time.
					t.Errorf("did not move: %s", line)
				}
				if got != want[i] {
					t.Errorf("moved to %s\nwant %s", got, want[i])
				}
			}
		})
	}
	for _, f := range logformat.Formats() {
		if !covered[f] {
			t.Errorf("format %s has no case", f)
		}
	}
}

// Renamed ids are found in every format that writes them.
func TestIDsAreRenamed(t *testing.T) {
	x := rebase.NewIDs([32]byte{1})
	for _, c := range cases {
		lines, _ := c.format.Append(nil, origin, at.UnixNano(), c.event)
		moved := string((&rebase.Text{IDs: x}).Line([]byte(lines[0]), at.UnixNano(), 0))
		for _, id := range []string{"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"} {
			if strings.Contains(lines[0], id) && strings.Contains(moved, id) {
				t.Errorf("%s: id %s was not renamed in %s", c.name, id, moved)
			}
		}
	}
}

func TestUncorrelatedLinesHaveNoIDs(t *testing.T) {
	for _, f := range logformat.Formats() {
		lines, err := f.Append(nil, logformat.Origin{}, at.UnixNano(), logformat.Event{Message: "m", TraceID: trace, SpanID: span})
		if err != nil || len(lines) != 1 {
			t.Fatalf("%s: %d lines, %v", f, len(lines), err)
		}
		if strings.Contains(lines[0], "trace") {
			t.Errorf("%s: %s", f, lines[0])
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := logformat.Format("xml").Append(nil, origin, 0, logformat.Event{}); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("got %v", err)
	}
}
