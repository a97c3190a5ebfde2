package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// dialect is what differs between the databases. Statements are written once, with ? for a value.
type dialect struct {
	// bind rewrites the placeholders of a statement.
	bind func(query string) string
	// readOptions open a transaction that reads one state.
	readOptions *sql.TxOptions
	// begin opens a transaction that no other writer of the database runs beside.
	begin string
	// commit ends it; final says that an error leaves it open whether it was committed.
	commit func(ctx context.Context, conn *sql.Conn) (final bool, err error)
	// retry tells whether a statement was refused because of other transactions, so that the whole transaction can run again.
	retry func(err error) bool
	// remote says that there is a network in between. Its driver keeps prepared statements by itself, unlike that of SQLite.
	remote bool
}

// questionMarks leaves placeholders as they are.
func questionMarks(query string) string { return query }

// dollars numbers placeholders: $1, $2 and so on. No statement has a ? that is none.
func dollars(query string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = after
	}
}
