package challenge

import (
	"slices"
	"time"
)

// Mode says how people take part in a session.
type Mode string

// The modes.
const (
	Solo     Mode = "solo"  // one player, who starts it
	Together Mode = "live"  // everybody at once, run by a facilitator
	InRound  Mode = "round" // one player's own session of a round
)

// State is a stage of a session. Sessions go through them in this order; live and paused alternate.
type State string

// The states.
const (
	Scheduled State = "scheduled" // people may join; nothing is loaded yet
	Loading   State = "loading"   // the history goes into the back ends in bulk
	Lobby     State = "lobby"     // the history is there and proven, the page is about to come
	Live      State = "live"
	Paused    State = "paused"
	Ended     State = "ended"   // the evidence stays, suspects are refused
	Debriefed State = "debrief" // ended, and the answer is open
)

// Running tells whether the clock has started and the session is not over.
func (s State) Running() bool { return s == Live || s == Paused }

// Over tells whether the session has ended.
func (s State) Over() bool { return s == Ended || s == Debriefed }

// EndReason says why a session ended.
type EndReason string

// The reasons.
const (
	TimeUp      EndReason = "timebox"     // the time box, or the round's window, is over
	Solved      EndReason = "solved"      // the only player was right
	Facilitated EndReason = "facilitator" // somebody ended it
	Failed      EndReason = "failed"      // it could not be played; Session.Failure says why
)

// Session is one run of a scenario.
type Session struct {
	// ID is random: it marks the session's telemetry in the back ends and tells nothing of the scenario.
	ID         string
	Title      string
	Mode       Mode
	Scenario   string // its ID in the library
	Difficulty string // a preset of package distort
	Round      string // ID of the round of an InRound session, else ""
	CreatedBy  string
	CreatedAt  time.Time

	State State
	// PageAt is the wall time of the page on the evidence, planned until Lobby and certain from then on; zero while
	// Scheduled means: when somebody starts it.
	PageAt time.Time
	// Timebox is how long the clock runs from the page on, extensions included.
	Timebox time.Duration
	// Closes bounds the session whatever its clock says: the end of the round's window. Zero is no bound.
	Closes time.Time
	// Clock is the one of the contest. It starts at PageAt, or when loading is over if that took longer.
	Clock Clock
	// Speed is how fast the evidence goes. The clock of the contest runs in wall time all the same.
	Speed float64
	// Unranked says that the session does not count on leaderboards of rounds and seasons: its speed was changed, or a solo
	// player paused it.
	Unranked bool

	EndedAt   time.Time // zero until it is over
	EndReason EndReason
	Failure   string    // for people; of Failed
	Revealed  time.Time // when the answer was opened; zero until then
	// Version rises with everything about the session that people can see.
	Version int64
}

// Deadline is when the session will be over if nothing changes; ok is false before the time of the page is known and
// while the session is paused, unless Closes bounds it.
func (s *Session) Deadline() (at time.Time, ok bool) {
	at, ok = s.Clock.At(s.Timebox)
	if !s.Closes.IsZero() && (!ok || s.Closes.Before(at)) {
		return s.Closes, true
	}
	return at, ok
}

// AsOf returns the session as it stands at now by the clock: live from the page on, and over from the deadline on,
// whether or not that has been stored yet.
func (s Session) AsOf(now time.Time) Session {
	if s.State.Over() {
		return s
	}
	if at, ok := s.Deadline(); ok && !now.Before(at) {
		s.end(at, TimeUp)
	} else if s.State == Lobby && !s.Clock.Page.IsZero() && !now.Before(s.Clock.Page) {
		s.State = Live
	}
	return s
}

// Elapsed is how long the clock has run at a wall time, up to the end of the session.
func (s *Session) Elapsed(at time.Time) time.Duration {
	if !s.EndedAt.IsZero() && s.EndedAt.Before(at) {
		at = s.EndedAt
	}
	return s.Clock.Elapsed(at)
}

// Evidence is the clock of what the back ends show, at speed 1: it starts at PageAt, and stands when the other one does.
func (s *Session) Evidence() Clock { return Clock{Page: s.PageAt, Pauses: s.Clock.Pauses} }

// end ends the session. The answer of a solo session that was played is open at once: nobody else takes part.
func (s *Session) end(at time.Time, why EndReason) {
	s.State, s.EndedAt, s.EndReason = Ended, at, why
	if s.Clock.Paused() {
		s.Clock.Pauses = slices.Clone(s.Clock.Pauses) // a Session is a value: its copies share the array
		s.Clock.Pauses[len(s.Clock.Pauses)-1].To = at
	}
	if s.Mode == Solo && why != Failed && s.paged() {
		s.reveal(at)
	}
}

// paged tells whether the page has come, or had come when the session ended.
func (s *Session) paged() bool {
	return s.State.Running() || s.State.Over() && !s.Clock.Page.IsZero() && !s.EndedAt.Before(s.Clock.Page)
}

// reveal opens the answer of a session that is over.
func (s *Session) reveal(at time.Time) { s.State, s.Revealed = Debriefed, at }
