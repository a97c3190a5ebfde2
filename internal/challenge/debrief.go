package challenge

import (
	"context"
	"time"

	"firedrill/scenarios"
)

// Debrief is what there is to learn from a session that is Debriefed, for its players and for facilitators. A player's solo session tells
// nothing while its scenario is the subject of a round or live session.
func (s *Service) Debrief(ctx context.Context, c Call, id string) (Debrief, error) {
	var out Debrief
	err := s.view(ctx, c, id, "session.debrief", Call.mayPlay, func(tx Tx, v *Session, now time.Time) error {
		switch {
		case !v.State.Over():
			return Errorf(WrongState, "the session is not over; its debrief comes after the end")
		case v.State != Debriefed:
			return Errorf(WrongState, "the answer has not been revealed yet; a facilitator does that")
		case v.Mode == Solo:
			if err := s.checkContest(tx, c, v.Scenario, now); err != nil {
				return err
			}
		}
		sc, err := s.scenario(v.Scenario)
		if err != nil {
			return err
		}
		out = Debrief{Session: *v, Briefing: s.briefing(v, sc)}
		if out.Explanation, err = s.o.Grader.Explain(v.Scenario); err != nil {
			return ungradable(err)
		}
		stored, err := tx.Events(id)
		if err != nil {
			return err
		}
		out.Events = timeline(v, sc, stored, now)
		if v.Mode == InRound {
			out.Ranks, err = roundBoard(tx, v.Round, now)
			out.Ranks = hideSessions(out.Ranks, c)
		} else {
			out.Ranks, err = sessionBoard(tx, v, now)
		}
		if err != nil {
			return err
		}
		return s.debriefPlayers(tx, v, sc, &out)
	})
	if err != nil {
		return Debrief{}, err // nothing of what was gathered
	}
	return out, nil
}

// ungradable hides what is wrong with an answer key.
func ungradable(err error) error {
	return &Error{Code: Unavailable, Text: "the scenario's answer cannot be read; the server's log says why", Err: err}
}

func (s *Service) debriefPlayers(tx Tx, v *Session, sc *scenarios.Scenario, out *Debrief) error {
	players, err := tx.Participants(v.ID)
	if err != nil {
		return err
	}
	subs, err := tx.Submissions(v.ID, "")
	if err != nil {
		return err
	}
	notes, err := tx.Hypotheses(v.ID, "")
	if err != nil {
		return err
	}
	guilty, marks := guiltyNames(out.Explanation), landmarks(out.Explanation.GoldenPath, sc.Services)
	for _, p := range players {
		d := PlayerDebrief{Player: p.Player, Backends: map[Backend]int{}, Golden: make([]bool, len(marks))}
		for _, sub := range subs {
			if sub.Player != p.Player {
				continue
			}
			verdict, err := s.o.Grader.Judge(v.Scenario, claim(v, sub))
			if err != nil {
				return ungradable(err)
			}
			d.Submissions = append(d.Submissions, JudgedSubmission{sub, verdict})
		}
		for _, h := range notes {
			if h.Player == p.Player {
				d.Hypotheses = append(d.Hypotheses, h)
			}
		}
		if err := d.follow(tx, v, guilty, marks); err != nil {
			return err
		}
		out.Players = append(out.Players, d)
	}
	return nil
}

// follow reads the player's trail.
func (d *PlayerDebrief) follow(tx Tx, v *Session, guilty []string, marks []landmark) error {
	page := Page{Limit: MaxLimit}
	for {
		entries, next, err := tx.Trail(v.ID, d.Player, page)
		if err != nil {
			return err
		}
		for _, e := range entries {
			d.step(v, e, guilty, marks)
		}
		if next == "" {
			return nil
		}
		page.After = next
	}
}

// step adds one question to what is known of the player.
func (d *PlayerDebrief) step(v *Session, e TrailEntry, guilty []string, marks []landmark) {
	d.TrailSize++
	d.Backends[e.Backend]++
	if len(d.Trail) < MaxDebriefTrail {
		d.Trail = append(d.Trail, e)
	}
	if d.FirstLook == nil && mentionsAny(e.Query, guilty) {
		at := v.Clock.Elapsed(e.At)
		d.FirstLook = &at
	}
	for i, m := range marks {
		d.Golden[i] = d.Golden[i] || m.near(e)
	}
}
