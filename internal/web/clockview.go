package web

import (
	"time"

	"firedrill/internal/challenge"
)

// soon is what is left when a countdown changes its colour.
const soon = 5 * time.Minute

// countdown is a clock that counts down.
type countdown struct {
	Kind  string // page, left, paused, lock
	Label string
	Until time.Time // zero when it stands
	Left  time.Duration
}

// Soon tells whether the last minutes have begun.
func (c countdown) Soon() bool { return c.Kind == "left" && c.Left <= soon }

// clockOf is the clock of a session; nil when nothing is counted.
func clockOf(s *challenge.Session, now time.Time) *countdown {
	switch s.State {
	case challenge.Scheduled, challenge.Loading:
		if s.PageAt.IsZero() {
			return nil
		}
		return &countdown{"page", "Until the page", s.PageAt, s.PageAt.Sub(now)}
	case challenge.Lobby:
		return &countdown{"page", "Until the page", s.Clock.Page, s.Clock.Page.Sub(now)}
	case challenge.Paused:
		return &countdown{"paused", "Left when it goes on", time.Time{}, s.Timebox - s.Elapsed(now)}
	case challenge.Live:
		until, _ := s.Deadline()
		return &countdown{"left", "Time left", until, until.Sub(now)}
	}
	return nil
}

// lockOf is the time until a player may submit again; nil when that is now.
func lockOf(s *challenge.Session, st challenge.Standing, now time.Time) *countdown {
	left := st.LockedUntil - s.Elapsed(now)
	if left <= 0 || st.Correct || !s.State.Running() {
		return nil
	}
	until, ok := s.Clock.At(st.LockedUntil)
	if !ok {
		return &countdown{"lock", "Locked out", time.Time{}, left}
	}
	return &countdown{"lock", "Locked out", until, left}
}

// outlook says in a sentence what a session does, for its players.
func outlook(s *challenge.Session) string {
	switch s.State {
	case challenge.Scheduled:
		switch {
		case !s.PageAt.IsZero():
			return "The page comes at the time shown."
		case s.Mode == challenge.Solo:
			return "Start it when you are ready."
		}
		return "Waiting for the facilitator to start."
	case challenge.Loading:
		return "The history is being loaded into the back ends."
	case challenge.Lobby:
		return "Everything is loaded. The page is about to come."
	case challenge.Paused:
		return "Paused: the clock and the evidence stand still."
	case challenge.Ended, challenge.Debriefed:
		switch s.EndReason {
		case challenge.TimeUp:
			return "The time is up."
		case challenge.Solved:
			return "Ended: the cause was found."
		case challenge.Failed:
			return "This session could not be played. " + s.Failure
		}
		return "It was ended."
	}
	return "The page has come. Find the cause."
}
