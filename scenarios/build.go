package scenarios

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"firedrill/internal/dirlock"
	"firedrill/replay/recording"
	"firedrill/scenarios/sim/model"
)

// Simulation is one run of the simulator.
type Simulation struct {
	System *model.System
	Faults []model.Fault
	Seed   uint64
	Start  time.Time
	Length time.Duration
	// Progress may be nil. It is told how much recorded time is done, now and then, from one goroutine.
	Progress func(done, total time.Duration)
}

// Builder makes the recordings of scenarios with a system, and keeps them in a cache. It is safe for
// concurrent use, also by several processes with the same cache.
type Builder struct {
	Cache     string // folder of the cache; made if missing
	CreatedBy string // as in recording.Options
	// Simulate writes the recording of a simulation; it leaves closing the Writer to its caller.
	Simulate func(context.Context, Simulation, *recording.Writer) error
	// Version of Simulate: it rises with every change of what is written.
	Version int
}

// FaultsError says that the faults of an answer key do not fit the system. Its text quotes neither;
// Detail does, and is for the scenario's author alone.
type FaultsError struct {
	File   string
	Detail error
}

func (e *FaultsError) Error() string { return e.File + ": the faults do not fit " + SystemFile }

// unusedFor is how long a recording of a scenario's earlier text stays in the cache after its last use: as
// long as a session that may still read it is likely to last.
const unusedFor = 6 * time.Hour

// waitFor is how often a build looks whether another process has finished the same one.
const waitFor = 200 * time.Millisecond

// Recording returns the folder of a scenario's recording, and builds it if the cache does not have it.
// The scenario must have a system.
func (b *Builder) Recording(ctx context.Context, s *Scenario, progress func(done, total time.Duration)) (dir string, err error) {
	run, err := b.simulation(s)
	if err != nil {
		return "", err
	}
	home := filepath.Join(b.Cache, s.ID)
	dir = filepath.Join(home, b.key(run))
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("make cache: %w", err)
	}
	unlock, err := b.lock(ctx, home, dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	if !exists(dir) {
		run.Progress = progress
		if err := b.write(ctx, s, run, dir); err != nil {
			return "", err
		}
	}
	now := time.Now()
	if err := os.Chtimes(dir, now, now); err != nil {
		return "", fmt.Errorf("mark recording as used: %w", err)
	}
	return dir, b.tidy(home, dir, now)
}

// Build writes a scenario's recording to the folder out, which must not exist, whatever the cache has.
func (b *Builder) Build(ctx context.Context, s *Scenario, out string, progress func(done, total time.Duration)) error {
	run, err := b.simulation(s)
	if err != nil {
		return err
	}
	run.Progress = progress
	return b.write(ctx, s, run, out)
}

// simulation reads what is to be simulated.
func (b *Builder) simulation(s *Scenario) (Simulation, error) {
	sys, err := LoadSystem(s)
	if err != nil {
		return Simulation{}, err
	}
	a, err := LoadAnswer(s)
	if err != nil {
		return Simulation{}, err
	}
	if err := errors.Join(sys.CheckFaults(a.Faults), checkTime(a.Faults, time.Duration(s.Length))); err != nil {
		return Simulation{}, &FaultsError{s.Path(AnswerFile), err}
	}
	return Simulation{System: sys, Faults: a.Faults, Seed: s.Seed, Start: s.Start.Time, Length: time.Duration(s.Length)}, nil
}

// checkTime looks for faults that come too late to be seen.
func checkTime(faults []model.Fault, length time.Duration) error {
	var errs []error
	for i, f := range faults {
		if time.Duration(f.At) >= length {
			errs = append(errs, fmt.Errorf("fault %d: at %s, which is after the end of the recording, %s", i+1, f.At, Duration(length)))
		}
	}
	return errors.Join(errs...)
}

// key identifies a recording by all that its content depends on.
func (b *Builder) key(run Simulation) string {
	run.Progress = nil
	text, err := json.Marshal(struct {
		Simulator, Format int
		System            *model.System
		Faults            []model.Fault
		Seed              uint64
		Start             time.Time
		Length            time.Duration
	}{b.Version, recording.FormatVersion, run.System, run.Faults, run.Seed, run.Start.UTC(), run.Length})
	if err != nil {
		panic(err) // the model is made of numbers and texts
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// lock waits until no other process builds a recording of the scenario, or until dir is there.
func (b *Builder) lock(ctx context.Context, home, dir string) (unlock func(), err error) {
	for {
		unlock, err := dirlock.Lock(home)
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, dirlock.ErrHeld) {
			return nil, fmt.Errorf("build recording: %w", err)
		}
		if exists(dir) {
			return func() {}, nil
		}
		select {
		case <-time.After(waitFor):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// write simulates into a folder, which gets its name when it is whole.
func (b *Builder) write(ctx context.Context, s *Scenario, run Simulation, dir string) error {
	w, err := recording.Create(dir, recording.Options{CreatedBy: b.CreatedBy, Source: "simulated: scenario " + s.ID})
	if err != nil {
		return fmt.Errorf("build scenario %s: %w", s.ID, err)
	}
	defer w.Abort()
	if err := b.Simulate(ctx, run, w); err != nil {
		return fmt.Errorf("build scenario %s: %w", s.ID, err)
	}
	if _, err := w.Close(); err != nil {
		return fmt.Errorf("build scenario %s: %w", s.ID, err)
	}
	return nil
}

// tidy removes what builds that were killed have left, and recordings that were not used for long.
func (b *Builder) tidy(home, keep string, now time.Time) error {
	entries, err := os.ReadDir(home)
	if err != nil {
		return fmt.Errorf("tidy cache: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || e.Name() == filepath.Base(keep) || now.Sub(info.ModTime()) < unusedFor {
			continue
		}
		if err := os.RemoveAll(filepath.Join(home, e.Name())); err != nil {
			return fmt.Errorf("tidy cache: %w", err)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
