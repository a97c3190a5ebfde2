// Package rebase moves recorded telemetry to another time and gives it other trace ids.
//
// A session shows an incident as if it happened now. The time stamps of samples, lines and spans are
// the engine's business; this package handles the places that are easily forgotten: times written in
// log lines and attributes ([Text.Line], [Text.Attr], [Text.Span]), metric values that are times
// ([TimeValued], [Value]), and trace and span ids, which one keyed bijection ([IDs]) renames in all of
// them alike, so that every link still works and two sessions never share an id.
//
// # What is recognised
//
// Text is matched by a fixed table of patterns with guards against numbers that only look like times;
// docs/rebasing.md has the table, and what stays untouched. Wall text is moved by calendar arithmetic on the
// text itself: the written zone stays, and the shift is the same for every zone.
//
// # Stability
//
// The mapping of ids never changes between versions: checkpoints and shared links depend on it.
package rebase
