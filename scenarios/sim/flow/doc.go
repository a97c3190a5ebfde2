// Package flow is the request path of the simulator: open-loop clients send requests to services, whose
// replicas run the steps of model.Operation on workers and call other services, data stores and brokers.
// Retry storms, exhausted pools, stampedes, convoys and cascades are not coded here; they emerge from
// clients with time-outs, pools and retries, servers with queues, and a [platform] that shares CPU.
//
// [New] builds a [Flow] from a system and faults; [Flow.Run] advances it. What happens is told to an
// [Observer] as it happens; what is, is read from the exported fields of [Service], [Replica],
// [Dependency], [CacheState], [LockState], [Topic] and [Client] between two runs. All fields are to be
// read only.
//
// The same system, faults and seed give the same sequence of observer calls, on every machine. A Flow is
// one goroutine's; observers are called on it.
package flow
