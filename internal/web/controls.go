package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"firedrill/internal/challenge"
	"firedrill/replay"
	"firedrill/scenarios"
)

// controls are what the reader can do with a session now.
type controls struct {
	Start, Pause, Resume, Direct, End, Reveal bool
	Injects                                   []scenarios.Inject // that were not made yet
	MinSpeed, MaxSpeed                        float64
}

// Any tells whether there is anything.
func (c controls) Any() bool { return c.Start || c.Pause || c.Resume || c.Direct || c.End || c.Reveal }

func controlsOf(v *sessionPage) controls {
	if !v.Owner {
		return controls{}
	}
	s := v.Session.State
	c := controls{
		Start: s == challenge.Scheduled, Pause: s == challenge.Live, Resume: s == challenge.Paused, End: !s.Over(),
		Direct: v.Facilitator() && !s.Over(), Reveal: s == challenge.Ended && v.Session.Round == "",
		MinSpeed: replay.MinSpeed, MaxSpeed: replay.MaxSpeed,
	}
	if c.Direct && s.Running() {
		for _, inject := range v.Briefing.Scenario.Injects {
			if !slices.ContainsFunc(v.Events, func(e challenge.Event) bool { return e.Kind == challenge.Injected && e.Title == inject.Title }) {
				c.Injects = append(c.Injects, inject)
			}
		}
	}
	return c
}

// confirmed refuses what cannot be undone unless it was confirmed.
func confirmed(r *http.Request) error {
	if r.PostForm.Get("confirm") != "yes" {
		return challenge.Errorf(challenge.Invalid, "this cannot be undone: confirm it")
	}
	return nil
}

// command runs one of the controls.
func (p *Pages) command(w http.ResponseWriter, r *http.Request, l *login) (err error) {
	ctx, c, id, s := r.Context(), p.call(r, l), r.PathValue("id"), p.o.Service
	action, said := r.PathValue("action"), ""
	switch action {
	case "start":
		_, err = s.Start(ctx, c, id)
	case "schedule":
		var at time.Time
		if at, err = readMoment("page at", r.PostForm.Get("at")); err == nil {
			_, err = s.Schedule(ctx, c, id, at)
		}
	case "pause":
		_, err = s.Pause(ctx, c, id)
	case "resume":
		_, err = s.Resume(ctx, c, id)
	case "speed":
		var speed float64
		if speed, err = strconv.ParseFloat(strings.TrimSpace(r.PostForm.Get("speed")), 64); err != nil {
			err = challenge.Errorf(challenge.Invalid, "write the speed as a number such as 2 or 0.5")
		} else {
			_, err = s.SetSpeed(ctx, c, id, speed)
		}
	case "extend":
		var by time.Duration
		if by, err = readMinutes("minutes", r.PostForm.Get("minutes")); err == nil {
			_, err = s.Extend(ctx, c, id, by)
		}
	case "announce":
		_, err = s.Announce(ctx, c, id, r.PostForm.Get("text"))
		said = "Announced to all players."
	case "inject":
		_, err = s.Inject(ctx, c, id, r.PostForm.Get("inject"))
		said = "The event is on the timeline."
	case "end":
		if err = confirmed(r); err == nil {
			_, err = s.End(ctx, c, id)
		}
	case "reveal":
		if err = confirmed(r); err == nil {
			_, err = s.Reveal(ctx, c, id)
		}
	default:
		return p.nowhere(w, r, l)
	}
	return p.done(w, r, l, err, action, said, "#controls")
}

// readMoment reads a UTC time as the browser's datetime-local writes it, or as people do; "" is the zero time.
func readMoment(field, text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, challenge.Errorf(challenge.Invalid, "%s: write a date and time in UTC such as 2026-03-17 14:00", field)
}

// readMinutes reads a number of minutes; "" is 0.
func readMinutes(field, text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n <= 60*24*366) { // false for NaN
		return 0, challenge.Errorf(challenge.Invalid, "%s: write a number of minutes such as 10", field)
	}
	return time.Duration(n * float64(time.Minute)).Round(time.Second), nil
}

// unexpected tells whether an error is none that can be shown beside a form.
func unexpected(err error) bool {
	var e *challenge.Error
	return !errors.As(err, &e) || e.Code == challenge.NotFound || e.Code == challenge.Forbidden
}
