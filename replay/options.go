package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Sinks are where the signals go. A nil sink leaves its signal out; at least one is needed.
type Sinks struct {
	Samples Sink[Sample]
	Records Sink[Record]
	Spans   Sink[Span]

	// How far back from now each back end accepts items; 0 means without limit.
	SamplesWindow, RecordsWindow, SpansWindow time.Duration
}

// MinSpeed and MaxSpeed bound Options.Speed. Samples have a resolution of one millisecond: at 100 two samples of
// a series a second apart still differ by ten. Below 0.01 an hour would take more than four days.
const (
	MinSpeed = 0.01
	MaxSpeed = 100
)

// Options say what part of a recording is played, and how.
type Options struct {
	// Session identifies this run. It appears in the back ends as a label, tenant or attribute that
	// the sinks add; the engine uses it in checkpoints and logs.
	Session string
	// Key decides how ids are remapped; the zero Key is replaced by a random one.
	Key Key
	// Recording identifies the Source, so that a checkpoint is not resumed with another one.
	Recording string
	// Page is the recorded time at which live delivery starts. What is due before it is history.
	Page time.Time
	// History is how much before the page is delivered, in bulk; it ends at the recording's start.
	History time.Duration
	// Wall is when the page happens; zero means Lead from now. It is moved to the next instant that
	// is a whole number of seconds from Page.
	Wall time.Time
	// Lead is the time allowed for loading the history before the page happens.
	Lead time.Duration
	// For ends the session when the clock has run that long since the page, or since the history was
	// loaded if that took longer than Lead; 0 means at the recording's end.
	For time.Duration
	// Speed is how fast the clock runs from the page on, from MinSpeed to MaxSpeed; 0 means 1.
	Speed float64
	// ProveHistory reads the history back before the clock starts, and reports it as an event; not
	// again for a session that is resumed after its page.
	ProveHistory bool
	// GiveUp ends the replay when a back end that has not acknowledged anything to this Replay cannot be
	// reached for so long, or when what it answers to reading back makes no sense for so long; 0
	// means 30 s. One that has acknowledged something is waited for.
	GiveUp time.Duration
	// Drain bounds how long after the end of the session and of loading what is due is still tried; 0
	// means 1 min.
	Drain time.Duration
	// FlushEvery is how long live items are gathered before they are pushed: it bounds the requests per
	// second, and adds at most as much to lateness. 0 means 40 ms.
	FlushEvery time.Duration
	// Checkpoint is the file that keeps the progress; empty keeps none, unless Save is set.
	Checkpoint string
	// Save keeps the progress in place of a file: it is given a whole checkpoint, which ParseCheckpoint reads,
	// and keeps none of the bytes. Once it has returned nil the checkpoint must outlive the process. There is one call at a
	// time, every few seconds, and for each change of the clock. Delivery waits for those of the clock, and for others that take
	// seconds; an error that holds up delivery ends the replay, which can then be resumed.
	Save func(checkpoint []byte) error
	// Resume goes on from a checkpoint. Session, Key, Page, History, Wall, For and Speed are then its own.
	Resume *Checkpoint
	// Gate, if set, is called before the final proof, which waits for it, and release after the proof: a process that
	// hosts many sessions bounds with it how many read back at once. An error ends the replay.
	Gate func(ctx context.Context) (release func(), err error)
	// KnownTrace tells whether the recording has a trace, to find ids in log lines; it may be nil.
	// It is called concurrently.
	KnownTrace func(pcommon.TraceID) bool
	// Log may be nil.
	Log *slog.Logger
	// Registerer takes the engine's own metrics; it may be nil.
	Registerer prometheus.Registerer
	// OnEvent is called from the goroutine of Run, in order; it may be nil.
	OnEvent func(Event)
}

// Phase is a stage of a replay. They come in this order.
type Phase string

// The phases.
const (
	PhaseLoading Phase = "loading" // history in bulk
	PhaseReady   Phase = "ready"   // history is stored (and proven), the page is still ahead or just now
	PhaseLive    Phase = "live"
	PhaseEnded   Phase = "ended"
)

// Event reports that a phase began, or, with Proof set, the proof of the history.
type Event struct {
	Phase Phase
	Proof *Proof
}

// WindowError refuses a history that a back end would not accept.
type WindowError struct {
	Signal Signal
	Age    time.Duration // of the oldest item to be sent, at the time it would be sent
	Window time.Duration // what the back end accepts
}

func (e *WindowError) Error() string {
	return fmt.Sprintf("the oldest %s would be %v old, and the back end accepts %v",
		e.Signal, e.Age.Round(time.Second), e.Window)
}

func (o *Options) validate(src Source, sinks Sinks) error {
	start, end := src.Bounds()
	switch {
	case sinks.Samples == nil && sinks.Records == nil && sinks.Spans == nil:
		return errors.New("no back end to replay into")
	case !start.Before(end):
		return errors.New("the recording is empty")
	case o.Speed != 0 && !(o.Speed >= MinSpeed && o.Speed <= MaxSpeed):
		return fmt.Errorf("speed %v is not between %v and %d", o.Speed, MinSpeed, MaxSpeed)
	case min(o.History, o.For, o.Lead, o.GiveUp, o.Drain, o.FlushEvery) < 0:
		return errors.New("history, duration, lead, and the times to give up, to drain and to flush must not be negative")
	case o.Checkpoint != "" && o.Save != nil:
		return errors.New("a checkpoint goes to a file or to Save, not to both")
	case o.Resume == nil && (o.Page.Before(start) || o.Page.After(end)):
		return fmt.Errorf("the page, %s, is outside the recording, %s to %s",
			o.Page.UTC().Format(time.RFC3339), start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	case o.Resume != nil && o.Resume.Done:
		return fmt.Errorf("session %s has ended: there is nothing to resume", o.Resume.Session)
	case o.Resume != nil && o.Resume.Recording != o.Recording:
		return fmt.Errorf("session %s plays another recording (%s)", o.Resume.Session, o.Resume.Recording)
	case o.Resume != nil:
		return o.Resume.validate()
	}
	return nil
}

func (o *Options) setDefaults() {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.GiveUp == 0 {
		o.GiveUp = 30 * time.Second
	}
	if o.Drain == 0 {
		o.Drain = time.Minute
	}
	if o.FlushEvery == 0 {
		o.FlushEvery = 40 * time.Millisecond
	}
	if o.Checkpoint != "" {
		o.Save = saveFile(o.Checkpoint)
	}
	if o.Gate == nil {
		o.Gate = func(context.Context) (func(), error) { return func() {}, nil }
	}
	if o.Key == (Key{}) {
		o.Key = NewKey()
	}
	if o.Wall.IsZero() {
		o.Wall = time.Now().Add(o.Lead)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
}
