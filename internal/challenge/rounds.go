package challenge

import (
	"context"
	"strings"
	"time"
)

// CreateRound opens a scenario for a window. Opens may be zero, which is now. It is for facilitators.
func (s *Service) CreateRound(ctx context.Context, c Call, n NewRound) (Round, error) {
	cmd := &command{action: "round.create", detail: n.Scenario, args: n}
	return run(ctx, s, c, cmd, func(tx Tx) (Round, error) {
		if c.Role != FacilitatorRole {
			return Round{}, Errorf(Forbidden, "only a facilitator can create a round")
		}
		now := s.now()
		p, err := s.plan(n.Scenario, n.Difficulty, n.Title, n.Timebox)
		if err != nil {
			return Round{}, err
		}
		if err := checkLine("/season", n.Season, maxSeason); err != nil {
			return Round{}, err
		}
		opens, closes := instant(n.Opens), instant(n.Closes)
		if opens.IsZero() {
			opens = now
		}
		switch {
		case !closes.After(now) || !closes.After(opens):
			return Round{}, invalidf("/closes", "the round would be closed before anybody can join; expected a time after now and after it opens")
		case closes.Sub(opens) > MaxWindow:
			return Round{}, invalidf("/closes", "the round would be open for %s; at most %s are possible", closes.Sub(opens), MaxWindow)
		case opens.Sub(now) > MaxAhead:
			return Round{}, invalidf("/opens", "it is more than a year ahead")
		}
		r := Round{
			ID: newID(roundID), Title: p.title, Scenario: p.scenario.ID, Difficulty: p.difficulty, Season: strings.TrimSpace(n.Season),
			Opens: opens, Closes: closes, Timebox: p.timebox, CreatedBy: c.Name, CreatedAt: now, Version: 1,
		}
		cmd.subject = r.ID
		return r, tx.InsertRound(r)
	})
}

// Round returns a round, which everybody may see.
func (s *Service) Round(ctx context.Context, c Call, id string) (Round, error) {
	var out Round
	if err := checkCall(c); err != nil {
		return out, err
	}
	err := s.o.Store.View(ctx, func(tx Tx) (err error) {
		out, err = findRound(tx, id)
		return err
	})
	return out, err
}

// Rounds lists rounds, and a cursor for the next page.
func (s *Service) Rounds(ctx context.Context, c Call, p Page) ([]Round, string, error) {
	if err := checkCall(c); err != nil {
		return nil, "", err
	}
	var out []Round
	var next string
	err := s.o.Store.View(ctx, func(tx Tx) (err error) {
		out, next, err = tx.Rounds(p)
		return err
	})
	return out, next, err
}

// CloseRound closes a round now, and ends its sessions. It is for facilitators.
func (s *Service) CloseRound(ctx context.Context, c Call, id string) (Round, error) {
	return s.changeRound(ctx, c, "round.close", id, func(tx Tx, r *Round, now time.Time) error {
		if !now.Before(r.Closes) {
			return Errorf(WrongState, "the round closed at %s", r.Closes.Format(time.RFC3339))
		}
		r.Closes = now
		if r.Opens.After(now) {
			r.Opens = now
		}
		return s.eachSession(tx, c, id, func(x *change) bool {
			if x.session.State.Over() {
				return false
			}
			x.session.Closes = now
			x.session = x.session.AsOf(now)
			return true
		})
	})
}

// RevealRound opens the answer of a round that has closed, in all its sessions. It is for facilitators.
func (s *Service) RevealRound(ctx context.Context, c Call, id string) (Round, error) {
	return s.changeRound(ctx, c, "round.reveal", id, func(tx Tx, r *Round, now time.Time) error {
		switch {
		case now.Before(r.Closes):
			return Errorf(WrongState, "the round is open until %s; close it first", r.Closes.Format(time.RFC3339))
		case !r.Revealed.IsZero():
			return nil
		}
		if err := checkSecret(tx, r.Scenario, id, now); err != nil {
			return err
		}
		r.Revealed = now
		return s.eachSession(tx, c, id, func(x *change) bool {
			if x.session.State == Debriefed {
				return false
			}
			x.session.reveal(now)
			return true
		})
	})
}

func (s *Service) changeRound(ctx context.Context, c Call, action, id string, fn func(tx Tx, r *Round, now time.Time) error) (Round, error) {
	return run(ctx, s, c, &command{action: action, subject: id}, func(tx Tx) (Round, error) {
		if c.Role != FacilitatorRole {
			return Round{}, Errorf(Forbidden, "only a facilitator can do this")
		}
		r, err := findRound(tx, id)
		if err != nil {
			return Round{}, err
		}
		if err := fn(tx, &r, s.now()); err != nil {
			return Round{}, err
		}
		r.Version++
		return r, tx.UpdateRound(r)
	})
}

// eachSession changes those sessions of a round of which fn says so.
func (s *Service) eachSession(tx Tx, c Call, round string, fn func(x *change) bool) error {
	list, err := allSessions(tx, SessionFilter{Round: round})
	if err != nil {
		return err
	}
	for _, v := range list {
		x, err := s.open(tx, c, v.ID)
		if err != nil {
			return err
		}
		if fn(x) {
			if err := x.save(); err != nil {
				return err
			}
		}
	}
	return nil
}
