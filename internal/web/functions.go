package web

import (
	"fmt"
	"html/template"
	"net/url"
	"time"

	"firedrill/internal/challenge"
)

// functions are what templates use to write values.
var functions = template.FuncMap{
	"markdown": markdown,
	"digits":   digits,
	"signed":   signed,
	"span":     span,
	"late":     late,
	"clock":    func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"stamp":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	"rfc3339":  func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") },
	"millis":   func(t time.Time) int64 { return t.UnixMilli() },
	"when":     when,
	"state":    func(s challenge.State) string { return states[s] },
	"mode":     func(m challenge.Mode) string { return modes[m] },
	"kind":     func(k challenge.EventKind) string { return kinds[k] },
	"match":    func(m challenge.Match) string { return matches[m] },
	"segment":  url.PathEscape,
	"add":      func(a, b int) int { return a + b },
	"map":      dict,
}

var (
	states = map[challenge.State]string{
		challenge.Scheduled: "waiting", challenge.Loading: "loading", challenge.Lobby: "about to start", challenge.Live: "live",
		challenge.Paused: "paused", challenge.Ended: "ended", challenge.Debriefed: "debrief",
	}
	modes = map[challenge.Mode]string{challenge.Solo: "alone", challenge.Together: "together", challenge.InRound: "round"}
	kinds = map[challenge.EventKind]string{
		challenge.PageEvent: "Page", challenge.ChangeEvent: "Change", challenge.Announcement: "Announcement",
		challenge.Injected: "Event", challenge.StateEvent: "Session",
	}
	matches = map[challenge.Match]string{
		challenge.Exact: "right", challenge.Alias: "right, by another name", challenge.ComponentOnly: "right component, wrong cause",
		challenge.CauseOnly: "right cause, wrong component", challenge.Coincidence: "a real fault, but not behind the page",
		challenge.DecoyMatch: "a decoy", challenge.NoMatch: "wrong",
	}
)

// digits writes a duration as 4:05 or 1:04:05, in whole seconds.
func digits(d time.Duration) string {
	s := max(int(d/time.Second), 0)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// signed writes an offset from the page.
func signed(d time.Duration) string {
	if d < 0 {
		return "−" + digits(-d)
	}
	return "+" + digits(d)
}

// late says how far from right an onset is.
func late(d time.Duration) string {
	switch {
	case d > 0:
		return digits(d) + " late"
	case d < 0:
		return digits(-d) + " early"
	}
	return "exact"
}

// span writes a duration in words, such as 30 min or 1 h 30 min.
func span(d time.Duration) string {
	h, m, s := int(d/time.Hour), int(d/time.Minute)%60, int(d/time.Second)%60
	text := ""
	for _, part := range []struct {
		n    int
		unit string
	}{{h, "h"}, {m, "min"}, {s, "s"}} {
		if part.n > 0 {
			text += fmt.Sprintf(" %d %s", part.n, part.unit)
		}
	}
	if text == "" {
		return "0 s"
	}
	return text[1:]
}

// when writes a moment without its date if that is now's.
func when(t, now time.Time) string {
	t = t.UTC()
	if t.Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return t.Format("15:04:05")
	}
	return t.Format("2 Jan 15:04:05")
}

// dict makes the argument of a template that needs several.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("key %v is no string", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}
