package store

import (
	"iter"
	"math/bits"
	"strings"

	"firedrill/internal/challenge"
)

// maxRows bounds the rows of one statement: databases bound its values, SQLite to 32,766.
const maxRows = 256

// parts cuts a list into parts of 1, 2, 4 … maxRows entries, the largest first: so the statements about them have few
// texts, and stay prepared.
func parts[T any](list []T) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for len(list) > 0 {
			n := min(1<<(bits.Len(uint(len(list)))-1), maxRows)
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}

// rows are the placeholders of a VALUES list.
func rows(n, columns int) string {
	row := `(?` + strings.Repeat(`, ?`, columns-1) + `)`
	return row + strings.Repeat(`, `+row, n-1)
}

// atSeats reads the rows of a table that belong to some seats.
func atSeats[T any](t *tx, what string, scan func(scanner) (T, error), columns, table, order string, seats []challenge.Seat) (out []T, err error) {
	for part := range parts(seats) {
		args := make([]any, 0, 2*len(part))
		for _, s := range part {
			args = append(args, s.Session, s.Player)
		}
		// Both databases name the columns of VALUES so.
		found, err := list(t, what, scan, `SELECT `+columns+` FROM (VALUES `+rows(len(part), 2)+`) AS seats
			JOIN `+table+` ON session = column1 AND player = column2 ORDER BY `+order, args...)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}
