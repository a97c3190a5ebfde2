// Package dirlock keeps two processes from using one folder at the same time. The entry point is Lock.
package dirlock

import "errors"

// ErrHeld says that another process holds the lock of a folder.
var ErrHeld = errors.New("the folder is in use by another firedrill")
