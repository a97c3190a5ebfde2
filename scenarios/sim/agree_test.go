package sim_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay/recording"
	"firedrill/scenarios/sim"
	"firedrill/scenarios/sim/model"
)

// TestRequestsAgree compares what metrics and logs say of the same requests, pod by pod: all of them are logged.
func TestRequestsAgree(t *testing.T) {
	s := small(t)
	counts := s.find("http_server_request_duration_seconds_count", "job", "quotes")
	if len(counts) == 0 {
		t.Fatal("quotes counts no requests")
	}
	byPod := map[string][]*series{}
	for _, x := range counts {
		byPod[x.labels.Get("pod")] = append(byPod[x.labels.Get("pod")], x)
	}
	for pod, all := range byPod {
		points := all[0].points
		from, to := points[0].at, points[len(points)-1].at
		var lines float64
		for _, r := range s.lines("quotes", "RequestLoggingFilter") {
			if at := r.T / 1e6; r.Stream.Labels.Get("pod") == pod && at >= from && at < to {
				lines++
			}
		}
		if counted := between(all, from, to); counted != lines || lines < 1000 {
			t.Errorf("%s: metrics count %v requests, the log has %v", pod, counted, lines)
		}
	}
}

// TestClassicAndNative: a histogram that is exposed as both counts the same.
func TestClassicAndNative(t *testing.T) {
	s := small(t)
	native := s.find("http_server_request_duration_seconds", "job", "web")
	if len(native) == 0 {
		t.Fatal("web exposes no native histogram")
	}
	for _, n := range native {
		for _, c := range s.find("http_server_request_duration_seconds_count", "pod", n.labels.Get("pod"),
			"http_response_status_code", n.labels.Get("http_response_status_code")) {
			at := c.points[len(c.points)/2].at
			if n.before(at) != c.before(at) {
				t.Errorf("%s: native %v, classic %v", n.labels, n.before(at), c.before(at))
			}
		}
	}
}

// TestEverySampledRequestHasSpans compares the share of sampled lines with the head sampler's.
func TestEverySampledRequestHasSpans(t *testing.T) {
	s := small(t)
	servers := map[string]bool{}
	for _, x := range s.spans {
		if x.service == "quotes" && x.Kind() == ptrace.SpanKindServer {
			servers[x.SpanID().String()] = true
		}
	}
	var with, without int
	for _, r := range s.lines("quotes", "RequestLoggingFilter") {
		switch id := metadata(r, "span_id"); {
		case id == "":
			without++
		case servers[id]:
			with++
		default:
			t.Fatalf("span %s of a line is not recorded: %s", id, r.Line)
		}
	}
	if share := float64(with) / float64(with+without); share < 0.37 || share > 0.43 {
		t.Errorf("%v of the requests are sampled, want 0.4", share)
	}
}

var traceInLine = regexp.MustCompile(`trace_?[iI]d"?[=:]"?([0-9a-f]{32})`)

// TestLinksOpen: every trace id outside the traces is that of a recorded trace.
func TestLinksOpen(t *testing.T) {
	s := small(t)
	var inLines, exemplars int
	for _, r := range s.records {
		m := traceInLine.FindStringSubmatch(string(r.Line))
		id := metadata(r, "trace_id")
		if (m == nil) != (id == "") || m != nil && m[1] != id {
			t.Fatalf("line and metadata %q disagree: %s", id, r.Line)
		}
		if id == "" {
			continue
		}
		inLines++
		if !s.traces[id] {
			t.Fatalf("trace %s is not recorded, but named by: %s", id, r.Line)
		}
	}
	for _, x := range s.series {
		for _, e := range x.exemplars {
			exemplars++
			if !s.traces[e.Labels.Get("trace_id")] {
				t.Fatalf("trace of an exemplar of %s is not recorded", x.labels)
			}
		}
	}
	if inLines < 1000 || exemplars < 100 {
		t.Errorf("%d lines and %d exemplars name a trace, want more", inLines, exemplars)
	}
}

// TestSpansNest: every span but a root has its parent in the recording, within what the recording's edges allow.
func TestSpansNest(t *testing.T) {
	s := small(t)
	known := map[string]bool{}
	for _, x := range s.spans {
		known[x.SpanID().String()] = true
	}
	last := start.Add(smallLength)
	for _, x := range s.spans {
		at := x.StartTimestamp().AsTime()
		if at.Before(start) || !x.EndTimestamp().AsTime().Before(last) {
			t.Errorf("span %s from %v to %v is outside of the recording", x.Name(), at, x.EndTimestamp().AsTime())
		}
		if p := x.ParentSpanID(); !p.IsEmpty() && !known[p.String()] && at.Sub(start) > time.Second && last.Sub(at) > 3*time.Second {
			t.Errorf("the parent of %s of %s at %v is missing", x.Name(), x.service, at)
		}
	}
}

