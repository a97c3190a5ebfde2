package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"
)

const (
	// announceAhead is how far ahead of the clock live pushes are announced, in wall time. What a crash leaves
	// in doubt, and is read back when the session goes on, is as much and what came since the last save.
	announceAhead = 5 * time.Second
	// announceEvery is how often. Half of announceAhead leaves a slow save as much time before a push has to
	// wait for it.
	announceEvery = announceAhead / 2
)

// checkpointer keeps the checkpoint of a running replay. A nil *checkpointer keeps nothing.
type checkpointer struct {
	save func([]byte) error

	saving chan struct{} // holds one token during a save; taken before Timeline.mu, and that before mu
	last   []byte        // that was saved

	mu sync.Mutex // guards c
	c  Checkpoint // progress as it is; clock and what is in doubt as they were last saved
}

func newCheckpointer(save func([]byte) error, c Checkpoint) *checkpointer {
	return &checkpointer{save: save, saving: make(chan struct{}, 1), c: c}
}

// note records how far a signal has come, for the next save.
func (k *checkpointer) note(signal Signal, acknowledged int64, t Totals) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.c.Signals[signal]
	s.Acknowledged, s.Totals = acknowledged, t
	k.c.Signals[signal] = s
}

// announced returns the recorded time before which items may be pushed: a saved checkpoint has it.
func (k *checkpointer) announced(signal Signal) int64 {
	if k == nil {
		return math.MaxInt64
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.Signals[signal].InDoubt
}

// announce saves that items of all signals may be pushed from now on that are due before the recorded time that until
// returns when it is this call's turn; 0 if that is no longer needed.
func (k *checkpointer) announce(until func() int64) error {
	if k == nil {
		return nil
	}
	defer k.hold()()
	u := until()
	if u == 0 {
		return nil
	}
	return k.write(func(c *Checkpoint) {
		for name := range c.Signals {
			c.doubt(name, u)
		}
	})
}

// announceRound saves that items of one signal may be pushed from now on that are due before a recorded time.
func (k *checkpointer) announceRound(signal Signal, until int64) error {
	return k.change(func(c *Checkpoint) { c.doubt(signal, until) })
}

// doubt says that items of a signal may have been pushed that are due before a recorded time. What an earlier process may
// have pushed stays in doubt until it was read back.
func (c *Checkpoint) doubt(signal Signal, until int64) {
	s := c.Signals[signal]
	s.InDoubt = max(s.InDoubt, until)
	c.Signals[signal] = s
}

// flush saves the progress.
func (k *checkpointer) flush() error { return k.change(func(*Checkpoint) {}) }

// keep saves the clock. Its caller holds the checkpointer.
func (k *checkpointer) keep(next clock) error {
	if k == nil {
		return nil
	}
	return k.write(func(c *Checkpoint) { c.clock = next.clone() })
}

// done saves that the session ended.
func (k *checkpointer) done() error {
	return k.change(func(c *Checkpoint) { c.Done = true })
}

// change saves the checkpoint with a change, which counts once it is saved.
func (k *checkpointer) change(do func(*Checkpoint)) error {
	if k == nil {
		return nil
	}
	defer k.hold()()
	return k.write(do)
}

// hold waits for its turn to save, which lasts until release.
func (k *checkpointer) hold() (release func()) {
	if k == nil {
		return func() {}
	}
	k.saving <- struct{}{}
	return func() { <-k.saving }
}

// write is change for those who hold the checkpointer. Progress is noted meanwhile.
func (k *checkpointer) write(do func(*Checkpoint)) error {
	k.mu.Lock()
	next := k.c.clone()
	k.mu.Unlock()
	do(&next)
	b, err := json.Marshal(&next)
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	if bytes.Equal(b, k.last) {
		return nil
	}
	if err := k.save(b); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	k.last = b
	k.mu.Lock()
	defer k.mu.Unlock()
	do(&k.c)
	return nil
}
