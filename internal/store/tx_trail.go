package store

import (
	"slices"
	"strings"

	"firedrill/internal/challenge"
)

// maxTrailRows bounds the entries of one statement, and how many statements there are to keep prepared.
const maxTrailRows = 100

// InsertTrail chooses the IDs, which rise in the order of the entries.
func (t *tx) InsertTrail(entries []challenge.TrailEntry) error {
	for part := range slices.Chunk(entries, maxTrailRows) {
		args := make([]any, 0, 11*len(part))
		for _, e := range part {
			args = append(args, e.Session, e.Player, nanos(e.At), string(e.Backend), e.Endpoint, e.Query, nanos(e.From), nanos(e.To),
				int64(e.Status), int64(e.Took), e.Bytes)
		}
		const row = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
		if _, err := t.exec("insert trail", `INSERT INTO trail (session, player, at, backend, endpoint, query, range_from, range_to, status, took, bytes)
			VALUES `+row+strings.Repeat(`, `+row, len(part)-1), args...); err != nil {
			return err
		}
	}
	return nil
}

// Trail lists that of one player, or of all when player is "".
func (t *tx) Trail(session, player string, p challenge.Page) ([]challenge.TrailEntry, string, error) {
	where, args := ofPlayer(session, player)
	if p.After != "" {
		id, err := parseIDCursor(p.After)
		if err != nil {
			return nil, "", err
		}
		where, args = where+` AND id > ?`, append(args, id)
	}
	n := limit(p)
	out, err := list(t, "list trail", func(row scanner) (e challenge.TrailEntry, err error) {
		return e, row.Scan(&e.ID, &e.Session, &e.Player, timeColumn{&e.At}, &e.Backend, &e.Endpoint, &e.Query, timeColumn{&e.From},
			timeColumn{&e.To}, &e.Status, &e.Took, &e.Bytes)
	}, `SELECT id, session, player, at, backend, endpoint, query, range_from, range_to, status, took, bytes FROM trail
		WHERE `+where+` ORDER BY id LIMIT ?`, append(args, n+1)...)
	if err != nil {
		return nil, "", err
	}
	out, next := cut(out, n, func(e challenge.TrailEntry) string { return idCursor(e.ID) })
	return out, next, nil
}
