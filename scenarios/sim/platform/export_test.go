package platform

import "firedrill/scenarios/sim/des"

// PeriodEnd returns the end of the quota period that was the latest to have work.
func (p *Pod) PeriodEnd() des.Time { return p.process.cpu.periodEnd }
