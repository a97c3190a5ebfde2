package runner_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"firedrill/internal/stack"
	"firedrill/internal/stack/stacktest"
	"firedrill/internal/store/pgtest"
	"firedrill/replay/recording"
	"firedrill/scenarios"
	"firedrill/scenarios/sim"
)

func TestMain(m *testing.M) {
	if config := os.Getenv(childEnv); config != "" {
		playChild(config)
		return
	}
	if err := flag.Set("test.parallel", "6"); err != nil { // the tests wait for the clock, and need no cores for that
		panic(err)
	}
	code := pgtest.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// world is what all sessions of a test, and those of its child processes, have in common.
type world struct {
	Scenarios, Cache string // folders
	URLs             stack.URLs
}

const (
	// scenario has eight minutes of evidence after its page.
	scenario = "pages"
	// brief ends four seconds after its page.
	brief = "brief"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Scenarios: t.TempDir(), Cache: t.TempDir()}
	for _, id := range []string{scenario, brief} {
		dir := filepath.Join(w.Scenarios, id)
		check(t, scenarios.New(dir))
		if id == brief {
			edit(t, filepath.Join(dir, scenarios.File), "length: 20m", "length: 12m4s", "timebox: 6m", "timebox: 4s")
			edit(t, filepath.Join(dir, "answer.yaml"), "to: 14m", "to: 12m")
		}
	}
	w.URLs = stacktest.Start(t).URLs()
	return w
}

// edit replaces texts in a file.
func edit(t *testing.T, file string, oldnew ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, []byte(strings.NewReplacer(oldnew...).Replace(string(text))), 0o600))
}

func (w *world) builder() *scenarios.Builder {
	return &scenarios.Builder{
		Cache: w.Cache, CreatedBy: "test", Version: sim.Version,
		Simulate: func(ctx context.Context, run scenarios.Simulation, rec *recording.Writer) error {
			return sim.Build(ctx, run.System, run.Faults, sim.Options{Seed: run.Seed, Start: run.Start, Length: run.Length, Progress: run.Progress}, rec)
		},
	}
}

// TestSessions plays sessions into real back ends. Most of the time they wait for the clock, so they do it at once.
func TestSessions(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]func(*testing.T, *world){
		"solo":             testSolo,
		"together":         testTogether,
		"evidence ends":    testEvidenceEnds,
		"scheduled":        testScheduled,
		"unreachable":      testUnreachable,
		"panics":           testPanics,
		"report fails":     testReportFails,
		"killed":           testKilled,
		"taken over":       testTakenOver,
		"lock lost":        testLockLost,
		"ended in loading": testEndedWhileWaiting,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}
