//go:build unix && !linux

package stack

import "syscall"

// procAttr puts a child into a process group of its own, so that Ctrl-C in a terminal reaches only
// firedrill. There is no death signal here: after kill -9 of firedrill the back ends stay.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
