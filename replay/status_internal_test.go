package replay

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A quantile is at most one bucket, 1/64, above the exact one, and never above the maximum.
func TestLatenessQuantiles(t *testing.T) {
	var l latencies
	if got := l.quantile(0.99); got != 0 {
		t.Errorf("p99 of nothing is %v, want 0", got)
	}
	rnd := rand.New(rand.NewPCG(1, 5))
	var all []time.Duration
	for range 5000 {
		d := time.Duration(1000 + rnd.ExpFloat64()*float64(20*time.Millisecond))
		n := 1 + rnd.IntN(3)
		l.add(d, n)
		all = append(all, slices.Repeat([]time.Duration{d}, n)...)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		exact := all[max(int(q*float64(len(all)))-1, 0)]
		if got := l.quantile(q); got < exact || float64(got) > float64(exact)*(1+1./32)+2000 || got > l.max {
			t.Errorf("p%g is %v, want %v or a little more", 100*q, got, exact)
		}
	}
	if l.max != all[len(all)-1] {
		t.Errorf("the maximum is %v, want %v", l.max, all[len(all)-1])
	}
	l.add(-time.Second, 1) // the wall clock was set back
	l.add(1<<62, 1)
	if got := l.quantile(1); got > l.max || got < time.Hour {
		t.Errorf("the longest is %v, want what was added", got)
	}
}
