package sim_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"firedrill/replay/recording"
	"firedrill/scenarios/sim"
	"firedrill/scenarios/sim/model"
)

var start = time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)

// system reads a system of testdata.
func system(tb testing.TB, name string) *model.System {
	tb.Helper()
	file := filepath.Join("testdata", name)
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	sys, err := model.Read(file, text)
	if err != nil {
		tb.Fatal(err)
	}
	return sys
}

// build simulates into a folder and returns it.
func build(tb testing.TB, sys *model.System, faults []model.Fault, length time.Duration) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "recording")
	w, err := recording.Create(dir, recording.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Abort()
	if err := sim.Build(context.Background(), sys, faults, sim.Options{Seed: 1, Start: start, Length: length}, w); err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return dir
}

func BenchmarkTenServices(b *testing.B) {
	sys := system(b, "ten.yaml")
	for range b.N {
		build(b, sys, nil, 90*time.Minute)
	}
}
