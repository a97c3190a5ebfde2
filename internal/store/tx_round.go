package store

import "firedrill/internal/challenge"

const roundColumns = `id, title, scenario, difficulty, season, opens, closes, timebox, created_by, created_at, revealed, version`

func scanRound(row scanner) (r challenge.Round, err error) {
	err = row.Scan(&r.ID, &r.Title, &r.Scenario, &r.Difficulty, &r.Season, timeColumn{&r.Opens}, timeColumn{&r.Closes}, &r.Timebox,
		&r.CreatedBy, timeColumn{&r.CreatedAt}, timeColumn{&r.Revealed}, &r.Version)
	return r, err
}

func (t *tx) Round(id string) (challenge.Round, error) {
	return one(t, "read round", scanRound, `SELECT `+roundColumns+` FROM rounds WHERE id = ?`, id)
}

// Rounds lists the newest first.
func (t *tx) Rounds(p challenge.Page) ([]challenge.Round, string, error) {
	where, args := ``, []any{}
	if p.After != "" {
		at, id, err := parseTimeCursor(p.After)
		if err != nil {
			return nil, "", err
		}
		where, args = ` WHERE (created_at, id) < (?, ?)`, []any{at, id}
	}
	n := limit(p)
	out, err := list(t, "list rounds", scanRound, `SELECT `+roundColumns+` FROM rounds`+where+` ORDER BY created_at DESC, id DESC LIMIT ?`,
		append(args, n+1)...)
	if err != nil {
		return nil, "", err
	}
	out, next := cut(out, n, func(r challenge.Round) string { return timeCursor(r.CreatedAt, r.ID) })
	return out, next, nil
}

// SeasonRounds lists them by Opens.
func (t *tx) SeasonRounds(season string) ([]challenge.Round, error) {
	return list(t, "list rounds of a season", scanRound, `SELECT `+roundColumns+` FROM rounds WHERE season = ? ORDER BY opens, id`, season)
}

func (t *tx) InsertRound(r challenge.Round) error {
	_, err := t.exec("insert round", `INSERT INTO rounds (`+roundColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Title, r.Scenario, r.Difficulty, r.Season, nanos(r.Opens), nanos(r.Closes), int64(r.Timebox), r.CreatedBy,
		nanos(r.CreatedAt), nanos(r.Revealed), r.Version)
	return err
}

// UpdateRound sets Version to what it was plus 1.
func (t *tx) UpdateRound(r challenge.Round) error {
	_, err := t.change("update round", `UPDATE rounds SET title = ?, scenario = ?, difficulty = ?, season = ?, opens = ?, closes = ?, timebox = ?,
		created_by = ?, created_at = ?, revealed = ?, version = version + 1 WHERE id = ? RETURNING version`,
		r.Title, r.Scenario, r.Difficulty, r.Season, nanos(r.Opens), nanos(r.Closes), int64(r.Timebox), r.CreatedBy, nanos(r.CreatedAt),
		nanos(r.Revealed), r.ID)
	return err
}
