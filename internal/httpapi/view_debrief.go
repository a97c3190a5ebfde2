package httpapi

import (
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
)

func viewDebrief(d challenge.Debrief, now time.Time) wire.Debrief {
	v := wire.Debrief{
		Session: viewSession(d.Session, now), Briefing: viewBriefing(d.Briefing, now), Explanation: viewExplanation(d),
		Events: each(d.Events, viewEvent), Leaderboard: each(d.Ranks, viewRank),
	}
	v.Players = each(d.Players, func(p challenge.PlayerDebrief) wire.PlayerDebrief { return viewPlayer(p, now) })
	return v
}

func viewExplanation(d challenge.Debrief) wire.Explanation {
	x := d.Explanation
	return wire.Explanation{
		NothingBroken: x.NothingBroken, Chain: each(x.Chain, func(s string) string { return s }), Text: x.Text,
		Faults: each(x.Faults, func(f challenge.ExplainedFault) wire.Fault {
			return wire.Fault{
				Component: f.Component, Cause: f.Cause, CauseTitle: f.CauseTitle, Aliases: f.Aliases, Explains: f.Explains,
				Onset: wire.Sec(f.Onset), OnsetAt: wire.At(onsetAt(d.Session, f.Onset)), Tolerance: wire.Sec(f.Tolerance),
			}
		}),
		Decoys: each(x.Decoys, func(y challenge.ExplainedDecoy) wire.Decoy {
			return wire.Decoy{Component: y.Component, Signal: y.Signal, WhyWrong: y.WhyWrong}
		}),
		GoldenPath: each(x.GoldenPath, func(s challenge.ExplainedStep) wire.GoldenStep {
			return wire.GoldenStep{Title: s.Title, Datasource: s.Datasource, Query: s.Query, Shows: s.Shows}
		}),
	}
}

// onsetAt is when something began on the evidence of a session, zero when the page never came.
func onsetAt(s challenge.Session, onset time.Duration) time.Time {
	if s.PageAt.IsZero() {
		return time.Time{}
	}
	if onset < 0 {
		return s.PageAt.Add(onset)
	}
	at, _ := s.Evidence().At(onset)
	return at
}

func viewPlayer(p challenge.PlayerDebrief, now time.Time) wire.PlayerDebrief {
	v := wire.PlayerDebrief{
		Player: p.Player, Hypotheses: each(p.Hypotheses, viewHypothesis), Questions: map[string]int{},
		Golden: each(p.Golden, func(b bool) bool { return b }), Trail: each(p.Trail, viewTrail), TrailSize: p.TrailSize,
		Submissions: each(p.Submissions, func(s challenge.JudgedSubmission) wire.JudgedSubmission {
			return wire.JudgedSubmission{
				Submission: viewSubmission(s.Submission, now), Missing: s.Verdict.Missing, Suspects: each(s.Verdict.Suspects, viewVerdict),
			}
		}),
	}
	for b, n := range p.Backends {
		v.Questions[string(b)] = n
	}
	if p.FirstLook != nil {
		at := wire.Sec(*p.FirstLook)
		v.FirstLook = &at
	}
	return v
}

func viewVerdict(x challenge.SuspectVerdict) wire.SuspectVerdict {
	v := wire.SuspectVerdict{Component: x.Component, Cause: x.Cause, Match: string(x.Match), OnsetRight: x.OnsetRight}
	if x.OnsetOff != nil {
		off := wire.Sec(*x.OnsetOff)
		v.OnsetOff = &off
	}
	return v
}

func viewTrail(e challenge.TrailEntry) wire.TrailEntry {
	return wire.TrailEntry{
		At: wire.At(e.At), Backend: string(e.Backend), Endpoint: e.Endpoint, Query: e.Query, From: wire.At(e.From), To: wire.At(e.To),
		Status: e.Status, Took: wire.Sec(e.Took), Bytes: e.Bytes,
	}
}
