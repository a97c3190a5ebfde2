package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"firedrill/internal/stack/stacktest"
	"firedrill/scenarios"
)

// BenchmarkBuild builds every scenario of the program with the firedrill program, and reports its largest
// resident memory:
// go test -bench Build -benchtime 1x ./internal/e2e
func BenchmarkBuild(b *testing.B) {
	bin, err := program()
	if err != nil {
		b.Fatal(err)
	}
	library, err := scenarios.Open("")
	if err != nil {
		b.Fatal(err)
	}
	for _, id := range library.IDs() {
		b.Run("scenario="+id, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(bin, "scenario", "build", id, "--out", filepath.Join(b.TempDir(), "recording"))
				b.ReportMetric(float64(peakMemory(b, cmd))/1024, "MiB-rss")
			}
		})
	}
}

// BenchmarkPlay plays the default scenario, whose recording is built, and reports the time from the start
// of the program until the clock runs, with the history loaded and proven, and the most memory that the
// three servers of the stack had together until ten seconds later:
// go test -bench Play -benchtime 1x ./internal/e2e
func BenchmarkPlay(b *testing.B) {
	bin, err := program()
	if err != nil {
		b.Fatal(err)
	}
	cache := "XDG_CACHE_HOME=" + b.TempDir()
	build := exec.Command(bin, "scenario", "build", "payment-latency")
	build.Env = append(os.Environ(), cache)
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() {
		cmd := exec.Command(bin, "play", "payment-latency", "--for", "10s", "--ports", "auto", "--stack-bin", stacktest.Bin(b), "-o", "json")
		cmd.Env = append(os.Environ(), cache)
		cmd.Stderr = os.Stderr
		live, memory := play(b, cmd)
		b.ReportMetric(live.Seconds(), "s-to-live")
		b.ReportMetric(float64(memory)/1024, "MiB-rss-stack")
	}
}

// play runs a play command to its end. It returns when it went live, and the most memory, in KiB, that its
// children had together.
func play(tb testing.TB, cmd *exec.Cmd) (live time.Duration, memory int) {
	tb.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	defer cmd.Process.Signal(syscall.SIGTERM)
	events := make(chan string)
	go func() {
		defer close(events)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			events <- s.Text()
		}
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			memory = max(memory, childrenMemory(cmd.Process.Pid))
		case line, ok := <-events:
			if !ok {
				if err := cmd.Wait(); err != nil {
					tb.Fatal(err)
				}
				return live, memory
			}
			var e struct{ Event string }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				tb.Fatalf("%v: %s", err, line)
			}
			if e.Event == "live" {
				live = time.Since(begin)
			}
		}
	}
}

// childrenMemory is the resident memory of a process' children, in KiB.
func childrenMemory(pid int) (sum int) {
	statuses, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, file := range statuses {
		status, _ := os.ReadFile(file)
		var parent, rss int
		for line := range strings.Lines(string(status)) {
			name, value, _ := strings.Cut(line, ":")
			switch name {
			case "PPid":
				parent, _ = strconv.Atoi(strings.TrimSpace(value))
			case "VmRSS":
				fmt.Sscanf(value, "%d", &rss)
			}
		}
		if parent == pid {
			sum += rss
		}
	}
	return sum
}
