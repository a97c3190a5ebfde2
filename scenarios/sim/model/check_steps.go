package model

import (
	"errors"
	"fmt"
	"slices"
)

// checkSteps looks at the steps of an operation of x.
func (s *System) checkSteps(x *Service, steps []Step) error {
	for i := range steps {
		if err := s.checkStep(x, &steps[i]); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *System) checkStep(x *Service, st *Step) error {
	set := 0
	for _, is := range []bool{st.Work != nil, st.Call != nil, st.Parallel != nil, st.Cached != nil, st.Locked != nil,
		st.Publish != nil, st.Log != nil, st.Fail != nil, st.Span != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return errors.New("expected exactly one of work, call, parallel, cached, locked, publish, log, fail and span")
	}
	if st.Share < 0 || st.Share > 1 {
		return fmt.Errorf("share is %v, expected 0 to 1", st.Share)
	}
	switch {
	case st.Work != nil:
		if c := st.Work.CPU; c != nil && (*c < 0 || *c > 1) {
			return fmt.Errorf("work.cpu is %v, expected 0 to 1", *c)
		}
	case st.Call != nil:
		return s.checkCall(x, st.Call)
	case st.Log != nil:
		return oneOf("log: level", st.Log.Level, levels)
	case st.Parallel != nil:
		return s.checkSteps(x, st.Parallel)
	case st.Cached != nil:
		c := st.Cached
		if !slices.ContainsFunc(x.Caches, func(l LocalCache) bool { return l.Name == c.Cache }) {
			return fmt.Errorf("the service has no cache %q", c.Cache)
		}
		for _, call := range []*Call{c.Get, c.Set} {
			if call != nil {
				if err := s.checkCall(x, call); err != nil {
					return err
				}
			}
		}
		return s.checkSteps(x, c.Miss)
	case st.Locked != nil:
		if !slices.ContainsFunc(x.Locks, func(l Lock) bool { return l.Name == st.Locked.Lock }) {
			return fmt.Errorf("the service has no lock %q", st.Locked.Lock)
		}
		return s.checkSteps(x, st.Locked.Steps)
	case st.Publish != nil:
		if !s.topic(st.Publish.Topic) {
			return fmt.Errorf("no topic is called %q", st.Publish.Topic)
		}
	case st.Fail != nil:
		if st.Fail.Share <= 0 || st.Fail.Share > 1 || st.Fail.Error == "" {
			return errors.New("fail: expected a share up to 1 and an error")
		}
	case st.Span != nil:
		return s.checkSteps(x, st.Span.Steps)
	}
	return nil
}

func (s *System) checkCall(x *Service, c *Call) error {
	if !x.dependency(c.Service) {
		return fmt.Errorf("the service has no dependency %q", c.Service)
	}
	if s.Service(c.Service).Operation(c.Operation) == nil {
		return fmt.Errorf("%s has no operation %q", c.Service, c.Operation)
	}
	return s.checkSteps(x, c.Fallback)
}

// target is what a parameter belongs to.
type target struct {
	of    string             // service, node, client or topic
	named string             // dependency, cache: Setting.Name is needed
	read  func(string) error // of Setting.To
}

func reads[T any](parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		_, err := parse(s)
		return err
	}
}

var parameters = map[Parameter]target{
	WorkTime: {of: "service", read: number}, WorkCPU: {of: "service", read: number}, WorkWait: {of: "service", read: reads(ParseDist)},
	ErrorShare: {of: "service", read: number}, LeakRequest: {of: "service", read: reads(ParseBytes)}, LeakRate: {of: "service", read: reads(ParseBytes)},
	AllocBytes: {of: "service", read: reads(ParseBytes)}, Workers: {of: "service", read: number}, QueueSize: {of: "service", read: number},
	CPULimit: {of: "service", read: reads(ParseCores)}, MemLimit: {of: "service", read: reads(ParseBytes)}, IdleCPU: {of: "service", read: reads(ParseCores)},
	Unready: {of: "service", read: number}, Kill: {of: "service", read: number}, Buckets: {of: "service", read: reads(ParseBuckets)},
	NetworkWait: {of: "service", read: reads(ParseDist)}, NetworkLoss: {of: "service", read: number}, Connections: {of: "service", read: number},
	LogShare: {of: "service", read: number}, TraceShare: {of: "service", read: number},
	DepTimeout: {of: "service", named: "dependency", read: reads(ParseDur)}, DepDeadline: {of: "service", named: "dependency", read: reads(ParseDur)},
	DepAttempts: {of: "service", named: "dependency", read: number}, DepBackoff: {of: "service", named: "dependency", read: reads(ParseDur)},
	DepBudget: {of: "service", named: "dependency", read: number}, DepPool: {of: "service", named: "dependency", read: number},
	DepHedge: {of: "service", named: "dependency", read: reads(ParseDur)},
	CacheTTL: {of: "service", named: "cache", read: reads(ParseDur)}, CacheFlush: {of: "service", named: "cache", read: number},
	CacheAlign:    {of: "service", named: "cache", read: number},
	NodeNeighbour: {of: "node", read: number}, NodeCores: {of: "node", read: number},
	ClientRate: {of: "client", read: number},
	Poison:     {of: "topic", read: number}, Produce: {of: "topic", read: number}, PartitionSkew: {of: "topic", read: number},
}

// CheckFaults looks at faults as a part of the system.
func (s *System) CheckFaults(faults []Fault) error {
	for i, f := range faults {
		if err := s.checkFault(f); err != nil {
			return fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return nil
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
	return s.checkSettings(f.Set)
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
		return errors.New("there is no such parameter")
	}
	names := map[string]string{"service": set.Service, "node": set.Node, "client": set.Client, "topic": set.Topic}
	name := names[t.of]
	known := map[string]bool{
		"service": s.Service(name) != nil,
		"node":    slices.ContainsFunc(s.Nodes, func(n Node) bool { return n.Name == name }),
		"client":  slices.ContainsFunc(s.Clients, func(c Client) bool { return c.Name == name }),
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
	return nil
}
