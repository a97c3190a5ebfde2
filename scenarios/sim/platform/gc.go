package platform

import "firedrill/scenarios/sim/des"

// What collections cost, in ns of CPU time per byte looked at or moved, and their fixed parts. They are orders of
// magnitude from vendors' tuning guides (a core marks or copies around 1 GB/s), not measurements of one machine.
const (
	markCost    = 1.0
	copyCost    = 1.0
	compactCost = 3.0

	goPause       = float64(60 * des.Microsecond) // Both phases of one cycle.
	youngPause    = float64(2 * des.Millisecond)
	remarkPause   = float64(4 * des.Millisecond)
	fullPause     = float64(30 * des.Millisecond)
	scriptPause   = float64(des.Millisecond)
	scavengePause = float64(500 * des.Microsecond)
	v8NewSpace    = 16 << 20 // --max-semi-space-size.
	goLeastHeap   = 4 << 20  // Go's heapMinimum.
	v8LeastGrow   = 32 << 20 // V8 and CPython wait for at least that much garbage.
	concurrently  = 4        // Go and G1 mark with one thread of four.
	parallelMost  = 8        // Threads of a parallel pause.
	oldThreshold  = 45       // Percent of MaxHeap: G1's InitiatingHeapOccupancyPercent.
	hopeless      = 98       // Percent of MaxHeap live after a full collection: GCHeapFreeLimit is 2.
)

// nextGoal is the heap size at which a heap without generations is collected next.
func (m *memory) nextGoal() int64 {
	switch m.Kind {
	case Go:
		return max(goLeastHeap*int64(m.GOGC)/100, m.live()+m.live()/100*int64(m.GOGC))
	case NodeJS, Python:
		return m.live() + max(v8LeastGrow, m.live()/2)
	}
	return 0
}

// collect starts a collection if it is time for one.
func (m *memory) collect() {
	switch m.Kind {
	case Go:
		if m.used() >= m.goal {
			m.collectGo()
		}
	case NodeJS:
		if m.used()-m.eden >= m.goal {
			m.collectScript(markCost / 8)
		} else if m.eden >= v8NewSpace {
			m.pause(Minor, scavengePause+float64(copyCost*float64(min(m.held, v8NewSpace))), 1, func() {
				m.garbage += m.eden / 32 // What looked alive and was promoted.
				m.eden = 0
			})
		}
	case Python:
		if m.used() >= m.goal {
			m.collectScript(markCost)
		}
	case JVM:
		switch capacity := m.capacity(); {
		case m.eden < capacity:
		case capacity < m.MaxHeap/20:
			m.collectFull()
		default:
			m.collectYoung()
		}
	}
}

// collectGo marks beside the application with a quarter of its threads. What becomes garbage meanwhile stays until
// the next cycle.
func (m *memory) collectGo() {
	found := m.garbage
	m.pause(Major, goPause, 1, func() {
		m.collecting = true
		m.concurrent(func() {
			m.garbage -= found
			m.sweep()
			m.collecting = false
			m.collect()
		})
	})
}

// collectScript pauses Node.js or Python for so many ns per live byte.
func (m *memory) collectScript(cost float64) {
	m.pause(Major, scriptPause+float64(cost*float64(m.live())), 1, func() {
		m.garbage, m.eden = 0, 0
		m.sweep()
		m.dieIfFull("Error", 134) // V8 aborts: "JavaScript heap out of memory".
	})
}

// concurrent marks the live heap with threads that compete with the application's.
func (m *memory) concurrent(done func()) {
	left := max(1, m.cpu.procs/concurrently)
	demand := des.FromFloat(markCost * float64(m.live()) / float64(left))
	finished := des.HandlerFunc(func(uint64) {
		if left--; left == 0 {
			done()
		}
	})
	for range left {
		m.cpu.run(max(demand, 1), finished, 0)
	}
}

// sweep sets the next goal and returns what the runtime no longer wants to the system; Go's scavenger and V8 keep a
// tenth more than the goal.
func (m *memory) sweep() {
	m.goal = m.nextGoal()
	m.resident = max(m.used(), min(m.resident, m.goal+m.goal/10))
}

// pause stops the world for work of that many threads, then counts it and calls done.
func (m *memory) pause(kind Collection, work float64, threads int, done func()) {
	m.collecting = true
	threads = max(1, min(threads, m.cpu.procs, parallelMost))
	// Pauses vary: a factor of median 1, and 2 at the 99th percentile.
	work *= des.Exp(0.3 * m.pod.rand.Norm())
	before, began := m.used(), m.cpu.kernel.Now()
	m.cpu.stopTheWorld(work, threads, func() {
		m.collecting = false
		m.lastPause = m.cpu.kernel.Now() - began
		m.gc[kind].Count++
		m.gc[kind].Pause += m.lastPause
		done()
		m.pod.cluster.each(func(l *Listener) {
			if l.Collected != nil {
				l.Collected(m.pod, GCEvent{kind, m.lastPause, before, m.used()})
			}
		})
	})
}

// capacity is the room of a JVM's eden: the young generation, or what the others leave of the heap.
func (m *memory) capacity() int64 { return max(0, min(m.Young, m.MaxHeap-m.old()-m.survivor)) }

// collectYoung copies what is live in the young generation. Leaks are promoted, and a sixteenth of what requests
// hold, which soon dies in the old generation.
func (m *memory) collectYoung() {
	fresh := m.leaked - m.promoted
	work := youngPause + float64(copyCost*float64(m.held+fresh))
	m.pause(Minor, work, m.cpu.procs, func() {
		m.eden, m.survivor = 0, m.held
		m.promoted += fresh
		m.garbage += m.held / 16
		m.collectOld()
	})
}

// collectOld marks the old generation beside the application once it has passed the threshold.
func (m *memory) collectOld() {
	if m.marking || m.old() < m.MaxHeap/100*oldThreshold {
		return
	}
	m.marking = true
	found := m.garbage
	m.concurrent(func() {
		if m.collecting { // Another pause is under way, and a full one may have collected everything.
			m.marking = false
			return
		}
		m.pause(Major, remarkPause, m.cpu.procs, func() {
			m.garbage -= min(found, m.garbage)
			m.marking = false
		})
	})
}

// collectFull compacts the whole heap.
func (m *memory) collectFull() {
	m.pause(Full, fullPause+float64(compactCost*float64(m.live())), m.cpu.procs, func() {
		m.eden, m.survivor, m.garbage, m.promoted = 0, m.held, 0, m.leaked
		m.dieIfFull("Error", 3) // -XX:+ExitOnOutOfMemoryError.
	})
}

func (m *memory) dieIfFull(reason string, code int) {
	if m.MaxHeap > 0 && m.live() > m.MaxHeap/100*hopeless && !m.dead {
		m.exit(Termination{Reason: reason, ExitCode: code})
	}
}
