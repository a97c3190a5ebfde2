package model

import (
	"errors"
	"fmt"
	"slices"
)

// check notes what refers to nothing and what cannot be: the list and the index of the element, and what is wrong. Errors
// name the place within the element by names, since what is wrong is a relation between two lines.
func (s *System) check(note func(list string, i int, err error)) {
	for _, x := range []struct {
		key   string
		wrong bool
		text  string
	}{
		{"version", s.Version != Version, fmt.Sprintf("version is %d, expected %d", s.Version, Version)},
		{"namespace", s.Namespace == "", "namespace is missing"},
		{"cluster", s.Cluster == "", "cluster is missing"},
		{"nodes", len(s.Nodes) == 0, "nodes is empty"},
		{"services", len(s.Services) == 0, "services is empty"},
		{"clients", len(s.Clients) == 0, "clients is empty: nothing would happen"},
	} {
		if x.wrong {
			note(x.key, 0, errors.New(x.text))
			return // the rest means something else, or nothing
		}
	}
	for list, err := range map[string]error{
		"nodes":    unique("node", s.Nodes, func(n Node) string { return n.Name }),
		"services": unique("service", s.Services, func(x Service) string { return x.Name }),
		"topics":   unique("topic", s.Topics, func(x Topic) string { return x.Name }),
		"clients":  unique("client", s.Clients, func(x Client) string { return x.Name }),
	} {
		note(list, 0, err)
	}
	for i, n := range s.Nodes {
		if n.Zone == "" || !positive(n.Cores) || n.Memory <= 0 {
			note("nodes", i, fmt.Errorf("node %s: expected zone, cores and memory", n.Name))
		}
	}
	for i := range s.Services {
		note("services", i, within("service "+s.Services[i].Name, s.checkService(&s.Services[i])))
	}
	for i := range s.Topics {
		note("topics", i, within("topic "+s.Topics[i].Name, s.checkTopic(&s.Topics[i])))
	}
	for i := range s.Clients {
		note("clients", i, within("client "+s.Clients[i].Name, s.checkClient(&s.Clients[i])))
	}
	for i, e := range s.Events {
		note("events", i, within(fmt.Sprintf("event %d (%s of %s at %s)", i+1, e.Kind, e.Service, e.At), s.checkEvent(e)))
	}
	for i, g := range s.Rules {
		for _, r := range g.Rules {
			if (r.Record == "") == (r.Alert == "") || r.Expr == "" {
				note("rules", i, fmt.Errorf("rule group %s: expected record or alert, and expr", g.Name))
			}
		}
	}
}

