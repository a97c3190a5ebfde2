package grade

import (
	"slices"

	"firedrill/internal/challenge"
)

// judge says how far a claim was right, suspect by suspect.
func (k *key) judge(c challenge.Claim) challenge.Verdict {
	v := challenge.Verdict{Correct: k.correct(c)}
	if !k.nothingBroken {
		v.Missing = k.missing(c)
	}
	for _, x := range c.Suspects {
		v.Suspects = append(v.Suspects, k.judgeSuspect(x))
	}
	return v
}

// judgeSuspect looks for the best that can be said of a suspect: that it names a fault, then half of one, then something that only
// looked guilty.
func (k *key) judgeSuspect(x challenge.ClaimedSuspect) challenge.SuspectVerdict {
	v := challenge.SuspectVerdict{Component: x.Component, Cause: x.Cause, Match: challenge.NoMatch}
	better := func(m challenge.Match, f *fault) {
		if order(m) >= order(v.Match) {
			return
		}
		v.Match, v.OnsetOff, v.OnsetRight = m, nil, false
		if f != nil && x.Onset != nil {
			off := *x.Onset - f.onset
			v.OnsetOff, v.OnsetRight = &off, off.Abs() <= f.tolerance
		}
	}
	for i := range k.faults {
		f := &k.faults[i]
		component, cause := slices.Contains(f.names, x.Component), f.cause == x.Cause
		switch {
		case !f.explains && component && cause:
			better(challenge.Coincidence, f)
		case !f.explains:
		case component && cause && x.Component == f.names[0]:
			better(challenge.Exact, f)
		case component && cause:
			better(challenge.Alias, f)
		case component:
			better(challenge.ComponentOnly, f)
		case cause:
			better(challenge.CauseOnly, nil) // the onset is one of something else
		}
	}
	for _, d := range k.answer.Decoys {
		if d.Component == x.Component {
			better(challenge.DecoyMatch, nil)
		}
	}
	return v
}

// matches lists what can be said of a suspect, best first: a whole fault comes before half of one, even where it is a coincidence.
var matches = []challenge.Match{
	challenge.Exact, challenge.Alias, challenge.Coincidence, challenge.ComponentOnly, challenge.CauseOnly, challenge.DecoyMatch, challenge.NoMatch,
}

func order(m challenge.Match) int { return slices.Index(matches, m) }

// explain copies the answer for a debrief.
func (k *key) explain() challenge.Explanation {
	e := challenge.Explanation{NothingBroken: k.nothingBroken, Chain: slices.Clone(k.answer.Chain), Text: k.answer.Explanation}
	for _, f := range k.faults {
		e.Faults = append(e.Faults, challenge.ExplainedFault{
			Component: f.names[0], Aliases: slices.Clone(f.names[1:]), Cause: f.cause, CauseTitle: k.titles[f.cause],
			Explains: f.explains, Onset: f.onset, Tolerance: f.tolerance,
		})
	}
	for _, d := range k.answer.Decoys {
		e.Decoys = append(e.Decoys, challenge.ExplainedDecoy{Component: d.Component, Signal: d.Signal, WhyWrong: d.WhyWrong})
	}
	for _, s := range k.answer.GoldenPath {
		e.GoldenPath = append(e.GoldenPath, challenge.ExplainedStep{Title: s.Title, Datasource: string(s.Datasource), Query: s.Query, Shows: s.Shows})
	}
	return e
}
