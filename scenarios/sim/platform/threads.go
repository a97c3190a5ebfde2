package platform

import "firedrill/scenarios/sim/des"

// thread is done when the virtual time of its container reaches target.
type thread struct {
	target float64
	serial uint64
	done   des.Handler
	arg    uint64
}

// threads is a binary heap by target, then by arrival.
type threads []thread

func (a *thread) less(b *thread) bool {
	return a.target < b.target || a.target == b.target && a.serial < b.serial
}

func (h *threads) push(t thread) {
	*h = append(*h, t)
	s, i := *h, len(*h)-1
	for i > 0 {
		parent := (i - 1) / 2
		if !t.less(&s[parent]) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = t
}

func (h *threads) pop() thread {
	s, n := *h, len(*h)-1
	first, last := s[0], s[n]
	s[n] = thread{}
	*h = s[:n]
	if n == 0 {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && s[child+1].less(&s[child]) {
			child++
		}
		if !s[child].less(&last) {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = last
	return first
}
