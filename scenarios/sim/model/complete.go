package model

import "time"

// complete fills in what was left out.
func (s *System) complete() {
	orDur(&s.Scrape, 15*time.Second)
	if s.Tracing.Head == 0 {
		s.Tracing.Head = 1
	}
	if s.Network.Zone.IsZero() {
		s.Network.Zone = Dist{Kind: LogNormal, A: 150e3, B: 600e3}
	}
	if s.Network.Cross.IsZero() {
		s.Network.Cross = Dist{Kind: LogNormal, A: 600e3, B: 2e6}
	}
	for i := range s.Services {
		s.Services[i].complete()
	}
	for i := range s.Topics {
		for j := range s.Topics[i].Consumers {
			orDur(&s.Topics[i].Consumers[j].Backoff, time.Second)
		}
	}
	for i := range s.Clients {
		c := &s.Clients[i]
		orDur(&c.Timeout, 30*time.Second)
		if c.Noise == 0 && !c.Periodic {
			c.Noise = 0.05
		}
		c.Retry.complete()
	}
	for i := range s.Rules {
		orDur(&s.Rules[i].Interval, 30*time.Second)
	}
}

func (s *Service) complete() {
	if s.Kind == "" {
		s.Kind = App
	}
	if s.Runtime == "" {
		s.Runtime = Native
		if s.Kind == App {
			s.Runtime = Go
		}
	}
	orDur(&s.Startup, 8*time.Second)
	if s.CPU.Idle == 0 {
		s.CPU.Idle = 0.005
	}
	if s.Memory.Alloc == 0 {
		s.Memory.Alloc = 256 << 10
	}
	if s.Memory.Heap == 0 {
		s.Memory.Heap = s.Memory.Limit * 6 / 10
	}
	if s.OnCancel == "" {
		s.OnCancel = "stop"
	}
	if s.Histograms == "" {
		s.Histograms = "classic"
	}
	if s.Logs.Format == "" {
		s.Logs.Format = "json"
	}
	for i := range s.Operations {
		o := &s.Operations[i]
		if o.Protocol == "" {
			o.Protocol = map[Kind]Protocol{Database: SQL, Cache: Redis}[s.Kind]
			if o.Protocol == "" {
				o.Protocol = HTTP
			}
		}
	}
	for i := range s.Dependencies {
		d := &s.Dependencies[i]
		if d.Balance == "" {
			d.Balance = "round_robin"
		}
		d.Retry.complete()
	}
}

func (r *Retry) complete() {
	if r == nil {
		return
	}
	if r.Jitter == "" {
		r.Jitter = "full"
	}
	if r.On == nil {
		r.On = []string{string(Timeout), string(Unavailable), string(Rejected)}
	}
	if r.MaxBackoff == 0 {
		r.MaxBackoff = Dur(30 * time.Second)
	}
}

func orDur(d *Dur, v time.Duration) {
	if *d == 0 {
		*d = Dur(v)
	}
}
