package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// breakerSlices is into how many parts the sliding window is cut.
const breakerSlices = 10

// breaker counts attempts in a sliding window. Failures are those that say something about the server:
// time-outs, unavailable, rejected, internal.
type breaker struct {
	failed, all [breakerSlices]int
	slice       int64 // number of the latest slice since time 0
	until       des.Time
	trying      bool // half open: the one attempt is under way
}

// admit tells whether an attempt may go out.
func (d *Dependency) admit(a *attempt) bool {
	b := d.breaker
	if b == nil || d.Breaker.Phase == Closed {
		return true
	}
	if d.Breaker.Phase == Open && d.flow.Kernel.Now() >= b.until {
		d.breakerTurns(HalfOpen, BreakerHalfOpen)
		b.trying = false
	}
	if d.Breaker.Phase == HalfOpen && !b.trying {
		b.trying, a.trial = true, true
		return true
	}
	d.Breaker.Refused++
	return false
}

// record counts the end of an attempt, and opens or closes the breaker.
func (d *Dependency) record(failure *Failure, trial bool) {
	b := d.breaker
	if b == nil || failure != nil && failure.Type == breakerType {
		return
	}
	failed := failure != nil && failure.Reason != model.Invalid && failure.Reason != model.Cancelled
	m, now := d.Model.Breaker, d.flow.Kernel.Now()
	switch d.Breaker.Phase {
	case HalfOpen:
		if !trial {
			return
		}
		b.trying = false
		if failed {
			d.breakerOpens()
		} else {
			b.failed, b.all = [breakerSlices]int{}, [breakerSlices]int{}
			d.breakerTurns(Closed, BreakerClosed)
		}
	case Closed:
		b.turn(int64(now) / max(1, int64(m.Window)/breakerSlices))
		i := b.slice % breakerSlices
		b.all[i]++
		if !failed {
			return
		}
		b.failed[i]++
		all, bad := 0, 0
		for i := range b.all {
			all += b.all[i]
			bad += b.failed[i]
		}
		if all >= m.Requests && float64(bad) >= m.Ratio*float64(all) {
			d.breakerOpens()
		}
	}
}

// forgetTrial lets another attempt try, when the one that did was given up.
func (d *Dependency) forgetTrial(trial bool) {
	if trial {
		d.breaker.trying = false
	}
}

// turn empties the slices that have passed.
func (b *breaker) turn(slice int64) {
	for i := max(b.slice+1, slice-breakerSlices+1); i <= slice; i++ {
		b.all[i%breakerSlices], b.failed[i%breakerSlices] = 0, 0
	}
	b.slice = slice
}

func (d *Dependency) breakerOpens() {
	d.breaker.until = d.flow.Kernel.Now().Add(des.Time(d.Model.Breaker.Open))
	d.Breaker.Opened++
	d.breakerTurns(Open, BreakerOpened)
}

func (d *Dependency) breakerTurns(to BreakerPhase, kind IncidentKind) {
	d.Breaker.Phase = to
	d.flow.happened(Incident{Kind: kind, Replica: d.Replica, Dependency: d})
}
