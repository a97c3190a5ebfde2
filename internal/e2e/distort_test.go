package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
	"firedrill/replay/distort"
)

// The back ends hold just what a distorted recording has, with every kind of distortion at once.
func TestDistorted(t *testing.T) {
	_, rec := makeRecording(t, size{length: 4 * time.Minute, series: 300, lines: 100, spans: 60}, 11)
	second := distort.Duration(time.Second)
	spec := []distort.Distortion{
		{Kind: distort.TraceSampling, Keep: 0.5},
		{Kind: distort.SpansMissing, Service: "currency", From: 60 * second, To: 120 * second},
		{Kind: distort.BrokenPropagation, Service: "payment", Downstream: []string{"currency"}},
		{Kind: distort.LogLoss, Share: 0.1},
		{Kind: distort.LogRateLimit, Rate: 20, Service: "checkout"},
		{Kind: distort.LogsWithoutTraceID, Service: "frontend"},
		{Kind: distort.TruncatedLines, MaxBytes: 80, Share: 0.5},
		{Kind: distort.ScrapeGap, Job: "demo", Pod: "pod-3", From: 30 * second, To: 90 * second},
		{Kind: distort.ScrapeGap, From: 150 * second, To: 170 * second},
		{Kind: distort.MissedScrapes, Share: 0.2},
		{Kind: distort.IngestionLag, Signal: replay.Metrics, Delay: 2 * second, Jitter: 2 * second},
		{Kind: distort.IngestionLag, Signal: replay.Logs, Delay: 3 * second, Jitter: 4 * second},
		{Kind: distort.IngestionLag, Signal: replay.Traces, Delay: 1 * second, Jitter: 6 * second},
		{Kind: distort.ClockSkew, Skew: 3 * second, Service: "frontend", From: 100 * second, To: 230 * second},
		{Kind: distort.ClockSkew, Skew: -40 * second, Service: "checkout"},
		{Kind: distort.DecoyAlert, Alert: "DiskFull", Labels: map[string]string{"node": "z"}, From: 10 * second, To: 200 * second},
	}
	src, err := distort.New(rec, spec, 5, rec.HasTrace)
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[distort.Kind]bool)
	for _, d := range spec {
		used[d.Kind] = true
	}
	if len(used) != len(distort.Kinds()) {
		t.Errorf("%d kinds are tried of %d", len(used), len(distort.Kinds()))
	}
	m := rec.Manifest()
	r, err := replay.New(src, sinksTo(t, stacktest.Shared(t).URLs(), "distorted"), replay.Options{
		Session: "distorted", Page: m.End.Add(-15 * time.Second), History: time.Hour, Lead: 5 * time.Second,
		KnownTrace: src.HasTrace, ProveHistory: true, Log: logger(t),
		OnEvent: func(e replay.Event) {
			if e.Proof != nil && !e.Proof.OK() {
				t.Errorf("the proof of the history has a difference: %+v", e.Proof.Signals)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !proof.OK() {
		t.Errorf("the proof has a difference: %+v", proof.Signals)
	}
	for i, recorded := range []int64{m.Metrics.Samples, m.Logs.Lines, m.Traces.Spans} {
		if s := proof.Signals[i]; s.Stored < recorded/10 || s.Stored > recorded*9/10 {
			t.Errorf("%s: %d are stored of %d, want a part", s.Signal, s.Stored, recorded)
		}
	}
}

// A killed firedrill goes on at the difficulty it began with.
func TestKilledReplayKeepsItsDifficulty(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir, rec := makeRecording(t, size{length: 3 * time.Minute, series: 200, lines: 100, spans: 50}, 12)
	m, u, state := rec.Manifest(), stacktest.Shared(t).URLs(), t.TempDir()
	args := []string{
		"replay", dir, "--session", "hard", "--state-dir", state, "-o", "json", "--page-at", m.End.Add(-8 * time.Second).Format(time.RFC3339),
		"--prometheus-url", u.Prometheus, "--loki-url", u.Loki, "--otlp-endpoint", "http://" + u.OTLPGRPC, "--jaeger-url", u.Jaeger,
	}
	killed := exec.Command(bin, append(args, "--difficulty", "hard")...)
	var stderr bytes.Buffer
	killed.Stderr = &stderr
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	checkpoint := filepath.Join(state, "sessions", "hard", "checkpoint.json")
	eventually(t, time.Minute, "a checkpoint of three signals", func() bool {
		cp, err := replay.LoadCheckpoint(checkpoint)
		return err == nil && len(cp.Signals) == 3
	})
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := killed.Wait(); err == nil {
		t.Fatalf("firedrill ended before it was killed: %s", stderr.String())
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(checkpoint), "difficulty.json")); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(bin, append(args, "--resume")...).Output()
	if err != nil {
		t.Fatalf("resume: %v\n%s\n%s", err, err.(*exec.ExitError).Stderr, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var first struct{ Event, Difficulty string }
	var last struct {
		Event   string
		Signals []replay.SignalProof
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first.Difficulty != distort.Hard {
		t.Errorf("first event %s, %v: want the difficulty hard", lines[0], err)
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Event != "proof" {
		t.Fatalf("last event %s, %v: want the proof", lines[len(lines)-1], err)
	}
	spec, err := distort.Preset(distort.Hard, nil)
	if err != nil {
		t.Fatal(err)
	}
	src, err := distort.New(rec, spec, 0, rec.HasTrace)
	if err != nil {
		t.Fatal(err)
	}
	spans := int64(0)
	r, err := src.Spans(m.Start, m.End)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for buf := make([]replay.Span, 1000); err == nil; {
		var n int
		n, err = r.Read(buf)
		spans += int64(n)
	}
	for _, s := range last.Signals {
		if s.Signal == replay.Traces && s.Stored != spans || s.Stored != s.Read {
			t.Errorf("%s: stored %d, read %d; hard leaves %d spans", s.Signal, s.Stored, s.Read, spans)
		}
	}
}
