package des

import "fmt"

// Handler receives events. The argument is the handler's own: an index, an id, or a generation number by which it
// recognises an event that it no longer wants (events cannot be cancelled).
type Handler interface {
	Handle(arg uint64)
}

// HandlerFunc lets a function receive events.
type HandlerFunc func(arg uint64)

// Handle calls f.
func (f HandlerFunc) Handle(arg uint64) { f(arg) }

// Kernel is the clock and the queue of events. The zero value is ready, at time 0. It must not be copied.
type Kernel struct {
	now    Time
	serial uint64
	// heap is a 4-ary heap of 16-byte keys without pointers, so that the four children of a node share a cache line
	// and moving them costs the garbage collector nothing. What an event carries stays in its slot.
	heap  []key
	slots []slot
	free  []uint32
}

// key orders events: by time, then by serial number, which is order without its low slotBits.
type key struct {
	time  Time
	order uint64
}

type slot struct {
	handler Handler
	arg     uint64
}

// 2^24 events may be pending, and 2^40 be scheduled in all: a day at 12 million a second.
const slotBits = 24

func (a key) less(b key) bool { return a.time < b.time || a.time == b.time && a.order < b.order }

// Now returns the time of the event being handled; between runs, the time up to which the simulation has run.
func (k *Kernel) Now() Time { return k.now }

// Pending returns the number of events not fired yet.
func (k *Kernel) Pending() int { return len(k.heap) }

// After schedules an event d from now. It panics if d is negative.
func (k *Kernel) After(d Time, h Handler, arg uint64) { k.At(k.now.Add(d), h, arg) }

// At schedules an event. Events of the same time fire in the order of the calls. It panics if t is in the past.
func (k *Kernel) At(t Time, h Handler, arg uint64) {
	if t < k.now {
		panic(fmt.Sprintf("des: event scheduled at %v, which is before now (%v)", t, k.now))
	}
	var s uint32
	if n := len(k.free); n > 0 {
		s = k.free[n-1]
		k.free = k.free[:n-1]
		k.slots[s] = slot{h, arg}
	} else {
		if len(k.slots) == 1<<slotBits {
			panic("des: more than 2^24 events pending")
		}
		s = uint32(len(k.slots))
		k.slots = append(k.slots, slot{h, arg})
	}
	e := key{t, k.serial<<slotBits | uint64(s)}
	k.serial++

	k.heap = append(k.heap, e)
	heap, i := k.heap, len(k.heap)-1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.less(heap[parent]) {
			break
		}
		heap[i] = heap[parent]
		i = parent
	}
	heap[i] = e
}

// Run fires the events before until and advances the clock to it. Events at until itself are left for the next run.
func (k *Kernel) Run(until Time) {
	for len(k.heap) > 0 && k.heap[0].time < until {
		e := k.heap[0]
		k.pop()
		s := uint32(e.order & (1<<slotBits - 1))
		fired := k.slots[s]
		k.slots[s].handler = nil
		k.free = append(k.free, s)
		k.now = e.time
		fired.handler.Handle(fired.arg)
	}
	k.now = max(k.now, until)
}

// pop removes the first key of the heap.
func (k *Kernel) pop() {
	n := len(k.heap) - 1
	last := k.heap[n]
	k.heap = k.heap[:n]
	if n == 0 {
		return
	}
	heap, i := k.heap, 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, n); c++ {
			if heap[c].less(heap[least]) {
				least = c
			}
		}
		if !heap[least].less(last) {
			break
		}
		heap[i] = heap[least]
		i = least
	}
	heap[i] = last
}
