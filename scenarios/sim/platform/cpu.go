package platform

import (
	"math"

	"firedrill/scenarios/sim/des"
)

// quotaPeriod is the kernel's default cpu.cfs_period_us, which the kubelet keeps.
const quotaPeriod = 100 * des.Millisecond

// CPUStats are the cumulative counters of one container's cgroup; a restarted container begins at zero.
type CPUStats struct {
	Usage des.Time // CPU time used: container_cpu_usage_seconds_total.
	// Periods of 100 ms in which the container had runnable work, and those of them in which it used up its quota.
	// They stay zero without a CPU limit, where the kernel has no such counters.
	Periods, ThrottledPeriods uint64
	// Throttled is the time spent throttled, summed over the CPUs on which threads waited, as the kernel does: four
	// runnable threads throttled for 50 ms count 200 ms.
	Throttled des.Time
	// Waiting is the time in which at least one thread was runnable and not running, throttled or crowded out:
	// container_pressure_cpu_waiting_seconds_total.
	Waiting des.Time
}

// cpu runs the threads of one container: processor sharing among them, the kernel's bandwidth control (CFS quota) on
// top, and what the node grants. Threads all advance at one rate, so each is kept by the value of virtual (the
// progress of a thread that had always run) at which it is done, and only the next one needs an event.
type cpu struct {
	share  // What the node is asked for and grants, in cores.
	kernel *des.Kernel
	node   *Node
	limit  float64 // Cores; 0 is none.
	procs  int     // The most threads that run at once: GOMAXPROCS, 1 under a global lock.

	threads  threads
	serial   uint64
	virtual  float64 // ns
	rate     float64 // Progress of each thread per ns: 0 to 1.
	last     des.Time
	finished []thread
	dead     bool

	// A stopped world: application threads stand still while the collector's own threads work.
	stopThreads int
	stopLeft    float64 // ns of work left to each of them.
	stopDone    func()

	periodEnd des.Time
	counted   bool    // The current period is in Periods.
	used      float64 // CPU ns used in the current period.
	throttled bool

	wake       des.Time // When the pending event fires; it may come early and then only sets the next.
	generation uint64   // The argument of the pending event; others are void.

	usage, throttledTime, waiting float64 // ns
	periods, throttledPeriods     uint64
}

func newCPU(k *des.Kernel, node *Node, request, limit float64, procs int, phase des.Time) *cpu {
	// The kernel gives a container without request 2 of 1024 shares.
	c := &cpu{kernel: k, node: node, limit: limit, procs: procs, last: k.Now(), wake: des.Never}
	c.weight = max(request, 2.0/1024)
	c.periodEnd = k.Now() + 1 + phase%quotaPeriod
	node.join(c)
	return c
}

// run adds a thread that needs demand of CPU time.
func (c *cpu) run(demand des.Time, done des.Handler, arg uint64) {
	if c.dead {
		return
	}
	c.settle()
	if len(c.threads) == 0 {
		c.virtual = 0 // Keeps the sums small and so precise.
	}
	c.serial++
	c.threads.push(thread{c.virtual + float64(max(demand, 1)), c.serial, done, arg})
	c.refresh()
}

// stopTheWorld suspends the threads until the given work has been done by that many threads. Only one stop may be
// under way.
func (c *cpu) stopTheWorld(work float64, threads int, done func()) {
	if c.dead {
		return
	}
	c.settle()
	c.stopThreads, c.stopLeft, c.stopDone = threads, work/float64(threads), done
	c.refresh()
}

// kill drops all work; nothing is called any more.
func (c *cpu) kill() {
	c.settle()
	c.dead, c.threads, c.stopThreads, c.stopDone = true, nil, 0, nil
	c.refresh()
	c.generation++
	c.node.leave(c)
}

func (c *cpu) stats() CPUStats {
	c.settle()
	return CPUStats{des.FromFloat(c.usage), c.periods, c.throttledPeriods, des.FromFloat(c.throttledTime), des.FromFloat(c.waiting)}
}

// runnable returns the number of threads that want to run.
func (c *cpu) runnable() int {
	if c.stopThreads > 0 {
		return c.stopThreads
	}
	return len(c.threads)
}

