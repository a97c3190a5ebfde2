package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

// Checkpoint is what a replay needs to go on after a crash: its clock, its key, and how far each
// signal has come. It is kept in one file per session, or wherever Options.Save puts it. It holds the session's
// key, so that none but its owner may read it.
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
	c, err := ParseCheckpoint(b)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return c, nil
}

// ParseCheckpoint reads what Options.Save was given.
func ParseCheckpoint(b []byte) (*Checkpoint, error) {
	c := &Checkpoint{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, err
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// Timeline returns the session's clock as it was last saved. It goes on running, by itself.
func (c *Checkpoint) Timeline() *Timeline { return newTimeline(c.clock.clone()) }

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

// saveFile returns an Options.Save that replaces a file by renaming, so that a crash of this process leaves
// the old or the new one whole. It does not sync: the page cache outlives the process, and a crash of
// the whole machine takes the local back ends along.
func saveFile(path string) func([]byte) error {
	return func(b []byte) error {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		tmp := path + ".tmp"
		if err := os.WriteFile(tmp, b, 0o600); err != nil {
			return err
		}
		return os.Rename(tmp, path)
	}
}
