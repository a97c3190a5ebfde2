package sim_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay/recording"
	"firedrill/scenarios/sim"
	"firedrill/scenarios/sim/model"
)

var start = time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)

// system reads a system of testdata.
func system(name string) (*model.System, error) {
	file := filepath.Join("testdata", name)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return model.Read(file, text)
}

// build simulates a system into a new folder.
func build(dir, name string, faults []model.Fault, length time.Duration) error {
	sys, err := system(name)
	if err != nil {
		return err
	}
	w, err := recording.Create(dir, recording.Options{})
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := sim.Build(context.Background(), sys, faults, sim.Options{Seed: 1, Start: start, Length: length}, w); err != nil {
		return err
	}
	_, err = w.Close()
	return err
}

// Times of the faults of the small system, from the start of the recording.
const (
	slowFrom, slowUntil = 2 * time.Minute, 3 * time.Minute // quotes answers after web has given up
	leakFrom, leakUntil = 4 * time.Minute, 5 * time.Minute // counter runs out of memory
	deployAt            = 5 * time.Minute                  // web 1.1.0
	smallLength         = 8 * time.Minute
)

func smallFaults() []model.Fault {
	return []model.Fault{
		{At: model.Dur(slowFrom), Until: model.Dur(slowUntil), Set: []model.Setting{{Service: "quotes", Parameter: model.WorkWait, To: "450ms"}}},
		{At: model.Dur(leakFrom), Until: model.Dur(leakUntil), Set: []model.Setting{{Service: "counter", Parameter: model.LeakRate, To: "8Mi"}}},
	}
}

var built struct {
	dir string
	all func() (*signals, error)
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sim")
	if err != nil {
		panic(err)
	}
	built.dir = filepath.Join(dir, "small")
	built.all = sync.OnceValues(func() (*signals, error) {
		if err := build(built.dir, "small.yaml", smallFaults(), smallLength); err != nil {
			return nil, err
		}
		return read(built.dir)
	})
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// small is the recording of the small system with its faults, which all tests share.
func small(tb testing.TB) *signals {
	tb.Helper()
	s, err := built.all()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestSound(t *testing.T) {
	small(t)
	problems, err := recording.Verify(t.Context(), built.dir)
	if err != nil || len(problems) > 0 {
		t.Errorf("Verify: %v, %v", problems, err)
	}
}

func TestSameBytes(t *testing.T) {
	small(t)
	want := sums(t, built.dir)
	for _, procs := range []int{1, 2} {
		before := runtime.GOMAXPROCS(procs)
		dir := filepath.Join(t.TempDir(), "again")
		err := build(dir, "small.yaml", smallFaults(), smallLength)
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, sums(t, dir)); diff != "" {
			t.Errorf("GOMAXPROCS=%d: other bytes:\n%s", procs, diff)
		}
	}
}

// sums are the SHA-256 of all files in a folder.
func sums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		out[path] = sha256.Sum256(b)
		return err
	})
	if err != nil || len(out) < 4 {
		t.Fatalf("read %s: %v, %d files", dir, err, len(out))
	}
	return out
}

func TestContextEnds(t *testing.T) {
	sys, err := system("small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w, err := recording.Create(filepath.Join(t.TempDir(), "r"), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	ctx, cancel := context.WithCancel(t.Context())
	var told int
	o := sim.Options{Start: start, Length: 1000 * time.Hour, Progress: func(done, total time.Duration) {
		if told++; told == 3 {
			cancel()
		}
	}}
	if err := sim.Build(ctx, sys, nil, o, w); !errors.Is(err, context.Canceled) {
		t.Errorf("Build: %v, want the context's error", err)
	}
	if told != 3 {
		t.Errorf("Progress was called %d times, want 3", told)
	}
}

func TestProgressEndsAtTotal(t *testing.T) {
	sys, err := system("small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w, err := recording.Create(filepath.Join(t.TempDir(), "r"), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	var last, of time.Duration
	o := sim.Options{Start: start, Length: 7 * time.Second, Progress: func(done, total time.Duration) {
		if done <= last {
			t.Errorf("progress went from %v to %v", last, done)
		}
		last, of = done, total
	}}
	if err := sim.Build(t.Context(), sys, nil, o, w); err != nil {
		t.Fatal(err)
	}
	if last != of || last <= o.Length {
		t.Errorf("progress ended at %v of %v, want all of the length and the warm-up", last, of)
	}
}

func TestFaultThatDoesNotFit(t *testing.T) {
	faults := []model.Fault{{Set: []model.Setting{{Service: "nobody", Parameter: model.WorkTime, To: "2"}}}}
	if err := build(filepath.Join(t.TempDir(), "r"), "small.yaml", faults, time.Minute); err == nil {
		t.Error("Build took a fault of a service that there is not")
	}
}

// BenchmarkTenServices is the budget of the simulator: 90 minutes of ten services at 200 requests a second, in at most
// 60 s on two cores.
func BenchmarkTenServices(b *testing.B) {
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), "r")
		if err := build(dir, "ten.yaml", nil, 90*time.Minute); err != nil {
			b.Fatal(err)
		}
		os.RemoveAll(dir)
	}
}
