package platform

import "firedrill/scenarios/sim/des"

// RuntimeKind is how a process manages its memory.
type RuntimeKind int

// Native frees at once; the others collect garbage, each in its way.
const (
	Native RuntimeKind = iota
	Go
	JVM
	NodeJS
	Python
)

// Runtime describes the memory of one process. Sizes are bytes.
type Runtime struct {
	Kind RuntimeKind
	// Base is resident memory outside the heap: code, stacks, buffers, a JVM's metaspace.
	Base int64
	// Live is what the heap keeps as long as the process runs: tables, caches, connections.
	Live int64
	// GOGC is Go's target: collect when the heap has grown by that many percent of what was live. 0 is 100.
	GOGC int
	// MaxHeap is -Xmx or --max-old-space-size; a process that keeps more dies of it. 0 is the runtime's default for a
	// JVM, a quarter of the memory limit (or of the node's memory), and no limit for the others.
	MaxHeap int64
	// Young is the size of a JVM's young generation. 0 is a third of MaxHeap.
	Young int64
	// Procs is the most threads that run at once. 0 is the runtime's default: the CPU limit rounded up for a JVM (the
	// node's cores without one), 1 for Node.js and Python, the node's cores for the others.
	Procs int
}

// Collection is a kind of garbage collection.
type Collection int

// Minor is a collection of the young generation, in a JVM and in Node.js (V8's scavenges). Major is the ordinary
// collection of the whole heap or of the old generation: beside the application in Go and a JVM, with a last step of an
// eighth that pauses in Node.js, one pause in Python. Full is a JVM's last resort, a long pause.
const (
	Minor Collection = iota
	Major
	Full
)

// GCStats are the cumulative counters of one kind of collection.
type GCStats struct {
	Count uint64
	Pause des.Time // Time during which the application stood still.
}

// MemoryStats is the memory of one container. A restarted one begins anew.
type MemoryStats struct {
	// WorkingSet is container_memory_working_set_bytes: Base plus the resident heap.
	WorkingSet int64
	// HeapUsed is HeapLive (reachable) plus garbage. HeapCommitted is what the runtime has reserved from the system,
	// HeapGoal the size (in Node.js without the new space) at which Go, Node.js and Python collect next, HeapMax the
	// limit or 0.
	HeapUsed, HeapLive, HeapCommitted, HeapGoal, HeapMax int64
	// Eden, Survivor and Old divide HeapUsed in a JVM; in Node.js Eden is the garbage in the new space.
	Eden, Survivor, Old int64
	// Allocated is cumulative.
	Allocated int64
	// GC is indexed by Collection.
	GC [3]GCStats
	// LastPause is the length of the latest pause.
	LastPause des.Time
}

// memory is the heap of one process. All sizes are bytes.
type memory struct {
	Runtime
	pod   *Pod
	cpu   *cpu
	limit int64

	held, leaked int64 // Reachable besides Live.
	garbage      int64 // Not reachable, not collected; of a JVM only in the old generation.
	resident     int64
	committed    int64
	allocated    int64
	goal         int64

	// Generations: eden of a JVM and Node.js (there only its garbage), the others of a JVM. Old is Live + promoted + garbage.
	eden, survivor, promoted int64
	marking                  bool // A concurrent collection of the old generation is under way.

	collecting bool // A cycle or a pause is under way.
	gc         [3]GCStats
	lastPause  des.Time
	dead       bool
}

func newMemory(p *Pod, c *cpu) *memory {
	m := &memory{Runtime: p.config.Runtime, pod: p, cpu: c, limit: p.config.MemoryLimit}
	if m.GOGC == 0 {
		m.GOGC = 100
	}
	if m.Kind == JVM {
		if m.MaxHeap == 0 {
			m.MaxHeap = m.limit / 4
			if m.limit == 0 {
				m.MaxHeap = p.node.Memory / 4
			}
		}
		if m.Young == 0 {
			m.Young = m.MaxHeap / 3
		}
		m.committed = m.MaxHeap / 4
	}
	m.goal = m.nextGoal()
	return m
}

// age puts the heap at a random point of its cycle, where a process that has run for long would be.
func (m *memory) age(r *des.Rand) {
	part := func(n int64) int64 { return int64(r.Float64() * float64(max(0, n))) }
	switch m.Kind {
	case JVM:
		threshold := max(m.old(), m.MaxHeap/100*oldThreshold)
		m.garbage = part(threshold - m.old())
		m.eden = part(m.capacity())
		m.resident = min(threshold+m.Young, m.MaxHeap)
	case Go, NodeJS, Python:
		m.garbage = part(m.goal - m.live())
		m.resident = m.goal
		if m.Kind == NodeJS {
			m.eden = part(v8NewSpace)
			m.resident += v8NewSpace
		}
	}
	m.changed()
}

func (m *memory) live() int64 { return m.Live + m.held + m.leaked }
func (m *memory) old() int64  { return m.Live + m.promoted + m.garbage }

func (m *memory) used() int64 {
	if m.Kind == JVM {
		return m.old() + m.survivor + m.eden
	}
	return m.live() + m.garbage + m.eden
}

// hold, release, alloc and leak are Pod's methods of these names.
func (m *memory) hold(bytes int64) {
	m.held += bytes
	m.grow(bytes)
}

func (m *memory) leak(bytes int64) {
	m.leaked += bytes
	m.grow(bytes)
}

func (m *memory) release(bytes int64) {
	m.held -= bytes
	switch m.Kind {
	case Native, Python: // Freed at the last reference.
		m.changed()
	case Go:
		m.garbage += bytes
	case NodeJS:
		m.eden += bytes
	}
}

func (m *memory) alloc(bytes int64) {
	switch m.Kind {
	case Native:
		m.allocated += bytes
		return
	case Python:
		m.garbage += bytes / 20 // Only what hangs in cycles waits for the collector.
	case Go:
		m.garbage += bytes
	case NodeJS:
		m.eden += bytes
	}
	m.grow(bytes)
}

// grow follows every allocation.
func (m *memory) grow(bytes int64) {
	m.allocated += bytes
	if m.Kind == JVM {
		m.eden += bytes
	}
	m.changed()
	if !m.collecting && m.Kind != Native {
		m.collect()
	}
}

// changed brings what the system sees up to date, and tells the pod when that is more than it may use.
func (m *memory) changed() {
	if m.Kind == Native {
		m.resident = m.used()
	}
	m.resident = max(m.resident, m.used())
	m.committed = max(m.committed, m.resident)
	if m.limit > 0 && m.Base+m.resident > m.limit && !m.dead {
		m.exit(Termination{Reason: "OOMKilled", ExitCode: 137})
	}
}

// exit ends the process as an event of its own, so that callers of Hold and Alloc need not expect it.
func (m *memory) exit(t Termination) {
	m.dead = true
	process := m.pod.process
	m.cpu.kernel.After(0, des.HandlerFunc(func(uint64) {
		if m.pod.process == process && process != nil {
			m.pod.die(t)
		}
	}), 0)
}

func (m *memory) stats() MemoryStats {
	const mib = 1 << 20
	s := MemoryStats{
		WorkingSet: m.Base + m.resident, HeapUsed: m.used(), HeapLive: m.live(),
		HeapCommitted: (m.committed + mib - 1) / mib * mib, HeapGoal: m.goal, HeapMax: m.MaxHeap, Eden: m.eden,
		Allocated: m.allocated, GC: m.gc, LastPause: m.lastPause,
	}
	if m.Kind == JVM {
		s.Survivor, s.Old = m.survivor, m.old()
	}
	return s
}
