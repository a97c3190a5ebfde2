package challenge

import "time"

// Participant is a player in a session.
type Participant struct {
	Session  string
	Player   string // login, as Grafana or a token names it
	JoinedAt time.Time
}

// Suspect is one component and what is wrong with it, both from the closed lists of the scenario.
type Suspect struct {
	Component string
	Cause     string
	// Onset is when it began, wall time; zero when the player does not say.
	Onset time.Time
}

// Submission is what a player submitted once, and what came of it.
type Submission struct {
	ID      int64 // rises in the order in which submissions were counted
	Session string
	Player  string
	Key     string // the idempotency key; unique for a player and session
	// Suspects are the faults that the player names; none when NothingBroken.
	Suspects      []Suspect
	NothingBroken bool
	Reasoning     string // for the debrief

	At      time.Time     // of the server
	Elapsed time.Duration // on the session's clock
	Correct bool
	// Penalty is the time that it adds to the player's total, and LockedFor how long, on the session's clock, the player cannot
	// submit again. Both are 0 when it is correct.
	Penalty, LockedFor time.Duration
}

// HypothesisStatus says what a player thinks of a hypothesis.
type HypothesisStatus string

// The statuses.
const (
	Open      HypothesisStatus = "open"
	Discarded HypothesisStatus = "discarded"
	Confirmed HypothesisStatus = "confirmed"
)

// Hypothesis is an entry of a player's private notebook.
type Hypothesis struct {
	ID      int64
	Session string
	Player  string
	Text    string
	Status  HypothesisStatus
	At      time.Time // when it was written
	// Changes are the statuses it had, the first one Open, with their times.
	Changes []HypothesisChange
}

// HypothesisChange is a status that a hypothesis got.
type HypothesisChange struct {
	At     time.Time
	Status HypothesisStatus
}
