package challenge

import (
	"context"
	"errors"
	"time"
)

// mayRun tells whether the caller may run a session: facilitators any, players a solo session that they created.
func (c Call) mayRun(v *Session) error {
	if c.Role == FacilitatorRole || v.Mode == Solo && v.CreatedBy == c.Name {
		return nil
	}
	return Errorf(Forbidden, "only a facilitator can do this")
}

// takesPart tells whether the caller is a player of a session.
func (c Call) takesPart(tx Tx, session string) (bool, error) {
	if c.Role != PlayerRole {
		return false, nil
	}
	_, err := tx.Participant(session, c.Name)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// mayRead tells whether the caller may see that a session exists, and who is in it.
func (c Call) mayRead(tx Tx, v *Session) error {
	if c.Role == FacilitatorRole || v.Mode == Together && !v.State.Over() {
		return nil
	}
	return c.mayPlay(tx, v)
}

// mayPlay tells whether the caller may see what the players of a session see.
func (c Call) mayPlay(tx Tx, v *Session) error {
	if c.Role == FacilitatorRole {
		return nil
	}
	in, err := c.takesPart(tx, v.ID)
	if err != nil || in {
		return err
	}
	return notIn(v)
}

// notIn refuses a player who does not take part.
func notIn(v *Session) error {
	if v.Mode == Together {
		return Errorf(Forbidden, "you have not joined this session; join it first")
	}
	return Errorf(Forbidden, "this session is not yours")
}

// view reads a session as it stands now, and runs fn on it, if may allows that. What is forbidden is audited.
func (s *Service) view(ctx context.Context, c Call, id, action string, may func(Call, Tx, *Session) error, fn func(tx Tx, v *Session, now time.Time) error) error {
	if err := checkCall(c); err != nil {
		return err
	}
	err := s.o.Store.View(ctx, func(tx Tx) error {
		v, err := findSession(tx, id)
		if err != nil {
			return err
		}
		now := s.now()
		v = v.AsOf(now)
		if err := may(c, tx, &v); err != nil {
			return err
		}
		return fn(tx, &v, now)
	})
	if err == nil {
		return nil
	}
	return s.refused(ctx, c, &command{action: action, subject: id, quiet: true}, err)
}

// onlyFacilitators refuses a read to players.
func (s *Service) onlyFacilitators(ctx context.Context, c Call, action string) error {
	err := checkCall(c)
	if err == nil && c.Role != FacilitatorRole {
		err = s.refused(ctx, c, &command{action: action, quiet: true}, Errorf(Forbidden, "only a facilitator can see this"))
	}
	return err
}

// checkContest refuses that a player plays a scenario alone while it is the subject of a contest: there they could try
// suspects without a cost, and read the answer.
func (s *Service) checkContest(tx Tx, c Call, scenario string, now time.Time) error {
	if c.Role != PlayerRole {
		return nil
	}
	what, err := contestOn(tx, scenario, "", now)
	if err == nil && what != "" {
		err = Errorf(WrongState, "scenario %s is played in %s; play it alone afterwards", scenario, what)
	}
	return err
}

// checkSecret refuses to open the answer of a scenario while it is the subject of another contest than the session or round own.
func checkSecret(tx Tx, scenario, own string, now time.Time) error {
	what, err := contestOn(tx, scenario, own, now)
	if err == nil && what != "" {
		err = Errorf(WrongState, "scenario %s is played in %s too: its answer opens when that is over", scenario, what)
	}
	return err
}

// checkOneContest refuses that a player takes part in two contests of a scenario at once: suspects that are wrong in one would cost
// nothing in the other. Own is the session or round that they join.
func checkOneContest(tx Tx, player, scenario, own string, now time.Time) error {
	list, err := allSessions(tx, SessionFilter{Player: player})
	if err != nil {
		return err
	}
	for _, v := range list {
		if v.Scenario != scenario || v.Mode == Solo || v.ID == own || v.Round != "" && v.Round == own {
			continue
		}
		open := !v.AsOf(now).State.Over()
		if v.Mode == InRound { // others may still play in it
			r, err := tx.Round(v.Round)
			if err != nil {
				return err
			}
			open = now.Before(r.Closes)
		}
		if open {
			return Errorf(WrongState, "you play scenario %s in %q already; join this one when that is over", scenario, v.Title)
		}
	}
	return nil
}

// contestOn names a contest of a scenario that is not over, other than the session or round own; "" when there is none.
func contestOn(tx Tx, scenario, own string, now time.Time) (what string, err error) {
	var page Page
	for {
		rounds, next, err := tx.Rounds(page)
		if err != nil {
			return "", err
		}
		for _, r := range rounds {
			if r.Scenario == scenario && r.ID != own && now.Before(r.Closes) {
				return "the round " + r.Title + " until " + r.Closes.Format(time.RFC3339), nil
			}
		}
		if next == "" {
			break
		}
		page.After = next
	}
	live, err := allSessions(tx, SessionFilter{Mode: Together, States: notOver})
	if err != nil {
		return "", err
	}
	for _, v := range live {
		if v = v.AsOf(now); v.Scenario == scenario && v.ID != own && !v.State.Over() {
			return "the live session " + v.Title, nil
		}
	}
	return "", nil
}
