package flow_test

import (
	"testing"
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// TestConservation lets a system go through trouble of all kinds, stops its clients, and looks whether
// anything is left over: requests, connections, locks, messages.
func TestConservation(t *testing.T) {
	sys, err := model.Read("system.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sys.Services {
		if i%2 == 0 {
			sys.Services[i].OnCancel = "finish"
		}
		for j := range sys.Services[i].Dependencies {
			d := &sys.Services[i].Dependencies[j]
			d.Hedge = &model.Hedge{After: at(40 * time.Millisecond)}
			d.Breaker = &model.Breaker{Window: at(5 * time.Second), Requests: 50, Ratio: 0.5, Open: at(time.Second)}
		}
	}
	db := sys.Service("db")
	db.Locks = []model.Lock{{Name: "row", Keys: 5}}
	insert := &db.Operations[1]
	insert.Steps = []model.Step{{Locked: &model.Locked{Lock: "row", Steps: insert.Steps}}}
	var faults []model.Fault
	set := func(from, until int, service, name string, p model.Parameter, to string) {
		faults = append(faults, model.Fault{At: at(time.Duration(from) * time.Second), Until: at(time.Duration(until) * time.Second),
			Set: []model.Setting{{Service: service, Name: name, Parameter: p, To: to}}})
	}
	for i, name := range []string{"web", "cart", "catalog", "checkout", "payment", "redis", "bus", "mailer", "db", "gateway"} {
		set(10+5*i, 11+5*i, name, "", model.Kill, "1")
		set(8+5*i, 12+5*i, name, "", model.WorkTime, "20")
		set(40+3*i, 45+3*i, name, "", model.NetworkLoss, "0.2")
	}
	set(20, 60, "checkout", "db", model.DepPool, "2")
	set(25, 65, "catalog", "db", model.DepTimeout, "5ms")
	set(30, 50, "db", "", model.Connections, "3")
	set(35, 55, "search", "", model.Unready, "1")
	faults = append(faults, model.Fault{At: at(2 * time.Minute), Set: []model.Setting{{Client: "users", Parameter: model.ClientRate, To: "0"}}})

	r := record()
	f := start(t, sys, 1, r, faults...)
	f.Run(6 * des.Minute)
	for _, k := range []flow.IncidentKind{flow.ReplicaLost, flow.BreakerOpened, flow.Retrying, flow.ConnectionsFull, flow.Rebalanced} {
		if r.incidents[k] == 0 {
			t.Errorf("no incident %v: the trouble is too little", k)
		}
	}
	c := f.Clients[0]
	if c.InFlight != 0 || c.Sent != c.OK+c.Failed || c.OK < c.Sent/4 || c.Failed == 0 {
		t.Errorf("client %+v in flight %d", []uint64{c.Sent, c.OK, c.Failed}, c.InFlight)
	}
	connections := 0
	for _, s := range f.Services {
		if len(s.Replicas) == 0 {
			t.Errorf("%s has no replicas", s.Model.Name)
		}
		for _, p := range s.Replicas {
			if p.InFlight != 0 || p.Queued != 0 || !p.Ready {
				t.Errorf("%s: %d in flight, %d queued, ready %v", p.Name, p.InFlight, p.Queued, p.Ready)
			}
			for _, d := range p.Dependencies {
				if d.InFlight != 0 || d.Pool.Used != 0 || d.Pool.Pending != 0 || d.Pool.Opened-d.Pool.Closed != uint64(d.Pool.Idle) {
					t.Errorf("%s to %s: %d in flight, pool %+v", p.Name, d.Model.Service, d.InFlight, d.Pool)
				}
				if d.Model.Service == "db" {
					connections += d.Pool.Idle
				}
			}
			for _, l := range p.Locks {
				if l.Held != 0 || l.Waiting != 0 {
					t.Errorf("%s: lock %+v", p.Name, *l)
				}
			}
		}
	}
	if k := f.Services[7].Replicas[0].Connections; k.Active != 0 || k.Idle != connections || k.Opened-k.Closed != uint64(k.Idle) {
		t.Errorf("the database has connections %+v, its callers %d", k, connections)
	}
	g := f.Topics[0].Groups[0]
	written := int64(0)
	for i, o := range g.Offsets {
		if o.Committed != f.Topics[0].Partitions[i].End {
			t.Errorf("partition %d: committed %d of %d", i, o.Committed, f.Topics[0].Partitions[i].End)
		}
		written += o.Committed
	}
	if g.Done != uint64(written) || written < 1000 {
		t.Errorf("%d messages done of %d", g.Done, written)
	}
}
