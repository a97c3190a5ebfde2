package scenarios

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// Moment is a recorded time: Abs, or Offset from the recording's start when Abs is zero.
type Moment struct {
	Abs    time.Time
	Offset time.Duration
}

// In returns the moment in a recording that starts at start.
func (m Moment) In(start time.Time) time.Time {
	if m.Abs.IsZero() {
		return start.Add(m.Offset)
	}
	return m.Abs
}

// String writes the moment as it is read.
func (m Moment) String() string {
	if m.Abs.IsZero() {
		return m.Offset.String()
	}
	return m.Abs.Format(time.RFC3339Nano)
}

// UnmarshalYAML reads RFC 3339 or a duration.
func (m *Moment) UnmarshalYAML(n *yaml.Node) error {
	if t, err := time.Parse(time.RFC3339Nano, n.Value); err == nil {
		m.Abs = t
		return nil
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil {
		return lineError{n.Line, fmt.Sprintf("%q: expected RFC 3339, or a duration from the recording's start such as 30m", n.Value)}
	}
	m.Offset = d
	return nil
}

// Duration is a time.Duration, written as in Go (90s, 1h30m), not negative.
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return lineError{n.Line, fmt.Sprintf("%q: expected a duration such as 90s or 45m", n.Value)}
	}
	*d = Duration(v)
	return nil
}

// String writes the duration as it is read.
func (d Duration) String() string { return time.Duration(d).String() }

// Time is a recorded time, written in RFC 3339.
type Time struct{ time.Time }

// UnmarshalYAML reads RFC 3339.
func (t *Time) UnmarshalYAML(n *yaml.Node) (err error) {
	if t.Time, err = time.Parse(time.RFC3339Nano, n.Value); err != nil {
		return lineError{n.Line, fmt.Sprintf("%q: expected a time such as 2026-03-01T14:00:00Z", n.Value)}
	}
	return nil
}
