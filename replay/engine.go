package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"golang.org/x/sync/errgroup"
)

// Replay is one run of a recording: one session's clock and delivery. Run may be called once; all
// other methods are safe for concurrent use with it.
type Replay struct {
	shared
	sinks   Sinks
	pipes   []runner // one for each signal that has a sink
	stale   *staleTracker
	samples *pipe[Sample] // nil without a sink for samples
	spans   *pipe[Span]   // nil without a sink for spans
	from    time.Time     // recorded start of what is delivered
	doubt   int64         // recorded: an earlier process has pushed nothing that is due from here on

	madeStale int64 // stale markers that are stored
}

// shared is what the pipes of one replay have in common.
type shared struct {
	source     Source
	opts       *Options
	log        *slog.Logger
	timeline   *Timeline
	status     *status
	metrics    *selfMetrics
	checkpoint *checkpointer
}

// runner is a pipe of any signal.
type runner interface {
	name() Signal
	first() (due int64, ok bool, err error)
	start(ctx context.Context, g *errgroup.Group, to time.Time) error
	load(ctx context.Context) error
	play(ctx context.Context) error
	countUnsent() error
	totals() Totals
	stored(ctx context.Context, from, to time.Time) (Stored, error)
}

// New prepares a replay. It reads the first item of each signal and contacts no back end. A history that is older than a
// back end accepts is refused with a *WindowError.
func New(src Source, sinks Sinks, o Options) (*Replay, error) {
	if err := o.validate(src, sinks); err != nil {
		return nil, err
	}
	o.setDefaults()
	start, end := src.Bounds()
	r := &Replay{sinks: sinks}
	r.source, r.opts, r.log = src, &o, o.Log
	var cp Checkpoint
	if o.Resume != nil {
		cp = o.Resume.clone()
		o.Session, o.Key = cp.Session, cp.Key
	} else {
		cp = Checkpoint{
			Version: checkpointVersion, Session: o.Session, Recording: o.Recording, Key: o.Key,
			From:  later(start, o.Page.Add(-o.History)).UnixNano(),
			clock: newClock(o.Page.UnixNano(), o.Wall.UnixNano(), o.Speed), Signals: make(map[Signal]signalCheckpoint),
		}
		cp.Box = o.For
	}
	cp.endAt(end.UnixNano())
	r.timeline, r.from = newTimeline(cp.clock.clone()), time.Unix(0, cp.From)
	var err error
	if r.metrics, err = newSelfMetrics(o.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	for _, s := range cp.Signals {
		r.doubt = max(r.doubt, s.InDoubt)
	}
	r.build(&cp)
	if o.Save != nil {
		for _, p := range r.pipes {
			if _, ok := cp.Signals[p.name()]; !ok {
				cp.Signals[p.name()] = signalCheckpoint{Acknowledged: cp.From}
			}
		}
		r.checkpoint = newCheckpointer(o.Save, cp)
	}
	if err := r.checkWindows(); err != nil {
		return nil, err
	}
	return r, nil
}

// build makes the pipes, each from where the checkpoint says.
func (r *Replay) build(cp *Checkpoint) {
	b := &rebaser{text: newText(r.opts.Key, r.opts.KnownTrace)}
	at := func(s Signal) (_ progress, doubt int64) {
		if p, ok := cp.Signals[s]; ok {
			return progress{p.Acknowledged, p.Totals}, p.InDoubt
		}
		return progress{Acknowledged: cp.From}, 0
	}
	if r.sinks.Samples != nil {
		r.stale = &staleTracker{}
		p := &pipe[Sample]{
			signal: Metrics, open: r.source.Samples, sink: r.sinks.Samples, shared: &r.shared, round: maxSamples,
			due: sampleDue, lane: func(s *Sample) uint32 { return s.Series.ID },
			prepare: b.prepare, rebase: b.sample, observe: r.stale.observe,
			exemplars: func(s *Sample) int { return len(s.Exemplars) },
		}
		p.progress, p.doubt = at(Metrics)
		r.samples = p
		r.pipes = append(r.pipes, p)
	}
	if r.sinks.Records != nil {
		p := &pipe[Record]{
			signal: Logs, open: r.source.Records, sink: r.sinks.Records, shared: &r.shared, round: maxRecords,
			due: recordDue, lane: func(rec *Record) uint32 { return rec.Stream.ID }, rebase: b.record,
		}
		p.progress, p.doubt = at(Logs)
		r.pipes = append(r.pipes, p)
	}
	if r.sinks.Spans != nil {
		p := &pipe[Span]{
			signal: Traces, open: r.source.Spans, sink: r.sinks.Spans, shared: &r.shared, round: maxSpans,
			due: spanDue, lane: func(s *Span) uint32 { id := s.Span.SpanID(); return uint32(id[7]) },
			prepare: b.prepareSpans, rebase: b.span,
		}
		p.progress, p.doubt = at(Traces)
		r.spans = p
		r.pipes = append(r.pipes, p)
	}
	r.status = newStatus(r.metrics, r.signals())
	for _, p := range r.pipes {
		r.status.set(p.name(), p.totals())
	}
}

// checkWindows refuses a history that a back end would refuse item by item.
func (r *Replay) checkWindows() error {
	if r.opts.Resume != nil {
		return nil
	}
	windows := map[Signal]time.Duration{Metrics: r.sinks.SamplesWindow, Logs: r.sinks.RecordsWindow, Traces: r.sinks.SpansWindow}
	for _, p := range r.pipes {
		window := windows[p.name()]
		if window == 0 {
			continue
		}
		first, ok, err := p.first()
		if err != nil {
			return err
		}
		if age := time.Duration(r.opts.Wall.UnixNano() - r.timeline.Wall(first)); ok && age > window {
			return &WindowError{p.name(), age, window}
		}
	}
	return nil
}

// Run loads the history, starts the clock, delivers until the end and returns the proof. When ctx
// ends it stops at once, without a proof; Stop ends the session in good order. On an error the
// session can be resumed from its checkpoint.
func (r *Replay) Run(ctx context.Context) (*Proof, error) {
	if err := errors.Join(r.deliver(ctx), r.checkpoint.flush()); err != nil {
		return nil, err
	}
	if err := r.endStale(ctx); err != nil {
		return nil, err
	}
	release, err := r.opts.Gate(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	proof, err := r.prove(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.checkpoint.done(); err != nil {
		return nil, err
	}
	r.enter(PhaseEnded)
	return proof, nil
}

func (r *Replay) deliver(ctx context.Context) error {
	run, cut := context.WithCancelCause(ctx)
	var background errgroup.Group
	defer background.Wait()
	defer cut(nil)
	_, end := r.source.Bounds()
	for _, p := range r.pipes {
		if err := p.start(run, &background, end); err != nil {
			return err
		}
	}

	if r.opts.Resume != nil {
		if err := r.primeStale(); err != nil {
			return err
		}
	}
	r.enter(PhaseLoading)
	if err := r.each(run, runner.load); err != nil {
		return err
	}
	_, page := r.timeline.Page()
	if r.opts.ProveHistory && (r.opts.Resume == nil || time.Now().Before(page)) {
		proof, err := r.prove(run)
		if err != nil {
			return err
		}
		r.opts.OnEvent(Event{Phase: PhaseLoading, Proof: proof})
	}
	if late := time.Since(page); late > 0 && r.opts.Resume == nil {
		if err := r.change(func(c *clock, _ int64) { c.prolong(late) }); err != nil {
			return err
		}
		if late > time.Second {
			r.log.Warn("loading took longer than the lead; the time box starts now", "after the page", late.Round(time.Millisecond))
		}
	}
	r.enter(PhaseReady)
	background.Go(func() error { r.watchEnd(run, cut); return nil })
	background.Go(func() error { r.announceAhead(run); return nil })
	if err := r.each(run, runner.load); err != nil { // what became due during the proof
		return err
	}
	r.enter(PhaseLive)
	if err := r.each(run, runner.play); err != nil {
		return err
	}
	return r.awaitEnd(ctx)
}

// awaitEnd waits for the end of the timeline, which may come after the last item.
func (s *shared) awaitEnd(ctx context.Context) error {
	for {
		if _, ended := s.timeline.due(time.Now().UnixNano()); ended {
			return ctx.Err()
		}
		if err := s.await(ctx, math.MaxInt64, 0); err != nil {
			return err
		}
	}
}

// errDrain cuts what a back end has not taken long after the end.
var errDrain = errors.New("a back end did not take what was due in time")

// watchEnd gives the pipes Options.Drain after the timeline's end, then cuts them off.
func (r *Replay) watchEnd(ctx context.Context, cut context.CancelCauseFunc) {
	if r.awaitEnd(ctx) == nil && sleep(ctx, r.opts.Drain) == nil {
		cut(errDrain)
	}
}

// announceAhead announces live pushes before they are made, so that they need not wait for the checkpoint.
func (r *Replay) announceAhead(ctx context.Context) {
	if r.checkpoint == nil {
		return
	}
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	for {
		if err := r.checkpoint.announce(r.soon); err != nil {
			r.log.Warn("the checkpoint was not saved, trying again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// soon is the recorded time before which live pushes are announced.
func (s *shared) soon() int64 {
	return s.timeline.Recorded(time.Now().Add(announceAhead).UnixNano())
}

func (r *Replay) signals() []Signal {
	names := make([]Signal, len(r.pipes))
	for i, p := range r.pipes {
		names[i] = p.name()
	}
	return names
}

// each runs one stage of all pipes at once.
func (r *Replay) each(ctx context.Context, stage func(runner, context.Context) error) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, p := range r.pipes {
		g.Go(func() error { return guard(func() error { return stage(p, gctx) }) })
	}
	err := g.Wait()
	if err != nil && errors.Is(context.Cause(ctx), errDrain) {
		r.log.Error(errDrain.Error(), "after", r.opts.Drain)
		for _, p := range r.pipes { // the proof shows the difference
			if err := p.countUnsent(); err != nil {
				return err
			}
		}
		return nil
	}
	return err
}

func (r *Replay) enter(p Phase) {
	r.status.setPhase(p)
	r.opts.OnEvent(Event{Phase: p})
}

// Pause stops the clock. What is due is still delivered; the telemetry has a gap until Resume.
func (r *Replay) Pause() error { return r.change((*clock).pause) }

// Resume starts the clock again, within a second, where it stands. Before the page, the page is later by
// as much as the pause was long.
func (r *Replay) Resume() error { return r.change((*clock).resume) }

// SetSpeed changes how fast the clock runs from now on, or from the page or the end of the pause on where it
// does not run yet.
func (r *Replay) SetSpeed(speed float64) error {
	if !(speed >= MinSpeed && speed <= MaxSpeed) {
		return fmt.Errorf("speed %v is not between %v and %d", speed, MinSpeed, MaxSpeed)
	}
	return r.change(func(c *clock, now int64) { c.setSpeed(now, speed) })
}

// Stop ends the session now: what is due is delivered, then Run returns with the proof.
func (r *Replay) Stop() { r.StopAt(time.Now()) }

// StopAt ends the session at a wall time that may be past: what is due by then is delivered. What has been delivered
// already stays, so that it may end a little later, but not after now.
func (r *Replay) StopAt(at time.Time) {
	stop := func(c *clock, now int64) { c.stop(min(at.UnixNano(), now), now, r.doubt) }
	if err := r.change(stop); err != nil {
		r.log.Error("the end is not in the checkpoint", "error", err)
		r.timeline.change(func(c *clock) { stop(c, time.Now().UnixNano()) }, func(clock) error { return nil })
	}
}

// change changes the clock as of now. The checkpoint has the change before it takes effect, since a
// session that is resumed by another clock would push again what was pushed by this one. On an error nothing changes.
func (r *Replay) change(do func(c *clock, now int64)) error {
	defer r.checkpoint.hold()()
	return r.timeline.change(func(c *clock) { do(c, time.Now().UnixNano()) }, r.checkpoint.keep)
}

// Status returns how the replay stands.
func (r *Replay) Status() Status {
	now := time.Now().UnixNano()
	phase, signals := r.status.snapshot()
	c := r.timeline.snapshot()
	return Status{
		Phase: phase, Recorded: time.Unix(0, c.recordedAt(now)), Page: time.Unix(0, c.Segments.wall(c.Page)),
		Speed: c.last().Speed, Paused: c.Held != nil, Live: c.live(now), Left: c.left(now), Signals: signals,
	}
}

// Session returns the session's id and key, those of the checkpoint after a resumption.
func (r *Replay) Session() (id string, key Key) { return r.opts.Session, r.opts.Key }

// Timeline returns the session's clock.
func (r *Replay) Timeline() *Timeline { return r.timeline }
