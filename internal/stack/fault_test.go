//go:build unix

package stack_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
)

// TestKill9 kills each back end and wants everything that it had acknowledged.
func TestKill9(t *testing.T) {
	var mu sync.Mutex
	kinds := map[string][]stack.EventKind{}
	seen := make(chan struct{}, 100)
	s := stacktest.StartWith(t, stack.Options{AutoPorts: true, OnEvent: func(e stack.Event) {
		mu.Lock()
		defer mu.Unlock()
		kinds[e.Server] = append(kinds[e.Server], e.Kind)
		if e.Kind == stack.Died && !strings.Contains(e.Err.Error(), "signal: killed") {
			t.Errorf("death of %s = %v, want signal: killed", e.Server, e.Err)
		}
		seen <- struct{}{}
	}})
	u := s.URLs()
	now := time.Now().Truncate(time.Second)
	ages := []time.Duration{time.Second, time.Hour, 7 * 24 * time.Hour}
	var wantLines []string
	for i, age := range ages {
		pushSample(t, u, "kill_test", now.Add(-age), float64(i))
		pushLine(t, u, "kill", now.Add(-age), "line "+age.String())
		pushSpan(t, u, uint64(100+i), "span "+age.String(), now.Add(-age))
		wantLines = append(wantLines, "line "+age.String())
	}
	// What is flushed is both in the store and, after a kill, in the replayed log.
	post(t, u.Loki+"/flush", nil, 204, map[string]string{"X-Scope-OrgID": "kill"})

	for i, name := range stack.Names {
		before := s.PID(name)
		// The last word before the kill: acknowledged, and not a moment to store it later.
		last := now.Add(-30*time.Minute + time.Duration(i)*time.Second)
		pushSample(t, u, "last_word_"+name, last, 1)
		pushLine(t, u, "last-"+name, last, "last word")
		pushSpan(t, u, uint64(200+i), "last word", last)
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := s.WaitReady(ctx); err != nil {
			t.Fatalf("after kill -9 of %s: %v", name, err)
		}
		cancel()
		if got := samples(t, u, "last_word_"+name, last); !slices.Equal(got, []string{"1"}) {
			t.Errorf("samples pushed just before kill -9 of %s = %q, want one", name, got)
		}
		if got := lines(t, u, "last-"+name, last); !slices.Equal(got, []string{"last word"}) {
			t.Errorf("lines pushed just before kill -9 of %s = %q, want one", name, got)
		}
		if got := spans(t, u, uint64(200+i)); !slices.Equal(got, []string{"last word"}) {
			t.Errorf("spans pushed just before kill -9 of %s = %q, want one", name, got)
		}
		if after := s.PID(name); after == before || after == 0 {
			t.Errorf("pid of %s after kill -9 = %d, before %d", name, after, before)
		}
		for range 3 {
			select {
			case <-seen:
			case <-time.After(10 * time.Second):
				t.Fatalf("events of %s: %v, want three", name, kinds[name])
			}
		}
		mu.Lock()
		if want := []stack.EventKind{stack.Died, stack.Restarted, stack.Ready}; !slices.Equal(kinds[name], want) {
			t.Errorf("events of %s = %v, want %v", name, kinds[name], want)
		}
		mu.Unlock()
	}
	for i, age := range ages {
		at := now.Add(-age)
		if got, want := samples(t, u, "kill_test", at), []string{strconv.Itoa(i)}; !slices.Equal(got, want) {
			t.Errorf("samples %s old after kill -9 = %q, want %q", age, got, want)
		}
		if got, want := lines(t, u, "kill", at), []string{wantLines[i]}; !slices.Equal(got, want) {
			t.Errorf("lines %s old after kill -9 = %q, want %q", age, got, want)
		}
		if got, want := spans(t, u, uint64(100+i)), []string{"span " + age.String()}; !slices.Equal(got, want) {
			t.Errorf("spans %s old after kill -9 = %q, want %q", age, got, want)
		}
	}
	// And they take new data.
	pushSample(t, u, "kill_test", now, 9)
	pushLine(t, u, "kill", now.Add(time.Millisecond), "after")
	pushSpan(t, u, 110, "after", now)
}

// TestParentKilled kills the process that started a stack.
func TestParentKilled(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), parentEnv+"="+t.TempDir(), parentEnv+"_BIN="+stacktest.Bin(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	var pids []int
	for sc := bufio.NewScanner(out); sc.Scan() && sc.Text() != "end"; {
		pid, err := strconv.Atoi(sc.Text())
		if err != nil {
			t.Fatalf("parent says %q", sc.Text())
		}
		pids = append(pids, pid)
		t.Cleanup(func() { // a failed test must not leave what it looks for
			if running(pid) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		})
	}
	if len(pids) != len(stack.Names) {
		t.Fatalf("parent started %v, want %d processes", pids, len(stack.Names))
	}
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("pid %d does not run", pid)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for _, pid := range pids {
		for running(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("pid %d runs 10 s after its parent was killed", pid)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// running tells whether a process that is nobody's child here still does anything: an orphan that has
// ended may stay a zombie until the machine's init collects it.
func running(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func readPID(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
