package distort

import (
	"container/heap"
	"io"

	"firedrill/replay"
)

// readAhead is how many items are read from the recording at a time.
const readAhead = 1024

// chain applies the rules to one item after the other, in the order of the recording. It changes the item,
// and returns when it is due, or false when it is lost.
type chain[T replay.Item] interface {
	apply(*T) (due int64, ok bool)
}

// reader yields what a chain leaves of an underlying reader, in order of due times. Items that are due at the
// same time come in the order of the recording.
type reader[T replay.Item] struct {
	src      replay.Reader[T]
	chain    chain[T]
	time     func(*T) int64 // an item's own recorded time, ns
	from, to int64          // of due times, [from, to)
	start    int64          // where src begins, so that the chain knows enough at from

	read    []T // from src and not yet through the chain
	space   []T
	waiting queue[T]
	number  uint64 // of the item last put in the queue
	passed  int64  // all that is still to come is due at or after it
	err     error  // of src
}

// Read implements replay.Reader.
func (r *reader[T]) Read(p []T) (n int, err error) {
	for n < len(p) {
		if len(r.waiting) > 0 && (r.waiting[0].due <= r.passed || r.err == io.EOF) {
			p[n] = heap.Pop(&r.waiting).(held[T]).item
			n++
			continue
		}
		if len(r.read) == 0 {
			if r.err != nil || n > 0 {
				break
			}
			r.fill()
			continue
		}
		it := r.read[0]
		r.read = r.read[1:]
		r.passed = r.time(&it)
		due, ok := r.chain.apply(&it)
		switch {
		case !ok || due < r.from || due >= r.to:
		case len(r.waiting) == 0 && due <= r.passed:
			p[n] = it
			n++
		default:
			r.number++
			heap.Push(&r.waiting, held[T]{it, due, r.number})
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

func (r *reader[T]) fill() {
	if r.space == nil {
		r.space = make([]T, readAhead)
	}
	clear(r.space)
	n, err := r.src.Read(r.space)
	r.read, r.err = r.space[:n], err
}

// Close implements replay.Reader.
func (r *reader[T]) Close() error { return r.src.Close() }

// held is an item that waits for what is due before it.
type held[T replay.Item] struct {
	item   T
	due    int64
	number uint64
}

// queue is a heap of items, the first due on top.
type queue[T replay.Item] []held[T]

func (q queue[T]) Len() int      { return len(q) }
func (q queue[T]) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue[T]) Less(i, j int) bool {
	if q[i].due != q[j].due {
		return q[i].due < q[j].due
	}
	return q[i].number < q[j].number
}
func (q *queue[T]) Push(x any) { *q = append(*q, x.(held[T])) }
func (q *queue[T]) Pop() any {
	last := len(*q) - 1
	it := (*q)[last]
	(*q)[last] = held[T]{}
	*q = (*q)[:last]
	return it
}
