package telemetry_test

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay/recording"
	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/logformat"
	"firedrill/scenarios/sim/telemetry/semconv"
)

// system is a small system with everything that a recording has, for so many minutes.
func system(t testing.TB, rec *telemetry.Recorder, pods, minutes, perSecond int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	rules, err := rec.Rules(telemetry.RuleGroup{Name: "g", Interval: seconds(30), Rules: []telemetry.Rule{
		{Record: "job:errors:ratio", Expr: `sum by (job) (rate(http_server_request_duration_seconds_count{http_response_status_code="500"}[2m])) / sum by (job) (rate(http_server_request_duration_seconds_count[2m]))`},
		{Record: "job:p95", Expr: `histogram_quantile(0.95, sum by (job) (rate(http_server_request_duration_seconds[2m])))`},
		{Alert: "Errors", Expr: `job:errors:ratio > 0.1`, For: seconds(30)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	tracer := rec.Tracer(telemetry.Sampling{Head: 1, Tail: &telemetry.Tail{Wait: 5 * time.Second, Share: 0.05}})
	type pod struct {
		target *telemetry.Target
		op     *semconv.Operation
		log    *telemetry.Stream
		from   *telemetry.Resource
		next   int64
	}
	var all []*pod
	for i := range pods {
		x := instance
		x.Pod += string(rune('a' + i))
		p := &pod{target: rec.Target(x.TargetLabels()), from: x.Resource(), log: rec.Stream(telemetry.StreamOptions{Labels: x.StreamLabels(), Format: logformat.JSON, Correlated: true})}
		p.op = semconv.Set{Group: p.target.Group(), Language: "go", Server: semconv.Both}.HTTPServer(semconv.HTTP{Method: "GET", Route: "/"})
		p.next = p.target.Next(after(0))
		all = append(all, p)
	}
	evaluate := rules.Next(after(0))
	for at := after(0); at < after(60*minutes); at += int64(time.Second) / int64(perSecond) {
		for _, p := range all {
			if p.next <= at {
				p.target.Scrape(p.next)
				p.next = p.target.Next(p.next + 1)
			}
		}
		if evaluate <= at {
			rules.Eval(evaluate)
			evaluate = rules.Next(evaluate + 1)
		}
		p := all[rng.IntN(len(all))]
		var trace telemetry.TraceID
		binary.BigEndian.PutUint64(trace[:], rng.Uint64()|1)
		binary.BigEndian.PutUint64(trace[8:], rng.Uint64())
		id := telemetry.SpanID{7: 1}
		out := semconv.Outcome{Status: 200}
		if rng.IntN(8) == 0 {
			out.Status = 500
			p.log.Log(at, logformat.Event{Level: logformat.Error, Message: "failed", TraceID: trace, SpanID: id})
		}
		took := time.Duration(rng.ExpFloat64() * float64(50*time.Millisecond))
		p.op.Begin()
		p.op.End(took, out, at, trace, id)
		s := p.op.Span(out, semconv.Path("/")...)
		s.TraceID, s.SpanID, s.Start, s.End, s.Resource = trace, id, at-int64(took), at, p.from
		tracer.Record(s)
	}
}

func TestSameCallsSameBytes(t *testing.T) {
	run := func(procs int) recorded {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		return record(t, func(rec *telemetry.Recorder) { system(t, rec, 3, 10, 20) })
	}
	first, second := run(1), run(2)
	if diff := cmp.Diff(first.manifest, second.manifest); diff != "" {
		t.Error("manifests with checksums (-first +second):\n" + diff)
	}
	if m := first.manifest; m.Metrics.Exemplars == 0 || m.Traces.Traces == 0 || m.Logs.Lines == 0 {
		t.Errorf("too little to compare: %+v", m)
	}
}

// go test -run - -bench System -benchtime 1x ./scenarios/sim/telemetry/
//
// Ninety minutes of 30 pods at 200 requests/s, one observation and one span each.
func BenchmarkSystem(b *testing.B) {
	for b.Loop() {
		w, err := recording.Create(filepath.Join(b.TempDir(), "recording"), recording.Options{})
		if err != nil {
			b.Fatal(err)
		}
		rec := telemetry.NewRecorder(w, telemetry.Options{})
		system(b, rec, 30, 90, 200)
		if err := rec.Close(); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
