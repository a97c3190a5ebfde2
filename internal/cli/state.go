// Package cli is the firedrill program: its commands, flags, configuration and what they print.
//
// [Main] is the whole of package main. Results go to standard output, everything else to standard
// error. What a command takes from the process (arguments, environment, standard streams, signals,
// exit) reaches it through a [State], made in this file and nowhere else, so that a test can run a
// command without a process of its own.
package cli

import (
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/term"
)

// State is what a command may know of the process it runs in.
type State struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	// StdoutTerminal and StderrTerminal say whether a person reads that stream: progress bars and
	// status lines are drawn only on a terminal.
	StdoutTerminal bool
	StderrTerminal bool

	// ExecutableDir is the folder of the running program, "" when the system does not say.
	ExecutableDir string
	// Getenv reads one variable of the environment, "" when it is not set.
	Getenv func(name string) string
	// Environ lists the environment as NAME=value.
	Environ func() []string
	// Notify asks for interrupts and terminations to be sent to c until stop is called.
	Notify func(c chan<- os.Signal) (stop func())
}

// NewState returns the State of this process.
func NewState() *State {
	executable, err := os.Executable()
	if err == nil {
		executable, err = filepath.EvalSymlinks(executable)
	}
	dir := filepath.Dir(executable)
	if err != nil {
		dir = ""
	}
	return &State{
		Args:           os.Args[1:],
		ExecutableDir:  dir,
		Stdin:          os.Stdin,
		Stdout:         os.Stdout,
		Stderr:         os.Stderr,
		StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Getenv:         os.Getenv,
		Environ:        os.Environ,
		Notify: func(c chan<- os.Signal) func() {
			signal.Notify(c, os.Interrupt, syscall.SIGTERM)
			return func() { signal.Stop(c) }
		},
	}
}

// Main runs the command that the process's arguments name and exits with its code.
func Main() { os.Exit(Run(NewState())) }

// xdgDir returns a folder of firedrill's own below one of the XDG base directories
// (https://specifications.freedesktop.org/basedir-spec): the variable when it holds an absolute
// path, else the fallback below the home folder.
func (s *State) xdgDir(variable, fallback string) string {
	base := s.Getenv(variable)
	if !filepath.IsAbs(base) {
		base = filepath.Join(s.Getenv("HOME"), fallback)
	}
	return filepath.Join(base, "firedrill")
}

// CacheDir is where firedrill keeps what it can make again, such as generated recordings.
func (s *State) CacheDir() string { return s.xdgDir("XDG_CACHE_HOME", ".cache") }

// StateDir is where firedrill keeps what must outlive a crash, such as checkpoints.
func (s *State) StateDir() string { return s.xdgDir("XDG_STATE_HOME", ".local/state") }
