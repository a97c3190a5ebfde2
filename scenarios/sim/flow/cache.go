package flow

import "firedrill/scenarios/sim/des"

// cacheState is the content of a cache: when each key's entry expires, 0 where there is none.
type cacheState struct {
	kernel  *des.Kernel
	rand    *des.Rand
	zipf    *des.Zipf
	expiry  []des.Time
	ttl     des.Time
	flights map[int32]*flight // entries being filled, for single flight; per replica even if the cache is shared
}

// Size returns how many entries have not expired.
func (c *CacheState) Size() int {
	n, now := 0, c.kernel.Now()
	for _, t := range c.expiry {
		if t > now {
			n++
		}
	}
	return n
}

// fill writes an entry. It lives for the TTL, less up to Jitter of it.
func (c *CacheState) fill(key int32) {
	c.Fills++
	life := c.ttl
	if c.Model.Jitter > 0 {
		life = des.FromFloat(float64(life) * (1 - float64(c.Model.Jitter*c.rand.Float64())))
	}
	c.expiry[key] = c.kernel.Now().Add(life)
}

// warm fills the cache as if it had been in use for long: ages are spread evenly.
func (c *CacheState) warm() {
	for i := range c.expiry {
		c.expiry[i] = c.kernel.Now() + des.FromFloat(c.rand.Float64()*float64(c.ttl))
	}
}

// flush lets every entry expire at once.
func (c *CacheState) flush() {
	for i := range c.expiry {
		c.expiry[i] = 0
	}
}

// align lets every entry expire at the same moment, one TTL from now.
func (c *CacheState) align() {
	for i := range c.expiry {
		c.expiry[i] = c.kernel.Now().Add(c.ttl)
	}
}

// flight is the filling of one entry that others wait for.
type flight struct {
	flow       *Flow
	flights    map[int32]*flight
	head, tail *strand
}

// lookUp looks whether the entry of s.key is there.
func (s *strand) lookUp(st *step) {
	c := s.req.replica.Caches[st.index]
	if t := c.expiry[s.key]; t > s.flow.Kernel.Now() {
		c.Hits++
		s.req.replica.LookUps[st.index].Hits++
		return
	}
	s.miss(st)
}

// miss fills an entry that is not there, or waits for another request that does.
func (s *strand) miss(st *step) {
	f, p := s.flow, s.req.replica
	c := p.Caches[st.index]
	c.Misses++
	p.LookUps[st.index].Misses++
	if t := c.expiry[s.key]; t != 0 && t <= f.Kernel.Now() {
		c.Expired++
		c.expiry[s.key] = 0
	}
	var led *flight
	if c.Model.SingleFlight {
		flights := p.flights[st.index]
		if other := flights[s.key]; other != nil {
			c.Shared++
			s.flight, s.waiting, s.since = other, forEntry, f.Kernel.Now()
			if other.tail == nil {
				other.head = s
			} else {
				other.tail.nextWaiter = s
			}
			other.tail = s
			return
		}
		led = &flight{flow: f, flights: flights}
		flights[s.key] = led
	}
	s.push(frame{steps: st.steps, kind: inMiss, step: st, key: s.key, led: led})
}

// stored marks the frame of an entry that Cached.Set has written.
const stored = 1

// missed is the end of a miss's steps, and then of its Set.
func (s *strand) missed(f *frame) {
	if s.failure == nil && f.kind == inMiss && f.step.set != nil {
		s.push(frame{kind: inStore, step: f.step, key: f.key, led: f.led})
		s.begin(f.step, f.step.set, roleSet)
		return
	}
	if s.failure == nil && (f.kind == inMiss || f.next == stored) {
		s.req.replica.Caches[f.step.index].fill(f.key)
	}
	if f.led == nil {
		return
	}
	waiters := f.led.land(f.key)
	for w := waiters; w != nil; {
		next := w.nextWaiter
		w.nextWaiter, w.flight = nil, nil
		w.waited(WaitCache)
		switch {
		case s.failure == s.flow.cancelled:
			// Who led has been called off: the first of the others leads now.
			w.waiting = forNothing
			w.miss(w.step)
			w.req.replica.Caches[w.step.index].Misses--
			w.req.replica.LookUps[w.step.index].Misses--
		case s.failure != nil:
			w.failure = s.failure
		}
		if w.waiting != forEntry || w.flight == nil {
			w.waiting = forTime
			s.flow.Kernel.After(0, w, event(w.generation, strandSlept))
		}
		w = next
	}
}

// land ends the flight and returns who waited.
func (l *flight) land(key int32) *strand {
	delete(l.flights, key)
	first := l.head
	l.head, l.tail = nil, nil
	return first
}

// forget takes a strand out of those that wait.
func (l *flight) forget(s *strand) {
	if l.head == s {
		l.head = s.nextWaiter
		if l.head == nil {
			l.tail = nil
		}
	} else {
		before := l.head
		for before != nil && before.nextWaiter != s {
			before = before.nextWaiter
		}
		if before != nil {
			before.nextWaiter = s.nextWaiter
			if l.tail == s {
				l.tail = before
			}
		}
	}
	s.nextWaiter, s.flight = nil, nil
}
