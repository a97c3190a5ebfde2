package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// pool is the connections of one dependency. A connection is held until the answer has been read. If the
// attempt is given up before, the connection of a protocol without multiplexing (HTTP/1.1, SQL, Redis) is of
// no use any more: it is closed, and the next one costs a reconnect. SQL connections stay with the replica
// that they were opened to; those of others are spread anew with each attempt.
type pool struct {
	flow       *Flow
	dep        *Dependency
	state      *PoolState
	sql        bool
	idle       []*conn
	used       []*conn
	head, tail *attempt
	spare      []*conn
}

// conn is one connection. A database counts its own end of it until it has noticed that it is closed.
type conn struct {
	pool   *pool
	server *Replica // of SQL
	since  des.Time // idle
	busy   bool     // a statement runs
	lost   bool     // the server is gone
	closed bool     // by the client
	index  int      // in used
}

// acquire gets a connection for an attempt: an idle one, a new one, or the next that comes free.
func (p *pool) acquire(a *attempt) {
	s := p.state
	if p.head != nil || s.Max > 0 && s.Used >= s.Max {
		p.wait(a)
		return
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		s.Idle--
		p.take(c, a)
		a.connected(0)
		return
	}
	p.open(a)
}

// take gives a connection to an attempt.
func (p *pool) take(c *conn, a *attempt) {
	c.index = len(p.used)
	p.used = append(p.used, c)
	p.state.Used++
	a.conn = c
}

// open makes a new connection for an attempt. It costs a round trip (TCP), or three for SQL (TCP, start-up,
// authentication).
func (p *pool) open(a *attempt) {
	c := &conn{pool: p}
	if n := len(p.spare); n > 0 {
		c, p.spare = p.spare[n-1], p.spare[:n-1]
		*c = conn{pool: p}
	}
	f, d := p.flow, p.dep
	p.take(c, a)
	p.state.Opened++
	server := d.choose(a.call)
	if server == nil || server.dead {
		a.refuse()
		return
	}
	trips := 1
	if p.sql {
		trips = 3
		if k := &server.Connections; k.Max > 0 && k.Active+k.Idle >= k.Max {
			k.Refused++
			failure := f.fails(situationConnections, d, a.call.target, server, nil)
			f.happened(Incident{Kind: ConnectionsFull, Replica: server, Failure: failure, Count: k.Max})
			a.end(failure, false)
			return
		}
		c.server = server
		server.Connections.Idle++
		server.Connections.Opened++
	}
	var cost des.Time
	for range 2 * trips {
		cost += f.oneWay(d, server)
	}
	a.connected(max(cost, 1))
}

func (p *pool) wait(a *attempt) {
	a.waits = true
	p.state.Pending++
	p.state.Waits++
	a.prev, a.next = p.tail, nil
	if p.tail == nil {
		p.head = a
	} else {
		p.tail.next = a
	}
	p.tail = a
	if w := p.dep.poolWait; w > 0 {
		p.flow.Kernel.After(w, a, event(a.generation, attemptPoolTimedOut))
	}
}

// forget takes an attempt out of those that wait, which ends its wait.
func (p *pool) forget(a *attempt) {
	now := p.flow.Kernel.Now()
	p.state.Pending--
	p.state.WaitTime += now - a.started
	a.waits = false
	if a.prev == nil {
		p.head = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		p.tail = a.prev
	} else {
		a.next.prev = a.prev
	}
	a.prev, a.next = nil, nil
	if p.dep.Replica == nil || p.dep.Replica.dead {
		return
	}
	w := &p.flow.wait
	*w = Wait{
		Replica: p.dep.Replica, Operation: a.call.caller(), Kind: WaitPool, Name: p.dep.Target.Model.Name,
		Trace: a.call.trace(), Started: a.started, Ended: now,
	}
	p.flow.observer.Waited(w)
}

// give takes a connection from its attempt.
func (p *pool) give(c *conn) {
	last := p.used[len(p.used)-1]
	p.used[c.index] = last
	last.index = c.index
	p.used = p.used[:len(p.used)-1]
	p.state.Used--
}

