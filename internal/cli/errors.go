package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"firedrill/replay"
)

// codedError is an error with the exit code it leads to and, where there is one, the next thing to try.
type codedError struct {
	code int
	err  error
	hint string
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// fail gives err an exit code. The hint may be empty.
func fail(code int, err error, hint string) error {
	if err == nil {
		return nil
	}
	return &codedError{code: code, err: err, hint: hint}
}

// usagef returns a usage error that points to the command's help.
func usagef(format string, args ...any) error {
	return &codedError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// exitCode finds the code of an error.
func exitCode(err error) int {
	var coded *codedError
	var push *replay.PushError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &push):
		return exitBackEnd
	case errors.Is(err, context.Canceled):
		return exitInterrupt
	}
	return exitFailed
}

// printError writes an error for a person: one line what is wrong, one line what to do about it.
func printError(w io.Writer, err error, fallbackHint string) {
	hint := fallbackHint
	var coded *codedError
	if errors.As(err, &coded) && coded.hint != "" {
		hint = coded.hint
	}
	fmt.Fprintf(w, "firedrill: error: %s\n", strings.TrimSpace(err.Error()))
	if hint != "" {
		fmt.Fprintf(w, "firedrill: hint: %s\n", hint)
	}
}
