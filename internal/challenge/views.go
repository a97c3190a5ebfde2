package challenge

import (
	"time"

	"firedrill/scenarios"
)

// Rules are what a wrong suspect costs. They are published.
type Rules struct {
	// Lockout is how long, on the session's clock, a player cannot submit after a first wrong suspect. It doubles with each.
	Lockout time.Duration
	// Penalty is added to the player's time for each wrong suspect.
	Penalty time.Duration
}

// DefaultRules are the rules unless others are configured.
var DefaultRules = Rules{Lockout: 2 * time.Minute, Penalty: 5 * time.Minute}

// NewSession is what a facilitator, or a solo player, asks for.
type NewSession struct {
	Scenario   string
	Title      string        // "" is the scenario's
	Mode       Mode          // Solo or Together; players can only create Solo, which they have joined then
	Difficulty string        // "" is distort.Normal
	Timebox    time.Duration // 0 is the scenario's
	PageAt     time.Time     // zero: when it is started
}

// NewRound is what a facilitator asks for.
type NewRound struct {
	Scenario, Title, Difficulty, Season string
	Opens, Closes                       time.Time
	Timebox                             time.Duration
}

// NewSubmission is what a player submits; Call.Key must be set. Either NothingBroken or 1 to MaxSuspects suspects.
type NewSubmission struct {
	Suspects      []Suspect
	NothingBroken bool
	Reasoning     string // at most MaxText bytes
}

// MaxSuspects bounds the suspects of a submission, MaxText a text that people write, in bytes.
const (
	MaxSuspects = 5
	MaxText     = 4096
)

// Briefing is what a scenario tells players, with wall times.
type Briefing struct {
	Scenario scenarios.Scenario // its Suspects and Page are empty before the page
	Rules    Rules
	Page     time.Time // zero before
}

// Standing is where a player stands in a session.
type Standing struct {
	Player      string
	Correct     bool
	Wrong       int
	Penalty     time.Duration // so far
	Elapsed     time.Duration // of the right submission, or until now
	LockedUntil time.Duration // on the session's clock; not after Elapsed when the player may submit
}

// Rank is one line of a leaderboard. Correct players come first, by Total; ties go by fewer Wrong, and those that are still equal
// share a rank.
type Rank struct {
	Rank    int
	Player  string
	Session string
	Correct bool
	Elapsed time.Duration // of the right submission; else until now, or the end
	Wrong   int
	Penalty time.Duration
	Total   time.Duration // Elapsed + Penalty
	At      time.Time     // of the right submission
}

// SeasonRank is one line of a season's leaderboard: more rounds solved first, then less time over those, then fewer Wrong.
type SeasonRank struct {
	Rank   int
	Player string
	Solved int
	Played int
	Total  time.Duration // over the rounds solved
	Wrong  int           // over all
}

// Progress is what a runner reports.
type Progress struct {
	State State // Loading, Lobby, Live or Ended
	// Page is the wall time of the page: where it is planned when Loading, where it is for certain from Lobby on.
	Page    time.Time
	Failure string // of Ended: why it could not be played; "" when its time is over
}
