package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"firedrill/internal/dirlock"
	"firedrill/replay"
	"firedrill/replay/recording"
)

func (a *app) replayCommand() *cobra.Command {
	var resume bool
	cmd := &cobra.Command{
		Use:   "replay RECORDING [flags]",
		Short: "Replay a recording into running back ends, and prove what they stored",
		Long: `Replay a recording into back ends that run already: history in bulk, then live, each item when it
is due. At the end every signal is read back and compared with what was read from the recording.

A signal whose address is not given is left out; at least one is needed. With -o json each event is
one line, and the last one is the proof. SIGINT or SIGTERM ends the session in good order; a second one
cuts it off, and what was cut off, or crashed, goes on with --resume --session ID.`,
		Example: `  firedrill replay recording/ --prometheus-url http://127.0.0.1:9090 --history all
  firedrill replay recording/ --loki-url http://127.0.0.1:3100 --page-at 30m --for 10m -o json
  firedrill replay recording/ --otlp-endpoint http://127.0.0.1:4317 --jaeger-url http://127.0.0.1:16686
  firedrill replay recording/ --prometheus-url http://127.0.0.1:9090 --resume --session s1f00ba7c0ffee`,
		Args: args(1, 1, "one recording"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.replay(cmd.Context(), args[0], resume)
		},
	}
	addFlags(cmd.Flags(), keysIn("output", "history", "speed", "for", "page-at", "difficulty", "session", "metrics-addr", "state-dir", "prometheus.", "loki.", "otlp.", "jaeger."))
	cmd.Flags().BoolVar(&resume, "resume", false, "go on with the session that --session names, after a crash")
	return cmd
}

func (a *app) replay(ctx context.Context, dir string, resume bool) error {
	at, err := configuredAddresses(a.config)
	if err != nil {
		return err
	}
	rec, err := openRecording(dir)
	if err != nil {
		return err
	}
	defer rec.Close()
	o, pl, err := a.replayOptions(rec.Manifest(), resume)
	if err != nil {
		return err
	}
	unlock, err := lockSession(o)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := a.replayDifficulty(o)
	if err != nil {
		return err
	}
	sinks, closeSinks, err := a.openSinks(at, a.configuredReach, o.Session)
	if err != nil {
		return err
	}
	defer closeSinks()
	if address := a.config.text("metrics-addr"); address != "" {
		srv, err := a.serve(address, "--metrics-addr")
		if err != nil {
			return err
		}
		defer srv.close()
		o.Registerer = srv.registry
	}
	p := a.newPrinter()
	defer p.close()
	s, err := a.newSession(rec, d, sinks, o, p)
	if err != nil {
		return err
	}
	if resume {
		pl.page, _ = s.replay.Timeline().Page()
		pl.history, pl.speed = pl.page.Sub(time.Unix(0, o.Resume.From)), s.replay.Status().Speed
	}
	ctx, in := a.catch(ctx)
	defer in.stop()
	p.event(loadingEvent{Event: "loading", Session: o.Session, Difficulty: d.Name, Page: pl.page, History: pl.history.Seconds(), items: pl.items})
	s.onPage = func() {
		p.event(liveEvent{Event: "live", Left: s.replay.Status().Left.Seconds()})
	}
	proof, err := s.run(ctx, in)
	if err != nil {
		if in.err("") != nil {
			return in.err(fmt.Sprintf("firedrill replay %s --resume --session %s, with the same addresses, goes on", dir, o.Session))
		}
		return err
	}
	p.event(endedEvent{Event: "ended", Reason: endReason(in, s, pl), Live: s.liveTime(pl, rec.Manifest().End).Seconds()})
	p.event(newProofEvent("session", proof))
	if err := differences(proof); err != nil {
		return err
	}
	// Nothing is left to go on with, and the file holds the session's key.
	if err := os.RemoveAll(filepath.Dir(o.Checkpoint)); err != nil {
		a.log.Warn("remove checkpoint", "err", err)
	}
	return in.err("")
}

// lockSession keeps a second process from playing or resuming the same session at the same time.
func lockSession(o replay.Options) (unlock func(), err error) {
	dir := filepath.Dir(o.Checkpoint)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail(exitFailed, fmt.Errorf("make the session's folder: %w", err), "choose another --state-dir")
	}
	release, err := dirlock.Lock(dir)
	if errors.Is(err, dirlock.ErrHeld) {
		return nil, fail(exitUsage, fmt.Errorf("session %s is being played by another firedrill", o.Session), "wait for its end, or choose another --session")
	}
	if err != nil {
		return nil, fail(exitFailed, err, "choose another --state-dir")
	}
	return func() {
		if _, err := os.Stat(o.Checkpoint); errors.Is(err, fs.ErrNotExist) {
			os.RemoveAll(dir) // nothing came of the session
		}
		release()
	}, nil
}

// replayDifficulty is the difficulty of a new session, which keeps it, or of one that goes on.
func (a *app) replayDifficulty(o replay.Options) (difficulty, error) {
	if o.Resume != nil {
		return keptDifficulty(o.Checkpoint)
	}
	d, err := a.newDifficulty(nil)
	if err != nil {
		return d, err
	}
	return d, keepDifficulty(d, o.Checkpoint)
}

// replayOptions are the engine's options for a new session or one that goes on.
func (a *app) replayOptions(m recording.Manifest, resume bool) (replay.Options, plan, error) {
	session := a.config.text("session")
	if resume && session == "" {
		return replay.Options{}, plan{}, usagef("--resume needs --session")
	}
	if session == "" {
		session = newSessionID()
	}
	file := filepath.Join(a.stateDir(), "sessions", session, "checkpoint.json")
	pl, err := newPlan(a.config, m, nil)
	if err != nil {
		return replay.Options{}, plan{}, err
	}
	o := pl.options()
	o.Session, o.Checkpoint = session, file
	checkpoint, err := replay.LoadCheckpoint(file)
	switch {
	case resume && errors.Is(err, fs.ErrNotExist):
		return o, pl, fail(exitUsage, fmt.Errorf("there is no session %s to resume: %s does not exist", session, file), "give the --session and --state-dir of the replay that broke off")
	case err == nil && !resume && !checkpoint.Done:
		return o, pl, fail(exitUsage, fmt.Errorf("session %s broke off before its end", session), "go on with --resume, or choose another --session")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return o, pl, fail(exitInput, err, "")
	}
	if resume {
		o.Resume = checkpoint
		pl.box = checkpoint.Box
	}
	return o, pl, nil
}

// endReason says why the session is over.
func endReason(in *interrupts, s *session, pl plan) string {
	switch {
	case in.received.Load() != 0:
		return endedSignal
	case pl.box > 0 && s.replay.Status().Live >= pl.box:
		return endedTimebox
	}
	return endedRecording
}
