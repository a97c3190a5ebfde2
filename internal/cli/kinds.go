package cli

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"firedrill/replay"
)

// kind says how the text of a value is read. The error says what was expected, without the value.
type kind struct {
	name  string // as help and documentation call it
	parse func(text string) (any, error)
}

var (
	textKind = kind{"TEXT", func(s string) (any, error) { return s, nil }}
	boolKind = kind{"BOOL", func(s string) (any, error) {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return nil, errors.New("expected true or false")
		}
		return b, nil
	}}
	portKind = kind{"PORT", func(s string) (any, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 65535 {
			return nil, errors.New("expected a port, 1 to 65535, or 0 for a free one")
		}
		return n, nil
	}}
	speedKind = kind{"N", func(s string) (any, error) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f >= replay.MinSpeed && f <= replay.MaxSpeed) {
			return nil, fmt.Errorf("expected a number from %v to %v, such as 1 or 2.5", replay.MinSpeed, replay.MaxSpeed)
		}
		return f, nil
	}}
	durationKind = kind{"DURATION", func(s string) (any, error) { return parseDuration(s) }}
	historyKind  = kind{"DURATION|all", func(s string) (any, error) {
		if s == "all" {
			return s, nil
		}
		d, err := parseDuration(s)
		if err != nil {
			return nil, errors.New("expected a duration such as 90s, 45m or 2d, or all")
		}
		return d, nil
	}}
	momentKind = kind{"TIME|DURATION", func(s string) (any, error) { return parseMoment(s) }}
	urlKind    = kind{"URL", func(s string) (any, error) {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return nil, errors.New("expected an address such as http://127.0.0.1:9090")
		}
		return s, nil
	}}
	// sessionKind allows what is a label value, a Loki tenant and a file name at the same time.
	sessionKind = kind{"ID", func(s string) (any, error) {
		if !sessionID.MatchString(s) {
			return nil, errors.New("expected 1 to 64 letters, digits, - or _, beginning with a letter or digit")
		}
		return s, nil
	}}
	mapKind = kind{"NAME=VALUE,...", func(s string) (any, error) { return parseMap(s) }}
)

var sessionID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// choice is a kind with a closed list of values.
func choice(values ...string) kind {
	return kind{strings.Join(values, "|"), func(s string) (any, error) {
		if !slices.Contains(values, s) {
			return nil, fmt.Errorf("expected %s", strings.Join(values, " or "))
		}
		return s, nil
	}}
}

// parseDuration reads Go's durations (1.5h, 250ms) and Prometheus's (2d, 1w), not negative.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		var m model.Duration
		m, err = model.ParseDuration(s)
		d = time.Duration(m)
	}
	if err != nil || d < 0 {
		return 0, errors.New("expected a duration such as 90s, 45m or 2d")
	}
	return d, nil
}

// moment is a recorded time: absolute, or counted from the recording's start when abs is zero.
type moment struct {
	abs    time.Time
	offset time.Duration
}

// in returns the moment in a recording that starts at start.
func (m moment) in(start time.Time) time.Time {
	if m.abs.IsZero() {
		return start.Add(m.offset)
	}
	return m.abs
}

func parseMoment(s string) (moment, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return moment{abs: t}, nil
	}
	d, err := parseDuration(s)
	if err != nil {
		return moment{}, errors.New("expected RFC 3339, such as 2026-03-01T14:05:00Z, or a duration from the recording's start, such as 30m")
	}
	return moment{offset: d}, nil
}

func parseMap(s string) (map[string]string, error) {
	m := map[string]string{}
	if s == "" {
		return m, nil
	}
	for pair := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, errors.New("expected NAME=VALUE pairs separated by commas")
		}
		m[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return m, nil
}

// formatMap is the inverse of parseMap.
func formatMap(m map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, name+"="+m[name])
	}
	return strings.Join(pairs, ",")
}
