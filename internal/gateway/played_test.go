package gateway_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/internal/challenge"
	"firedrill/internal/gateway"
	"firedrill/internal/stack"
	"firedrill/replay"
	"firedrill/replay/endpoint"
	"firedrill/replay/lokipush"
	"firedrill/replay/otlptrace"
	"firedrill/replay/rebase"
	"firedrill/replay/recording"
	"firedrill/replay/remotewrite"
)

var (
	recordedStart = time.Date(2024, 2, 29, 23, 40, 0, 0, time.UTC)
	recordedPage  = recordedStart.Add(5 * time.Minute)
	recordedEnd   = recordedStart.Add(10 * time.Minute)
)

// source is a recording with what its metrics say of themselves.
type source struct {
	*recording.Recording
	families map[string]replay.Family
}

func (s *source) Families() map[string]replay.Family { return s.families }

// makeSource writes a recording of ten minutes. What is called shop-... belongs to the shop called so; something with
// late in its name comes after the page only.
func makeSource(tb testing.TB, dir, shop string) *source {
	tb.Helper()
	check := func(err error) {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
	}
	dir = filepath.Join(dir, shop)
	w, err := recording.Create(dir, recording.Options{CreatedBy: "gateway test"})
	check(err)
	defer w.Abort()
	families := map[string]replay.Family{
		"http_requests":             {Type: "counter", Help: "Requests of " + shop},
		"latency_seconds":           {Type: "histogram", Help: "Latency of " + shop, Unit: "seconds"},
		shop + "_orders":            {Type: "gauge", Help: "Orders"},
		shop + "_late_orders":       {Type: "gauge", Help: "Orders of the time after the page"},
		"never_seen_metric_seconds": {Type: "gauge", Help: "Not in the recording"},
	}
	for at := recordedStart; at.Before(recordedEnd); at = at.Add(5 * time.Second) {
		n := float64(at.Sub(recordedStart) / time.Second)
		ms := at.UnixMilli()
		late := !at.Before(recordedPage.Add(2 * time.Minute))
		check(w.Sample(labels.FromStrings("__name__", "http_requests_total", "shop", shop, "job", "web"), ms, n))
		check(w.Sample(labels.FromStrings("__name__", shop+"_orders", "job", "web"), ms, 41))
		for _, le := range []string{"0.1", "+Inf"} {
			check(w.Sample(labels.FromStrings("__name__", "latency_seconds_bucket", "le", le, "job", "web"), ms, n))
		}
		if late {
			check(w.Sample(labels.FromStrings("__name__", shop+"_late_orders", "job", "web"), ms, 1))
		}
		trace := traceID(shop, at)
		check(w.Exemplar(labels.FromStrings("__name__", "http_requests_total", "shop", shop, "job", "web"),
			replay.Exemplar{Labels: labels.FromStrings("trace_id", trace.String()), V: 1, T: ms}))
		for i, service := range []string{"frontend", "payment"} {
			check(w.Record(labels.FromStrings("service_name", service, "shop", shop), at.UnixNano()+int64(i),
				fmt.Sprintf(`level=info msg="order of %s" took=%dms trace_id=%s`, shop, int(n), trace),
				[]replay.Pair{{Name: "trace_id", Value: trace.String()}}))
		}
		check(w.Spans(spans(shop, trace, at, late)))
	}
	_, err = w.Close()
	check(err)
	rec, err := recording.Open(dir)
	check(err)
	return &source{rec, families}
}

// traceID is the recorded id of a shop's trace; every fourth one has 64 bits only.
func traceID(shop string, at time.Time) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[8:], uint64(at.Unix())<<8|uint64(shop[0]))
	if at.Unix()%20 != 0 {
		binary.BigEndian.PutUint64(id[:8], uint64(at.Unix())<<16|uint64(shop[1]))
	}
	return id
}

