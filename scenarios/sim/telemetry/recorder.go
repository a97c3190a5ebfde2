package telemetry

import (
	"math"
	"time"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// Options configure a Recorder.
type Options struct {
	// ScrapeInterval is how often each target is scraped; 15 s when zero.
	ScrapeInterval time.Duration
}

// Recorder writes telemetry into a recording. Its methods, and those of everything made by it, must be
// called by one goroutine.
type Recorder struct {
	interval time.Duration
	families map[string]bool // described
	tracers  []*Tracer
	work     chan func(*output) error
	done     chan struct{}
	out      *output
}

// output is what the writing goroutine owns.
type output struct {
	w         *recording.Writer
	err       error
	rules     []*Rules
	traces    recorded
	exemplars []exemplar // held
	lines     []heldLine
	texts     []string // of the event being written
}

// backlog is how many calls may be ahead of the writing goroutine.
const backlog = 1024

// NewRecorder returns a Recorder that writes to w. Closing w remains with the caller.
func NewRecorder(w *recording.Writer, o Options) *Recorder {
	if o.ScrapeInterval == 0 {
		o.ScrapeInterval = 15 * time.Second
	}
	r := &Recorder{
		interval: o.ScrapeInterval, families: map[string]bool{},
		work: make(chan func(*output) error, backlog), done: make(chan struct{}),
		out: &output{w: w, traces: newRecorded()},
	}
	go r.run()
	return r
}

func (r *Recorder) run() {
	defer close(r.done)
	for do := range r.work {
		// After an error nothing more is written, but callers must not block.
		if r.out.err == nil {
			r.out.err = do(r.out)
		}
	}
}

// Close writes what is still held back, waits until everything is written and returns the first error.
// Traces that a tail sampler still waits for are decided as they are. Nothing else may be called afterwards.
func (r *Recorder) Close() error {
	for _, t := range r.tracers {
		t.flush()
	}
	r.work <- func(o *output) error { return o.release(math.MaxInt64) }
	close(r.work)
	<-r.done
	return r.out.err
}

// describe writes what a metric family says of itself, once.
func (r *Recorder) describe(f Family) {
	if r.families[f.Name] {
		return
	}
	r.families[f.Name] = true
	r.work <- func(o *output) error {
		return o.w.Family(f.Name, replay.Family{Type: f.Type, Help: f.Help, Unit: f.unit()})
	}
}
