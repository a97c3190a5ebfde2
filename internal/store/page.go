package store

import (
	"strconv"
	"strings"
	"time"

	"firedrill/internal/challenge"
)

// limit is how many entries a page has.
func limit(p challenge.Page) int {
	if p.Limit <= 0 {
		return challenge.DefaultLimit
	}
	return min(p.Limit, challenge.MaxLimit)
}

// cut makes a page of a list that was read with one entry more than it may have, and the cursor of what follows.
func cut[T any](out []T, limit int, cursor func(T) string) ([]T, string) {
	if len(out) <= limit {
		return out, ""
	}
	return out[:limit], cursor(out[limit-1])
}

// Cursors are made of the columns by which a list is sorted. Clients send them back, so they can be anything.

func idCursor(id int64) string { return strconv.FormatInt(id, 10) }

func parseIDCursor(cursor string) (int64, error) {
	id, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil {
		return 0, badCursor()
	}
	return id, nil
}

func timeCursor(at time.Time, id string) string { return idCursor(nanos(at)) + "." + id }

func parseTimeCursor(cursor string) (at int64, id string, err error) {
	first, id, ok := strings.Cut(cursor, ".")
	if at, err = strconv.ParseInt(first, 10, 64); err != nil || !ok {
		return 0, "", badCursor()
	}
	return at, id, nil
}

func badCursor() error {
	err := challenge.Errorf(challenge.Invalid, "the cursor is not one that a list returned: leave it out to begin anew")
	err.Field = "after"
	return err
}
