package challenge

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Join takes the id of a Together or Solo session, or of a round, and makes it the player's current session. In a round the first
// Join creates the player's own session, which starts at once; later ones return to it. A session that is over can only be
// joined again, to look back. It is for players.
func (s *Service) Join(ctx context.Context, c Call, id string) (Session, error) {
	cmd := &command{action: "session.join", subject: id, quiet: true}
	return run(ctx, s, c, cmd, func(tx Tx) (Session, error) {
		if err := c.onlyPlayers(); err != nil {
			return Session{}, err
		}
		if strings.HasPrefix(id, roundID) {
			return s.joinRound(tx, c, id)
		}
		return s.joinSession(tx, c, id)
	})
}

// onlyPlayers keeps facilitators, who see what everybody suspects, from playing.
func (c Call) onlyPlayers() error {
	if c.Role == PlayerRole {
		return nil
	}
	return Errorf(Forbidden, "facilitators do not play; use the token of a player")
}

func (s *Service) joinSession(tx Tx, c Call, id string) (Session, error) {
	x, err := s.open(tx, c, id)
	if err != nil {
		return Session{}, err
	}
	players, err := tx.Participants(id)
	if err != nil {
		return Session{}, err
	}
	p := Participant{Session: id, Player: c.Name, JoinedAt: x.now}
	for _, other := range players {
		if other.Player == c.Name {
			return x.session, tx.Join(p)
		}
	}
	switch v := &x.session; {
	case v.Mode == InRound, v.Mode == Solo && len(players) > 0:
		return Session{}, Errorf(Forbidden, "this session is another player's")
	case v.State.Over():
		return Session{}, overError(v)
	case len(players) >= MaxParticipants:
		return Session{}, Errorf(TooMany, "%d players have joined, which is as many as can be", len(players))
	case v.Mode == Solo:
		if err := s.checkContest(tx, c, v.Scenario, x.now); err != nil {
			return Session{}, err
		}
	default:
		if err := checkOneContest(tx, c.Name, v.Scenario, id, x.now); err != nil {
			return Session{}, err
		}
	}
	if err := tx.Join(p); err != nil {
		return Session{}, err
	}
	err = x.save()
	return x.session, err
}

func (s *Service) joinRound(tx Tx, c Call, id string) (Session, error) {
	r, err := findRound(tx, id)
	if err != nil {
		return Session{}, err
	}
	now := s.now()
	v, err := tx.RoundSession(id, c.Name)
	if err == nil {
		return v.AsOf(now), tx.Join(Participant{Session: v.ID, Player: c.Name, JoinedAt: now})
	}
	switch {
	case !errors.Is(err, ErrNotFound):
		return Session{}, err
	case now.Before(r.Opens):
		return Session{}, Errorf(WrongState, "the round opens at %s", r.Opens.Format(time.RFC3339))
	case !r.Open(now):
		return Session{}, Errorf(Over, "the round closed at %s", r.Closes.Format(time.RFC3339))
	}
	if err := checkRoom(tx, now); err != nil {
		return Session{}, err
	}
	if err := checkOneContest(tx, c.Name, r.Scenario, id, now); err != nil {
		return Session{}, err
	}
	v = Session{
		ID: newID(sessionID), Title: r.Title, Mode: InRound, Scenario: r.Scenario, Difficulty: r.Difficulty, Round: r.ID,
		CreatedBy: c.Name, CreatedAt: now, State: Loading, Timebox: r.Timebox, Closes: r.Closes, Speed: 1, Version: 1,
	}
	if err := insertSession(tx, v); err != nil {
		return Session{}, err
	}
	return v, tx.Join(Participant{Session: v.ID, Player: c.Name, JoinedAt: now})
}

// Current is the session that the player joined last, over or not.
func (s *Service) Current(ctx context.Context, c Call) (Session, error) {
	if err := checkCall(c); err != nil {
		return Session{}, err
	}
	return s.PlayerSession(ctx, c.Name)
}

// PlayerSession is the session whose evidence a player may read: the current one, also after its end. Without one the
// code is NoSession.
func (s *Service) PlayerSession(ctx context.Context, player string) (Session, error) {
	var out Session
	if !validName(player) {
		return out, Errorf(NoSession, "no player of this name has joined a session")
	}
	err := s.o.Store.View(ctx, func(tx Tx) (err error) {
		out, err = tx.CurrentSession(player)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return out, Errorf(NoSession, "you have not joined a session; join one, or a round, first")
	}
	return out.AsOf(s.now()), err
}
