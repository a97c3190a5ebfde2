//go:build unix

package stack_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
)

// oldest is how old history may be: the windows of Prometheus and Loki are 8 d.
const oldest = 8*24*time.Hour - 10*time.Minute

func TestStartPushReadStop(t *testing.T) {
	s, err := stack.Start(t.Context(), stack.Options{Dir: t.TempDir(), Bin: stacktest.Bin(t), AutoPorts: true})
	if err != nil {
		t.Fatal(err)
	}
	u := s.URLs()
	now := time.Now().Truncate(time.Second)
	// Newest first, so that the old ones are out of order in series and stream.
	for i, age := range []time.Duration{time.Second, 3 * time.Hour, 5 * 24 * time.Hour, oldest} {
		at := now.Add(-age)
		pushSample(t, u, "stack_test", at, float64(i))
		if got, want := samples(t, u, "stack_test", at), []string{string(rune('0' + i))}; !slices.Equal(got, want) {
			t.Errorf("samples %s old = %q, want %q", age, got, want)
		}
		pushLine(t, u, "tenant-a", at, "line "+age.String())
		if got, want := lines(t, u, "tenant-a", at), []string{"line " + age.String()}; !slices.Equal(got, want) {
			t.Errorf("lines %s old = %q, want %q", age, got, want)
		}
		pushSpan(t, u, uint64(i+1), "span "+age.String(), at)
		if got, want := spans(t, u, uint64(i+1)), []string{"span " + age.String()}; !slices.Equal(got, want) {
			t.Errorf("spans %s old = %q, want %q", age, got, want)
		}
	}
	if got := lines(t, u, "tenant-b", now); got != nil {
		t.Errorf("another tenant reads %q, want nothing", got)
	}
	var services struct{ Data []string }
	getJSON(t, u.Jaeger+"/api/services", "", &services)
	if want := []string{"stack-test"}; !slices.Equal(services.Data, want) {
		t.Errorf("services = %q, want %q: Jaeger must not trace itself", services.Data, want)
	}

	pids := pidsOf(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 2 { // the second call does nothing
		if err := s.Stop(ctx); err != nil {
			t.Fatalf("Stop: %v", err)
		}
	}
	for name, pid := range pids {
		if alive(pid) {
			t.Errorf("%s (pid %d) runs after Stop", name, pid)
		}
		if got := s.PID(name); got != 0 {
			t.Errorf("PID(%q) after Stop = %d, want 0", name, got)
		}
	}
	if err := s.WaitReady(ctx); !errors.Is(err, stack.ErrStopped) {
		t.Errorf("WaitReady after Stop = %v, want %v", err, stack.ErrStopped)
	}
}

func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n := l.Addr().(*net.TCPAddr).Port
	// Fixed ports that nobody uses, so that the test does not depend on 9090 being free.
	free := stack.Ports{Prometheus: 20001, Loki: 20002, OTLPGRPC: 20003, OTLPHTTP: 20004, Jaeger: 20005}
	for flag, set := range map[string]func(*stack.Ports){
		"--prometheus-port": func(p *stack.Ports) { p.Prometheus = n },
		"--loki-port":       func(p *stack.Ports) { p.Loki = n },
		"--otlp-grpc-port":  func(p *stack.Ports) { p.OTLPGRPC = n },
		"--otlp-http-port":  func(p *stack.Ports) { p.OTLPHTTP = n },
		"--jaeger-port":     func(p *stack.Ports) { p.Jaeger = n },
	} {
		t.Run(flag, func(t *testing.T) {
			ports := free
			set(&ports)
			s, err := stack.Start(t.Context(), stack.Options{Dir: t.TempDir(), Bin: stacktest.Bin(t), Ports: ports})
			if err == nil {
				_ = s.Stop(t.Context())
				t.Fatal("Start on a taken port succeeded")
			}
			want := "port " + port + " is in use; free it, choose another with " + flag + ", or use --ports auto"
			if !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error = %q, want prefix %q", err, want)
			}
		})
	}
	ports := free
	ports.Loki = ports.Prometheus
	_, err = stack.Start(t.Context(), stack.Options{Dir: t.TempDir(), Bin: stacktest.Bin(t), Ports: ports})
	if want := "port 20001 is given twice, by --prometheus-port and --loki-port"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %q", err, want)
	}
}

func TestMissingBinary(t *testing.T) {
	_, err := stack.Start(t.Context(), stack.Options{Dir: t.TempDir(), Bin: t.TempDir(), AutoPorts: true})
	if err == nil || !strings.Contains(err.Error(), "prometheus is missing; run `make stack`") {
		t.Errorf("error = %v, want one that names the binary and `make stack`", err)
	}
}

// TestServerThatDoesNotStart has a back end that gives up, next to two that run but never get ready.
func TestServerThatDoesNotStart(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	script := func(name, body string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	pidFile := filepath.Join(dir, "pid")
	script("prometheus", "echo $$ > "+pidFile+"\nexec sleep 1000")
	script("jaeger", "exec sleep 1000")
	script("loki", "while [ ! -s "+pidFile+" ]; do sleep 0.01; done\necho first line\necho cannot read the schema >&2\nexit 3")
	_, err := stack.Start(t.Context(), stack.Options{Dir: dir, Bin: bin, AutoPorts: true})
	if err == nil {
		t.Fatal("Start succeeded")
	}
	want := "loki ended before it was ready (exit status 3); its log is " + filepath.Join(dir, "logs", "loki.log") +
		", its last lines:\nfirst line\ncannot read the schema"
	if err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
	if pid := readPID(t, pidFile); alive(pid) {
		t.Errorf("another back end (pid %d) runs after Start failed", pid)
	}
}

func TestTwoStacks(t *testing.T) {
	dir := t.TempDir()
	a := stacktest.StartWith(t, stack.Options{Dir: dir, AutoPorts: true})
	b := stacktest.Start(t)
	now := time.Now().Truncate(time.Second)
	pushLine(t, a.URLs(), "x", now, "only in a")
	pushSample(t, a.URLs(), "only_in_a", now, 1)
	pushSpan(t, a.URLs(), 7, "only in a", now)
	if got := lines(t, b.URLs(), "x", now); got != nil {
		t.Errorf("the other stack has lines %q", got)
	}
	if got := samples(t, b.URLs(), "only_in_a", now); got != nil {
		t.Errorf("the other stack has samples %q", got)
	}
	_, err := stack.Start(t.Context(), stack.Options{Dir: dir, Bin: stacktest.Bin(t), AutoPorts: true})
	if want := "data folder " + dir + " is in use by another running stack; stop it or choose another folder"; err == nil || err.Error() != want {
		t.Errorf("second stack in one folder: error = %v, want %q", err, want)
	}
}

func pidsOf(t *testing.T, s *stack.Stack) map[string]int {
	t.Helper()
	pids := map[string]int{}
	for _, name := range stack.Names {
		pid := s.PID(name)
		if pid == 0 || !alive(pid) {
			t.Fatalf("%s does not run (pid %d)", name, pid)
		}
		pids[name] = pid
	}
	return pids
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
