package challenge

import (
	"context"
	"errors"
	"slices"
	"time"
)

// maxChanges bounds the statuses that a hypothesis goes through.
const maxChanges = 100

// AddHypothesis writes into the caller's private notebook, which the debrief shows. Nothing is written after the end.
func (s *Service) AddHypothesis(ctx context.Context, c Call, id, text string) (Hypothesis, error) {
	cmd := &command{action: "hypothesis.add", subject: id, args: text, quiet: true}
	return run(ctx, s, c, cmd, func(tx Tx) (Hypothesis, error) {
		now, err := s.notebook(tx, c, id)
		if err != nil {
			return Hypothesis{}, err
		}
		if err := checkText("/text", text, 1, MaxText); err != nil {
			return Hypothesis{}, err
		}
		if own, err := tx.Hypotheses(id, c.Name); err != nil {
			return Hypothesis{}, err
		} else if len(own) >= MaxHypotheses {
			return Hypothesis{}, Errorf(TooMany, "you have %d hypotheses in this session, which is as many as can be", len(own))
		}
		h := Hypothesis{Session: id, Player: c.Name, Text: text, Status: Open, At: now, Changes: []HypothesisChange{{At: now, Status: Open}}}
		err = tx.InsertHypothesis(&h)
		return h, err
	})
}

// SetHypothesis changes the status of one of the caller's hypotheses.
func (s *Service) SetHypothesis(ctx context.Context, c Call, id string, hypothesis int64, status HypothesisStatus) (Hypothesis, error) {
	cmd := &command{action: "hypothesis.set", subject: id, args: []any{hypothesis, status}, quiet: true}
	return run(ctx, s, c, cmd, func(tx Tx) (Hypothesis, error) {
		now, err := s.notebook(tx, c, id)
		if err != nil {
			return Hypothesis{}, err
		}
		if status != Open && status != Discarded && status != Confirmed {
			return Hypothesis{}, invalidf("/status", "%q: expected %s, %s or %s", cut(string(status), maxName), Open, Discarded, Confirmed)
		}
		h, err := tx.Hypothesis(hypothesis)
		switch {
		case errors.Is(err, ErrNotFound) || err == nil && (h.Session != id || h.Player != c.Name):
			return Hypothesis{}, Errorf(NotFound, "you have no hypothesis %d in this session", hypothesis)
		case err != nil || h.Status == status:
			return h, err
		case len(h.Changes) >= maxChanges:
			return Hypothesis{}, Errorf(TooMany, "the hypothesis was changed %d times, which is as often as can be", len(h.Changes))
		}
		h.Status = status
		h.Changes = append(slices.Clone(h.Changes), HypothesisChange{At: now, Status: status})
		return h, tx.UpdateHypothesis(h)
	})
}

// notebook tells whether the caller may write into a notebook of a session, and when.
func (s *Service) notebook(tx Tx, c Call, id string) (time.Time, error) {
	if err := c.onlyPlayers(); err != nil {
		return time.Time{}, err
	}
	x, err := s.open(tx, c, id)
	if err != nil {
		return time.Time{}, err
	}
	if err := c.mayPlay(tx, &x.session); err != nil {
		return time.Time{}, err
	}
	if x.session.State.Over() {
		return time.Time{}, overError(&x.session)
	}
	return x.now, nil
}

// Hypotheses are the caller's own.
func (s *Service) Hypotheses(ctx context.Context, c Call, id string) ([]Hypothesis, error) {
	var out []Hypothesis
	err := s.view(ctx, c, id, "hypothesis.list", Call.mayPlay, func(tx Tx, _ *Session, _ time.Time) (err error) {
		out, err = tx.Hypotheses(id, c.Name)
		return err
	})
	return out, err
}
