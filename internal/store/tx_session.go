package store

import (
	"database/sql"
	"slices"
	"strings"

	"firedrill/internal/challenge"
)

// A session is created with fixedColumns, and goes through values of changingColumns.
const (
	fixedColumns    = `id, mode, scenario, difficulty, round, created_by, created_at`
	changingColumns = `title, state, page_at, timebox, closes, clock_page, pauses, speed, unranked, ended_at, end_reason, failure, revealed`
	sessionColumns  = fixedColumns + `, ` + changingColumns + `, version`
)

// nextChange numbers the changes of all sessions. There is one writer at a time, so the numbers become visible in their order.
const nextChange = `(SELECT COALESCE(MAX(change), 0) + 1 FROM sessions)`

func scanSession(row scanner) (s challenge.Session, err error) {
	var round sql.NullString
	var pauses [][2]int64
	err = row.Scan(&s.ID, &s.Mode, &s.Scenario, &s.Difficulty, &round, &s.CreatedBy, timeColumn{&s.CreatedAt}, &s.Title, &s.State,
		timeColumn{&s.PageAt}, &s.Timebox, timeColumn{&s.Closes}, timeColumn{&s.Clock.Page}, jsonColumn{&pauses}, &s.Speed, &s.Unranked,
		timeColumn{&s.EndedAt}, &s.EndReason, &s.Failure, timeColumn{&s.Revealed}, &s.Version)
	s.Round = round.String
	for _, p := range pauses {
		s.Clock.Pauses = append(s.Clock.Pauses, challenge.Pause{From: wall(p[0]), To: wall(p[1])})
	}
	return s, err
}

func fixedValues(s challenge.Session) []any {
	return []any{s.ID, string(s.Mode), s.Scenario, s.Difficulty, orNull(s.Round), s.CreatedBy, nanos(s.CreatedAt)}
}

func changingValues(s challenge.Session) []any {
	pauses := make([][2]int64, 0, len(s.Clock.Pauses))
	for _, p := range s.Clock.Pauses {
		pauses = append(pauses, [2]int64{nanos(p.From), nanos(p.To)})
	}
	return []any{
		s.Title, string(s.State), nanos(s.PageAt), int64(s.Timebox), nanos(s.Closes), nanos(s.Clock.Page), jsonText(pauses), s.Speed, s.Unranked,
		nanos(s.EndedAt), string(s.EndReason), s.Failure, nanos(s.Revealed),
	}
}

func (t *tx) Session(id string) (challenge.Session, error) {
	id = clean(id)
	s, known := t.sessions[id]
	if !known {
		var err error
		if s, err = one(t, "read session", scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE id = ?`, id); err != nil {
			return s, err
		}
		if t.sessions != nil {
			t.sessions[id] = s
		}
	}
	s.Clock.Pauses = slices.Clone(s.Clock.Pauses) // the caller may change it
	return s, nil
}

func (t *tx) Sessions(f challenge.SessionFilter) ([]challenge.Session, string, error) {
	var where []string
	var args []any
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if len(f.States) > 0 {
		states := make([]any, len(f.States))
		for i, s := range f.States {
			states[i] = string(s)
		}
		and(`state IN (?`+strings.Repeat(`, ?`, len(states)-1)+`)`, states...)
	}
	if f.Mode != "" {
		and(`mode = ?`, string(f.Mode))
	}
	if f.Round != "" {
		and(`round = ?`, f.Round)
	}
	if f.Player != "" {
		and(`id IN (SELECT session FROM participants WHERE player = ?)`, f.Player)
	}
	if f.Page.After != "" {
		at, id, err := parseTimeCursor(f.Page.After)
		if err != nil {
			return nil, "", err
		}
		and(`(created_at, id) < (?, ?)`, at, id)
	}
	query := `SELECT ` + sessionColumns + ` FROM sessions`
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, ` AND `)
	}
	n := limit(f.Page)
	out, err := list(t, "list sessions", scanSession, query+` ORDER BY created_at DESC, id DESC LIMIT ?`, append(args, n+1)...)
	if err != nil {
		return nil, "", err
	}
	out, next := cut(out, n, func(s challenge.Session) string { return timeCursor(s.CreatedAt, s.ID) })
	return out, next, nil
}

func (t *tx) InsertSession(s challenge.Session, secret []byte) error {
	values := slices.Concat(fixedValues(s), changingValues(s), []any{s.Version, secret})
	_, err := t.exec("insert session", `INSERT INTO sessions (`+sessionColumns+`, secret, change)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, `+nextChange+`)`, values...)
	return err
}

// UpdateSession leaves the ID, Mode, Scenario, Difficulty, Round, CreatedBy and CreatedAt as they were inserted.
func (t *tx) UpdateSession(s challenge.Session) error {
	t.used = true
	id := clean(s.ID)
	s, err := one(t, "update session", scanSession, `UPDATE sessions SET title = ?, state = ?, page_at = ?, timebox = ?, closes = ?, clock_page = ?,
		pauses = ?, speed = ?, unranked = ?, ended_at = ?, end_reason = ?, failure = ?, revealed = ?, version = version + 1,
		change = `+nextChange+` WHERE id = ? RETURNING `+sessionColumns, append(changingValues(s), id)...)
	if err == nil && t.sessions != nil {
		t.sessions[id] = s
	}
	return err
}

func (t *tx) SessionSecret(id string) ([]byte, error) {
	return one(t, "read session key", scanOne[[]byte], `SELECT secret FROM sessions WHERE id = ?`, id)
}

func (t *tx) SessionVersions(after int64) (map[string]int64, int64, error) {
	changed := map[string]int64{}
	changes, err := list(t, "list changed sessions", func(row scanner) (change int64, err error) {
		var id string
		var version int64
		err = row.Scan(&id, &version, &change)
		changed[id] = version
		return change, err
	}, `SELECT id, version, change FROM sessions WHERE change > ? ORDER BY change`, after)
	if err != nil {
		return nil, 0, err
	}
	if n := len(changes); n > 0 {
		after = changes[n-1]
	}
	return changed, after, nil
}
