package challenge

import (
	"context"
	"slices"
	"time"

	"firedrill/scenarios"
)

// Briefing is what the players of a session may know: of the scenario what describes the system, the page and the suspects once
// the page has come, and for facilitators the injects. Changes are in the Timeline, as far as their time has come.
func (s *Service) Briefing(ctx context.Context, c Call, id string) (Briefing, error) {
	var out Briefing
	err := s.view(ctx, c, id, "session.briefing", Call.mayPlay, func(_ Tx, v *Session, _ time.Time) error {
		sc, err := s.scenario(v.Scenario)
		if err != nil {
			return err
		}
		out = s.briefing(v, sc)
		if c.Role == FacilitatorRole {
			out.Scenario.Injects = sc.Injects
		}
		return nil
	})
	return out, err
}

// briefing copies field by field, so that what scenarios get in future is not shown before somebody has thought about it.
func (s *Service) briefing(v *Session, sc *scenarios.Scenario) Briefing {
	b := Briefing{Rules: s.o.Rules, Scenario: scenarios.Scenario{
		Version: sc.Version, ID: sc.ID, Title: sc.Title, Difficulty: sc.Difficulty, Brief: sc.Brief,
		Timebox: sc.Timebox, History: sc.History, Services: sc.Services, Diagram: sc.Diagram,
	}}
	if v.paged() {
		b.Page = v.PageAt
		b.Scenario.Page = scenarios.Page{Alert: sc.Page.Alert, Labels: sc.Page.Labels}
		b.Scenario.Suspects = sc.Suspects
	}
	return b
}

// Timeline has everything up to now, oldest first.
func (s *Service) Timeline(ctx context.Context, c Call, id string) ([]Event, error) {
	var out []Event
	err := s.view(ctx, c, id, "session.timeline", Call.mayPlay, func(tx Tx, v *Session, now time.Time) error {
		sc, err := s.scenario(v.Scenario)
		if err != nil {
			return err
		}
		stored, err := tx.Events(id)
		if err != nil {
			return err
		}
		out = timeline(v, sc, stored, now)
		return nil
	})
	return out, err
}

// timeline adds to what is stored the page and the changes whose time has come. Changes have the wall times of the evidence at
// speed 1, and are shown from the time on at which evidence can be looked at.
func timeline(v *Session, sc *scenarios.Scenario, stored []Event, now time.Time) []Event {
	out := slices.Clone(stored)
	if !v.EndedAt.IsZero() && v.EndedAt.Before(now) {
		now = v.EndedAt // after the end nothing happens any more
	}
	if v.State != Scheduled && v.State != Loading && !v.Clock.Page.IsZero() {
		begin := sc.Begin(time.Time{})
		page := sc.Page.At.In(begin)
		for _, c := range sc.Changes {
			at := v.wall(c.At.In(begin).Sub(page))
			if at.IsZero() || at.After(now) {
				continue
			}
			out = append(out, Event{Session: v.ID, At: at, Kind: ChangeEvent, Service: c.Service, Title: string(c.Kind), Text: c.Summary, Author: c.Author})
		}
	}
	if v.paged() {
		out = append(out, Event{Session: v.ID, At: v.PageAt, Kind: PageEvent, Service: sc.Page.Labels["service"], Title: "Page", Text: sc.Page.Alert})
	}
	slices.SortStableFunc(out, func(a, b Event) int { return a.At.Compare(b.At) })
	return out
}

// wall is when the evidence of an offset from the page comes, or came; zero when the clock stands and would have to go on for it.
func (s *Session) wall(offset time.Duration) time.Time {
	if offset < 0 {
		return s.PageAt.Add(offset)
	}
	at, _ := s.Evidence().At(offset)
	return at
}
