package challenge

import "fmt"

// Code tells programs what kind of error it is. Codes are part of the HTTP API and never change their meaning.
type Code string

// The codes.
const (
	NotFound     Code = "not_found"
	Forbidden    Code = "forbidden"
	Unauthorized Code = "unauthorized"  // no token, or one that is not good
	Invalid      Code = "invalid"       // a value that cannot be; Field says which
	WrongState   Code = "wrong_state"   // not in this state of the session
	Over         Code = "over"          // the session has ended by the server's clock
	LockedOut    Code = "locked_out"    // after a wrong suspect; Error.RetryAfter says how long
	AlreadyRight Code = "already_right" // the player was right before
	NoSession    Code = "no_session"    // the player has not joined one
	Conflict     Code = "conflict"      // the idempotency key was used for something else
	TooMany      Code = "too_many"      // a limit; the text says which
	Unavailable  Code = "unavailable"   // try again
)

// Error is an error for people and programs. Its text may be shown to whoever asked.
type Error struct {
	Code  Code
	Field string // of Invalid: a JSON pointer or parameter name
	Text  string // what was wrong and what to do
	// RetryAfter, in seconds and rounded up, is set with LockedOut while the clock runs.
	RetryAfter int
	// Err is the cause, for the log only; may be nil.
	Err error
}

func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}
