package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// Checkpoint is what a replay needs to go on after a crash: its clock, its key, and how far each
// signal has come. It is kept in one file per session, which holds the session's key and is
// therefore readable by its owner alone.
type Checkpoint struct {
	Version   int                         `json:"version"` // 1
	Session   string                      `json:"session"`
	Recording string                      `json:"recording"` // identifies the Source; see Options.Recording
	Key       Key                         `json:"key"`
	From      int64                       `json:"from"` // recorded start of the history, ns
	clock                                 // its fields are the checkpoint's own
	Signals   map[Signal]signalCheckpoint `json:"signals"`
	Done      bool                        `json:"done"` // the session ended; there is nothing to resume
}

// signalCheckpoint says how far one signal has come, in recorded nanoseconds of due time.
type signalCheckpoint struct {
	Acknowledged int64  `json:"acknowledged"` // everything due before it was acknowledged or finally refused
	InDoubt      int64  `json:"inDoubt"`      // nothing due from here on has been pushed
	Totals       Totals `json:"totals"`
}

const checkpointVersion = 1

// LoadCheckpoint reads a checkpoint file. A missing file is an fs.ErrNotExist.
func LoadCheckpoint(path string) (*Checkpoint, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return c, nil
}

// validate checks what comes from a file.
func (c *Checkpoint) validate() error {
	if c.Version != checkpointVersion {
		return fmt.Errorf("version %d is not one that this firedrill can resume (%d)", c.Version, checkpointVersion)
	}
	if err := c.clock.validate(); err != nil {
		return err
	}
	if c.From < 0 || c.From > c.Page {
		return fmt.Errorf("the history begins at %d ns, and the page is at %d ns", c.From, c.Page)
	}
	for name, s := range c.Signals {
		switch t := s.Totals; {
		case name != Metrics && name != Logs && name != Traces:
			return fmt.Errorf("signal %q is not known", name)
		case s.Acknowledged < c.From || max(s.Acknowledged, s.InDoubt) > maxTime || s.InDoubt < 0:
			return fmt.Errorf("%s: the times %d and %d ns are not between %d and %d", name, s.Acknowledged, s.InDoubt, c.From, maxTime)
		case min(t.Read, t.Sent, t.Refused, t.Retried, t.Exemplars) < 0:
			return fmt.Errorf("%s: negative totals", name)
		}
	}
	return nil
}

// clone returns a copy that shares nothing that changes.
func (c *Checkpoint) clone() Checkpoint {
	d := *c
	d.clock = c.clock.clone()
	d.Signals = make(map[Signal]signalCheckpoint, 3)
	maps.Copy(d.Signals, c.Signals)
	return d
}

// checkpointer keeps the checkpoint of a running replay on disk. A nil *checkpointer keeps nothing.
type checkpointer struct {
	path string

	mu sync.Mutex // taken after Timeline.mu where both are
	c  Checkpoint
}

// update records how far one signal has come and writes the file.
func (k *checkpointer) update(signal Signal, s signalCheckpoint) error {
	return k.write(func(c *Checkpoint) { c.Signals[signal] = s })
}

// keep records the clock and writes the file.
func (k *checkpointer) keep(next clock) error {
	return k.write(func(c *Checkpoint) { c.clock = next.clone() })
}

// done records that the session ended and writes the file.
func (k *checkpointer) done() error {
	return k.write(func(c *Checkpoint) { c.Done = true })
}

// write changes the checkpoint and replaces the file by renaming, so that a crash of this process leaves
// the old or the new one whole. It does not sync: the page cache outlives the process, and a crash of
// the whole machine takes the local back ends along.
func (k *checkpointer) write(change func(*Checkpoint)) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.c.clone()
	change(&next)
	b, err := json.Marshal(&next)
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	tmp := k.path + ".tmp"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if err := os.Rename(tmp, k.path); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	k.c = next
	return nil
}