// release takes back a connection that can be used again.
func (p *pool) release(c *conn) {
	p.give(c)
	c.since = p.flow.Kernel.Now()
	p.idle = append(p.idle, c)
	p.state.Idle++
	p.serve()
}

// close ends a connection.
func (p *pool) close(c *conn) {
	p.give(c)
	p.discard(c)
	p.serve()
}

// discard closes a connection that no attempt has.
func (p *pool) discard(c *conn) {
	p.state.Closed++
	c.closed = true
	if c.busy {
		return // The database closes its end after the statement.
	}
	if c.server != nil && !c.lost {
		c.server.Connections.Idle--
		c.server.Connections.Closed++
	}
	p.spare = append(p.spare, c)
}

// serve gives connections that are free to those that wait. It goes through an event, since giving one may
// end other attempts at once.
func (p *pool) serve() {
	if p.head != nil && (p.state.Max == 0 || p.state.Used < p.state.Max) {
		p.flow.Kernel.After(0, p, poolServes)
	}
}

// Events of a pool.
const (
	poolServes uint64 = iota
	poolReaps
)

// An unlimited pool closes connections that have been idle for a while, but for a few.
const (
	reapEvery = 30 * des.Second
	idleMost  = 60 * des.Second
	idleLeast = 2
)

// Handle receives the pool's events.
func (p *pool) Handle(kind uint64) {
	if p.dep.Replica != nil && p.dep.Replica.dead {
		return
	}
	if kind == poolReaps {
		p.reap()
		return
	}
	for a := p.head; a != nil && (p.state.Max == 0 || p.state.Used < p.state.Max); a = p.head {
		p.forget(a)
		if n := len(p.idle); n > 0 {
			c := p.idle[n-1]
			p.idle = p.idle[:n-1]
			p.state.Idle--
			p.take(c, a)
			a.connected(0)
		} else {
			p.open(a)
		}
	}
}

func (p *pool) reap() {
	limit := p.flow.Kernel.Now() - idleMost
	kept := p.idle[:0]
	closing := len(p.idle) - idleLeast
	for _, c := range p.idle {
		if closing > 0 && c.since < limit {
			closing--
			p.state.Idle--
			p.discard(c)
		} else {
			kept = append(kept, c)
		}
	}
	p.idle = kept
	p.flow.Kernel.After(reapEvery, p, poolReaps)
}

// resize follows a change of the pool's size: what is idle beyond it is closed.
func (p *pool) resize(size int) {
	p.state.Max = size
	for n := len(p.idle); size > 0 && n > 0 && p.state.Used+n > size; n-- {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.state.Idle--
		p.discard(c)
	}
	p.serve()
}

// lose drops the connections to a replica that is gone.
func (p *pool) lose(server *Replica) {
	kept := p.idle[:0]
	for _, c := range p.idle {
		if c.server == server {
			c.lost = true
			p.state.Idle--
			p.discard(c)
		} else {
			kept = append(kept, c)
		}
	}
	p.idle = kept
	for _, c := range p.used {
		if c.server == server {
			c.lost = true
		}
	}
}

// quit closes everything: the caller's container is gone.
func (p *pool) quit() {
	for _, c := range p.idle {
		p.discard(c)
	}
	p.idle, p.state.Idle = nil, 0
}

// answered is the end of a statement at the database's end of a connection.
func (c *conn) answered(server *Replica) {
	c.busy = false
	server.Connections.Active--
	if c.closed {
		server.Connections.Closed++
		c.pool.spare = append(c.pool.spare, c)
		return
	}
	server.Connections.Idle++
}

func newPool(f *Flow, d *Dependency) *pool {
	p := &pool{flow: f, dep: d, state: &d.Pool, sql: d.Target.Model.Kind == model.Database}
	if d.Model.Pool == nil && p.sql {
		f.Kernel.After(reapEvery, p, poolReaps)
	}
	return p
}
