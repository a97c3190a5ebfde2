package telemetry

// Age multiplies everything that the group has counted so far, as if it had been counted times as long: what a process
// that has run for days exposes, simulated for minutes. Counters, histograms and summaries stay consistent with each
// other. Gauges stay.
func (g *Group) Age(times uint64) {
	for _, m := range g.metrics {
		if a, ok := m.(interface{ age(uint64) }); ok && !gone(m) {
			a.age(times)
		}
	}
}

func (c *Counter) age(times uint64) { c.v *= float64(times) }

func (m *function) age(times uint64) {
	if m.counter {
		m.base = float64(times-1) * m.read()
	}
}

func (m *summary) age(times uint64) {
	_, sum, count := m.read()
	m.baseSum, m.baseCount = float64(times-1)*sum, (times-1)*count
}

func (h *Histogram) age(times uint64) {
	for i := range h.counts {
		h.counts[i] *= times
	}
	for i := range h.powers {
		h.powers[i] *= times
	}
	h.zero *= times
	h.count *= times
	h.sum *= float64(times)
}
