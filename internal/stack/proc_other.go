//go:build !unix

package stack

import (
	"os"
	"syscall"
)

func procAttr() *syscall.SysProcAttr { return nil }

// terminate kills: there is no signal that asks a process to end.
func terminate(p *os.Process) error { return p.Kill() }
