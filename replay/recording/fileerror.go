package recording

import (
	"errors"
	"fmt"
	"strings"
)

// fileError says where in a file something is wrong.
type fileError struct {
	file, where string // where may be empty
	err         error
}

func (e *fileError) Error() string {
	if e.where == "" {
		return e.file + ": " + e.err.Error()
	}
	return e.file + ": " + e.where + ": " + e.err.Error()
}

func (e *fileError) Unwrap() error { return e.err }

// in returns err with the file and the place in it, or nil for nil. A place that is known already stays.
func in(file, where string, err error) error {
	var known *fileError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &fileError{file, where, err}
}

// errCorrupt stands for a panic of a decoder that met bytes it did not expect.
var errCorrupt = errors.New("corrupt")

// recovered turns a panic of the decoders of others into an error. Prometheus's slice into mapped
// files without looking, and CRCs do not keep out what was written wrong.
func recovered(name string, err *error) {
	if p := recover(); p != nil {
		*err = in(name, "", fmt.Errorf("%w: %s", errCorrupt, strings.TrimPrefix(fmt.Sprint(p), "runtime error: ")))
	}
}
