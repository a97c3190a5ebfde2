package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"firedrill/replay/recording"
	"firedrill/scenarios"
	"firedrill/scenarios/sim"
)

func (a *app) buildCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "build SCENARIO [--out DIR] [--scenarios DIR] [-o text|json]",
		Short: "Make the recording of a scenario",
		Long: `Simulate a scenario's system and write its recording: to the cache, if it is not there already, or to
the folder --out, which must not exist. The same files give the same recording, byte for byte.`,
		Example: "  firedrill scenario build payment-latency\n  firedrill scenario build ./my-scenario --out recording/",
		Args:    args(1, 1, "one scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := a.untilSignal(cmd.Context())
			defer stop()
			err := a.buildScenario(ctx, args[0], out)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		},
	}
	addFlags(cmd.Flags(), keysIn("output", "scenarios"))
	cmd.Flags().StringVar(&out, "out", "", "`DIR` to write the recording to; default: the cache")
	return cmd
}

func (a *app) buildScenario(ctx context.Context, name, out string) error {
	s, err := a.findScenario(name)
	if err != nil {
		return err
	}
	began := time.Now()
	dir := out
	switch {
	case out == "":
		dir, err = a.recordingOf(ctx, s)
	case s.System == "":
		err = fail(exitUsage, fmt.Errorf("scenario %s has no system to build a recording from", s.ID), "")
	default:
		progress := a.newBuildProgress(s)
		err = buildError(s, a.builder().Build(ctx, s, out, progress.update))
		progress.close()
	}
	if err != nil {
		return err
	}
	if a.config.json() {
		return writeJSON(a.Stdout, struct {
			Scenario  string  `json:"scenario"`
			Recording string  `json:"recording"`
			Took      float64 `json:"took"` // seconds
		}{s.ID, dir, time.Since(began).Seconds()})
	}
	_, err = fmt.Fprintln(a.Stdout, dir)
	return err
}

// builder makes the recordings of scenarios.
func (a *app) builder() *scenarios.Builder {
	return &scenarios.Builder{
		Cache: filepath.Join(a.CacheDir(), "recordings"), CreatedBy: "firedrill", Version: sim.Version,
		Simulate: func(ctx context.Context, run scenarios.Simulation, w *recording.Writer) error {
			o := sim.Options{Seed: run.Seed, Start: run.Start, Length: run.Length, Progress: run.Progress}
			return sim.Build(ctx, run.System, run.Faults, o, w)
		},
	}
}

// recordingOf finds the recording of a scenario, and makes it where that is needed.
func (a *app) recordingOf(ctx context.Context, s *scenarios.Scenario) (dir string, err error) {
	if s.Recording != "" {
		return filepath.Join(s.Dir(), s.Recording), nil
	}
	progress := a.newBuildProgress(s)
	defer progress.close()
	dir, err = a.builder().Recording(ctx, s, progress.update)
	return dir, buildError(s, err)
}

// buildError says what to do about a build that failed.
func buildError(s *scenarios.Scenario, err error) error {
	var faults *scenarios.FaultsError
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &faults):
		return fail(exitInput, err, fmt.Sprintf("firedrill scenario validate %s tells its author why", cmp.Or(s.Dir(), s.ID)))
	}
	return fail(exitInput, err, "")
}

// buildProgress shows how far a build has come, on standard error: a bar on a terminal, else a line now and
// then; nothing with -o json, and nothing for what takes no time.
type buildProgress struct {
	app  *app
	name string
	bars *mpb.Progress
	bar  *mpb.Bar
	last time.Time
}

func (a *app) newBuildProgress(s *scenarios.Scenario) *buildProgress {
	return &buildProgress{app: a, name: s.ID, last: time.Now()}
}

func (p *buildProgress) update(done, total time.Duration) {
	switch {
	case p.app.config.json():
	case !p.app.StderrTerminal:
		if time.Since(p.last) >= plainInterval {
			p.last = time.Now()
			fmt.Fprintf(p.app.Stderr, "building %s: %s of %s\n", p.name, done.Round(time.Second), total)
		}
	case p.bar == nil:
		p.bars = mpb.New(mpb.WithOutput(p.app.Stderr), mpb.WithWidth(48))
		p.bar = p.bars.AddBar(int64(total), mpb.PrependDecorators(decor.Name("building "+p.name+" ")), mpb.AppendDecorators(decor.Percentage()))
		fallthrough
	default:
		p.bar.SetCurrent(min(int64(done), int64(total)-1)) // close ends it
	}
}

func (p *buildProgress) close() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}