// within says where an error is; nil stays nil.
func within(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Service returns the service of a name, nil when there is none.
func (s *System) Service(name string) *Service {
	if i := slices.IndexFunc(s.Services, func(x Service) bool { return x.Name == name }); i >= 0 {
		return &s.Services[i]
	}
	return nil
}

// Operation returns the operation of a name, nil when there is none.
func (s *Service) Operation(name string) *Operation {
	if i := slices.IndexFunc(s.Operations, func(o Operation) bool { return o.Name == name }); i >= 0 {
		return &s.Operations[i]
	}
	return nil
}

func (s *Service) dependency(name string) bool {
	return slices.ContainsFunc(s.Dependencies, func(d Dependency) bool { return d.Service == name })
}

var (
	kinds       = []Kind{App, Gateway, Database, Cache, Broker, External}
	runtimes    = []Runtime{Go, JVM, Node20, Python, Native}
	protocols   = []Protocol{HTTP, GRPC, SQL, Redis, Message}
	formats     = []string{"json", "pino", "logfmt", "logback", "python", "klog", "nginx", "envoy", "postgres"}
	histograms  = []string{"classic", "native", "both"}
	balances    = []string{"round_robin", "random", "least"}
	jitters     = []string{"full", "equal", "none"}
	reasons     = []string{string(Timeout), string(Unavailable), string(Rejected), string(Internal)}
	failReasons = []Reason{Timeout, Unavailable, Rejected, Internal, Invalid}
	levels      = []string{"", "debug", "info", "warn", "error"}
	events      = []string{"deploy", "config", "flag", "scale", "restart"}
)

func (s *System) checkService(x *Service) error {
	if err := errors.Join(
		oneOf("kind", x.Kind, kinds), oneOf("runtime", x.Runtime, runtimes), oneOf("logs.format", x.Logs.Format, formats),
		oneOf("histograms", x.Histograms, histograms), oneOf("on_cancel", x.OnCancel, []string{"stop", "finish"}),
	); err != nil {
		return err
	}
	for _, l := range x.Logs.Idle {
		if err := oneOf("logs.idle: level", l.Level, levels); err != nil {
			return err
		}
	}
	if x.Replicas < 1 || x.Replicas > 500 {
		return fmt.Errorf("replicas is %d, expected 1 to 500", x.Replicas)
	}
	if x.Kind != External && (x.Version == "" || x.CPU.Request <= 0 || x.Memory.Base <= 0) {
		return errors.New("expected version, cpu.request and memory.base")
	}
	for _, n := range x.Nodes {
		if !slices.ContainsFunc(s.Nodes, func(y Node) bool { return y.Name == n }) {
			return fmt.Errorf("no node is called %q", n)
		}
	}
	if err := s.checkBehind(x); err != nil {
		return err
	}
	if !slices.IsSorted(x.Buckets) {
		return errors.New("buckets are not in order")
	}
	if a := x.Autoscale; a != nil && (a.Min < 1 || a.Max < a.Min || !positive(a.Target)) {
		return errors.New("autoscale: expected 1 <= min <= max and a target above 0")
	}
	if err := errors.Join(unique("cache", x.Caches, func(c LocalCache) string { return c.Name }),
		unique("lock", x.Locks, func(l Lock) string { return l.Name }),
		unique("dependency", x.Dependencies, func(d Dependency) string { return d.Service }),
		unique("operation", x.Operations, func(o Operation) string { return o.Name })); err != nil {
		return err
	}
	for _, c := range x.Caches {
		if c.Keys < 1 || c.Keys > 1_000_000 || c.TTL <= 0 || c.Jitter < 0 || c.Jitter > 1 {
			return fmt.Errorf("cache %s: expected 1 to 1,000,000 keys, a ttl, and a jitter from 0 to 1", c.Name)
		}
	}
	for _, l := range x.Locks {
		if l.Keys < 1 {
			return fmt.Errorf("lock %s: expected keys", l.Name)
		}
	}
	for i := range x.Dependencies {
		d := &x.Dependencies[i]
		if err := s.checkDependency(d); err != nil {
			return fmt.Errorf("dependency %s: %w", d.Service, err)
		}
	}
	for i := range x.Operations {
		o := &x.Operations[i]
		if err := errors.Join(oneOf("protocol", o.Protocol, protocols), s.checkSteps(x, o.Steps)); err != nil {
			return fmt.Errorf("operation %s: %w", o.Name, err)
		}
	}
	return nil
}

func (s *System) checkBehind(x *Service) error {
	if x.Behind == "" {
		return nil
	}
	front := s.Service(x.Behind)
	if front == nil || front == x || front.Behind != "" || front.Kind != x.Kind || x.Kind != App && x.Kind != Gateway {
		return fmt.Errorf("behind is %q, expected another app or gateway of its kind that is behind none", x.Behind)
	}
	same := func(a, b Operation) bool { return a.Name == b.Name && a.Protocol == b.Protocol }
	if !slices.EqualFunc(x.Operations, front.Operations, same) {
		return fmt.Errorf("behind: expected the operations of %s, in the same order", x.Behind)
	}
	return nil
}

func (s *System) checkDependency(d *Dependency) error {
	if s.Service(d.Service) == nil {
		return errors.New("no service is called that")
	}
	if err := oneOf("balance", d.Balance, balances); err != nil {
		return err
	}
	if b := d.Breaker; b != nil && (b.Window <= 0 || b.Open <= 0 || !positive(b.Ratio) || b.Ratio > 1) {
		return errors.New("breaker: expected window, open, and a ratio up to 1")
	}
	if d.Pool != nil && d.Pool.Size < 1 {
		return errors.New("pool: expected a size")
	}
	if d.Hedge != nil && d.Hedge.After <= 0 {
		return errors.New("hedge: expected after")
	}
	return d.Retry.check()
}

func (r *Retry) check() error {
	if r == nil {
		return nil
	}
	if r.Attempts < 1 || r.Attempts > 20 {
		return fmt.Errorf("retry: attempts is %d, expected 1 to 20", r.Attempts)
	}
	for _, on := range r.On {
		if err := oneOf("retry: on", on, reasons); err != nil {
			return err
		}
	}
	return oneOf("retry: jitter", r.Jitter, jitters)
}

func (s *System) checkTopic(t *Topic) error {
	if b := s.Service(t.Broker); b == nil || b.Kind != Broker {
		return fmt.Errorf("broker %q is no service of kind broker", t.Broker)
	}
	if t.Partitions < 1 || t.Partitions > 1000 {
		return fmt.Errorf("partitions is %d, expected 1 to 1000", t.Partitions)
	}
	for _, c := range t.Consumers {
		if x := s.Service(c.Service); c.Group == "" || x == nil || x.Operation(c.Operation) == nil {
			return fmt.Errorf("consumer %q: no service %q with an operation %q", c.Group, c.Service, c.Operation)
		}
		if c.DeadLetter != "" && !s.topic(c.DeadLetter) {
			return fmt.Errorf("consumer %q: no topic is called %q", c.Group, c.DeadLetter)
		}
	}
	return nil
}

func (s *System) topic(name string) bool {
	return slices.ContainsFunc(s.Topics, func(t Topic) bool { return t.Name == name })
}

func (s *System) checkClient(c *Client) error {
	x := s.Service(c.Service)
	if x == nil {
		return fmt.Errorf("no service is called %q", c.Service)
	}
	if !positive(c.Rate) || len(c.Mix) == 0 || c.Daily < 0 || c.Daily >= 1 {
		return errors.New("expected a rate, a mix, and daily below 1")
	}
	if c.First > 0 && !c.Periodic {
		return errors.New("first belongs to a periodic client")
	}
	for _, r := range c.Mix {
		if x.Operation(r.Operation) == nil || !positive(r.Weight) {
			return fmt.Errorf("mix: %s has no operation %q, or its weight is not above 0", c.Service, r.Operation)
		}
	}
	return c.Retry.check()
}

func (s *System) checkEvent(e Event) error {
	if err := oneOf("kind", e.Kind, events); err != nil {
		return err
	}
	if s.Service(e.Service) == nil {
		return errors.New("no service is called that")
	}
	if (e.Kind == "deploy") != (e.Version != "") || (e.Kind == "flag") != (e.Flag != "") || (e.Kind == "scale") != (e.Replica > 0) {
		return errors.New("expected version with a deploy, flag with a flag, replicas with a scale, and none of them elsewhere")
	}
	if e.Log != nil {
		if err := oneOf("log: level", e.Log.Level, levels); err != nil {
			return err
		}
	}
	return s.checkSettings(e.Set)
}

func oneOf[T ~string](what string, v T, all []T) error {
	if slices.Contains(all, v) {
		return nil
	}
	return fmt.Errorf("%s is %q, expected one of %q", what, v, all)
}

func unique[T any](what string, all []T, name func(T) string) error {
	seen := map[string]bool{}
	for _, x := range all {
		n := name(x)
		if n == "" {
			return fmt.Errorf("a %s has no name", what)
		}
		if seen[n] {
			return fmt.Errorf("two of %s are called %q", what, n)
		}
		seen[n] = true
	}
	return nil
}
