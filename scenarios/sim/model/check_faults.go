package model

import (
	"errors"
	"fmt"
	"slices"
)

// target is what a parameter belongs to.
type target struct {
	of    string             // service, node, client or topic
	named string             // dependency, cache: Setting.Name is needed
	read  func(string) error // of Setting.To
	zero  bool               // it is 0 unless a fault or an event sets it: a multiple of it would be none
	calls bool               // Only.Operations and Only.Callers apply
}

func reads[T any](parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		_, err := parse(s)
		return err
	}
}

var parameters = map[Parameter]target{
	WorkTime: {of: "service", read: number, calls: true}, WorkCPU: {of: "service", read: number, calls: true},
	WorkWait:   {of: "service", read: reads(ParseDist), zero: true, calls: true},
	ErrorShare: {of: "service", read: share, zero: true, calls: true}, LeakRequest: {of: "service", read: reads(ParseBytes), zero: true, calls: true},
	LeakRate: {of: "service", read: reads(ParseBytes), zero: true}, AllocBytes: {of: "service", read: reads(ParseBytes)},
	Workers: {of: "service", read: number}, QueueSize: {of: "service", read: number},
	CPULimit: {of: "service", read: reads(ParseCores)}, MemLimit: {of: "service", read: reads(ParseBytes)}, IdleCPU: {of: "service", read: reads(ParseCores)},
	Unready: {of: "service", read: number, zero: true}, Kill: {of: "service", read: number, zero: true}, Buckets: {of: "service", read: reads(ParseBuckets)},
	NetworkWait: {of: "service", read: reads(ParseDist), zero: true}, NetworkLoss: {of: "service", read: share, zero: true},
	Connections: {of: "service", read: number}, LogShare: {of: "service", read: share}, TraceShare: {of: "service", read: share},
	DepTimeout: {of: "service", named: "dependency", read: reads(ParseDur)}, DepDeadline: {of: "service", named: "dependency", read: reads(ParseDur)},
	DepAttempts: {of: "service", named: "dependency", read: number}, DepBackoff: {of: "service", named: "dependency", read: reads(ParseDur)},
	DepBudget: {of: "service", named: "dependency", read: number}, DepPool: {of: "service", named: "dependency", read: number},
	DepHedge: {of: "service", named: "dependency", read: reads(ParseDur)},
	CacheTTL: {of: "service", named: "cache", read: reads(ParseDur)}, CacheFlush: {of: "service", named: "cache", read: number, zero: true},
	CacheAlign:    {of: "service", named: "cache", read: number, zero: true},
	NodeNeighbour: {of: "node", read: number}, NodeCores: {of: "node", read: number},
	ClientRate: {of: "client", read: number},
	Poison:     {of: "topic", read: number, zero: true}, Produce: {of: "topic", read: number, zero: true}, PartitionSkew: {of: "topic", read: share, zero: true},
}

