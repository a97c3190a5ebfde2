package sim

import (
	"context"
	"fmt"
	"time"

	"firedrill/replay/recording"
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/telemetry"
)

// Version is that of what Build writes: it rises with every change of it.
const Version = 5

// Options of Build.
type Options struct {
	Seed   uint64
	Start  time.Time     // of the recording; whole milliseconds
	Length time.Duration // of the recording
	// Progress may be nil. It is told now and then, from the goroutine that called Build, how much simulated time is
	// done; the warm-up counts.
	Progress func(done, total time.Duration)
}

// warmUp is how long the system runs before the recording starts, so that pools, caches, heaps and queues are as they
// always are.
const warmUp = 5 * des.Minute

// Build simulates a system and writes what its instrumentation tells from Start (included) to Start + Length (not
// included) to w. The system has gone through model.Read. Closing w, or aborting it after an error, is the caller's.
// The same arguments give the same recording. A context that ends is obeyed within a fraction of a second; the error
// is then the context's.
func Build(ctx context.Context, sys *model.System, faults []model.Fault, opts Options, w *recording.Writer) error {
	if opts.Length <= 0 {
		return fmt.Errorf("simulate: length is %v, expected more than 0", opts.Length)
	}
	rec := telemetry.NewRecorder(w, telemetry.Options{ScrapeInterval: sys.Scrape.D()})
	err := simulate(ctx, sys, faults, opts, rec)
	if closed := rec.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	return nil
}

// stretch is how much simulated time passes between two looks at the context.
const stretch = 5 * des.Second

func simulate(ctx context.Context, sys *model.System, faults []model.Fault, opts Options, rec *telemetry.Recorder) error {
	r := &run{rec: rec, units: map[string]*unit{}, seed: opts.Seed, epoch: opts.Start.UnixNano() - int64(warmUp)}
	r.sys, faults = later(sys, faults, warmUp)
	r.tracer = rec.Tracer(sampling(sys.Tracing))
	var err error
	r.flow, err = flow.New(r.sys, faults, flow.Options{Seed: opts.Seed, Start: time.Unix(0, r.epoch), Observer: r})
	if err != nil {
		return err
	}
	if err := r.observe(); err != nil {
		return err
	}
	end := warmUp + des.FromDuration(opts.Length)
	for now := des.Time(0); now < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		now = min(now+stretch, end)
		r.flow.Run(now)
		if opts.Progress != nil {
			opts.Progress(now.Duration(), end.Duration())
		}
	}
	return nil
}
