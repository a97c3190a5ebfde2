package httpapi

import (
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/wire"
	"firedrill/scenarios"
)

// Everything that is sent is copied field by field, so that what the contest's types get in future is not sent before
// somebody has thought about it.

func viewSession(s challenge.Session, now time.Time) wire.Session {
	s = s.AsOf(now)
	v := wire.Session{
		ID: s.ID, Title: s.Title, Mode: string(s.Mode), Scenario: s.Scenario, Difficulty: s.Difficulty, Round: s.Round,
		CreatedBy: s.CreatedBy, CreatedAt: wire.At(s.CreatedAt),
		State: string(s.State), PageAt: wire.At(s.PageAt), Timebox: wire.Sec(s.Timebox), Closes: wire.At(s.Closes),
		Clock:     wire.Clock{Start: wire.At(s.Clock.Page), Elapsed: wire.Sec(s.Elapsed(now)), Paused: s.State == challenge.Paused},
		Remaining: wire.Sec(remaining(&s, now)), Speed: s.Speed, Unranked: s.Unranked,
		EndedAt: wire.At(s.EndedAt), EndReason: string(s.EndReason), Failure: s.Failure, Revealed: wire.At(s.Revealed),
		Version: s.Version, ServerTime: wire.At(now),
	}
	if at, ok := s.Deadline(); ok && !s.State.Over() {
		v.Deadline = wire.At(at)
	}
	return v
}

// remaining is what is left of a session until its end.
func remaining(s *challenge.Session, now time.Time) time.Duration {
	if s.State.Over() {
		return 0
	}
	left := s.Timebox - s.Elapsed(now)
	if !s.Closes.IsZero() {
		left = min(left, s.Closes.Sub(now))
	}
	return max(left, 0)
}

func viewEvent(e challenge.Event) wire.Event {
	return wire.Event{ID: e.ID, At: wire.At(e.At), Kind: string(e.Kind), Service: e.Service, Title: e.Title, Text: e.Text, Author: e.Author}
}

func viewParticipant(p challenge.Participant) wire.Participant {
	return wire.Participant{Player: p.Player, JoinedAt: wire.At(p.JoinedAt)}
}

func viewRound(r challenge.Round, now time.Time) wire.Round {
	return wire.Round{
		ID: r.ID, Title: r.Title, Scenario: r.Scenario, Difficulty: r.Difficulty, Season: r.Season,
		Opens: wire.At(r.Opens), Closes: wire.At(r.Closes), Timebox: wire.Sec(r.Timebox),
		CreatedBy: r.CreatedBy, CreatedAt: wire.At(r.CreatedAt), Revealed: wire.At(r.Revealed), Version: r.Version, ServerTime: wire.At(now),
	}
}

func viewRules(r challenge.Rules) wire.Rules {
	return wire.Rules{Lockout: wire.Sec(r.Lockout), Penalty: wire.Sec(r.Penalty), MaxSuspects: challenge.MaxSuspects}
}

func viewBriefing(b challenge.Briefing, now time.Time) wire.Briefing {
	s := &b.Scenario
	v := wire.Briefing{
		Scenario: s.ID, Title: s.Title, Difficulty: string(s.Difficulty), Brief: s.Brief, Timebox: wire.Sec(time.Duration(s.Timebox)),
		Services: each(s.Services, viewService), Diagram: s.Diagram, Rules: viewRules(b.Rules), ServerTime: wire.At(now),
	}
	if !b.Page.IsZero() {
		v.Page = &wire.Page{At: wire.At(b.Page), Alert: s.Page.Alert, Labels: s.Page.Labels}
		v.Suspects = &wire.Suspects{
			Components: s.Suspects.Components,
			Causes:     each(s.Suspects.Causes, func(c scenarios.Cause) wire.Cause { return wire.Cause{ID: c.ID, Title: c.Title} }),
		}
	}
	for _, i := range s.Injects {
		v.Injects = append(v.Injects, wire.PreparedInject{ID: i.ID, Title: i.Title, Text: i.Text})
	}
	return v
}

func viewService(s scenarios.Service) wire.Service {
	v := wire.Service{Name: s.Name, Description: s.Description, Owner: s.Owner, Tier: s.Tier, Language: s.Language, DependsOn: s.DependsOn}
	for _, l := range s.Links {
		v.Links = append(v.Links, wire.Link{Title: l.Title, URL: l.URL})
	}
	return v
}

func viewSubmission(s challenge.Submission, now time.Time) wire.Submission {
	v := wire.Submission{
		ID: s.ID, Session: s.Session, Player: s.Player, NothingBroken: s.NothingBroken, Reasoning: s.Reasoning,
		At: wire.At(s.At), Elapsed: wire.Sec(s.Elapsed), Correct: s.Correct, Penalty: wire.Sec(s.Penalty), LockedFor: wire.Sec(s.LockedFor),
		ServerTime: wire.At(now),
	}
	for _, x := range s.Suspects {
		v.Suspects = append(v.Suspects, wire.Suspect{Component: x.Component, Cause: x.Cause, Onset: wire.At(x.Onset)})
	}
	return v
}

func viewHypothesis(h challenge.Hypothesis) wire.Hypothesis {
	return wire.Hypothesis{ID: h.ID, Player: h.Player, Text: h.Text, Status: string(h.Status), At: wire.At(h.At),
		Changes: each(h.Changes, func(c challenge.HypothesisChange) wire.HypothesisChange {
			return wire.HypothesisChange{At: wire.At(c.At), Status: string(c.Status)}
		})}
}

func viewStanding(st challenge.Standing, s challenge.Session, now time.Time) wire.Standing {
	v := wire.Standing{
		Player: st.Player, Correct: st.Correct, Wrong: st.Wrong, Penalty: wire.Sec(st.Penalty), Elapsed: wire.Sec(st.Elapsed), ServerTime: wire.At(now),
	}
	if st.Correct || s.State.Over() || st.LockedUntil <= st.Elapsed {
		return v
	}
	v.LockedFor = wire.Sec(st.LockedUntil - st.Elapsed)
	if at, ok := s.Clock.At(st.LockedUntil); ok {
		v.LockedUntil = wire.At(at)
	}
	return v
}

func viewRank(r challenge.Rank) wire.Rank {
	return wire.Rank{
		Rank: r.Rank, Player: r.Player, Session: r.Session, Correct: r.Correct, Elapsed: wire.Sec(r.Elapsed),
		Wrong: r.Wrong, Penalty: wire.Sec(r.Penalty), Total: wire.Sec(r.Total), At: wire.At(r.At),
	}
}

func viewSeasonRank(r challenge.SeasonRank) wire.SeasonRank {
	return wire.SeasonRank{Rank: r.Rank, Player: r.Player, Solved: r.Solved, Played: r.Played, Total: wire.Sec(r.Total), Wrong: r.Wrong}
}

func viewAudit(e challenge.AuditEntry) wire.AuditEntry {
	return wire.AuditEntry{
		ID: e.ID, At: wire.At(e.At), Actor: e.Actor, Role: string(e.Role), Remote: e.Remote,
		Action: e.Action, Subject: e.Session, Detail: e.Detail, Refused: e.Refused,
	}
}

// each is never nil, so that it is an empty list in JSON.
func each[A, B any](list []A, view func(A) B) []B {
	out := make([]B, 0, len(list))
	for _, v := range list {
		out = append(out, view(v))
	}
	return out
}

// list is a page of a list.
func list[A, B any](a *API, items []A, next string, view func(A) B) wire.List[B] {
	return wire.List[B]{Items: each(items, view), Next: next, ServerTime: wire.At(a.o.Now())}
}
