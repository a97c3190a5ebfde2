package store

import (
	"slices"

	"firedrill/internal/challenge"
)

const submissionColumns = `id, session, player, key, suspects, nothing_broken, reasoning, at, elapsed, correct, penalty, locked_for`

// storedSuspect is a suspect in JSON. An onset is what the player wrote: in nanoseconds any date fits.
type storedSuspect struct {
	Component string `json:"component"`
	Cause     string `json:"cause"`
	Onset     int64  `json:"onset,omitempty"`
}

func scanSubmission(row scanner) (s challenge.Submission, err error) {
	var suspects []storedSuspect
	err = row.Scan(&s.ID, &s.Session, &s.Player, &s.Key, jsonColumn{&suspects}, &s.NothingBroken, &s.Reasoning, timeColumn{&s.At}, &s.Elapsed,
		&s.Correct, &s.Penalty, &s.LockedFor)
	for _, v := range suspects {
		s.Suspects = append(s.Suspects, challenge.Suspect{Component: v.Component, Cause: v.Cause, Onset: wall(v.Onset)})
	}
	return s, err
}

func (t *tx) InsertSubmissions(subs ...*challenge.Submission) error {
	for part := range parts(subs) {
		var args []any
		for _, s := range part {
			suspects := make([]storedSuspect, 0, len(s.Suspects))
			for _, v := range s.Suspects {
				suspects = append(suspects, storedSuspect{Component: clean(v.Component), Cause: clean(v.Cause), Onset: nanos(v.Onset)})
			}
			args = append(args, s.Session, s.Player, s.Key, jsonText(suspects), s.NothingBroken, s.Reasoning, nanos(s.At), int64(s.Elapsed),
				s.Correct, int64(s.Penalty), int64(s.LockedFor))
		}
		ids, err := t.exec("insert submissions", `INSERT INTO submissions (session, player, key, suspects, nothing_broken, reasoning, at, elapsed, correct,
			penalty, locked_for) VALUES `+rows(len(part), 11)+` RETURNING id`, args...)
		if err != nil {
			return err
		}
		slices.Sort(ids) // they are given in order, but may be returned in any
		for i, s := range part {
			s.ID = ids[i]
		}
	}
	return nil
}

func (t *tx) Submissions(session, player string) ([]challenge.Submission, error) {
	where, args := ofPlayer(session, player)
	return list(t, "list submissions", scanSubmission, `SELECT `+submissionColumns+` FROM submissions WHERE `+where+` ORDER BY id`, args...)
}

func (t *tx) SubmissionsAt(seats []challenge.Seat) ([]challenge.Submission, error) {
	return atSeats(t, "list submissions of players", scanSubmission, submissionColumns, `submissions`, `id`, seats)
}

func (t *tx) RoundSubmissions(round string) ([]challenge.Submission, error) {
	return list(t, "list submissions of a round", scanSubmission, `SELECT `+submissionColumns+` FROM submissions
		WHERE session IN (SELECT id FROM sessions WHERE round = ?) ORDER BY id`, round)
}

// ofPlayer is the condition for what belongs to a session, and to one player unless that is "".
func ofPlayer(session, player string) (where string, args []any) {
	if player == "" {
		return `session = ?`, []any{session}
	}
	return `session = ? AND player = ?`, []any{session, player}
}
