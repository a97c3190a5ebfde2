package store

import "firedrill/internal/challenge"

func (t *tx) InsertEvent(e *challenge.Event) (err error) {
	e.ID, err = t.change("insert event", `INSERT INTO events (session, at, kind, service, title, text, author) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		e.Session, nanos(e.At), string(e.Kind), e.Service, e.Title, e.Text, e.Author)
	return err
}

// Events lists them by ID.
func (t *tx) Events(session string) ([]challenge.Event, error) {
	return list(t, "list events", func(row scanner) (e challenge.Event, err error) {
		return e, row.Scan(&e.ID, &e.Session, timeColumn{&e.At}, &e.Kind, &e.Service, &e.Title, &e.Text, &e.Author)
	}, `SELECT id, session, at, kind, service, title, text, author FROM events WHERE session = ? ORDER BY id`, session)
}

// InsertAudit chooses the ID.
func (t *tx) InsertAudit(e challenge.AuditEntry) error {
	_, err := t.exec("insert audit entry", `INSERT INTO audit (at, actor, role, remote, action, session, detail, refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		nanos(e.At), e.Actor, string(e.Role), e.Remote, e.Action, e.Session, e.Detail, e.Refused)
	return err
}

func (t *tx) Audit(session string, p challenge.Page) ([]challenge.AuditEntry, string, error) {
	where, args := `TRUE`, []any{}
	if session != "" {
		where, args = `session = ?`, append(args, session)
	}
	if p.After != "" {
		id, err := parseIDCursor(p.After)
		if err != nil {
			return nil, "", err
		}
		where, args = where+` AND id < ?`, append(args, id)
	}
	n := limit(p)
	out, err := list(t, "list audit", func(row scanner) (e challenge.AuditEntry, err error) {
		return e, row.Scan(&e.ID, timeColumn{&e.At}, &e.Actor, &e.Role, &e.Remote, &e.Action, &e.Session, &e.Detail, &e.Refused)
	}, `SELECT id, at, actor, role, remote, action, session, detail, refused FROM audit WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, n+1)...)
	if err != nil {
		return nil, "", err
	}
	out, next := cut(out, n, func(e challenge.AuditEntry) string { return idCursor(e.ID) })
	return out, next, nil
}