// spans is one trace: frontend calls payment, which calls a bank that is the shop's own.
func spans(shop string, trace pcommon.TraceID, at time.Time, late bool) ptrace.Traces {
	td := ptrace.NewTraces()
	add := func(service, name string, n byte, parent byte, from, to time.Duration, kind ptrace.SpanKind) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		rs.Resource().Attributes().PutStr("shop", shop)
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(trace)
		sp.SetSpanID(pcommon.SpanID{trace[12], trace[13], trace[14], trace[15], 0, 0, 1, n})
		if parent > 0 {
			sp.SetParentSpanID(pcommon.SpanID{trace[12], trace[13], trace[14], trace[15], 0, 0, 1, parent})
		}
		sp.SetName(name)
		sp.SetKind(kind)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(from)))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(to)))
		sp.Attributes().PutStr("http.route", "/pay now")
		sp.Attributes().PutInt("http.response.status_code", 200+at.Unix()%2)
	}
	add("frontend", "GET /", 1, 0, 0, 200*time.Millisecond, ptrace.SpanKindServer)
	add("payment", "POST /pay", 2, 1, 50*time.Millisecond, 150*time.Millisecond, ptrace.SpanKindServer)
	add(shop+"-bank", "book", 3, 2, 60*time.Millisecond, 100*time.Millisecond, ptrace.SpanKindClient)
	if late {
		add(shop+"-late", "rescue", 4, 2, 60*time.Millisecond, 90*time.Millisecond, ptrace.SpanKindInternal)
	}
	return td
}

// played is a session whose evidence is in the back ends up to just after its page.
type played struct {
	shop     string
	session  challenge.Session
	evidence gateway.Evidence
}

// trace is the id under which the trace of a recorded time is in the session, as Jaeger writes it.
func (p *played) trace(at time.Time) string {
	id := rebase.NewIDs(p.evidence.Key).Trace(traceID(p.shop, at))
	return strings.TrimPrefix(hex.EncodeToString(id[:]), "0000000000000000")
}

// play delivers the history of a source as a session and two seconds more.
func play(ctx context.Context, u stack.URLs, id, shop string, src *source) (*played, error) {
	rw, err := remotewrite.New(remotewrite.Options{Endpoint: endpoint.Config{URL: u.Prometheus}, Labels: []labels.Label{{Name: recording.SessionLabel, Value: id}}})
	if err != nil {
		return nil, err
	}
	defer rw.Close()
	loki, err := lokipush.New(lokipush.Options{Endpoint: endpoint.Config{URL: u.Loki}, Tenant: id})
	if err != nil {
		return nil, err
	}
	defer loki.Close()
	otlp, err := otlptrace.New(otlptrace.Options{
		Endpoint: endpoint.Config{URL: "http://" + u.OTLPGRPC}, Protocol: otlptrace.GRPC, Query: endpoint.Config{URL: u.Jaeger},
		ResourceAttributes: map[string]string{"firedrill.session": id},
	})
	if err != nil {
		return nil, err
	}
	defer otlp.Close()
	key := replay.NewKey()
	r, err := replay.New(src, replay.Sinks{Samples: rw, Records: loki, Spans: otlp}, replay.Options{
		Session: id, Key: key, Page: recordedPage, History: time.Hour, For: 2 * time.Second, KnownTrace: src.HasTrace,
	})
	if err != nil {
		return nil, err
	}
	proof, err := r.Run(ctx)
	if err != nil {
		return nil, err
	}
	if !proof.OK() {
		return nil, fmt.Errorf("the evidence of %s is not stored: %+v", id, proof.Signals)
	}
	_, page := r.Timeline().Page()
	return &played{
		shop,
		challenge.Session{ID: id, Title: "Session " + id, Scenario: "s", State: challenge.Ended, PageAt: page,
			Clock: challenge.Clock{Page: page}, Timebox: time.Hour, EndedAt: time.Now()},
		gateway.Evidence{Key: key, Timeline: r.Timeline(), Source: src},
	}, nil
}
