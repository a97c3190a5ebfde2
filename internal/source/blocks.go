package source

import (
	"errors"
	"io"
	"sort"
	"sync"
	"time"

	"firedrill/replay"
)

// stretch is how much recorded time is decoded and kept together. Of a scenario within the signal budget it is up to 20 MB of a
// signal.
const stretch = 2 * time.Minute

// readSize is the number of items that are decoded at a time.
const readSize = 2048

// blocks holds one signal of a Source in stretches, each decoded when it is first read.
type blocks[T replay.Item] struct {
	open       func(from, to time.Time) (replay.Reader[T], error)
	start, end time.Time // bounds of due times
	due        func(*T) int64
	size       func(*T) int64
	intern     func([]T) // makes decoded items share what is equal; may be nil. mu is held
	own        func(*T)  // makes what may be changed the item's own
	cache      *lru

	mu     sync.Mutex // held while a block is decoded: sessions that wait need the same one, most of the time
	closed bool
	// ahead, unless nil, stands at the beginning of the block aheadAt: reading on is cheaper than opening again.
	ahead   replay.Reader[T]
	aheadAt int
	rest    []T // read and not yet in a block
}

// slot identifies a block in the cache.
type slot struct {
	owner any
	index int
}

// bounds of a block, [from, to).
func (b *blocks[T]) bounds(index int) (from, to time.Time) {
	from = b.start.Add(time.Duration(index) * stretch)
	return from, from.Add(stretch)
}

// index of the block of a time, at least 0.
func (b *blocks[T]) index(t time.Time) int { return max(int(t.Sub(b.start)/stretch), 0) }

// block returns a block, whose items must not be changed.
func (b *blocks[T]) block(index int) ([]T, error) {
	key := slot{b, index}
	if v, ok := b.cache.get(key); ok {
		return v.([]T), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, ok := b.cache.get(key); ok {
		return v.([]T), nil
	}
	items, err := b.decode(index)
	if err != nil {
		return nil, err
	}
	var size int64
	for i := range items {
		size += b.size(&items[i])
	}
	b.cache.put(key, items, size)
	return items, nil
}

// decode reads a block. mu is held.
func (b *blocks[T]) decode(index int) (items []T, err error) {
	if b.closed {
		return nil, errors.New("the recording is closed")
	}
	if b.ahead == nil || b.aheadAt != index {
		b.drop()
		from, _ := b.bounds(index)
		if b.ahead, err = b.open(from, b.end); err != nil {
			return nil, err
		}
	}
	whole := false
	defer func() {
		if !whole { // the reader stands in the middle, also after a panic
			b.drop()
		}
	}()
	_, end := b.bounds(index)
	horizon := end.UnixNano()
	items, b.rest = b.rest, nil
	checked := 0
	for {
		if n := checked + sort.Search(len(items)-checked, func(i int) bool { return b.due(&items[checked+i]) >= horizon }); n < len(items) {
			b.rest = append([]T(nil), items[n:]...)
			clear(items[n:])
			b.aheadAt, whole = index+1, true
			return items[:n:n], nil
		}
		checked = len(items)
		buf := make([]T, readSize)
		n, err := b.ahead.Read(buf)
		if b.intern != nil {
			b.intern(buf[:n])
		}
		items = append(items, buf[:n]...)
		if err == io.EOF {
			return items, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// drop ends reading ahead. mu is held.
func (b *blocks[T]) drop() {
	if b.ahead != nil {
		_ = b.ahead.Close() // it was only read
	}
	b.ahead, b.rest = nil, nil
}

func (b *blocks[T]) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop()
	b.closed = true
	b.cache.forget(b)
}

// reader returns a Reader of what is due in [from, to).
func (b *blocks[T]) reader(from, to time.Time) *reader[T] {
	if from.Before(b.start) {
		from = b.start
	}
	if to.After(b.end) {
		to = b.end
	}
	return &reader[T]{blocks: b, from: from.UnixNano(), to: to.UnixNano(), next: b.index(from), last: b.index(to.Add(-1))}
}

// reader hands out copies of the items of blocks.
type reader[T replay.Item] struct {
	*blocks[T]
	from, to   int64 // due times, [from, to)
	next, last int   // blocks
	items      []T   // of the present block, those that are left
}

// Read implements replay.Reader.
func (r *reader[T]) Read(p []T) (int, error) {
	for len(r.items) == 0 {
		if r.next > r.last || r.from >= r.to {
			return 0, io.EOF
		}
		items, err := r.block(r.next)
		if err != nil {
			return 0, err
		}
		first, end := r.bounds(r.next)
		lo, hi := 0, len(items)
		if first.UnixNano() < r.from {
			lo = r.search(items, r.from)
		}
		if end.UnixNano() > r.to {
			hi = r.search(items, r.to)
		}
		r.items = items[lo:max(lo, hi)]
		r.next++
	}
	n := copy(p, r.items)
	r.items = r.items[n:]
	for i := range p[:n] {
		r.own(&p[i])
	}
	return n, nil
}

// search returns the index of the first item that is due at t or later.
func (r *reader[T]) search(items []T, t int64) int {
	return sort.Search(len(items), func(i int) bool { return r.due(&items[i]) >= t })
}

// Close implements replay.Reader.
func (r *reader[T]) Close() error {
	r.items, r.next = nil, r.last+1
	return nil
}
