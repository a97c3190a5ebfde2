package challenge

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is returned by Tx when there is no such thing.
var ErrNotFound = errors.New("not found")

// ErrLocked is returned by Store.Lock when another process, or another caller in this one, holds the lock.
var ErrLocked = errors.New("locked by another")

// Store keeps everything that must outlive a process. It is safe for concurrent use, also by several processes on
// one database.
type Store interface {
	// Update runs fn in a transaction that may write, and returns once the commit is durable against kill -9. If fn returns an
	// error nothing of it stays, and Update returns that error. Transactions that write the same session come one after the other, in
	// the order in which they are committed. Several calls may share one commit; fn may run more than once, must do nothing but use tx,
	// and must not keep it.
	Update(ctx context.Context, fn func(tx Tx) error) error
	// View runs fn in a transaction that reads one consistent state.
	View(ctx context.Context, fn func(tx Tx) error) error
	// Lock takes the lock of a name, or returns ErrLocked at once. The lock ends with Unlock, and with the process
	// that took it, however it ends. Lost is closed when the store cannot say any more that the lock is held: its holder must stop
	// what it does under it.
	Lock(ctx context.Context, name string) (Lock, error)
	Close() error
}

// Lock is a lock that is held.
type Lock interface {
	Lost() <-chan struct{}
	Unlock()
}

// Page is a part of a list: what comes after a cursor, at most Limit entries. The zero Page is the beginning, with
// a limit of DefaultLimit.
type Page struct {
	After string // cursor of the last entry that was seen
	Limit int
}

// DefaultLimit and MaxLimit bound Page.Limit.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Seat is a player's place in a session.
type Seat struct{ Session, Player string }

// SessionFilter selects sessions; zero fields select all. The newest come first.
type SessionFilter struct {
	States []State
	Mode   Mode
	Round  string
	Player string // who takes part
	Page   Page
}

// Tx reads and writes. Lists come with a cursor for the next page, "" at their end. A reading method returns
// ErrNotFound when there is no such thing. It is not safe for concurrent use.
type Tx interface {
	// Session reads a session; in Update it stays locked until the commit.
	Session(id string) (Session, error)
	Sessions(f SessionFilter) (list []Session, next string, err error)
	InsertSession(s Session, secret []byte) error // secret: the key of its ids
	UpdateSession(s Session) error                // sets Version to what it was plus 1
	SessionSecret(id string) ([]byte, error)
	// SessionVersions lists the versions of all sessions whose version changed after a point of the store's own order of changes, and
	// the point up to which it has looked. It is how processes notice each other's changes.
	SessionVersions(after int64) (changed map[string]int64, upTo int64, err error)

	Round(id string) (Round, error)
	Rounds(p Page) (list []Round, next string, err error)
	SeasonRounds(season string) ([]Round, error)
	InsertRound(r Round) error
	UpdateRound(r Round) error

	// Join adds a participant, who may be in the session already, and makes it the player's current session.
	Join(p Participant) error
	Participants(session string) ([]Participant, error) // by JoinedAt
	// Participant is one of them; it takes no longer when there are many.
	Participant(session, player string) (Participant, error)
	// ParticipantsAt reads those of some seats, none of them twice, that are taken.
	ParticipantsAt(seats []Seat) ([]Participant, error)
	// CurrentSession is the session that the player joined last.
	CurrentSession(player string) (Session, error)
	// RoundSession is the player's session of a round.
	RoundSession(round, player string) (Session, error)

	// InsertSubmissions sets their IDs, which rise in their order. A second one with the key of the same player and session is an error:
	// look first.
	InsertSubmissions(list ...*Submission) error
	// Submissions lists those of a session by ID; of one player, or of all when player is "".
	Submissions(session, player string) ([]Submission, error)
	// SubmissionsAt lists those of some seats, none of them twice; those of each seat by ID.
	SubmissionsAt(seats []Seat) ([]Submission, error)
	// RoundSubmissions lists those of all sessions of a round, by ID.
	RoundSubmissions(round string) ([]Submission, error)

	InsertHypothesis(h *Hypothesis) error // sets h.ID
	Hypothesis(id int64) (Hypothesis, error)
	UpdateHypothesis(h Hypothesis) error
	// Hypotheses lists those of a session by ID; of one player, or of all when player is "".
	Hypotheses(session, player string) ([]Hypothesis, error)

	InsertEvent(e *Event) error // sets e.ID
	Events(session string) ([]Event, error)

	InsertAudit(e AuditEntry) error
	Audit(session string, p Page) (list []AuditEntry, next string, err error) // newest first; session "" is all

	InsertTrail(entries []TrailEntry) error
	Trail(session, player string, p Page) (list []TrailEntry, next string, err error) // by ID

	InsertToken(t Token) error
	TokenByHash(hash [32]byte) (Token, error)
	Tokens() ([]Token, error) // by CreatedAt
	RevokeToken(id string, at time.Time) error

	// Checkpoint is what the replay of a session needs to go on; ErrNotFound before the first.
	Checkpoint(session string) ([]byte, error)
	SetCheckpoint(session string, checkpoint []byte) error

	// Done returns the result that was kept for an actor's idempotency key, and the request that it was for.
	Done(actor, key string) (request, result string, err error)
	SetDone(actor, key, request, result string, at time.Time) error
	// Forget removes what SetDone kept before a time.
	Forget(before time.Time) error
}
