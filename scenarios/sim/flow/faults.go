package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
)

// rampStep is how often a ramp moves on.
const rampStep = des.Second

// fault is one model.Fault under way.
type fault struct {
	flow    *Flow
	model   *model.Fault
	changes []*change
	on      des.Time // when it was switched on last
	turn    uint64   // counts the switchings: ramps of former ones end
}

// Events of a fault. The turn is in the higher bits.
const (
	faultOn uint64 = iota
	faultRamps
	faultOff
	faultEnds
)

func (f *Flow) planFaults(faults []model.Fault) {
	for i := range faults {
		m := &faults[i]
		x := &fault{flow: f, model: m}
		for _, s := range m.Set {
			x.changes = append(x.changes, f.parameters.add(s, m.Only))
		}
		f.Kernel.At(des.Time(m.At), x, faultOn)
		if m.Until > 0 {
			f.Kernel.At(des.Time(m.Until), x, faultEnds)
		}
	}
}

// Handle receives the fault's events.
func (x *fault) Handle(arg uint64) {
	f, m := x.flow, x.model
	now := f.Kernel.Now()
	switch arg & 3 {
	case faultOn:
		if m.Until > 0 && now >= des.Time(m.Until) {
			return
		}
		x.on = now
		x.turn++
		x.ramp()
		if m.Flap != nil {
			f.Kernel.After(des.FromFloat(float64(m.Flap.Period)*m.Flap.Duty), x, x.turn<<2|faultOff)
			f.Kernel.After(des.Time(m.Flap.Period), x, faultOn)
		}
	case faultRamps:
		if arg>>2 == x.turn {
			x.ramp()
		}
	case faultOff:
		x.turn++
		x.level(0)
	case faultEnds:
		x.turn++
		x.level(0)
	}
}

// ramp brings the fault to where it has to be by now.
func (x *fault) ramp() {
	over := des.Time(x.model.Ramp)
	passed := x.flow.Kernel.Now() - x.on
	if passed >= over {
		x.level(1)
		return
	}
	x.level(passed.Seconds() / over.Seconds())
	x.flow.Kernel.After(min(rampStep, over-passed), x, x.turn<<2|faultRamps)
}

func (x *fault) level(l float64) {
	for _, c := range x.changes {
		x.flow.parameters.level(c, l)
	}
}

// happening is a model.Event to come.
type happening struct {
	flow    *Flow
	model   *model.Event
	changes []*change
}

func (f *Flow) planEvents() {
	for i := range f.Model.Events {
		m := &f.Model.Events[i]
		h := &happening{flow: f, model: m}
		// What a deploy sets comes with the new version.
		var only *model.Only
		if m.Kind == "deploy" {
			only = &model.Only{Version: m.Version}
		}
		for _, s := range m.Set {
			o := only
			if s.Service != m.Service {
				o = nil
			}
			h.changes = append(h.changes, f.parameters.add(s, o))
		}
		f.Kernel.At(des.Time(m.At), h, 0)
	}
}

// Handle is the event's time.
func (h *happening) Handle(uint64) {
	f, m := h.flow, h.model
	s := f.byName[m.Service]
	for _, c := range h.changes {
		f.parameters.level(c, 1)
	}
	switch {
	case m.Kind == "flag":
		*s.flag(m.Flag) = !m.Off
	case s.Workload == nil:
	case m.Kind == "deploy":
		s.Workload.Rollout(m.Version, nil)
	case m.Kind == "scale":
		s.Workload.Scale(m.Replica)
	case m.Kind == "restart":
		s.Workload.Rollout(s.Workload.Config().Version, func(c *platform.PodConfig) { c.RestartedAt = f.Kernel.Now() })
	}
	if m.Log == nil {
		return
	}
	for _, p := range s.Replicas {
		f.Kernel.After(des.FromFloat(p.lines.Float64()*float64(noticed)), des.HandlerFunc(func(uint64) {
			if !p.dead {
				f.logged(Entry{Kind: LogEvent, Replica: p, Line: m.Log, Seed: p.lines.Uint64()})
			}
		}), 0)
	}
}

// noticed is within which time the replicas have noticed an event, and written its line.
const noticed = 2 * des.Second
