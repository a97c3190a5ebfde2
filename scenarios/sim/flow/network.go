package flow

import "firedrill/scenarios/sim/des"

// oneWay is the time from a caller to a replica, or back. What is outside of the cluster is as far as
// another zone.
func (f *Flow) oneWay(d *Dependency, server *Replica) des.Time {
	if d.Replica != nil && d.Replica.Zone == server.Zone && server.Zone != "" {
		return f.zone.Sample(d.rand)
	}
	return f.cross.Sample(d.rand)
}

// between is the time from one replica to another, for what has no client of its own.
func (f *Flow) between(r *des.Rand, a, b *Replica) des.Time {
	if a.Zone == b.Zone && a.Zone != "" {
		return f.zone.Sample(r)
	}
	return f.cross.Sample(r)
}

// choose picks one of the endpoints that the caller knows, nil if there is none.
func (d *Dependency) choose(c *call) *Replica {
	all := d.Target.endpoints
	n := len(all)
	if n == 0 {
		return nil
	}
	if c.partition >= 0 {
		return all[c.partition%n] // The partition's leader.
	}
	switch d.Model.Balance {
	case "random":
		return all[d.rand.IntN(n)]
	case "least":
		d.turn++
		best := all[d.turn%n]
		for i := 1; i < n; i++ {
			if p := all[(d.turn+i)%n]; d.load(p) < d.load(best) {
				best = p
			}
		}
		return best
	}
	d.turn++
	return all[d.turn%n]
}

// load is how many requests of the dependency a replica has.
func (d *Dependency) load(p *Replica) int32 {
	if p.slot >= len(d.loads) {
		return 0
	}
	return d.loads[p.slot]
}

func (d *Dependency) count(slot int, by int32) {
	for slot >= len(d.loads) {
		d.loads = append(d.loads, 0)
	}
	d.loads[slot] += by
}
