//go:build !linux

package pgtest

import "syscall"

// account is who runs the server: here always whoever runs the tests, who must not be root.
type account struct{ uid, gid int }

func unprivileged() (*account, error) { return nil, nil }

func (a *account) attr() *syscall.SysProcAttr { return nil }
