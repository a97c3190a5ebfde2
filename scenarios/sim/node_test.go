package sim_test

import (
	"path/filepath"
	"testing"
	"time"

	"firedrill/scenarios/sim/model"
)

// TestCrowdedNode: a node whose neighbours want more than it has is busy all the time, and no counter of its CPUs
// goes backwards, which rate() would take for a restart.
func TestCrowdedNode(t *testing.T) {
	const crowdedFrom, crowdedUntil = time.Minute, 3 * time.Minute
	dir := filepath.Join(t.TempDir(), "r")
	faults := []model.Fault{{At: model.Dur(crowdedFrom), Until: model.Dur(crowdedUntil),
		Set: []model.Setting{{Node: "n1", Parameter: model.NodeNeighbour, To: "12"}}}}
	if err := build(dir, "small.yaml", faults, 4*time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	cpus := s.find("node_cpu_seconds_total", "node", "n1")
	if len(cpus) != 8*6 {
		t.Fatalf("%d series of CPUs, want 8 CPUs of 6 modes", len(cpus))
	}
	for _, x := range cpus {
		for i, p := range x.points[1:] {
			if p.v < x.points[i].v {
				t.Fatalf("%v falls from %v to %v", x.labels, x.points[i].v, p.v)
			}
		}
	}
	idle, pressure := s.find("node_cpu_seconds_total", "node", "n1", "mode", "idle"), s.find("node_pressure_cpu_waiting_seconds_total", "node", "n1")
	at := func(d time.Duration) int64 { return start.Add(d).UnixMilli() }
	for _, c := range []struct {
		what        string
		all         []*series
		from, to    time.Duration
		least, most float64
	}{
		{"idle before", idle, 15 * time.Second, crowdedFrom, 7 * 30, 8 * 60},
		{"idle while crowded", idle, crowdedFrom + 15*time.Second, crowdedUntil - 15*time.Second, 0, 0.1},
		{"waiting before", pressure, 15 * time.Second, crowdedFrom, 0, 30},
		{"waiting while crowded", pressure, crowdedFrom + 15*time.Second, crowdedUntil - 15*time.Second, 75, 90.1},
	} {
		if got := between(c.all, at(c.from), at(c.to)); got < c.least || got > c.most {
			t.Errorf("%s: %.2f s, want %v to %v", c.what, got, c.least, c.most)
		}
	}
	for _, x := range s.find("container_pressure_cpu_waiting_seconds_total") {
		if v := between([]*series{x}, at(15*time.Second), at(4*time.Minute)); v < 0 || v > 240 {
			t.Errorf("%v has waited %v s in 240 s", x.labels, v)
		}
	}
}