// CheckFaults looks at faults as a part of the system. The error has a line for each that does not fit.
func (s *System) CheckFaults(faults []Fault) error {
	var errs []error
	for i, f := range faults {
		if err := s.checkFault(f); err != nil {
			errs = append(errs, fmt.Errorf("fault %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

func (s *System) checkFault(f Fault) error {
	if len(f.Set) == 0 {
		return errors.New("set is empty")
	}
	if f.Until != 0 && f.Until <= f.At {
		return errors.New("until is not after at")
	}
	if f.Flap != nil && (f.Flap.Period <= 0 || f.Flap.Duty <= 0 || f.Flap.Duty >= 1) {
		return errors.New("flap: expected a period, and a duty between 0 and 1")
	}
	if err := s.checkSettings(f.Set); err != nil || f.Only == nil {
		return err
	}
	for _, set := range f.Set {
		if err := s.checkOnly(f.Only, set); err != nil {
			return fmt.Errorf("%s: only: %w", set.Parameter, err)
		}
	}
	return nil
}

// checkOnly looks for what selects nothing, and for what the parameter cannot be narrowed to: either would leave a
// fault without the effect that its author has in mind.
func (s *System) checkOnly(o *Only, set Setting) error {
	t := parameters[set.Parameter]
	if t.of != "service" {
		return fmt.Errorf("a parameter of a %s has no parts", t.of)
	}
	if !t.calls && len(o.Operations)+len(o.Callers) > 0 {
		return fmt.Errorf("operations and callers apply to %s, %s, %s, %s and %s alone", WorkTime, WorkCPU, WorkWait, ErrorShare, LeakRequest)
	}
	x := s.Service(set.Service)
	if o.Replicas < 0 || o.Replicas > 0 && o.Replicas > s.mostReplicas(x) {
		return fmt.Errorf("replicas is %d, and %s has %d", o.Replicas, x.Name, s.mostReplicas(x))
	}
	if o.Zone != "" && !slices.ContainsFunc(s.Nodes, func(n Node) bool { return n.Zone == o.Zone }) {
		return fmt.Errorf("no node is in the zone %q", o.Zone)
	}
	if o.Node != "" && !slices.ContainsFunc(s.Nodes, func(n Node) bool { return n.Name == o.Node }) {
		return fmt.Errorf("no node is called %q", o.Node)
	}
	if o.Version != "" && o.Version != x.Version &&
		!slices.ContainsFunc(s.Events, func(e Event) bool { return e.Service == x.Name && e.Version == o.Version }) {
		return fmt.Errorf("%s never has the version %q", x.Name, o.Version)
	}
	for _, name := range o.Operations {
		if x.Operation(name) == nil {
			return fmt.Errorf("%s has no operation %q", x.Name, name)
		}
	}
	for _, name := range o.Callers {
		if s.Service(name) == nil && !s.client(name) {
			return fmt.Errorf("no service and no client is called %q", name)
		}
	}
	return nil
}

// mostReplicas is how many pods a service has at most.
func (s *System) mostReplicas(x *Service) int {
	most := x.Replicas
	if x.Autoscale != nil {
		most = max(most, x.Autoscale.Max)
	}
	for _, e := range s.Events {
		if e.Service == x.Name {
			most = max(most, e.Replica)
		}
	}
	return most
}

func (s *System) client(name string) bool {
	return slices.ContainsFunc(s.Clients, func(c Client) bool { return c.Name == name })
}

func (s *System) checkSettings(settings []Setting) error {
	for _, set := range settings {
		if err := s.checkSetting(set); err != nil {
			return fmt.Errorf("%s: %w", set.Parameter, err)
		}
	}
	return nil
}

func (s *System) checkSetting(set Setting) error {
	t, ok := parameters[set.Parameter]
	if !ok {
		return errors.New("there is no such parameter; docs/scenario-authoring.md lists them")
	}
	names := map[string]string{"service": set.Service, "node": set.Node, "client": set.Client, "topic": set.Topic}
	name := names[t.of]
	known := map[string]bool{
		"service": s.Service(name) != nil,
		"node":    slices.ContainsFunc(s.Nodes, func(n Node) bool { return n.Name == name }),
		"client":  s.client(name),
		"topic":   s.topic(name),
	}
	if !known[t.of] {
		return fmt.Errorf("expected the name of a %s, got %q", t.of, name)
	}
	if x := s.Service(set.Service); t.named == "dependency" && !x.dependency(set.Name) ||
		t.named == "cache" && !slices.ContainsFunc(x.Caches, func(c LocalCache) bool { return c.Name == set.Name }) {
		return fmt.Errorf("%s has no %s %q", set.Service, t.named, set.Name)
	}
	if (set.To == "") == (set.Times == 0) {
		return errors.New("expected one of to and times")
	}
	if set.To != "" {
		return t.read(set.To)
	}
	if t.zero {
		return errors.New("expected to: it is 0 unless something sets it, and so is a multiple of it")
	}
	return nil
}
