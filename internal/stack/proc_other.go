//go:build !unix

package stack

import (
	"os"
	"syscall"
)

func procAttr() *syscall.SysProcAttr { return nil }

// terminate kills: there is no signal that asks a process to end.
func terminate(p *os.Process) error { return p.Kill() }

// lockDir does nothing: Prometheus and Jaeger lock their own folders.
func lockDir(string) (unlock func(), err error) { return func() {}, nil }
