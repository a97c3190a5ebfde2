package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// defaultScenario is what `firedrill play` plays.
const defaultScenario = "payment-latency"

// target is what a command plays: a recording, and the scenario around it where there is one.
type target struct {
	scenario *scenarios.Scenario // nil for a bare recording
	dir      string              // the recording's folder
}

// findTarget takes a scenario's folder, a recording's folder, or the name of a scenario, and makes the
// scenario's recording if it has to be made.
func (a *app) findTarget(ctx context.Context, name string) (target, error) {
	_, err := os.Stat(filepath.Join(name, scenarios.File))
	if err == nil {
		s, err := scenarios.Load(name)
		if err != nil {
			return target{}, fail(exitInput, err, "")
		}
		return a.withRecording(ctx, s)
	}
	if _, err := os.Stat(name); err == nil {
		return target{dir: name}, nil
	}
	lib, err := a.library()
	if err != nil {
		return target{}, err
	}
	s, err := lib.Load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return target{}, fail(exitInput, fmt.Errorf("%s is neither a folder nor the name of a scenario", name),
			"firedrill play takes a scenario's or a recording's folder, or one of: "+strings.Join(lib.IDs(), ", "))
	}
	if err != nil {
		return target{}, fail(exitInput, err, "")
	}
	return a.withRecording(ctx, s)
}

// library finds scenarios by name.
func (a *app) library() (*scenarios.Library, error) {
	lib, err := scenarios.Open(a.config.text("scenarios"))
	return lib, fail(exitInput, err, "")
}

// withRecording finds the recording of a scenario, or makes it.
func (a *app) withRecording(ctx context.Context, s *scenarios.Scenario) (target, error) {
	if s.System == "" {
		dir, err := a.recordingOf(ctx, s)
		return target{s, dir}, err
	}
	ctx, stop := a.untilSignal(ctx)
	defer stop()
	dir, err := a.recordingOf(ctx, s)
	if ctx.Err() != nil {
		return target{}, context.Cause(ctx)
	}
	return target{s, dir}, err
}

// openRecording opens a recording for reading; what is wrong with it is an input error.
func openRecording(dir string) (*recording.Recording, error) {
	rec, err := recording.Open(dir)
	if err != nil {
		return nil, fail(exitInput, err, "")
	}
	return rec, nil
}
