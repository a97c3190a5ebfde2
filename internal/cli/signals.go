package cli

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
)

// interrupts turns signals into two steps: the first asks a command to finish what is under way, the
// second cuts it off.
type interrupts struct {
	drain    <-chan struct{} // closed by the first signal
	received atomic.Int32    // number of the first signal, 0 when none came
	stop     func()
}

// catch starts to listen. The returned context ends with the second signal, or when stop is called.
func (s *State) catch(parent context.Context) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancel(parent)
	c := make(chan os.Signal, 2)
	stopNotify := s.Notify(c)
	drain := make(chan struct{})
	in := &interrupts{drain: drain}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// After the second signal nobody listens any more: a third ends the process at once.
		defer stopNotify()
		defer cancel()
		select {
		case sig := <-c:
			in.received.Store(signalNumber(sig))
			fmt.Fprintf(s.Stderr, "firedrill: %s: stopping; once more cuts it off\n", signalName(sig))
			close(drain)
		case <-ctx.Done():
			return
		}
		select {
		case sig := <-c:
			fmt.Fprintf(s.Stderr, "firedrill: %s again: cutting off\n", signalName(sig))
		case <-ctx.Done():
		}
	}()
	in.stop = func() { cancel(); <-done }
	return ctx, in
}

// err is the error of a command that a signal ended before its time, nil when no signal came.
func (in *interrupts) err(hint string) error {
	switch n := in.received.Load(); n {
	case 0:
		return nil
	case int32(syscall.SIGTERM):
		return fail(exitTerminated, fmt.Errorf("terminated before the end"), hint)
	default:
		return fail(exitInterrupt, fmt.Errorf("interrupted before the end"), hint)
	}
}

func signalNumber(sig os.Signal) int32 {
	if n, ok := sig.(syscall.Signal); ok {
		return int32(n)
	}
	return int32(syscall.SIGINT)
}

func signalName(sig os.Signal) string {
	switch sig {
	case os.Interrupt:
		return "SIGINT"
	case syscall.SIGTERM:
		return "SIGTERM"
	}
	return sig.String()
}
