package stack

import (
	"os/exec"
	"runtime"
)

// launcher starts all children of a stack from one operating system thread. On Linux the kernel
// sends a child its death signal when the thread that made it ends, not when the process does
// (prctl(2), PR_SET_PDEATHSIG), and Go ends threads as it likes; so this one is kept as long as the stack.
type launcher struct {
	cmds chan launch
	done chan struct{}
}

type launch struct {
	cmd *exec.Cmd
	err chan error
}

func newLauncher() *launcher {
	l := &launcher{cmds: make(chan launch), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		// Without UnlockOSThread the thread ends with the goroutine, which is after the last child.
		runtime.LockOSThread()
		for c := range l.cmds {
			c.err <- c.cmd.Start()
		}
	}()
	return l
}

func (l *launcher) start(cmd *exec.Cmd) error {
	c := launch{cmd: cmd, err: make(chan error, 1)}
	l.cmds <- c
	return <-c.err
}

// close ends the thread. On Linux that kills whatever child is left.
func (l *launcher) close() {
	close(l.cmds)
	<-l.done
}
