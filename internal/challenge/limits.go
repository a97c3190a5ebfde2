package challenge

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What may be asked for. Bounds are inclusive.
const (
	MinTimebox   = time.Minute
	MaxTimebox   = 24 * time.Hour // extensions included
	MaxExtension = 4 * time.Hour  // of one extension
	MaxWindow    = 30 * 24 * time.Hour
	MaxAhead     = 366 * 24 * time.Hour // how far ahead something may be planned

	MaxRunning      = 200 // sessions that are loaded or played at once
	MaxParticipants = 500 // of a session
	MaxPauses       = 100
	MaxEvents       = 1000 // of a session, stored ones
	MaxHypotheses   = 200  // of a player in a session
)

// Bounds of texts, in bytes.
const (
	maxTitle   = 200
	maxName    = 190 // a login; Grafana keeps as many characters
	maxSeason  = 100
	maxKey     = 200
	maxFailure = 1000
	maxDetail  = 500
)

// checkCall tells whether a call can be somebody's.
func checkCall(c Call) error {
	if c.Role != FacilitatorRole && c.Role != PlayerRole {
		return Errorf(Forbidden, "a token of this role cannot do this; use one of a player or facilitator")
	}
	if !validName(c.Name) {
		return Errorf(Invalid, "the login is empty, longer than %d bytes, or has characters that cannot be printed", maxName)
	}
	if len(c.Key) > maxKey || !printable(c.Key) {
		return &Error{Code: Invalid, Field: "Idempotency-Key", Text: "the idempotency key is longer than 200 bytes, or has characters that cannot be printed"}
	}
	return nil
}

// validName tells whether a login can be one.
func validName(name string) bool {
	return name != "" && len(name) <= maxName && printable(name) && strings.TrimSpace(name) == name
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// checkText checks a text that somebody wrote; field is a JSON pointer.
func checkText(field, text string, least, most int) error {
	switch {
	case len(strings.TrimSpace(text)) < least:
		return invalidf(field, "it is empty")
	case len(text) > most:
		return invalidf(field, "it has %d bytes; at most %d are possible", len(text), most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }):
		return invalidf(field, "it has characters that are not text")
	}
	return nil
}

// checkLine checks a text of one line, which may be empty.
func checkLine(field, text string, most int) error {
	if strings.ContainsAny(text, "\n\r\t") {
		return invalidf(field, "it must be one line")
	}
	return checkText(field, text, 0, most)
}

func invalidf(field, format string, args ...any) error {
	e := Errorf(Invalid, format, args...)
	e.Field = field
	return e
}

// checkTimebox checks how long people have.
func checkTimebox(d time.Duration) error {
	if d < MinTimebox || d > MaxTimebox {
		return invalidf("/timebox", "a time box of %s: expected %s to %s", d, MinTimebox, MaxTimebox)
	}
	return nil
}

// checkAhead checks a moment that something is planned for.
func checkAhead(field string, at, now time.Time) error {
	switch {
	case !at.After(now):
		return invalidf(field, "%s is over; it is %s", at.UTC().Format(time.RFC3339), now.Format(time.RFC3339))
	case at.Sub(now) > MaxAhead:
		return invalidf(field, "%s is more than a year ahead", at.UTC().Format(time.RFC3339))
	}
	return nil
}

// instant is a moment as databases keep it.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// cut shortens a text to at most n bytes, at the beginning of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// newID returns a random identity. 48 bits are short enough to read out, and nobody is let in for knowing one.
func newID(kind string) string {
	var b [6]byte
	rand.Read(b[:]) // never fails
	return kind + hex.EncodeToString(b[:])
}

const (
	sessionID = "s"
	roundID   = "r"
)

var idPattern = regexp.MustCompile(`^[sr][0-9a-f]{12}$`)
