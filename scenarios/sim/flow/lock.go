package flow

import "firedrill/scenarios/sim/des"

// lockState holds the queues of the keys that are locked.
type lockState struct {
	keys map[int32]*keyQueue
	free []*keyQueue
}

// keyQueue is one locked key: its holder is a strand's frame; who waits is in order of coming.
type keyQueue struct {
	lock       *LockState
	key        int32
	head, tail *strand
}

// lock begins a locked step: it takes the lock, or waits for it.
func (s *strand) lock(st *step) {
	p := s.req.replica
	l := p.Locks[st.index]
	key := int32(p.choose.IntN(l.Model.Keys))
	s.step, s.key = st, key
	q := l.keys[key]
	if q == nil {
		if n := len(l.free); n > 0 {
			q, l.free = l.free[n-1], l.free[:n-1]
		} else {
			q = &keyQueue{lock: l}
		}
		q.key = key
		l.keys[key] = q
		s.hold(q)
		return
	}
	s.turn, s.waiting, s.since = q, forLock, s.flow.Kernel.Now()
	l.Waiting++
	if q.tail == nil {
		q.head = s
	} else {
		q.tail.nextWaiter = s
	}
	q.tail = s
}

// hold goes into the steps under the lock.
func (s *strand) hold(q *keyQueue) {
	q.lock.Held++
	q.lock.Acquired++
	s.turn = nil
	s.push(frame{steps: s.step.steps, kind: inLock, step: s.step, queue: q})
}

// release gives the lock to the next one.
func (q *keyQueue) release() {
	q.lock.Held--
	s := q.head
	if s == nil {
		delete(q.lock.keys, q.key)
		q.lock.free = append(q.lock.free, q)
		return
	}
	q.forget(s)
	q.lock.WaitTime += s.flow.Kernel.Now() - s.since
	s.hold(q)
	s.waited(WaitLock)
	s.flow.Kernel.After(0, s, event(s.generation, strandSlept))
	s.waiting = forTime
}

// forget takes a strand out of those that wait.
func (q *keyQueue) forget(s *strand) {
	q.lock.Waiting--
	if q.head == s {
		q.head = s.nextWaiter
		if q.head == nil {
			q.tail = nil
		}
	} else {
		before := q.head
		for before.nextWaiter != s {
			before = before.nextWaiter
		}
		before.nextWaiter = s.nextWaiter
		if q.tail == s {
			q.tail = before
		}
	}
	s.nextWaiter = nil
	s.turn = nil
}

// waited tells the observer of the end of a wait.
func (s *strand) waited(kind WaitKind) {
	w := &s.flow.wait
	name := ""
	switch kind {
	case WaitLock:
		name = s.req.replica.Locks[s.step.index].Model.Name
	case WaitCache:
		name = s.req.replica.Caches[s.step.index].Model.Name
	}
	*w = Wait{
		Replica: s.req.replica, Operation: s.req.op, Kind: kind, Name: name, Key: int(s.key),
		Trace: s.trace(), Started: s.since, Ended: s.flow.Kernel.Now(),
	}
	s.flow.observer.Waited(w)
}

var _ des.Handler = (*strand)(nil)
