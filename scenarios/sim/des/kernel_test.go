package des_test

import (
	"slices"
	"testing"

	"firedrill/scenarios/sim/des"
)

func TestEventsFireByTimeThenInOrderOfScheduling(t *testing.T) {
	type event struct {
		time des.Time
		arg  uint64
	}
	var k des.Kernel
	var want, got []event
	record := des.HandlerFunc(func(arg uint64) { got = append(got, event{k.Now(), arg}) })
	r := des.NewRand(1, "order")
	for i := range uint64(5000) {
		e := event{des.Time(r.IntN(300)), i}
		want = append(want, e)
		k.At(e.time, record, e.arg)
	}
	slices.SortStableFunc(want, func(a, b event) int { return int(a.time - b.time) })

	k.Run(300)

	if !slices.Equal(got, want) {
		t.Error("events did not fire by time and then in the order of scheduling")
	}
	if k.Pending() != 0 || k.Now() != 300 {
		t.Errorf("pending %d, now %d; want 0 and 300", k.Pending(), k.Now())
	}
}

func TestEventsMayScheduleEvents(t *testing.T) {
	var k des.Kernel
	var got []des.Time
	var chain des.HandlerFunc
	chain = func(left uint64) {
		got = append(got, k.Now())
		if left > 0 {
			k.After(0, chain, 0)
			k.After(10, chain, left-1)
		}
	}
	k.At(5, chain, 2)
	k.Run(des.Never)
	if want := []des.Time{5, 5, 15, 15, 25}; !slices.Equal(got, want) {
		t.Errorf("fired at %v, want %v", got, want)
	}
}

func TestRunIsHalfOpenAndContinues(t *testing.T) {
	var k des.Kernel
	var got []uint64
	h := des.HandlerFunc(func(arg uint64) { got = append(got, arg) })
	for i := range uint64(4) {
		k.At(des.Time(10*i), h, i)
	}
	k.Run(20)
	if !slices.Equal(got, []uint64{0, 1}) || k.Now() != 20 || k.Pending() != 2 {
		t.Fatalf("after Run(20): fired %v, now %d, pending %d; want [0 1], 20, 2", got, k.Now(), k.Pending())
	}
	k.At(20, h, 9)
	k.Run(10)
	k.Run(31)
	if !slices.Equal(got, []uint64{0, 1, 2, 9, 3}) || k.Now() != 31 {
		t.Fatalf("after Run(31): fired %v, now %d; want [0 1 2 9 3], 31", got, k.Now())
	}
}

func TestSchedulingInThePastPanics(t *testing.T) {
	var k des.Kernel
	k.Run(10)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	k.At(9, des.HandlerFunc(func(uint64) {}), 0)
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	k, _ := hold(2000)
	k.Run(100 * des.Millisecond)
	if n := testing.AllocsPerRun(10, func() { k.Run(k.Now() + 10*des.Millisecond) }); n != 0 {
		t.Errorf("%v allocations while running", n)
	}
}

// hold keeps the same number of events pending, each rescheduled after a random time of mean 1 ms.
func hold(pending int) (*des.Kernel, *uint64) {
	k, fired := new(des.Kernel), new(uint64)
	r := des.NewRand(1, "hold")
	var h des.HandlerFunc
	h = func(arg uint64) {
		*fired++
		k.After(des.Time(r.Uint64()%uint64(2*des.Millisecond)), h, arg)
	}
	for i := range uint64(pending) {
		k.After(des.Time(i), h, i)
	}
	return k, fired
}

// go test -run '^$' -bench Kernel -benchmem ./scenarios/sim/des
func BenchmarkKernel(b *testing.B) {
	for _, size := range []struct {
		name    string
		pending int
	}{{"pending=20", 20}, {"pending=2000", 2000}, {"pending=50000", 50000}} {
		b.Run(size.name, func(b *testing.B) {
			k, fired := hold(size.pending)
			k.Run(10 * des.Millisecond)
			*fired = 0
			b.ReportAllocs()
			for b.Loop() {
				k.Run(k.Now() + des.Millisecond)
			}
			b.ReportMetric(float64(*fired)/b.Elapsed().Seconds()/1e6, "Mevents/s")
		})
	}
}
