package challenge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// keyLife is how long what a call has done is remembered by its idempotency key.
const keyLife = 24 * time.Hour

// command is a call that changes something.
type command struct {
	action  string // of the audit, such as session.pause
	subject string // ID of the session or round; of one that is created, fn says it
	detail  string // of the audit
	args    any    // all that was asked, to tell a repeated call from another one with the same key
	// quiet commands are those of players: only what was forbidden is audited.
	quiet bool
}

// run runs a command in one transaction. fn refuses before it writes. A call that repeats the idempotency key of an
// earlier one gets that one's result. What is allowed is audited with it, what is refused after it.
func run[T any](ctx context.Context, s *Service, c Call, cmd *command, fn func(tx Tx) (T, error)) (T, error) {
	var out, none T
	if err := checkCall(c); err != nil {
		return none, err
	}
	request, err := cmd.fingerprint()
	if err != nil {
		return none, err
	}
	actor := string(c.Role) + "/" + c.Name
	err = s.update(ctx, func(tx Tx) error {
		out = none
		if c.Key != "" {
			done, err := repeated(tx, actor, c.Key, request, &out)
			if done || err != nil {
				return err
			}
		}
		var err error
		if out, err = fn(tx); err != nil {
			return err
		}
		now := s.now()
		if c.Key != "" {
			result, err := json.Marshal(out)
			if err != nil {
				return fmt.Errorf("keep result of %s: %w", cmd.action, err)
			}
			if err := s.forget(tx, now); err != nil {
				return err
			}
			if err := tx.SetDone(actor, c.Key, request, string(result), now); err != nil {
				return err
			}
		}
		if cmd.quiet {
			return nil
		}
		return tx.InsertAudit(c.entry(cmd, now))
	})
	if err == nil {
		return out, nil
	}
	return none, s.refused(ctx, c, cmd, err)
}

// fingerprint identifies what a command asks for.
func (cmd *command) fingerprint() (string, error) {
	text, err := json.Marshal([]any{cmd.action, cmd.subject, cmd.args})
	if err != nil {
		return "", fmt.Errorf("read arguments of %s: %w", cmd.action, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// repeated reads the result of an earlier call with the same key.
func repeated(tx Tx, actor, key, request string, out any) (bool, error) {
	earlier, result, err := tx.Done(actor, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case earlier != request:
		return false, Errorf(Conflict, "this idempotency key was used for something else; use a new one")
	}
	return true, json.Unmarshal([]byte(result), out)
}

// forget removes old idempotency keys, once an hour.
func (s *Service) forget(tx Tx, now time.Time) error {
	s.mu.Lock()
	due := now.Sub(s.tidied) >= time.Hour
	if due {
		s.tidied = now
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	return tx.Forget(now.Add(-keyLife))
}

// entry is the audit's line about a command.
func (c Call) entry(cmd *command, now time.Time) AuditEntry {
	return AuditEntry{
		At: now, Actor: cut(c.Name, maxName), Role: c.Role, Remote: cut(c.Remote, maxTitle),
		Action: cmd.action, Session: cmd.subject, Detail: cut(cmd.detail, maxDetail),
	}
}

// refused audits what was refused, and returns the reason.
func (s *Service) refused(ctx context.Context, c Call, cmd *command, reason error) error {
	var e *Error
	if !errors.As(reason, &e) {
		return reason
	}
	if cmd.quiet && e.Code != Forbidden {
		return reason
	}
	entry := c.entry(cmd, s.now())
	entry.Refused = true
	entry.Detail = cut(string(e.Code)+": "+e.Text, maxDetail)
	if !idPattern.MatchString(entry.Session) {
		entry.Session = ""
	}
	if err := s.Refused(ctx, entry); err != nil {
		s.o.Log.ErrorContext(ctx, "a refusal was not audited", "action", cmd.action, "error", err)
	}
	return reason
}

// change is a change of one session within a transaction.
type change struct {
	tx      Tx
	now     time.Time
	by      string  // author of the events
	stored  Session // as the store has it
	session Session // as it stands now, and shall be
}

// open reads a session to change it.
func (s *Service) open(tx Tx, c Call, id string) (*change, error) {
	stored, err := findSession(tx, id)
	if err != nil {
		return nil, err
	}
	now := s.now() // after the session was locked: waiting for it must not stop the clock
	return &change{tx: tx, now: now, by: c.Name, stored: stored, session: stored.AsOf(now)}, nil
}

// save writes the session, with the events that its end and its revelation are.
func (x *change) save() error {
	if err := x.tx.UpdateSession(x.session); err != nil {
		return err
	}
	x.session.Version = x.stored.Version + 1
	if !x.stored.State.Over() && x.session.State.Over() {
		e := Event{At: x.session.EndedAt, Title: "Ended", Text: endText(&x.session)}
		if x.session.EndReason == Facilitated {
			e.Author = x.by
		}
		if err := x.event(e); err != nil {
			return err
		}
	}
	if x.stored.Revealed.IsZero() && !x.session.Revealed.IsZero() {
		return x.event(Event{At: x.session.Revealed, Title: "Answer revealed"})
	}
	return nil
}

// endText says why a session ended.
func endText(s *Session) string {
	switch s.EndReason {
	case Solved:
		return "The cause was found."
	case Facilitated:
		return "It was ended."
	case Failed:
		return "It could not be played: " + s.Failure
	}
	return "The time is over."
}

// note adds an event about the session's state.
func (x *change) note(title, text string) error {
	return x.event(Event{At: x.now, Title: title, Text: text, Author: x.by})
}

func (x *change) event(e Event) error {
	e.Session, e.Kind = x.session.ID, StateEvent
	return x.tx.InsertEvent(&e)
}

// findSession reads a session.
func findSession(tx Tx, id string) (Session, error) {
	if !idPattern.MatchString(id) {
		return Session{}, Errorf(NotFound, "this is not the id of a session; it looks like s0123456789ab")
	}
	v, err := tx.Session(id)
	if errors.Is(err, ErrNotFound) {
		return Session{}, Errorf(NotFound, "there is no session %s", id)
	}
	return v, err
}

// findRound reads a round.
func findRound(tx Tx, id string) (Round, error) {
	if !idPattern.MatchString(id) {
		return Round{}, Errorf(NotFound, "this is not the id of a round; it looks like r0123456789ab")
	}
	v, err := tx.Round(id)
	if errors.Is(err, ErrNotFound) {
		return Round{}, Errorf(NotFound, "there is no round %s", id)
	}
	return v, err
}

// allSessions reads all sessions of a filter.
func allSessions(tx Tx, f SessionFilter) ([]Session, error) {
	var all []Session
	f.Page = Page{Limit: MaxLimit}
	for {
		list, next, err := tx.Sessions(f)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if next == "" {
			return all, nil
		}
		f.Page.After = next
	}
}
