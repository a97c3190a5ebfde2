package replay

import (
	"fmt"
	"runtime/debug"
)

// guard turns a panic into an error: it ends one replay, and not the process that may host others.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