// TestAbandonedRequests: the client gives up at its time-out, the server works on, and a retry is a sibling.
func TestAbandonedRequests(t *testing.T) {
	s := small(t)
	clients := map[string]span{}
	for _, x := range s.spans {
		if x.service == "web" && x.Kind() == ptrace.SpanKindClient {
			clients[x.SpanID().String()] = x
		}
	}
	var abandoned, retried int
	for _, x := range s.spans {
		if x.service != "quotes" || x.Kind() != ptrace.SpanKindServer {
			continue
		}
		at := x.StartTimestamp().AsTime().Sub(start)
		c, ok := clients[x.ParentSpanID().String()]
		if !ok || at < slowFrom+time.Second || at > slowUntil-2*time.Second {
			continue
		}
		abandoned++
		if got := c.length(); got < 200*time.Millisecond || got > 201*time.Millisecond {
			t.Errorf("a client span took %v, want its time-out of 200ms", got)
		}
		if c.Status().Code() != ptrace.StatusCodeError || x.length() < 450*time.Millisecond {
			t.Errorf("client %v, server took %v: want an error, and work to its end", c.Status().Code(), x.length())
		}
		if _, failed := x.Attributes().Get("error.type"); failed {
			t.Errorf("the server that nobody waited for has an error: %v", x.Attributes().AsRaw())
		}
		if n, ok := c.Attributes().Get("http.request.resend_count"); ok {
			retried++
			if n.Int() != 1 {
				t.Errorf("resend_count is %d, want 1", n.Int())
			}
		}
	}
	if abandoned < 100 || retried < abandoned/3 {
		t.Errorf("%d abandoned requests and %d retries, want more", abandoned, retried)
	}
}

// TestTimeoutsShow: the fault shows as errors of the caller in all signals, and the server sees none.
func TestTimeoutsShow(t *testing.T) {
	s := small(t)
	from, to := start.Add(slowFrom).UnixMilli(), start.Add(slowUntil+20*time.Second).UnixMilli()
	failed := between(s.find("http_server_request_duration_seconds_count", "job", "web", "http_response_status_code", "504"), from, to)
	if failed < 300 {
		t.Errorf("web counts %v requests with status 504, want most of a minute", failed)
	}
	if n := len(s.find("http_server_request_duration_seconds_count", "job", "quotes", "http_response_status_code", "504")); n != 0 {
		t.Errorf("quotes has %d series with status 504, want none", n)
	}
	var lines int
	for _, r := range s.lines("web", "context deadline exceeded") {
		if at := offset(r.T); at >= slowFrom && at < slowUntil+time.Second && strings.Contains(string(r.Line), `"level":"error"`) {
			lines++
		}
	}
	if lines < 300 {
		t.Errorf("web logs %d errors, want most of a minute", lines)
	}
	if n := len(s.lines("web", "retrying call to quotes")); n < 20 {
		t.Errorf("web logs %d retries, want some", n)
	}
}

// TestLinksOpenWithTailSampling: lines are written before a tail sampler decides, and still name no trace that it dropped.
func TestLinksOpenWithTailSampling(t *testing.T) {
	sys, err := system("small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sys.Tracing = model.Traces{Head: 1, Errors: true, Rest: 0.2}
	dir := filepath.Join(t.TempDir(), "r")
	w, err := recording.Create(dir, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := sim.Build(t.Context(), sys, smallFaults(), sim.Options{Seed: 1, Start: start, Length: 4 * time.Minute}, w); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var calm, calmTraced, failed, failedTraced int
	for _, r := range s.lines("web", "request served") {
		id := metadata(r, "trace_id")
		if id != "" && !s.traces[id] {
			t.Fatalf("trace %s was dropped, but is named by: %s", id, r.Line)
		}
		if at := offset(r.T); strings.Contains(string(r.Line), `"status":504`) && at < 200*time.Second {
			failed++
			if id != "" {
				failedTraced++
			}
		} else if at < 100*time.Second {
			calm++
			if id != "" {
				calmTraced++
			}
		}
	}
	if failed < 300 || failedTraced != failed {
		t.Errorf("%d of %d failed requests have a trace, want all", failedTraced, failed)
	}
	if share := float64(calmTraced) / float64(calm); share < 0.16 || share > 0.24 {
		t.Errorf("%v of the other requests have a trace, want 0.2", share)
	}
}
