package challenge

import (
	"context"
	"time"
)

// standing is where a player stands when the clock shows elapsed; subs are the player's, in order.
func standing(player string, subs []Submission, elapsed time.Duration) Standing {
	st := Standing{Player: player, Elapsed: elapsed}
	for _, sub := range subs {
		if sub.Correct {
			st.Correct, st.Elapsed = true, sub.Elapsed
			return st // what came later does not count; Submit takes nothing
		}
		st.Wrong++
		st.Penalty += sub.Penalty
		st.LockedUntil = max(st.LockedUntil, sub.Elapsed+sub.LockedFor)
	}
	return st
}

// Standing is where the caller, a player of the session, stands.
func (s *Service) Standing(ctx context.Context, c Call, id string) (Standing, error) {
	var out Standing
	err := s.view(ctx, c, id, "session.standing", Call.mayPlay, func(tx Tx, v *Session, now time.Time) error {
		subs, err := tx.Submissions(id, c.Name)
		out = standing(c.Name, subs, v.Elapsed(now))
		return err
	})
	return out, err
}

// Submissions are the caller's own, or, for facilitators, everybody's, in the order in which they were counted.
func (s *Service) Submissions(ctx context.Context, c Call, id string) ([]Submission, error) {
	var out []Submission
	err := s.view(ctx, c, id, "session.submissions", Call.mayPlay, func(tx Tx, _ *Session, _ time.Time) (err error) {
		player := c.Name
		if c.Role == FacilitatorRole {
			player = ""
		}
		out, err = tx.Submissions(id, player)
		return err
	})
	return out, err
}
