package store

import "firedrill/internal/challenge"

// Join keeps the JoinedAt of the first time.
func (t *tx) Join(p challenge.Participant) error {
	if _, err := t.exec("insert participant", `INSERT INTO participants (session, player, joined_at) VALUES (?, ?, ?)
		ON CONFLICT (session, player) DO NOTHING`, p.Session, p.Player, nanos(p.JoinedAt)); err != nil {
		return err
	}
	_, err := t.exec("set current session", `INSERT INTO current_sessions (player, session) VALUES (?, ?)
		ON CONFLICT (player) DO UPDATE SET session = excluded.session`, p.Player, p.Session)
	return err
}

func scanParticipant(row scanner) (p challenge.Participant, err error) {
	return p, row.Scan(&p.Session, &p.Player, timeColumn{&p.JoinedAt})
}

func (t *tx) Participants(session string) ([]challenge.Participant, error) {
	return list(t, "list participants", scanParticipant, `SELECT session, player, joined_at FROM participants
		WHERE session = ? ORDER BY joined_at, player`, session)
}

func (t *tx) Participant(session, player string) (challenge.Participant, error) {
	return one(t, "read participant", scanParticipant, `SELECT session, player, joined_at FROM participants
		WHERE session = ? AND player = ?`, session, player)
}

func (t *tx) ParticipantsAt(seats []challenge.Seat) ([]challenge.Participant, error) {
	return atSeats(t, "read participants", scanParticipant, `session, player, joined_at`, `participants`, `player`, seats)
}

func (t *tx) CurrentSession(player string) (challenge.Session, error) {
	return one(t, "read current session", scanSession, `SELECT `+sessionColumns+` FROM current_sessions c JOIN sessions s ON s.id = c.session
		WHERE c.player = ?`, player)
}

func (t *tx) RoundSession(round, player string) (challenge.Session, error) {
	return one(t, "read session of a round", scanSession, `SELECT `+sessionColumns+` FROM participants p JOIN sessions s ON s.id = p.session
		WHERE p.player = ? AND s.round = ?`, player, round)
}
