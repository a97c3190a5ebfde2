package stack_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
)

// TestIdleMemory wants the three back ends to be small enough for a laptop: together under 400 MB of
// resident memory as ps shows it, shared pages of the binaries included.
func TestIdleMemory(t *testing.T) {
	const limit = 400 << 20
	began := time.Now()
	s := stacktest.Start(t)
	t.Logf("ready after %s", time.Since(began).Round(10*time.Millisecond))
	var sum int64
	for _, name := range stack.Names {
		rss := resident(t, s.PID(name))
		t.Logf("%s: %d MB", name, rss>>20)
		sum += rss
	}
	if sum > limit {
		t.Errorf("idle, the back ends take %d MB together, want at most %d", sum>>20, int64(limit)>>20)
	}
}

// resident returns the resident set size of a process in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	t.Fatalf("/proc/%d/status has no VmRSS", pid)
	return 0
}
