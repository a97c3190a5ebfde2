package runner_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"firedrill/internal/runner"
	"firedrill/replay"
)

// childEnv makes the test binary play a server: the variable holds a childConfig. The child plays until its standard input
// is closed, and says every 20 ms what it plays.
const childEnv = "FIREDRILL_TEST_RUNNER_CHILD"

type childConfig struct {
	World    world
	Store    string // URL
	Sessions []string
}

// said is a line of a child about a session.
type said struct {
	Session string
	Plays   bool
	Phase   replay.Phase
	Sent    int64 // items of all signals
	Done    bool  // the evidence has ended
	Proofs  []*replay.Proof
	Error   string
}

func playChild(config string) {
	var o childConfig
	fail := func(err error) {
		if err != nil {
			_ = json.NewEncoder(os.Stdout).Encode(said{Error: err.Error()})
			os.Exit(1)
		}
	}
	fail(json.Unmarshal([]byte(config), &o))
	c, err := openContest(&o.World, o.Store, nil)
	fail(err)
	r, err := runner.New(c.options)
	fail(err)
	go func() { // not even a parent that was killed leaves it behind
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	go r.Run(context.Background())
	out := json.NewEncoder(os.Stdout)
	for range time.Tick(20 * time.Millisecond) {
		for _, id := range o.Sessions {
			line := said{Session: id, Proofs: c.proofsOf(id)}
			var st replay.Status
			st, line.Plays = r.Status(id)
			line.Phase = st.Phase
			for _, s := range st.Signals {
				line.Sent += s.Sent
			}
			if b, err := c.service.Checkpoint(context.Background(), id); err == nil {
				cp, err := replay.ParseCheckpoint(b)
				line.Done = err == nil && cp.Done
			}
			fail(out.Encode(line))
		}
	}
}

// child is a running one.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}

	mu   sync.Mutex
	last map[string]said // by session
}

func startChild(t *testing.T, w *world, url string, sessions ...string) *child {
	t.Helper()
	config, err := json.Marshal(childConfig{*w, url, sessions})
	check(t, err)
	c := &child{cmd: exec.Command(os.Args[0]), ended: make(chan struct{}), last: map[string]said{}}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(config))
	c.cmd.Stderr = os.Stderr
	c.stdin, err = c.cmd.StdinPipe()
	check(t, err)
	out, err := c.cmd.StdoutPipe()
	check(t, err)
	check(t, c.cmd.Start())
	go func() {
		defer close(c.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var s said
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				s.Error = fmt.Sprintf("%v: %s", err, lines.Bytes())
			}
			c.mu.Lock()
			c.last[s.Session] = s
			c.mu.Unlock()
		}
		_ = c.cmd.Wait()
	}()
	t.Cleanup(c.kill)
	return c
}

// says returns what the child said last of a session.
func (c *child) says(t *testing.T, session string) said {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.last[""].Error; e != "" {
		t.Fatalf("child: %s", e)
	}
	return c.last[session]
}

// kill sends SIGKILL, and waits.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// stop ends the child by closing its standard input.
func (c *child) stop() {
	_ = c.stdin.Close()
	<-c.ended
}
