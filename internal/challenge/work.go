package challenge

import (
	"context"
	"errors"
	"time"

	"firedrill/replay"
)

// Work lists the sessions that a runner must look after now: those that are Loading to Paused in the store, and Scheduled ones whose page is
// closer than lead. They come as they stand by the clock: one that is over by then is to be stopped and advanced to Ended.
func (s *Service) Work(ctx context.Context, lead time.Duration) ([]Session, error) {
	var list []Session
	var out []Session
	err := s.o.Store.View(ctx, func(tx Tx) (err error) {
		if list, err = allSessions(tx, SessionFilter{States: notOver}); err != nil {
			return err
		}
		now := s.now()
		for _, v := range list {
			if v.State == Scheduled {
				if v.PageAt.IsZero() || v.PageAt.After(now.Add(lead)) {
					continue
				}
				if v.Mode == Solo { // it waits until the contest is over, as it would if it was started by hand
					what, err := contestOn(tx, v.Scenario, "", now)
					if err != nil {
						return err
					}
					if what != "" {
						continue
					}
				}
			}
			out = append(out, v.AsOf(now))
		}
		return nil
	})
	return out, err
}

// Advance records how far a session has come, and returns it as it stands then. It never goes back, and does not start again what
// has ended. Without a Failure a session ends when its time is over, not before: a report that comes too early changes
// nothing, also when there is no more evidence to play.
func (s *Service) Advance(ctx context.Context, id string, p Progress) (Session, error) {
	var out Session
	err := s.update(ctx, func(tx Tx) error {
		x, err := s.open(tx, Call{}, id)
		if err != nil {
			return err
		}
		advance(&x.session, p, x.now)
		out = x.session
		if !changed(&x.stored, &x.session) {
			return nil
		}
		err = x.save()
		out = x.session
		return err
	})
	return out, err
}

// advance applies a report to a session as it stands now.
func advance(v *Session, p Progress, now time.Time) {
	if v.State.Over() {
		return
	}
	loaded := v.State != Scheduled && v.State != Loading
	switch p.State {
	case Loading:
		if !loaded {
			v.State, v.PageAt = Loading, instant(p.Page)
		}
	case Lobby, Live:
		if !loaded {
			// Time that loading took beyond what was allowed for is not the players'.
			v.PageAt, v.Clock.Page = instant(p.Page), instant(p.Page)
			if now.After(v.Clock.Page) {
				v.Clock.Page = now
			}
			v.State = Lobby
		}
		if v.State == Lobby && (p.State == Live || !now.Before(v.Clock.Page)) {
			v.State = Live
		}
	case Ended:
		if p.Failure != "" {
			v.Failure = cut(p.Failure, maxFailure)
			v.end(now, Failed)
		}
	}
}

// changed tells whether a report, or the clock, has changed what is stored.
func changed(a, b *Session) bool {
	return a.State != b.State || !a.PageAt.Equal(b.PageAt) || !a.Clock.Page.Equal(b.Clock.Page)
}

// Checkpoint and SetCheckpoint keep what the replay of a session needs to go on; a missing one is ErrNotFound.
func (s *Service) Checkpoint(ctx context.Context, id string) ([]byte, error) {
	var out []byte
	err := s.o.Store.View(ctx, func(tx Tx) (err error) {
		out, err = tx.Checkpoint(id)
		return err
	})
	return out, err
}

// SetCheckpoint keeps a checkpoint in place of the one before.
func (s *Service) SetCheckpoint(ctx context.Context, id string, checkpoint []byte) error {
	return s.o.Store.Update(ctx, func(tx Tx) error { return tx.SetCheckpoint(id, checkpoint) })
}

// SessionKey is the key with which a session's ids are mapped.
func (s *Service) SessionKey(ctx context.Context, id string) (replay.Key, error) {
	var key replay.Key
	err := s.o.Store.View(ctx, func(tx Tx) error {
		if _, err := findSession(tx, id); err != nil {
			return err
		}
		secret, err := tx.SessionSecret(id)
		if err != nil {
			return err
		}
		if len(secret) != len(key) {
			return errors.New("the key of session " + id + " is damaged")
		}
		copy(key[:], secret)
		return nil
	})
	return key, err
}

// RecordTrail keeps what players asked.
func (s *Service) RecordTrail(ctx context.Context, entries []TrailEntry) error {
	if len(entries) == 0 {
		return nil
	}
	own := make([]TrailEntry, len(entries)) // the caller's stay as they are
	for i, e := range entries {
		e.Query = cut(e.Query, MaxTrailQuery)
		e.At, e.From, e.To = instant(e.At), instant(e.From), instant(e.To)
		own[i] = e
	}
	return s.o.Store.Update(ctx, func(tx Tx) error { return tx.InsertTrail(own) })
}

// Refused keeps that something was refused. At may be zero, which is now.
func (s *Service) Refused(ctx context.Context, e AuditEntry) error {
	e.Refused = true
	return s.Audited(ctx, e)
}

// Audited keeps that something was done, or refused, outside the Service. At may be zero, which is now.
func (s *Service) Audited(ctx context.Context, e AuditEntry) error {
	if e.At.IsZero() {
		e.At = s.now()
	}
	e.At = instant(e.At)
	e.Actor, e.Remote, e.Action, e.Detail = cut(e.Actor, maxName), cut(e.Remote, maxTitle), cut(e.Action, maxTitle), cut(e.Detail, maxDetail)
	return s.o.Store.Update(ctx, func(tx Tx) error { return tx.InsertAudit(e) })
}
