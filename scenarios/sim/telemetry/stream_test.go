package telemetry_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay"
	"firedrill/replay/recording"
	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/logformat"
)

var instance = telemetry.Instance{
	Service: "payment", Namespace: "shop", Version: "1.2.3", Pod: "payment-7d9f-x2k", Node: "node-a", Zone: "eu-1a", Environment: "production",
	Address: "10.244.1.12:8080", Language: "go",
}

func TestStream(t *testing.T) {
	trace := telemetry.TraceID{1, 15: 1}
	r := record(t, func(rec *telemetry.Recorder) {
		tracer := rec.Tracer(telemetry.Sampling{Head: 1})
		tracer.Record(span(trace, 2, 0, 10, 1))
		event := logformat.Event{Level: logformat.Info, Message: "paid", TraceID: trace, SpanID: telemetry.SpanID{7: 2}}
		correlated := rec.Stream(telemetry.StreamOptions{Labels: instance.StreamLabels(), Format: logformat.Logfmt, Correlated: true})
		correlated.Log(after(2), logformat.Event{Message: "no trace"})
		correlated.Log(after(1), event)
		other := instance
		other.Pod = "payment-7d9f-q8z"
		rec.Stream(telemetry.StreamOptions{Labels: other.StreamLabels(), Format: logformat.Logfmt}).Log(after(3), event)
		db := rec.Stream(telemetry.StreamOptions{Labels: other.StreamLabels(), Format: logformat.Postgres})
		db.Log(after(4), logformat.Event{Level: logformat.Error, Thread: "9", Message: "canceling statement", Fields: []logformat.Field{{Key: "statement", Value: "SELECT 1"}}})
	})
	type line struct {
		Stream, Line string
		Metadata     []replay.Pair
	}
	var got []line
	for _, x := range r.records {
		got = append(got, line{x.Stream.Labels.String(), string(x.Line), x.Metadata})
	}
	const first = `{container="payment", namespace="shop", node_name="node-a", pod="payment-7d9f-x2k", service_name="payment"}`
	second := strings.ReplaceAll(first, "x2k", "q8z")
	want := []line{
		{first, `ts=2026-03-01T14:00:01.000000000Z level=info msg=paid trace_id=01000000000000000000000000000001 span_id=0000000000000002`,
			[]replay.Pair{{Name: "span_id", Value: "0000000000000002"}, {Name: "trace_id", Value: "01000000000000000000000000000001"}}},
		{first, `ts=2026-03-01T14:00:02.000000000Z level=debug msg="no trace"`, nil},
		{second, `ts=2026-03-01T14:00:03.000000000Z level=info msg=paid`, nil},
		{second, `2026-03-01 14:00:04.000 UTC [9] ERROR:  canceling statement`, nil},
		{second, `2026-03-01 14:00:04.000 UTC [9] STATEMENT:  SELECT 1`, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("records (-want +got):\n" + diff)
	}
}

// A line keeps the ids of a trace whose decision comes after it, and loses those of one that is dropped.
func TestLinesNameRecordedTraces(t *testing.T) {
	kept, dropped := telemetry.TraceID{1, 15: 1}, telemetry.TraceID{0xff, 15: 2}
	r := record(t, func(rec *telemetry.Recorder) {
		tracer := rec.Tracer(telemetry.Sampling{Head: 1, Tail: &telemetry.Tail{Wait: 10 * time.Second, Share: 0.5}})
		log := rec.Stream(telemetry.StreamOptions{Labels: instance.StreamLabels(), Format: logformat.Plain, Correlated: true})
		target := rec.Target(demo)
		for _, trace := range []telemetry.TraceID{kept, dropped} {
			log.Log(after(1), logformat.Event{Message: "m", TraceID: trace, SpanID: telemetry.SpanID{7: 1}})
			tracer.Record(span(trace, 1, 0, 2000, 1))
		}
		// Long after, when what was held is let go before the end.
		for i := range 30 {
			target.Scrape(after(15 * i))
		}
		log.Log(after(450), logformat.Event{Message: "last"})
	})
	var got []string
	for _, x := range r.records {
		got = append(got, fmt.Sprint(string(x.Line), len(x.Metadata)))
	}
	want := []string{
		"2026-03-01T14:00:01.000Z DEBUG m trace_id=01000000000000000000000000000001 span_id=00000000000000012",
		"2026-03-01T14:00:01.000Z DEBUG m0",
		"2026-03-01T14:07:30.000Z DEBUG last0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("lines (-want +got):\n" + diff)
	}
}

func TestInstance(t *testing.T) {
	if got := instance.TargetLabels().String(); got != `{container="payment", instance="10.244.1.12:8080", job="payment", namespace="shop", pod="payment-7d9f-x2k"}` {
		t.Error(got)
	}
	trace := telemetry.TraceID{1, 15: 1}
	r := record(t, func(rec *telemetry.Recorder) {
		s := span(trace, 1, 0, 10, 1)
		s.Resource = instance.Resource()
		rec.Tracer(telemetry.Sampling{Head: 1}).Record(s)
		target := rec.Target(demo)
		instance.TargetInfo(target.Group())
		target.Scrape(after(0))
	})
	want := map[string]any{
		"service.name": "payment", "service.namespace": "shop", "service.version": "1.2.3", "service.instance.id": "payment-7d9f-x2k",
		"deployment.environment.name": "production", "k8s.namespace.name": "shop", "k8s.pod.name": "payment-7d9f-x2k", "k8s.container.name": "payment",
		"k8s.node.name": "node-a", "cloud.availability_zone": "eu-1a",
		"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "go", "telemetry.sdk.version": "1.40.0",
	}
	if diff := cmp.Diff(want, r.spans[0].Resource.Attributes.AsRaw()); diff != "" {
		t.Error("resource (-want +got):\n" + diff)
	}
	r.expect(t, "target_info{service_name=payment,service_namespace=shop,service_instance_id=payment-7d9f-x2k,service_version=1.2.3}", 0, 1)
}

// The first error of the writing goroutine is what Close returns.
func TestCloseReturnsFirstError(t *testing.T) {
	w, err := recording.Create(filepath.Join(t.TempDir(), "recording"), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	rec := telemetry.NewRecorder(w, telemetry.Options{})
	bad := rec.Stream(telemetry.StreamOptions{Labels: instance.StreamLabels(), Format: "xml"})
	for range 3000 { // more than the queue holds
		bad.Log(after(0), logformat.Event{})
	}
	rec.Target(demo).Scrape(after(0))
	if err := rec.Close(); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("close: %v", err)
	}
}
