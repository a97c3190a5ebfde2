// Package stacktest runs the real back ends for tests. The entry point is Start; a package with
// many tests on the same back ends uses Shared, with Run in its TestMain.
package stacktest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"firedrill/internal/stack"
)

// startWithin is generous: test machines are small and busy.
const startWithin = 2 * time.Minute

// Start runs a stack of the test's own on free ports, with its data in a folder of the test, and
// stops it when the test ends. Without binaries the test fails and says how to build them: a test
// that is skipped proves nothing.
func Start(tb testing.TB) *stack.Stack {
	tb.Helper()
	return StartWith(tb, stack.Options{AutoPorts: true})
}

// StartWith is Start with options; an empty Dir and Bin are filled in.
func StartWith(tb testing.TB, o stack.Options) *stack.Stack {
	tb.Helper()
	if o.Bin == "" {
		o.Bin = Bin(tb)
	}
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	s, err := stack.Start(ctx, o)
	if err != nil {
		tb.Fatalf("start back ends: %v", err)
	}
	tb.Cleanup(func() { stop(tb, s) })
	return s
}

func stop(tb testing.TB, s *stack.Stack) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		tb.Errorf("stop back ends: %v", err)
	}
}

// Bin returns the folder of the binaries, bin in the module's root, and fails the test when one is missing.
func Bin(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
	bin := filepath.Join(dir, "bin")
	for _, name := range stack.Names {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			tb.Fatalf("%s is missing: run `make stack`", filepath.Join(bin, name))
		}
	}
	return bin
}

var shared struct {
	sync.Mutex
	stack *stack.Stack
	dir   string
}

// Shared returns one stack for all tests of a package, started by the first that asks. Tests keep
// apart by tenants, session labels and trace ids of their own. Its TestMain must call Run.
func Shared(tb testing.TB) *stack.Stack {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.stack != nil {
		return shared.stack
	}
	bin := Bin(tb)
	dir, err := os.MkdirTemp("", "firedrill-stack-")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	s, err := stack.Start(ctx, stack.Options{Dir: dir, Bin: bin, AutoPorts: true})
	if err != nil {
		_ = os.RemoveAll(dir)
		tb.Fatalf("start back ends: %v", err)
	}
	shared.stack, shared.dir = s, dir
	return s
}

// Run runs the tests of a package, then stops the shared stack and removes its data. It returns the
// exit code. A leak check belongs after it.
func Run(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.stack == nil {
		return code
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := shared.stack.Stop(ctx); err != nil && code == 0 {
		os.Stderr.WriteString("stop back ends: " + err.Error() + "\n")
		code = 1
	}
	shared.stack = nil
	_ = os.RemoveAll(shared.dir)
	return code
}
