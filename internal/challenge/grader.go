package challenge

import "time"

// Grader judges what players claim. Package grade implements it, and nothing else reads an answer key.
type Grader interface {
	// Correct tells whether a claim explains the page of a scenario.
	Correct(scenario string, c Claim) (bool, error)
	// Judge says how far a claim was right. Only debriefs may call it.
	Judge(scenario string, c Claim) (Verdict, error)
	// Explain returns the answer of a scenario. Only debriefs may call it.
	Explain(scenario string) (Explanation, error)
}

// Claim is a submission as it is graded.
type Claim struct {
	NothingBroken bool
	Suspects      []ClaimedSuspect
}

// ClaimedSuspect is a Suspect whose onset is counted from the page, negative before it; nil when not given.
type ClaimedSuspect struct {
	Component, Cause string
	Onset            *time.Duration
}

// Match says how far one suspect was right.
type Match string

// The matches, best first.
const (
	Exact         Match = "exact"          // component and cause
	Alias         Match = "alias"          // the cause, and another name of the component
	ComponentOnly Match = "component_only" // right component, wrong cause
	CauseOnly     Match = "cause_only"     // right kind of fault, wrong component
	Coincidence   Match = "coincidence"    // a real fault that does not explain the page
	DecoyMatch    Match = "decoy"          // a component that only looked guilty
	NoMatch       Match = "wrong"
)

// Verdict says how far a claim was right.
type Verdict struct {
	Correct  bool
	Missing  int // faults that explain the page and were not named
	Suspects []SuspectVerdict
}

// SuspectVerdict is a suspect's part of a Verdict.
type SuspectVerdict struct {
	Component, Cause string
	Match            Match
	OnsetOff         *time.Duration // how much later than the fault the player's onset is; nil when either is unknown
	OnsetRight       bool           // within the tolerance
}

// Explanation is the answer of a scenario, as a debrief shows it. Offsets count from the page, negative before it.
type Explanation struct {
	NothingBroken bool
	Faults        []ExplainedFault
	Chain         []string
	Decoys        []ExplainedDecoy
	Text          string // Markdown
	GoldenPath    []ExplainedStep
}

// ExplainedFault is one fault.
type ExplainedFault struct {
	Component, Cause, CauseTitle string
	Aliases                      []string
	Explains                     bool // the page; else it is a coincidence
	Onset, Tolerance             time.Duration
}

// ExplainedDecoy is something that looked like a cause and is none.
type ExplainedDecoy struct{ Component, Signal, WhyWrong string }

// ExplainedStep is one query of the golden path.
type ExplainedStep struct{ Title, Datasource, Query, Shows string }

// Debrief is what there is to learn from a session once the answer is open.
type Debrief struct {
	Session     Session
	Briefing    Briefing
	Explanation Explanation
	Events      []Event
	Ranks       []Rank
	Players     []PlayerDebrief
}

// PlayerDebrief is one player's way through a session.
type PlayerDebrief struct {
	Player      string
	Submissions []JudgedSubmission
	Hypotheses  []Hypothesis
	// FirstLook is when the player first asked a back end for a guilty component, on the session's clock; nil: never.
	FirstLook *time.Duration
	// Backends counts the questions to each back end; Golden says which steps of the golden path the player came close to.
	Backends  map[Backend]int
	Golden    []bool
	Trail     []TrailEntry // the first MaxDebriefTrail
	TrailSize int          // of the whole
}

// MaxDebriefTrail bounds PlayerDebrief.Trail.
const MaxDebriefTrail = 500

// JudgedSubmission is a submission with its verdict.
type JudgedSubmission struct {
	Submission Submission
	Verdict    Verdict
}
