package source

import (
	"container/list"
	"sync"
)

// lru keeps the blocks that were used last, up to a number of bytes. It is safe for concurrent use.
type lru struct {
	max int64

	mu    sync.Mutex
	bytes int64
	order *list.List // of *cached, the one used last in front
	slots map[slot]*list.Element
}

type cached struct {
	slot  slot
	value any
	bytes int64
}

func newLRU(max int64) *lru {
	return &lru{max: max, order: list.New(), slots: map[slot]*list.Element{}}
}

func (l *lru) get(s slot) (any, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.slots[s]
	if !ok {
		return nil, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*cached).value, true
}

// put keeps a value, and drops what was not used for longest; the value itself stays even if it is too large alone.
func (l *lru) put(s slot, value any, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots[s] = l.order.PushFront(&cached{s, value, bytes})
	l.bytes += bytes
	for l.bytes > l.max && l.order.Len() > 1 {
		l.remove(l.order.Back())
	}
}

func (l *lru) remove(e *list.Element) {
	c := l.order.Remove(e).(*cached)
	delete(l.slots, c.slot)
	l.bytes -= c.bytes
}

// forget drops all values of an owner.
func (l *lru) forget(owner any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cached).slot.owner == owner {
			l.remove(e)
		}
		e = next
	}
}
