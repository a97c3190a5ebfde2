package platform

import "firedrill/scenarios/sim/des"

// become enters a state. If that changes the readiness condition, callers will learn of it.
func (p *Pod) become(s State) {
	was := p.state == Ready
	p.state = s
	p.epoch++
	if is := s == Ready; is != was {
		p.readyChanged = p.cluster.kernel.Now()
		p.workload.announce()
		p.cluster.each(func(l *Listener) {
			if f := l.Ready; is && f != nil {
				f(p)
			}
			if f := l.NotReady; was && f != nil {
				f(p)
			}
		})
	}
	p.workload.changed()
}

// after calls f in d unless the pod has entered another state by then.
func (p *Pod) after(d des.Time, f func()) {
	epoch := p.epoch
	p.cluster.kernel.After(d, des.HandlerFunc(func(uint64) {
		if epoch == p.epoch {
			f()
		}
	}), 0)
}

// bind reserves a place on a node, if one has room.
func (p *Pod) bind() bool {
	p.node = p.cluster.place(p.workload, &p.config)
	if p.node == nil {
		return false
	}
	p.node.requestedCPU += p.config.CPURequest
	p.node.requestedMemory += p.config.MemoryRequest
	p.ip = p.node.address()
	return true
}

// schedule binds the pod and has its first container created in one to two seconds.
func (p *Pod) schedule() {
	if p.bind() {
		p.after(containerCreate+des.FromFloat(p.rand.Float64()*float64(des.Second)), p.start)
	}
}

// start begins a process, which is ready after its start-up time.
func (p *Pod) start() {
	if p.state == Waiting {
		p.restarts++
	}
	p.begin()
	p.process.memory.changed()
	startUp := des.Second
	if p.config.StartUp != nil {
		startUp = p.config.StartUp.Sample(p.rand)
	}
	p.after(startUp+p.config.ReadinessDelay, p.probe)
}

// resume puts the pod where it is after it has run, ready, for about the workload's Age.
func (p *Pod) resume() {
	p.begin()
	age := p.workload.config.Age
	age -= des.FromFloat(p.rand.Float64() * float64(age) / 20)
	began := p.process.started - age
	p.process.memory.age(p.rand)
	p.process.started, p.created, p.restartedAt = began, began, began
	p.become(Ready)
	p.readyChanged = began
	if p.probed() {
		p.after(des.FromFloat(p.rand.Float64()*float64(probePeriod)), p.probe)
	}
}

func (p *Pod) begin() {
	now := p.cluster.kernel.Now()
	c := newCPU(p.cluster.kernel, p.node, p.config.CPURequest, p.config.CPULimit, p.procs(), des.Time(p.rand.IntN(int(quotaPeriod))))
	p.process = &process{id: containerID(p.rand), started: now, cpu: c}
	p.process.memory = newMemory(p, c)
	p.restartedAt, p.readyFailures, p.liveFailures = now, 0, 0
	p.become(Starting)
	p.cluster.each(func(l *Listener) {
		if l.Started != nil {
			l.Started(p)
		}
	})
}

func (p *Pod) probed() bool { return p.workload.config.Live != nil || p.workload.config.Ready != nil }

// probe asks both probes. It goes on for as long as the process serves.
func (p *Pod) probe() {
	c := &p.workload.config
	if c.Live == nil || c.Live(p) {
		p.liveFailures = 0
	} else if p.liveFailures++; p.liveFailures >= failureThreshold {
		// What does not answer a probe does not heed SIGTERM either.
		p.die(Termination{Reason: "Error", ExitCode: 137})
		return
	}
	if c.Ready == nil || c.Ready(p) {
		p.readyFailures = 0
		if p.state != Ready {
			p.become(Ready)
		}
	} else if p.readyFailures++; p.state == Ready && p.readyFailures >= failureThreshold {
		p.become(NotReady)
	}
	if p.probed() {
		p.after(probePeriod, p.probe)
	}
}

// end drops the process with all its work.
func (p *Pod) end(t Termination) {
	t.At = p.cluster.kernel.Now()
	p.termination = t
	p.process.cpu.kill()
	p.process = nil
	p.cluster.each(func(l *Listener) {
		if l.Killed != nil {
			l.Killed(p, t)
		}
	})
}

// die ends the process against the platform's will. The kubelet starts the next one: at once the first time, then
// after 10 s, 20 s and so on to 5 min, counted from the end; a process that ran for 10 min starts this over
// (k8s.io/client-go/util/flowcontrol.Backoff).
func (p *Pod) die(t Termination) {
	if p.state == Terminating {
		p.end(t)
		p.remove()
		return
	}
	if p.cluster.kernel.Now()-p.restartedAt > backOffReset {
		p.backOff = 0
	}
	p.become(Waiting)
	p.end(t)
	p.waiting = p.backOff
	p.backOff = min(max(backOffFirst, 2*p.backOff), backOffMost)
	p.after(containerCreate+p.waiting, p.start)
}

// terminate ends the pod: gracefully if it has a process.
func (p *Pod) terminate() {
	if p.state == Terminating || p.state == Gone {
		return
	}
	running := p.process != nil
	p.become(Terminating)
	if !running {
		p.remove()
		return
	}
	deadline := p.cluster.kernel.Now() + gracePeriod
	p.after(p.config.PreStop, func() {
		p.cluster.each(func(l *Listener) {
			if l.Terminating != nil {
				l.Terminating(p)
			}
		})
		p.after(drainPoll, func() { p.drain(deadline) })
	})
}

// drain waits until the process has finished its requests, or the grace period is over.
func (p *Pod) drain(deadline des.Time) {
	drained := p.workload.config.Drained
	switch now := p.cluster.kernel.Now(); {
	case drained == nil || drained(p):
		p.end(Termination{Reason: "Completed"})
		p.remove()
	case now >= deadline:
		p.end(Termination{Reason: "Error", ExitCode: 137})
		p.remove()
	default:
		p.after(min(drainPoll, deadline-now), func() { p.drain(deadline) })
	}
}

func (p *Pod) remove() {
	if p.node != nil {
		p.node.requestedCPU -= p.config.CPURequest
		p.node.requestedMemory -= p.config.MemoryRequest
	}
	p.cluster.pods = without(p.cluster.pods, p)
	p.workload.pods = without(p.workload.pods, p)
	p.become(Gone)
	p.cluster.each(func(l *Listener) {
		if l.Removed != nil {
			l.Removed(p)
		}
	})
	p.cluster.retry()
}

// without returns a new slice, so that those who iterate over the old one are not disturbed.
func without(pods []*Pod, gone *Pod) []*Pod {
	rest := make([]*Pod, 0, len(pods))
	for _, p := range pods {
		if p != gone {
			rest = append(rest, p)
		}
	}
	return rest
}
