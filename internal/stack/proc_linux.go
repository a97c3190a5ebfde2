package stack

import "syscall"

// procAttr puts a child into a process group of its own, so that Ctrl-C in a terminal reaches only
// firedrill, and has the kernel kill it when the thread of the launcher ends.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
