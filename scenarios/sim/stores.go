package sim

import (
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/telemetry"
	"firedrill/scenarios/sim/telemetry/exporter"

	"github.com/prometheus/prometheus/model/labels"
)

// served counts what one process of a database or a cache has done, for its exporter.
type served struct {
	process                              *process
	ok, failed                           float64
	returned, fetched, inserted, updated float64
}

func newServed(p *process) *served {
	s := &served{process: p}
	if p.unit.service.Model.Kind == model.Database {
		s.observePostgres()
	} else {
		s.observeRedis()
	}
	return s
}

// rowsRead is how many rows a SELECT looks at and returns.
const rowsRead, rowsFetched = 14, 6

func (s *served) handled(h *flow.Handled) {
	if h.Failure != nil {
		s.failed++
		return
	}
	s.ok++
	switch verb, _ := cut(h.Operation.Model.Name); verb {
	case "SELECT":
		s.returned += rowsRead
		s.fetched += rowsFetched
	case "INSERT":
		s.inserted++
	case "UPDATE", "DELETE":
		s.updated++
		s.fetched++
	}
}

// postgresMax is PostgreSQL's default of max_connections.
const postgresMax = 100

func (s *served) observePostgres() {
	p := s.process
	r := p.replica
	most := func() float64 {
		if r.Connections.Max > 0 {
			return float64(r.Connections.Max)
		}
		return max(postgresMax, float64(2*(r.Connections.Active+r.Connections.Idle)))
	}
	held := func() float64 {
		n := 0
		for _, l := range r.Locks {
			n += l.Held
		}
		return float64(n)
	}
	waiting := func() float64 {
		n := 0
		for _, l := range r.Locks {
			n += l.Waiting
		}
		return float64(n)
	}
	active := func() float64 { return float64(r.Connections.Active) }
	exporter.PostgreSQL{
		Database: database(p.unit.service.Model),
		Backends: map[string]exporter.Read{
			"active": active, "idle": func() float64 { return float64(r.Connections.Idle) }, "idle in transaction": exporter.Constant(0),
		},
		MaxConnections: most,
		Locks: map[string]exporter.Read{
			"accesssharelock":  func() float64 { return 1 + 2*active() },
			"rowexclusivelock": func() float64 { return held() + waiting() },
			"sharelock":        waiting, // Who waits for a row asks for a share of the transaction that has it.
		},
		Commits: func() float64 { return s.ok }, Rollbacks: func() float64 { return s.failed },
		BlocksHit:  func() float64 { return float64(18*int64(s.ok) + 3*int64(s.returned)) },
		BlocksRead: func() float64 { return float64(int64(0.05 * s.ok)) },
		Returned:   func() float64 { return s.returned }, Fetched: func() float64 { return s.fetched },
		Inserted: func() float64 { return s.inserted }, Updated: func() float64 { return s.updated },
		Deadlocks: exporter.Constant(0),
	}.Add(p.group)
}

func (s *served) observeRedis() {
	p := s.process
	run, service := p.unit.run, p.unit.service
	share := func() float64 { return float64(max(len(service.Replicas), 1)) }
	kept := run.caches(service)
	sum := func(part func(*flow.CacheState) uint64) exporter.Read {
		// Counters of callers that restart begin anew; those of the server do not.
		var most float64
		return func() float64 {
			var n float64
			for _, c := range kept() {
				n += float64(part(c))
			}
			most = max(most, n)
			return float64(int64(most / share()))
		}
	}
	e := exporter.Redis{
		Clients:        func() float64 { return float64(int64(run.clientsOf(service) / share())) },
		BlockedClients: exporter.Constant(0),
		Memory:         func() float64 { return float64(p.unit.pod.Memory().WorkingSet) },
		MaxMemory:      exporter.Constant(float64(p.unit.pod.Config().MemoryLimit) * 0.75),
		Commands:       func() float64 { return s.ok + s.failed },
		Evicted:        exporter.Constant(0),
	}
	if len(kept()) > 0 {
		e.Hits = sum(func(c *flow.CacheState) uint64 { return c.Hits })
		e.Misses = sum(func(c *flow.CacheState) uint64 { return c.Misses })
		e.Expired = sum(func(c *flow.CacheState) uint64 { return c.Expired })
		e.Keys = func() float64 {
			n := 0
			for _, c := range kept() {
				n += c.Size()
			}
			return float64(int64(float64(n) / share()))
		}
	}
	e.Add(p.group)
}

