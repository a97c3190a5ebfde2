package grade

import (
	"fmt"
	"log/slog"
)

const hidden = "grade.Grader"

// Format hides the keys from every verb of fmt.
func (*Grader) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// LogValue hides the keys.
func (*Grader) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the keys.
func (*Grader) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalYAML hides the keys.
func (*Grader) MarshalYAML() (any, error) { return hidden, nil }

// Format hides the key from every verb of fmt.
func (key) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// LogValue hides the key.
func (key) LogValue() slog.Value { return slog.StringValue(hidden) }

// Format hides the fault from every verb of fmt.
func (fault) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }
