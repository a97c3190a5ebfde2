package challenge

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

// maxAttempts bounds the submissions of one transaction, and with it how long others wait for theirs.
const maxAttempts = 256

// attempt is a submission that waits to be counted.
type attempt struct {
	caller  Call
	key     string
	session string
	claim   NewSubmission
	done    chan struct{} // closed when what follows is set
	sub     *Submission
	err     error
}

func (a *attempt) seat() Seat { return Seat{a.session, a.caller.Name} }

// attempts are those that wait. Those that come at once are counted in one transaction, in the order in which they came:
// a thousand players do not need a thousand times the statements.
type attempts struct {
	mu      sync.Mutex // guards what follows
	waiting []*attempt
	running bool // a goroutine counts them, until none waits
}

// take takes those whose turn it is.
func (q *attempts) take() []*attempt {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxAttempts)
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}

// leave takes back an attempt whose turn has not come.
func (q *attempts) leave(a *attempt) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, a)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	return i >= 0
}

// end tells whether none waits, and counting ends.
func (q *attempts) end() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = len(q.waiting) > 0
	return !q.running
}

// wait has an attempt counted, and returns its error.
func (s *Service) wait(ctx context.Context, a *attempt) error {
	q := &s.attempts
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	q.waiting = append(q.waiting, a)
	if !q.running {
		q.running = true
		go s.countAll()
	}
	q.mu.Unlock()
	select {
	case <-a.done:
	case <-ctx.Done():
		if q.leave(a) {
			return ctx.Err()
		}
		<-a.done
	}
	return a.err
}

// countAll counts attempts until none waits.
func (s *Service) countAll() {
	for !s.attempts.end() {
		var batch []*attempt
		err := s.update(context.Background(), func(tx Tx) error {
			if batch == nil { // else it runs again
				batch = s.attempts.take() // with those that came while others wrote
			}
			return guard(func() error { return s.count(tx, batch) })
		})
		if err != nil && batch == nil {
			batch = s.attempts.take() // there is no store any more
		}
		for _, a := range batch {
			if err != nil {
				a.err = err
			}
			close(a.done)
		}
	}
}

// guard makes a panic an error: what is counted for many callers must not end with the goroutine of one.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return f()
}

// count counts attempts, one after the other, and writes them together. Its error is that of all; what is refused has
// its own.
func (s *Service) count(tx Tx, batch []*attempt) error {
	k, err := s.countingOf(tx, batch)
	if err != nil {
		return err
	}
	for _, a := range batch {
		a.sub, a.err = nil, nil
		a.err = guard(func() error { return k.one(a) })
	}
	if err := tx.InsertSubmissions(k.counted...); err != nil {
		return err
	}
	for _, x := range k.changed {
		if err := x.save(); err != nil { // the leaderboard has changed, if nothing else
			return err
		}
	}
	return nil
}

// counting is what is known while a batch is counted: what the store has, and what this batch adds.
type counting struct {
	s        *Service
	tx       Tx
	takes    map[Seat]bool // who takes part
	earlier  map[Seat][]Submission
	byKey    map[seatKey]*Submission
	sessions map[string]*change
	counted  []*Submission // new
	changed  []*change     // sessions that have new ones
}

type seatKey struct {
	Seat
	key string
}

func (s *Service) countingOf(tx Tx, batch []*attempt) (*counting, error) {
	k := &counting{s: s, tx: tx, takes: map[Seat]bool{}, earlier: map[Seat][]Submission{}, byKey: map[seatKey]*Submission{}, sessions: map[string]*change{}}
	var seats []Seat
	for _, a := range batch {
		if seat := a.seat(); !k.takes[seat] {
			k.takes[seat] = true
			seats = append(seats, seat)
		}
	}
	clear(k.takes)
	players, err := tx.ParticipantsAt(seats)
	if err != nil {
		return nil, err
	}
	for _, p := range players {
		k.takes[Seat{p.Session, p.Player}] = true
	}
	subs, err := tx.SubmissionsAt(seats)
	for i := range subs {
		k.add(&subs[i])
	}
	return k, err
}

func (k *counting) add(sub *Submission) {
	seat := Seat{sub.Session, sub.Player}
	k.earlier[seat] = append(k.earlier[seat], *sub)
	k.byKey[seatKey{seat, sub.Key}] = sub
}

// one decides about an attempt.
func (k *counting) one(a *attempt) error {
	x := k.sessions[a.session]
	if x == nil {
		var err error
		if x, err = k.s.open(k.tx, a.caller, a.session); err != nil {
			return err
		}
		k.sessions[a.session] = x
	}
	if !k.takes[a.seat()] {
		return notIn(&x.stored)
	}
	if a.sub = k.byKey[seatKey{a.seat(), a.key}]; a.sub != nil {
		if !sameClaim(a.sub, a.claim) {
			return Errorf(Conflict, "this idempotency key was used for another submission; use a new one")
		}
		return nil
	}
	x.now = k.s.now()
	now := *x
	now.session = x.session.AsOf(x.now)
	sub, err := k.s.judge(&now, a, k.earlier[a.seat()])
	if err != nil {
		return err
	}
	if sub.Correct && now.session.Mode != Together {
		now.session.end(x.now, Solved)
	}
	if !slices.Contains(k.changed, x) {
		k.changed = append(k.changed, x)
	}
	x.session = now.session
	k.counted = append(k.counted, sub)
	k.add(sub)
	a.sub = sub
	return nil
}
