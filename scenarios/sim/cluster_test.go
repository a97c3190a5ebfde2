package sim_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOutOfMemory: a container that is killed restarts, as the platform tells it; it says nothing itself.
func TestOutOfMemory(t *testing.T) {
	s := small(t)
	end := start.Add(smallLength).UnixMilli()
	if n := between(s.find("kube_pod_container_status_restarts_total", "container", "counter"), start.UnixMilli(), end); n < 1 || n > 5 {
		t.Errorf("%v restarts, want some", n)
	}
	if len(s.find("kube_pod_container_status_last_terminated_reason", "container", "counter", "reason", "OOMKilled")) != 1 {
		t.Error("kube-state-metrics has no last_terminated_reason OOMKilled")
	}
	containers := s.find("container_cpu_usage_seconds_total", "container", "counter")
	if len(containers) < 2 {
		t.Fatalf("cAdvisor knows %d containers, want the one that died and the next", len(containers))
	}
	first := containers[0]
	if !first.points[len(first.points)-1].stale() {
		t.Error("the series of the container that died does not end stale")
	}
	down := false
	for _, x := range s.find("up", "job", "counter") {
		for _, p := range x.points {
			at := time.UnixMilli(p.at).Sub(start)
			down = down || p.v == 0
			if p.v == 0 && (at < leakFrom || at > leakUntil+time.Minute) {
				t.Errorf("up is 0 at %v", at)
			}
		}
	}
	if !down {
		t.Error("no scrape of counter failed")
	}
	starts := map[float64]bool{}
	for _, x := range s.find("process_start_time_seconds", "job", "counter") {
		for _, p := range x.points {
			if !p.stale() {
				starts[p.v] = true
			}
		}
	}
	if len(starts) < 2 {
		t.Errorf("%d start times, want one of each process", len(starts))
	}
	if n := len(s.lines("counter", "Started server process")); n < 1 {
		t.Error("the new process does not say that it starts")
	}
	for _, r := range s.records {
		if l := strings.ToLower(string(r.Line)); strings.Contains(l, "oom") || strings.Contains(l, "out of memory") {
			t.Errorf("a line tells what its process could not know: %s", r.Line)
		}
	}
}

// TestRollout: new pods come, the old ones' series end.
func TestRollout(t *testing.T) {
	s := small(t)
	first, last := map[string]time.Duration{}, map[string]time.Duration{}
	for _, x := range s.find("up", "job", "web") {
		pod := x.labels.Get("pod")
		n := len(x.points)
		first[pod], last[pod] = time.UnixMilli(x.points[0].at).Sub(start), time.UnixMilli(x.points[n-1].at).Sub(start)
		if ends := x.points[n-1].stale(); ends != (first[pod] < deployAt) {
			t.Errorf("%s: its last sample is a stale marker: %v", pod, ends)
		}
	}
	if len(first) != 4 {
		t.Fatalf("web had %d pods, want 4: %v", len(first), first)
	}
	for pod := range first {
		old := first[pod] < 15*time.Second
		if old && (last[pod] < deployAt || last[pod] > deployAt+2*time.Minute) || !old && first[pod] < deployAt {
			t.Errorf("%s was scraped from %v to %v", pod, first[pod], last[pod])
		}
	}
	if n := len(s.find("target_info", "job", "web", "service_version", "1.1.0")); n != 2 {
		t.Errorf("%d processes say version 1.1.0, want 2", n)
	}
	if n := len(s.lines("web", "shutting down")); n != 2 {
		t.Errorf("%d processes say that they shut down, want 2", n)
	}
	if n := len(s.lines("web", "listening")); n != 2 {
		t.Errorf("%d processes say that they listen, want 2", n)
	}
}

func TestAlertFires(t *testing.T) {
	s := small(t)
	alerts := s.find("ALERTS", "alertname", "Errors", "alertstate", "firing", "severity", "page", "cluster", "test-1")
	if len(alerts) != 1 {
		t.Fatalf("%d series of firing alerts, want 1", len(alerts))
	}
	points := alerts[0].points
	from, to := time.UnixMilli(points[0].at).Sub(start), time.UnixMilli(points[len(points)-1].at).Sub(start)
	if from < slowFrom+15*time.Second || from > slowFrom+time.Minute || to > slowUntil+2*time.Minute {
		t.Errorf("the alert fires from %v to %v", from, to)
	}
	if len(s.find("job:http_server_requests:rate1m", "job", "web")) != 1 {
		t.Error("the recording rule has no series")
	}
}

// TestCountersAreOld: processes that have run for long do not begin to count with the recording.
func TestCountersAreOld(t *testing.T) {
	s := small(t)
	for _, x := range s.find("http_server_request_duration_seconds_count", "job", "quotes") {
		began := s.find("process_start_time_seconds", "pod", x.labels.Get("pod"))[0].points[0].v
		lived := float64(x.points[0].at)/1000 - began
		rate := between([]*series{x}, x.points[0].at, start.Add(slowFrom).UnixMilli()) / (slowFrom.Seconds() - 15)
		if counted := x.points[0].v; lived < 5*3600 || counted < 0.7*rate*lived || counted > 1.4*rate*lived {
			t.Errorf("%s has counted %v requests in %.0f s at %.1f/s", x.labels.Get("pod"), counted, lived, rate)
		}
	}
	for _, x := range s.find("scrape_series_added", "job", "quotes") {
		if x.points[0].v > 3 {
			t.Errorf("%v series are new in the first scrape", x.points[0].v)
		}
	}
}

// TestTenServicesAreInBudget: a system of the usual size stays below 3,000 series.
func TestTenServicesAreInBudget(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	if err := build(dir, "ten.yaml", nil, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.series); n < 1500 || n >= 3000 {
		t.Errorf("%d series, want less than 3000", n)
	}
	for _, x := range s.series {
		if x.labels.Get("cluster") != "prod-eu-1" || x.labels.Get("job") == "" && !strings.HasPrefix(x.labels.Get("__name__"), "ALERTS") {
			t.Errorf("%s lacks cluster or job", x.labels)
		}
	}
}
