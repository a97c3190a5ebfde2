package sim

import (
	"slices"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// later returns the system and its faults with everything that has a time as much later: the simulation begins before
// the recording does. The arguments stay as they are.
func later(sys *model.System, faults []model.Fault, by des.Time) (*model.System, []model.Fault) {
	d := model.Dur(by.Duration())
	out := *sys
	out.Services = slices.Clone(sys.Services)
	for i := range out.Services {
		idle := slices.Clone(out.Services[i].Logs.Idle)
		for j := range idle {
			// What is said from the start on, or to the end, stays so.
			if idle[j].From > 0 {
				idle[j].From += d
			}
			if idle[j].Until > 0 {
				idle[j].Until += d
			}
		}
		out.Services[i].Logs.Idle = idle
	}
	out.Clients = slices.Clone(sys.Clients)
	for i := range out.Clients {
		bursts := slices.Clone(out.Clients[i].Bursts)
		for j := range bursts {
			bursts[j].At += d
		}
		out.Clients[i].Bursts = bursts
		if out.Clients[i].First > 0 {
			out.Clients[i].First += d
		}
	}
	out.Events = slices.Clone(sys.Events)
	for i := range out.Events {
		out.Events[i].At += d
	}
	faults = slices.Clone(faults)
	for i := range faults {
		faults[i].At += d
		if faults[i].Until > 0 {
			faults[i].Until += d
		}
	}
	return &out, faults
}
