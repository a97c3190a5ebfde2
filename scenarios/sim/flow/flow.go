package flow

import (
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// Options of New.
type Options struct {
	Seed uint64
	// Start is the wall time of simulated time 0; the daily rhythm of clients needs it.
	Start    time.Time
	Observer Observer // nil: Nop
}

// Flow is a system that runs.
type Flow struct {
	Model    *model.System
	Kernel   *des.Kernel // for the caller's own events, such as scrapes
	Services []*Service  // as in model.System.Services
	Topics   []*Topic    // as in model.System.Topics
	Clients  []*Client   // as in model.System.Clients

	flowState
}

// New builds a system at time 0. The system has gone through model.Read; faults are checked against it.
func New(sys *model.System, faults []model.Fault, o Options) (*Flow, error) {
	if err := sys.CheckFaults(faults); err != nil {
		return nil, err
	}
	f := &Flow{Model: sys, Kernel: &des.Kernel{}}
	f.observer = o.Observer
	if f.observer == nil {
		f.observer = Nop{}
	}
	return f, nil
}

// Run advances the simulation to a time, not included.
func (f *Flow) Run(until des.Time) { f.Kernel.Run(until) }
