package store

import "firedrill/internal/challenge"

const hypothesisColumns = `id, session, player, text, status, at, changes`

// storedChange is a change of status in JSON.
type storedChange struct {
	At     int64  `json:"at"`
	Status string `json:"status"`
}

func scanHypothesis(row scanner) (h challenge.Hypothesis, err error) {
	var changes []storedChange
	err = row.Scan(&h.ID, &h.Session, &h.Player, &h.Text, &h.Status, timeColumn{&h.At}, jsonColumn{&changes})
	for _, c := range changes {
		h.Changes = append(h.Changes, challenge.HypothesisChange{At: wall(c.At), Status: challenge.HypothesisStatus(c.Status)})
	}
	return h, err
}

func hypothesisValues(h challenge.Hypothesis) []any {
	changes := make([]storedChange, 0, len(h.Changes))
	for _, c := range h.Changes {
		changes = append(changes, storedChange{At: nanos(c.At), Status: string(c.Status)})
	}
	return []any{h.Session, h.Player, h.Text, string(h.Status), nanos(h.At), jsonText(changes)}
}

func (t *tx) InsertHypothesis(h *challenge.Hypothesis) (err error) {
	h.ID, err = t.change("insert hypothesis", `INSERT INTO hypotheses (session, player, text, status, at, changes) VALUES (?, ?, ?, ?, ?, ?)
		RETURNING id`, hypothesisValues(*h)...)
	return err
}

func (t *tx) Hypothesis(id int64) (challenge.Hypothesis, error) {
	return one(t, "read hypothesis", scanHypothesis, `SELECT `+hypothesisColumns+` FROM hypotheses WHERE id = ?`, id)
}

func (t *tx) UpdateHypothesis(h challenge.Hypothesis) error {
	_, err := t.change("update hypothesis", `UPDATE hypotheses SET session = ?, player = ?, text = ?, status = ?, at = ?, changes = ?
		WHERE id = ? RETURNING id`, append(hypothesisValues(h), h.ID)...)
	return err
}

func (t *tx) Hypotheses(session, player string) ([]challenge.Hypothesis, error) {
	where, args := ofPlayer(session, player)
	return list(t, "list hypotheses", scanHypothesis, `SELECT `+hypothesisColumns+` FROM hypotheses WHERE `+where+` ORDER BY id`, args...)
}
