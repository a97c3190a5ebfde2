package recording_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// promtool returns the path of the binary that make stack builds.
func promtool(t *testing.T) string {
	t.Helper()
	home, _ := os.UserHomeDir()
	for _, p := range []string{"../../bin/promtool", filepath.Join(home, ".cache/firedrill/build/promtool")} {
		if fi, err := os.Stat(p); err == nil && fi.Mode()&0o111 != 0 {
			return p
		}
	}
	t.Skip("promtool is not built: run make stack")
	return ""
}

func runPromtool(t *testing.T, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command(promtool(t), args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("promtool %s: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

// Prometheus's own tool opens the metrics and finds every sample, bit by bit.
func TestPromtoolReadsTheMetrics(t *testing.T) {
	in := randomInput(11, 2000, 5*time.Hour)
	// promtool dump gives up on a series that has both floats and histograms.
	histograms := map[string]bool{}
	for _, s := range in.samples {
		if s.h != nil || s.fh != nil {
			histograms[s.l.String()] = true
		}
	}
	in.samples = slices.DeleteFunc(in.samples, func(s sampleIn) bool {
		return histograms[s.l.String()] && s.h == nil && s.fh == nil
	})
	_, dir := mustRecord(t, in, 11)
	metrics := filepath.Join(dir, "metrics")

	var want []string
	for _, s := range in.samples {
		v := fmt.Sprintf("%g", s.v)
		if s.h != nil {
			v = s.h.String()
		} else if s.fh != nil {
			v = s.fh.String()
		}
		want = append(want, fmt.Sprintf("%s %s %d", s.l.DropMetricName(), v, s.t))
	}
	got := strings.Split(strings.TrimSpace(runPromtool(t, "tsdb", "dump", metrics)), "\n")
	for i, line := range got { // {__name__="a", b="c"} and not a{b="c"}
		_, line, _ = strings.Cut(line, ", ")
		got[i] = "{" + line
	}
	// It loses the first one or two samples of a series of histograms: each of its three loops, one for
	// each kind of value, swallows a sample to find out that it is of another kind.
	firsts := map[string]int{}
	want = slices.DeleteFunc(want, func(s string) bool {
		series, _, histogram := strings.Cut(s, "} {")
		firsts[series]++
		return histogram && firsts[series] <= 2
	})
	got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "} {") && !slices.Contains(want, s) })
	sameSet(t, "samples of promtool tsdb dump", got, want)

	list := strings.Split(strings.TrimSpace(runPromtool(t, "tsdb", "list", metrics)), "\n")
	if len(list) != 1+4 { // 13:07 to 18:07 touches four windows of two hours
		t.Errorf("promtool tsdb list has %d lines, want a heading and four blocks:\n%s", len(list), strings.Join(list, "\n"))
	}
	if out := runPromtool(t, "tsdb", "analyze", metrics); !strings.Contains(out, "Total Series: 20") {
		t.Errorf("promtool tsdb analyze does not find 20 series:\n%s", out)
	}
}
