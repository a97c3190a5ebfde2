package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/distort"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// difficulty is how the evidence of a session is distorted. A session keeps it, so that one that is resumed goes on
// with the same evidence.
type difficulty struct {
	Name        string               `json:"difficulty"`
	Seed        uint64               `json:"seed"`
	Distortions []distort.Distortion `json:"distortions,omitempty"`
}

// newDifficulty takes what --difficulty makes of the scenario's distortions; the scenario may be nil.
func (a *app) newDifficulty(s *scenarios.Scenario) (difficulty, error) {
	d := difficulty{Name: a.config.text("difficulty")}
	var declared []distort.Distortion
	if s != nil {
		d.Seed, declared = s.Seed, s.Distortions
	}
	var err error
	d.Distortions, err = distort.Preset(d.Name, declared)
	return d, err
}

// readable is what a session reads from.
type readable interface {
	replay.Source
	HasTrace(id pcommon.TraceID) bool
}

// apply returns the recording as the session sees it.
func (d difficulty) apply(rec *recording.Recording) (readable, error) {
	if len(d.Distortions) == 0 {
		return rec, nil
	}
	src, err := distort.New(rec, d.Distortions, d.Seed, rec.HasTrace)
	if err != nil {
		return nil, fail(exitInput, err, "")
	}
	return src, nil
}

// difficultyFile is where a session keeps its difficulty, beside its checkpoint.
func difficultyFile(checkpoint string) string {
	return filepath.Join(filepath.Dir(checkpoint), "difficulty.json")
}

// keepDifficulty writes the difficulty of a new session to its folder.
func keepDifficulty(d difficulty, checkpoint string) error {
	file := difficultyFile(checkpoint)
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode the difficulty: %w", err)
	}
	err = os.WriteFile(file+".tmp", text, 0o600)
	if err == nil {
		err = os.Rename(file+".tmp", file)
	}
	if err != nil {
		return fail(exitFailed, fmt.Errorf("keep the session's difficulty: %w", err), "choose another --state-dir")
	}
	return nil
}

// keptDifficulty reads the difficulty of a session that is resumed.
func keptDifficulty(checkpoint string) (difficulty, error) {
	d := difficulty{Name: distort.Clean}
	text, err := os.ReadFile(difficultyFile(checkpoint))
	if errors.Is(err, fs.ErrNotExist) { // it was begun before there was any
		return d, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		return d, fail(exitInput, fmt.Errorf("read the session's difficulty: %w", err), "")
	}
	return d, nil
}
