package replay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
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
	Segments  mapping                     `json:"segments"`
	Held      *int64                      `json:"held,omitempty"`
	Box       time.Duration               `json:"box,omitempty"`     // Options.For
	Stopped   *int64                      `json:"stopped,omitempty"` // recorded time of Stop
	Signals   map[Signal]signalCheckpoint `json:"signals"`
	Done      bool                        `json:"done"` // the session ended; there is nothing to resume
}

// signalCheckpoint says how far one signal has come, in recorded nanoseconds of due time.
type signalCheckpoint struct {
	Acknowledged int64  `json:"acknowledged"` // everything due before it was acknowledged or finally refused
	InDoubt      int64  `json:"inDoubt"`      // nothing due from here on has been pushed
	Totals       Totals `json:"totals"`
	StaleMarkers int64  `json:"staleMarkers,omitempty"`
}

const checkpointVersion = 1

// LoadCheckpoint reads a checkpoint file. A missing file is an fs.ErrNotExist.
func LoadCheckpoint(path string) (*Checkpoint, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c Checkpoint
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	if c.Version != checkpointVersion || len(c.Segments) == 0 {
		return nil, fmt.Errorf("checkpoint %s: version %d is not one that this firedrill can resume (%d)", path, c.Version, checkpointVersion)
	}
	return &c, nil
}

// timeline returns the clock as it was.
func (c *Checkpoint) timeline() *Timeline {
	return &Timeline{segments: c.Segments, held: c.Held, stopped: c.Stopped, box: c.Box, changed: make(chan struct{})}
}

// checkpointer keeps the checkpoint of a running replay on disk. A nil *checkpointer keeps nothing.
type checkpointer struct {
	path     string
	timeline *Timeline

	mu sync.Mutex
	c  Checkpoint
}

// update records how far one signal has come and writes the file.
func (k *checkpointer) update(signal Signal, s signalCheckpoint) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.c.Signals[signal] = s
	return k.write()
}

// save writes the file with the clock as it is now.
func (k *checkpointer) save(done bool) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.c.Done = done
	return k.write()
}

// write replaces the file by renaming, so that a crash of this process leaves the old or the new one
// whole. It does not sync: the page cache outlives the process, and a crash of the whole machine
// takes the local back ends along. The caller holds mu.
func (k *checkpointer) write() error {
	k.timeline.mu.Lock()
	k.c.Segments, k.c.Held, k.c.Stopped = k.timeline.segments, k.timeline.held, k.timeline.stopped
	b, err := json.Marshal(&k.c)
	k.timeline.mu.Unlock()
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
	return nil
}
