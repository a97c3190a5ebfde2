package wire

// Debrief is what there is to learn from a session once the answer is open.
type Debrief struct {
	Session     Session         `json:"session"`
	Briefing    Briefing        `json:"briefing"`
	Explanation Explanation     `json:"explanation"`
	Events      []Event         `json:"events"`
	Leaderboard []Rank          `json:"leaderboard"`
	Players     []PlayerDebrief `json:"players"`
}

// Explanation is the answer. Offsets count from the page, in seconds, negative before it.
type Explanation struct {
	NothingBroken bool         `json:"nothingBroken"`
	Faults        []Fault      `json:"faults"`
	Chain         []string     `json:"chain" doc:"From the cause to the page, one step an entry."`
	Decoys        []Decoy      `json:"decoys"`
	Text          string       `json:"text" doc:"Markdown."`
	GoldenPath    []GoldenStep `json:"goldenPath"`
}

// Fault is one fault.
type Fault struct {
	Component  string   `json:"component"`
	Cause      string   `json:"cause"`
	CauseTitle string   `json:"causeTitle"`
	Aliases    []string `json:"aliases,omitempty" doc:"Components that are as right."`
	Explains   bool     `json:"explains" doc:"Whether it explains the page; else it is a coincidence."`
	Onset      Seconds  `json:"onset" doc:"From the page."`
	OnsetAt    Time     `json:"onsetAt,omitzero" doc:"On the evidence of this session."`
	Tolerance  Seconds  `json:"tolerance" doc:"How far off an onset is still right."`
}

// Decoy is something that looked like a cause.
type Decoy struct {
	Component string `json:"component"`
	Signal    string `json:"signal"`
	WhyWrong  string `json:"whyWrong"`
}

// GoldenStep is one query of the golden path.
type GoldenStep struct {
	Title      string `json:"title"`
	Datasource string `json:"datasource" enum:"prometheus,loki,jaeger"`
	Query      string `json:"query"`
	Shows      string `json:"shows"`
}

// PlayerDebrief is one player's way through a session.
type PlayerDebrief struct {
	Player      string             `json:"player"`
	Submissions []JudgedSubmission `json:"submissions"`
	Hypotheses  []Hypothesis       `json:"hypotheses"`
	FirstLook   *Seconds           `json:"firstLook,omitempty" doc:"When the player first asked for a guilty component, in seconds on the session's clock; missing: never."`
	Questions   map[string]int     `json:"questions" doc:"How many went to each back end."`
	Golden      []bool             `json:"golden" doc:"Which steps of the golden path the player came close to."`
	Trail       []TrailEntry       `json:"trail" doc:"What the player asked, the first 500 questions."`
	TrailSize   int                `json:"trailSize" doc:"Of the whole trail."`
}

// JudgedSubmission is a submission with its verdict.
type JudgedSubmission struct {
	Submission Submission       `json:"submission"`
	Missing    int              `json:"missing" doc:"Faults that explain the page and were not named."`
	Suspects   []SuspectVerdict `json:"suspects"`
}

// SuspectVerdict says how far one suspect was right.
type SuspectVerdict struct {
	Component  string   `json:"component"`
	Cause      string   `json:"cause"`
	Match      string   `json:"match" enum:"exact,alias,component_only,cause_only,coincidence,decoy,wrong"`
	OnsetOff   *Seconds `json:"onsetOff,omitempty" doc:"How much later than the fault the player's onset is, in seconds; missing when either is unknown."`
	OnsetRight bool     `json:"onsetRight"`
}

// TrailEntry is one question that a player asked a back end.
type TrailEntry struct {
	At       Time    `json:"at"`
	Backend  string  `json:"backend" enum:"prometheus,loki,jaeger"`
	Endpoint string  `json:"endpoint" example:"query_range"`
	Query    string  `json:"query,omitempty"`
	From     Time    `json:"from,omitzero"`
	To       Time    `json:"to,omitzero"`
	Status   int     `json:"status" doc:"Of HTTP."`
	Took     Seconds `json:"took"`
	Bytes    int64   `json:"bytes"`
}
