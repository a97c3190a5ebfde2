package wire

// Suspect is one component and what is wrong with it.
type Suspect struct {
	Component string `json:"component" minLength:"1" maxLength:"200" doc:"One of the briefing's components." example:"payment"`
	Cause     string `json:"cause" minLength:"1" maxLength:"200" doc:"ID of one of the briefing's causes." example:"slow-dependency"`
	Onset     Time   `json:"onset,omitzero" doc:"When it began, for the debrief; may be left out."`
}

// NewSubmission is what a player submits.
type NewSubmission struct {
	Suspects      []Suspect `json:"suspects,omitempty" nullable:"false" maxItems:"5" doc:"All faults that explain the page, 1 to 5; none with nothingBroken."`
	NothingBroken bool      `json:"nothingBroken,omitempty" doc:"That nothing is broken: no user is served worse."`
	Reasoning     string    `json:"reasoning,omitempty" maxLength:"4096" doc:"For the debrief, at most 4096 bytes; it decides nothing."`
}

// Submission is what a player submitted once, and what came of it.
type Submission struct {
	ID            int64     `json:"id" doc:"Rises in the order in which submissions were counted."`
	Session       string    `json:"session"`
	Player        string    `json:"player"`
	Suspects      []Suspect `json:"suspects,omitempty"`
	NothingBroken bool      `json:"nothingBroken,omitempty"`
	Reasoning     string    `json:"reasoning,omitempty"`
	At            Time      `json:"at" doc:"When the server counted it."`
	Elapsed       Seconds   `json:"elapsed" doc:"On the session's clock, in seconds."`
	Correct       bool      `json:"correct"`
	Penalty       Seconds   `json:"penalty" doc:"What it adds to the player's time, in seconds; 0 when it is correct."`
	LockedFor     Seconds   `json:"lockedFor" doc:"How long after it nothing can be submitted, in seconds on the session's clock; 0 when it is correct."`
	ServerTime    Time      `json:"serverTime" doc:"The server's clock."`
}

// Hypothesis is an entry of a player's private notebook.
type Hypothesis struct {
	ID      int64              `json:"id"`
	Player  string             `json:"player"`
	Text    string             `json:"text"`
	Status  string             `json:"status" enum:"open,discarded,confirmed"`
	At      Time               `json:"at" doc:"When it was written."`
	Changes []HypothesisChange `json:"changes" doc:"The statuses that it had, the first one open."`
}

// HypothesisChange is a status that a hypothesis got.
type HypothesisChange struct {
	At     Time   `json:"at"`
	Status string `json:"status" enum:"open,discarded,confirmed"`
}

// NewHypothesis is what a player writes down.
type NewHypothesis struct {
	Text string `json:"text" minLength:"1" maxLength:"4096" doc:"At most 4096 bytes."`
}

// HypothesisStatus changes what a player thinks of a hypothesis.
type HypothesisStatus struct {
	Status string `json:"status" enum:"open,discarded,confirmed"`
}

// Standing is where a player stands in a session.
type Standing struct {
	Player      string  `json:"player"`
	Correct     bool    `json:"correct" doc:"Whether the player has found the cause."`
	Wrong       int     `json:"wrong" doc:"How many submissions were wrong."`
	Penalty     Seconds `json:"penalty" doc:"For those, in seconds."`
	Elapsed     Seconds `json:"elapsed" doc:"Of the right submission, or until now, in seconds on the session's clock."`
	LockedFor   Seconds `json:"lockedFor" doc:"How long nothing can be submitted, in seconds on the session's clock; 0 when the player may."`
	LockedUntil Time    `json:"lockedUntil,omitzero" doc:"When that is over if nothing changes; missing when the player may submit, and while the session is paused."`
	ServerTime  Time    `json:"serverTime" doc:"The server's clock."`
}

// Rank is one line of the leaderboard of a session or round.
type Rank struct {
	Rank    int     `json:"rank" doc:"From 1; equals share it."`
	Player  string  `json:"player"`
	Session string  `json:"session,omitempty" doc:"The player's; in rounds for facilitators and the player only."`
	Correct bool    `json:"correct"`
	Elapsed Seconds `json:"elapsed" doc:"Of the right submission, else until now or the end, in seconds."`
	Wrong   int     `json:"wrong" doc:"Wrong submissions."`
	Penalty Seconds `json:"penalty" doc:"For those, in seconds."`
	Total   Seconds `json:"total" doc:"Elapsed and penalty."`
	At      Time    `json:"at,omitzero" doc:"Of the right submission."`
}

// SeasonRank is one line of the leaderboard of a season.
type SeasonRank struct {
	Rank   int     `json:"rank" doc:"From 1; equals share it."`
	Player string  `json:"player"`
	Solved int     `json:"solved" doc:"Rounds."`
	Played int     `json:"played" doc:"Rounds."`
	Total  Seconds `json:"total" doc:"Over the rounds solved, in seconds."`
	Wrong  int     `json:"wrong" doc:"Wrong submissions, over all rounds."`
}
