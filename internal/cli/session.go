package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// session is one run of the engine, shown by a printer and ended by signals.
type session struct {
	replay  *replay.Replay
	source  readable
	printer printer
	game    *game         // the contest around it; nil when there is nothing to find out
	live    chan struct{} // closed when the engine delivers live, which may be before the page
	// onReady is called when the history is stored and proven, onPage when the page has come; a
	// session that is stopped before its page never comes there. Set them before run.
	onReady, onPage func()
}

// newSessionID returns a random id: nothing in it says what is played.
func newSessionID() string {
	var b [6]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return "s" + hex.EncodeToString(b[:])
}

// fingerprint identifies what a session plays: a recording by what its manifest says, checksums included, and how it is
// distorted.
func fingerprint(m recording.Manifest, d difficulty) string {
	text, err := json.Marshal(m)
	if err == nil && len(d.Distortions) > 0 {
		var more []byte
		more, err = json.Marshal(d)
		text = append(text, more...)
	}
	if err != nil {
		panic(err) // a manifest was read from JSON, and a difficulty can be
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// newSession prepares the engine. The options' Log, OnEvent, Recording and KnownTrace are set here.
func (a *app) newSession(rec *recording.Recording, d difficulty, sinks replay.Sinks, o replay.Options, p printer) (*session, error) {
	src, err := d.apply(rec)
	if err != nil {
		return nil, err
	}
	s := &session{printer: p, source: src, live: make(chan struct{}), onReady: func() {}, onPage: func() {}}
	o.Recording = fingerprint(rec.Manifest(), d)
	o.KnownTrace = src.HasTrace
	o.Log = a.log
	o.OnEvent = func(e replay.Event) {
		if e.Proof != nil {
			p.event(newProofEvent("history", e.Proof))
			return
		}
		switch e.Phase {
		case replay.PhaseReady:
			s.onReady()
		case replay.PhaseLive:
			close(s.live)
		}
	}
	limitMemory()
	if s.replay, err = replay.New(src, sinks, o); err != nil {
		return nil, backEndError(err)
	}
	return s, nil
}

// memoryLimit is what the Go runtime tries to stay below. A replay needs about half of it; without a
// limit the collector would let the heap grow to twice what is in use before it looks.
const memoryLimit = 128 << 20

// limitMemory sets the limit, unless GOMEMLIMIT has.
func limitMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit)
	}
}

func newProofEvent(of string, proof *replay.Proof) proofEvent {
	return proofEvent{Event: "proof", Of: of, OK: proof.OK(), Signals: proof.Signals}
}

// run plays until the end, or until a signal. The proof is nil when there is an error. Nothing is
// called or printed in the background any more when it returns.
func (s *session) run(ctx context.Context, in *interrupts) (*replay.Proof, error) {
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() {
		select {
		case <-in.drain:
			s.replay.Stop()
		case <-ctx.Done():
		}
	})
	background.Go(func() {
		select {
		case <-s.live:
		case <-ctx.Done():
		}
		select {
		case <-s.live: // even if it is over already: what had a page says so
		default:
			return
		}
		page := s.replay.Status().Page
		select {
		case <-time.After(time.Until(page)):
		case <-ctx.Done():
			if time.Now().Before(page) {
				return
			}
		}
		s.onPage()
	})
	background.Go(func() {
		tick := time.NewTicker(s.printer.interval())
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.printer.status(s.replay.Status())
			case <-ctx.Done():
				return
			}
		}
	})
	proof, err := s.replay.Run(ctx)
	return proof, backEndError(err)
}

// liveTime is how long the session was live, 0 before the page. The time for the proof is not part of it.
func (s *session) liveTime(pl plan, end time.Time) time.Duration {
	most := pl.box
	if most == 0 {
		most = time.Duration(float64(end.Sub(pl.page)) / pl.speed)
	}
	return max(min(s.replay.Status().Live, most), 0)
}

// differences is the error of a proof that failed, nil of one that did not.
func differences(proof *replay.Proof) error {
	if proof.OK() {
		return nil
	}
	var signals []string
	for _, s := range proof.Signals {
		if s.Read != s.Sent || s.Read != s.Stored {
			signals = append(signals, fmt.Sprintf("%s (%+d)", s.Signal, s.Difference))
		}
	}
	return fail(exitFailed, fmt.Errorf("the back ends do not hold what was read: %s", strings.Join(signals, ", ")),
		"the table shows what was refused; --log-level info shows each refusal with the server's words")
}
