package flow

import (
	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
	"firedrill/scenarios/sim/platform"
)

// Service is one service of the system.
type Service struct {
	Model      *model.Service
	Index      int // in model.System.Services
	Operations []*Operation
	// Replicas are those whose container runs, in order of start, ready or not.
	Replicas []*Replica
	// Topics are those that live on it, of a broker.
	Topics []*Topic

	// Workload is nil for an external service.
	Workload *platform.Workload

	serviceState
}

// Operation is one operation of a service.
type Operation struct {
	Service *Service
	Model   *model.Operation
	Index   int // in model.Service.Operations

	operationState
}

// Replica is one run of one pod's container. A container that restarts is another Replica of the same
// pod, with counters at zero, as those of a process are.
type Replica struct {
	Service *Service
	Pod     *platform.Pod // nil for those of external services
	Name    string        // of the pod
	Node    string
	Zone    string
	IP      string
	Version string
	Started des.Time
	// Ready: it is among the endpoints that callers choose from.
	Ready bool

	// InFlight requests have a worker, Queued ones wait for one. Workers and Queue are the limits in
	// force, 0 being none.
	InFlight, Queued, Workers, Queue int
	// Refused counts requests that found the queue full, Begun those that came in, refused ones included.
	Refused, Begun uint64

	Dependencies []*Dependency // as in model.Service.Dependencies
	Caches       []*CacheState // as in model.Service.Caches; of a shared one, the same for all replicas
	LookUps      []LookUps     // of this replica, as in Caches
	Locks        []*LockState  // as in model.Service.Locks; the same for all replicas
	Connections  Connections   // of a database
	// Buckets are the bounds of classic histograms, taken when the container started.
	Buckets []float64
	// User is for the observer.
	User any

	replicaState
}

// Connections of one replica of a database. Active ones have a statement running or queued.
type Connections struct {
	Active, Idle, Max int // Max 0: unlimited
	Opened, Closed    uint64
	Refused           uint64 // beyond Max
}

// Dependency is the client of one replica for one other service.
type Dependency struct {
	Replica *Replica
	Model   *model.Dependency
	Index   int // in model.Service.Dependencies
	Target  *Service

	InFlight int // attempts sent and not ended
	// Calls counts calls, Attempts their attempts (retries and hedges included).
	Calls, Attempts, Retries, Hedges uint64
	RetriesDenied                    uint64 // by the budget
	Exhausted                        uint64 // calls that failed with their last attempt
	Pool                             PoolState
	Breaker                          BreakerState
	// User is for the observer.
	User any

	dependencyState
}

// PoolState is a connection pool. SQL dependencies have one even if model.Dependency.Pool is not set.
type PoolState struct {
	Used, Idle, Pending, Max int // Max 0: unlimited
	Timeouts                 uint64
	Opened, Closed           uint64
	Waits                    uint64   // how often a request had to wait
	WaitTime                 des.Time // of all those together
}

// BreakerPhase is closed (calls go out), open (they fail at once) or half open (one may try).
type BreakerPhase uint8

// The phases.
const (
	Closed BreakerPhase = iota
	HalfOpen
	Open
)

// String is the phase in snake case.
func (p BreakerPhase) String() string { return [...]string{"closed", "half_open", "open"}[p] }

// BreakerState is a circuit breaker.
type BreakerState struct {
	Phase   BreakerPhase
	Opened  uint64
	Refused uint64 // attempts that it did not let out
}

// LookUps are what one replica has asked of a cache.
type LookUps struct{ Hits, Misses uint64 }

// CacheState is a model.LocalCache. A shared one counts what all replicas ask of it.
type CacheState struct {
	Model        *model.LocalCache
	Hits, Misses uint64
	Shared       uint64 // misses that waited for another's filling (single flight), counted in Misses
	Expired      uint64
	Fills        uint64 // entries written

	cacheState
}

// LockState is a model.Lock.
type LockState struct {
	Model         *model.Lock
	Held, Waiting int
	Acquired      uint64
	WaitTime      des.Time // of all that waited

	lockState
}

// Topic is a topic of a broker.
type Topic struct {
	Model      *model.Topic
	Index      int // in model.System.Topics
	Broker     *Service
	Partitions []Partition
	Groups     []*Group // as in model.Topic.Consumers

	topicState
}

// Partition is one log of a topic.
type Partition struct {
	End int64 // offset that the next message gets

	log   []entry // from first on
	first int64
}

// Group is a consumer group of a topic.
type Group struct {
	Topic     *Topic
	Model     *model.Consumer
	Service   *Service
	Operation *Operation
	// Offsets are per partition.
	Offsets    []Offset
	Rebalances uint64
	Done       uint64 // messages committed after success
	Failed     uint64 // tries that failed
	Dropped    uint64 // messages given up

	groupState
}

// Offset is how far a group is in a partition. The lag is Partition.End - Committed.
type Offset struct {
	Committed int64
	Owner     *Replica // nil: nobody
}

// Client is a model.Client.
type Client struct {
	Model    *model.Client
	Index    int // in model.System.Clients
	Rate     float64
	InFlight int
	// Sent counts requests, Attempts what was sent for them; Failed are those without a success.
	Sent, Attempts, OK, Failed uint64

	clientState
}