// settle accounts for the time since the last call, in which rate and grant were constant.
func (c *cpu) settle() {
	now := c.kernel.Now()
	if now == c.last {
		return
	}
	passed := float64(now - c.last)
	c.last = now
	n := c.runnable()
	if n > 0 {
		c.usage += float64(passed * c.grant)
		c.used += float64(passed * c.grant)
		if c.stopThreads > 0 {
			c.stopLeft -= float64(passed * c.rate)
		} else {
			c.virtual += float64(passed * c.rate)
		}
		if c.rate < 1 {
			c.waiting += passed
		}
		if c.throttled {
			c.throttledTime += float64(passed * min(float64(n), c.node.cores))
		}
	}
	if c.limit > 0 {
		c.settlePeriods(now, n > 0)
	}
}

// settlePeriods counts the periods of the stretch that ends now, and begins a new one with a fresh quota.
func (c *cpu) settlePeriods(now des.Time, runnable bool) {
	if runnable && !c.counted {
		c.periods++
		c.counted = true
	}
	if now < c.periodEnd {
		return
	}
	whole := (now - c.periodEnd) / quotaPeriod
	start := c.periodEnd + whole*quotaPeriod
	c.periodEnd = start + quotaPeriod
	c.throttled, c.counted, c.used = false, false, 0
	if runnable {
		c.periods += uint64(whole)
		c.used = float64(now-start) * c.grant
		if now > start {
			c.periods++
			c.counted = true
		}
	}
}

// refresh follows a change of the threads or of the quota: it throttles, asks the node, and sets the next event. The
// caller has settled.
func (c *cpu) refresh() {
	n := c.runnable()
	if c.limit > 0 && n > 0 && !c.throttled && c.quotaLeft() <= 0.5 {
		c.throttled = true
		c.throttledPeriods++
		if !c.counted {
			c.periods++
			c.counted = true
		}
	}
	demand := float64(min(n, c.procs))
	if c.throttled {
		demand = 0
	}
	if demand != c.demand {
		c.node.ask(c, demand)
	}
	c.arm()
}

func (c *cpu) quotaLeft() float64 { return float64(c.limit*float64(quotaPeriod)) - c.used }

// arm derives the rate from the grant and makes sure that an event comes no later than the next change.
func (c *cpu) arm() {
	n := c.runnable()
	c.rate = 0
	next := des.Never
	switch {
	case n == 0:
	case c.throttled:
		next = c.periodEnd
	case c.grant > 0:
		c.rate = c.grant / float64(n)
		left := c.stopLeft
		if c.stopThreads == 0 {
			left = c.threads[0].target - c.virtual
		}
		next = c.in(left / c.rate)
		if c.limit > 0 {
			next = min(next, c.exhaustion())
		}
	}
	if next < c.wake {
		c.wake = next
		c.generation++
		c.kernel.At(next, c, c.generation)
	}
}

// exhaustion returns when the quota of this period or the next will be used up, at the present grant.
func (c *cpu) exhaustion() des.Time {
	if t := c.in(c.quotaLeft() / c.grant); t < c.periodEnd {
		return t
	}
	if c.grant > c.limit {
		return c.periodEnd + des.FromFloat(math.Ceil(c.limit*float64(quotaPeriod)/c.grant))
	}
	return des.Never
}

// in returns the time that many ns from now, at least one.
func (c *cpu) in(ns float64) des.Time {
	return c.kernel.Now().Add(des.FromFloat(math.Ceil(max(ns, 1))))
}

// Handle ends what is done and goes on.
func (c *cpu) Handle(generation uint64) {
	if generation != c.generation {
		return
	}
	c.wake = des.Never
	c.settle()
	var stopDone func()
	if c.stopThreads > 0 {
		if c.stopLeft <= 0.5 {
			stopDone, c.stopThreads, c.stopDone = c.stopDone, 0, nil
		}
	} else {
		for len(c.threads) > 0 && c.threads[0].target-c.virtual <= 0.5 {
			c.finished = append(c.finished, c.threads.pop())
		}
	}
	c.refresh()
	if stopDone != nil {
		stopDone()
	}
	for i, t := range c.finished {
		c.finished[i] = thread{}
		if !c.dead { // One of the handlers may end the process.
			t.done.Handle(t.arg)
		}
	}
	c.finished = c.finished[:0]
}
