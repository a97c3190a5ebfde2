package platform

// Resize changes the limits of a running container in place (Kubernetes 1.33), for this container and those that
// follow it in the pod. A limit of 0 is none; below what it uses already, the container is killed.
func (p *Pod) Resize(cpuLimit float64, memoryLimit int64) {
	p.config.CPULimit, p.config.MemoryLimit = cpuLimit, memoryLimit
	if p.process == nil {
		return
	}
	if c := p.process.cpu; c.limit != cpuLimit {
		c.settle()
		if c.limit == 0 {
			c.periodEnd, c.used, c.counted = c.last+quotaPeriod, 0, false
		}
		c.limit = cpuLimit
		c.throttled = c.throttled && cpuLimit > 0 && c.quotaLeft() <= 0.5
		c.refresh()
	}
	p.process.memory.limit = memoryLimit
	p.process.memory.changed()
}

// SetCores changes how many cores the node gives to what runs on it: less than Cores when its clock is throttled.
func (n *Node) SetCores(cores float64) {
	n.settle()
	n.cores = cores
	n.divide(nil)
}