// caches finds the caches that live on a cache service: those whose steps look them up there.
func (r *run) caches(service *flow.Service) func() []*flow.CacheState {
	type place struct {
		service *flow.Service
		index   int
	}
	var places []place
	for _, s := range r.flow.Services {
		for i, c := range s.Model.Caches {
			for _, o := range s.Model.Operations {
				if looksUp(o.Steps, c.Name, service.Model.Name) {
					places = append(places, place{s, i})
					break
				}
			}
		}
	}
	return func() []*flow.CacheState {
		var out []*flow.CacheState
		for _, p := range places {
			for _, replica := range p.service.Replicas {
				out = append(out, replica.Caches[p.index])
				if p.service.Model.Caches[p.index].Shared {
					break
				}
			}
		}
		return out
	}
}

// looksUp tells whether steps look a cache's entries up on a service.
func looksUp(steps []model.Step, cache, service string) bool {
	for _, s := range steps {
		switch {
		case s.Cached != nil && (s.Cached.Cache == cache && s.Cached.Get != nil && s.Cached.Get.Service == service || looksUp(s.Cached.Miss, cache, service)),
			s.Locked != nil && looksUp(s.Locked.Steps, cache, service), s.Span != nil && looksUp(s.Span.Steps, cache, service),
			s.Call != nil && looksUp(s.Call.Fallback, cache, service), looksUp(s.Parallel, cache, service):
			return true
		}
	}
	return false
}

// clientsOf counts the connections that others have to a cache.
func (r *run) clientsOf(service *flow.Service) float64 {
	n := 0
	for _, s := range r.flow.Services {
		for _, replica := range s.Replicas {
			for _, d := range replica.Dependencies {
				if d.Target == service {
					// Without a pool a client has one connection to each server, for all commands.
					n += max(d.Pool.Used+d.Pool.Idle, len(service.Replicas))
				}
			}
		}
	}
	return float64(n)
}

// observeBrokers adds a kafka_exporter for each broker with its topics and groups.
func (r *run) observeBrokers() {
	rand := r.stream("kafka")
	for _, t := range r.flow.Topics {
		var bases []int64
		for range t.Partitions {
			bases = append(bases, 100_000+int64(rand.IntN(4_000_000)))
		}
		r.offsets = append(r.offsets, bases)
	}
	for _, s := range r.flow.Services {
		if len(s.Topics) == 0 {
			continue
		}
		target := r.target(labels.FromStrings("job", "kafka-exporter", "instance", "10.244.0."+itoa(20+s.Index)+":9308",
			"namespace", r.sys.Namespace, "pod", "kafka-exporter-"+template(rand)+"-"+suffix(rand), "container", "kafka-exporter"), "service", s.Model.Name)
		g := target.Group()
		for _, t := range s.Topics {
			for i := range t.Partitions {
				r.observePartition(g, t, i)
			}
		}
		r.every(target.Next, scrape(target))
	}
}

func (r *run) observePartition(g *telemetry.Group, t *flow.Topic, i int) {
	base := r.offsets[t.Index][i]
	exporter.KafkaPartition(g, t.Model.Name, itoa(i), func() float64 { return float64(base + t.Partitions[i].End) })
	for _, group := range t.Groups {
		exporter.KafkaConsumer(g, group.Model.Group, t.Model.Name, itoa(i),
			func() float64 { return float64(base + group.Offsets[i].Committed) },
			func() float64 { return float64(t.Partitions[i].End - group.Offsets[i].Committed) })
	}
}
