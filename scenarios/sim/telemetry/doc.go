// Package telemetry turns the events of a simulated system into the metrics, logs and traces that real
// instrumentation would emit, and writes them into a recording.
//
// A Recorder owns the recording's writer. A Target is one scraped endpoint, with Groups of metrics; a
// Stream is one log stream; a Tracer takes spans and samples them; Rules evaluates recording and
// alerting rules over what was scraped. Package logformat knows how stacks write their lines, package
// semconv the metrics and attributes of OpenTelemetry's semantic conventions, package exporter those
// of the platform.
//
//	rec := telemetry.NewRecorder(w, telemetry.Options{ScrapeInterval: 15 * time.Second})
//	pod := telemetry.Instance{Service: "payment", Namespace: "shop", Pod: "payment-7d9f-x2k", Container: "payment", Address: "10.244.1.12:8080"}
//	target := rec.Target(pod.TargetLabels())
//	process := target.Group() // discard it and make another when the process restarts
//	depth := process.Gauge(telemetry.Family{Name: "worker_queue_depth", Type: telemetry.TypeGauge, Help: "Tasks that wait."}, "queue", "default")
//	log := rec.Stream(telemetry.StreamOptions{Labels: pod.StreamLabels(), Format: logformat.JSON, Correlated: true})
//	tracer := rec.Tracer(telemetry.Sampling{Head: 0.05})
//	rules, err := rec.Rules(telemetry.RuleGroup{Name: "payment", Rules: []telemetry.Rule{{Alert: "Backlog", Expr: "worker_queue_depth > 100", For: model.Duration(time.Minute)}}})
//
//	depth.Set(3)
//	log.Log(at, logformat.Event{Level: logformat.Info, Message: "charged", TraceID: trace, SpanID: span})
//	if tracer.Sampled(trace) {
//		tracer.Record(telemetry.Span{TraceID: trace, SpanID: span, Name: "charge", Start: begin, End: at, Resource: resource})
//	}
//	target.Scrape(at)        // at target.Next(...), again and again
//	rules.Eval(at)           // at rules.Next(...), again and again
//	target.Close(at)         // the pod is gone
//	err = rec.Close()        // then w.Close()
//
// # Times
//
// All times are recorded times: nanoseconds since the epoch. Samples carry milliseconds.
//
// # Determinism
//
// The same calls give the same recording, byte for byte, on any machine: nothing comes from a clock or
// from chance, and no function is used whose last digit depends on the processor. Go may fuse x*y+z into
// one instruction on some processors, so products are rounded with float64(x*y) before they are added;
// callers who compute values must do the same.
//
// # Concurrency
//
// All methods belong to one goroutine. Encoding and writing run on another one, in the order of the
// calls; the first error is returned by Recorder.Close.
package telemetry
