package challenge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"firedrill/scenarios"
)

// Options are what a Service needs. Store, Library and Grader must be set.
type Options struct {
	Store   Store
	Library *scenarios.Library
	Grader  Grader
	Rules   Rules            // the zero Rules are DefaultRules
	Now     func() time.Time // nil is time.Now
	Log     *slog.Logger     // nil discards
}

// Service holds the rules of the contest. It is safe for concurrent use. Its errors are *Error where people can do
// something about them.
type Service struct {
	o        Options
	watchers *watchers
	attempts attempts

	mu        sync.Mutex
	scenarios map[string]*scenarios.Scenario // those that were read
	tidied    time.Time                      // when old idempotency keys were removed last
}

// New returns a Service. Close ends it.
func New(o Options) *Service {
	if o.Rules == (Rules{}) {
		o.Rules = DefaultRules
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o, scenarios: map[string]*scenarios.Scenario{}}
	s.watchers = newWatchers(s.versions, o.Log)
	return s
}

// Close ends what Watch has begun. It leaves the Store open.
func (s *Service) Close() { s.watchers.close() }

// now is the server's clock. All databases keep microseconds.
func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// scenario reads a scenario of the library. It is read once: sessions must not change while they are played.
func (s *Service) scenario(id string) (*scenarios.Scenario, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.scenarios[id]; ok {
		return v, nil
	}
	v, err := s.o.Library.Load(id)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &Error{Code: Invalid, Field: "/scenario", Text: fmt.Sprintf("there is no scenario %q; list them, and use an id", cut(id, maxName))}
		}
		return nil, &Error{Code: Unavailable, Text: "the scenario cannot be read; the server's log says why", Err: err}
	}
	s.scenarios[id] = v
	return v, nil
}

// update runs fn in a transaction, and tells those who watch about the sessions that it has changed.
func (s *Service) update(ctx context.Context, fn func(tx Tx) error) error {
	var r *recorder
	err := s.o.Store.Update(ctx, func(tx Tx) error {
		r = &recorder{tx, map[string]int64{}} // fn may run more than once
		return fn(r)
	})
	if err != nil {
		return err
	}
	for id, version := range r.changed {
		s.watchers.tell(id, version)
	}
	return nil
}

// recorder notes the sessions that a transaction changes.
type recorder struct {
	Tx
	changed map[string]int64 // versions
}

func (r *recorder) UpdateSession(s Session) error {
	r.changed[s.ID] = s.Version + 1
	return r.Tx.UpdateSession(s)
}
