package flow

import (
	"strings"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/model"
)

// distOf is a model.Dist for sampling, nil for the zero Dist.
func distOf(d model.Dist) des.Dist {
	a, b := des.FromFloat(d.A), des.FromFloat(d.B)
	switch d.Kind {
	case model.Constant:
		return des.Constant(a)
	case model.Exponential:
		return des.Exponential(a)
	case model.LogNormal:
		return des.LogNormal(a, b)
	case model.Uniform:
		return des.Uniform(a, b)
	case model.Erlang:
		return des.Erlang(d.K, a)
	}
	return nil
}

// compile looks everything up that the steps of an operation name.
func (f *Flow) compile(s *Service, op *Operation, steps []model.Step) []step {
	all := make([]step, len(steps))
	for i := range steps {
		all[i] = f.compileStep(s, op, &steps[i])
	}
	return all
}

func (f *Flow) compileStep(s *Service, op *Operation, m *model.Step) step {
	st := step{share: m.Share}
	if st.share == 0 {
		st.share = 1
	}
	if name, off := strings.CutPrefix(m.Flag, "!"); name != "" {
		st.flag, st.off = s.flag(name), off
	}
	switch {
	case m.Work != nil:
		st.kind, st.time, st.cpu, st.alloc = stepWork, distOf(m.Work.Time), 1, int64(m.Work.Alloc)
		if st.time == nil {
			st.time = des.Constant(0)
		}
		if m.Work.CPU != nil {
			st.cpu = *m.Work.CPU
		}
	case m.Call != nil:
		f.compileCall(&st, s, op, m.Call)
	case m.Parallel != nil:
		st.kind, st.steps = stepParallel, f.compile(s, op, m.Parallel)
	case m.Cached != nil:
		st.kind, st.steps = stepCached, f.compile(s, op, m.Cached.Miss)
		for i := range s.Model.Caches {
			if s.Model.Caches[i].Name == m.Cached.Cache {
				st.index = i
			}
		}
		st.get, st.set = f.optionalCall(s, op, m.Cached.Get), f.optionalCall(s, op, m.Cached.Set)
	case m.Locked != nil:
		st.kind, st.steps = stepLocked, f.compile(s, op, m.Locked.Steps)
		for i := range s.Model.Locks {
			if s.Model.Locks[i].Name == m.Locked.Lock {
				st.index = i
			}
		}
	case m.Publish != nil:
		st.kind, st.topic = stepPublish, f.topic(m.Publish.Topic)
	case m.Log != nil:
		st.kind, st.line = stepLog, m.Log
	case m.Fail != nil:
		st.kind, st.cpu, st.fail = stepFail, m.Fail.Share, stated(op, m.Fail)
	case m.Span != nil:
		st.kind, st.name, st.steps = stepSpan, m.Span.Name, f.compile(s, op, m.Span.Steps)
	}
	return st
}

func (f *Flow) optionalCall(s *Service, op *Operation, m *model.Call) *step {
	if m == nil {
		return nil
	}
	st := &step{share: 1}
	f.compileCall(st, s, op, m)
	return st
}

func (f *Flow) compileCall(st *step, s *Service, op *Operation, m *model.Call) {
	st.kind, st.call = stepCall, m
	for i := range s.Model.Dependencies {
		if s.Model.Dependencies[i].Service == m.Service {
			st.dependency = i
		}
	}
	st.target = f.byName[m.Service].operation(m.Operation)
	st.steps = f.compile(s, op, m.Fallback)
}

func (s *Service) operation(name string) *Operation {
	for _, op := range s.Operations {
		if op.Model.Name == name {
			return op
		}
	}
	return nil
}

// flag is where the state of a service's feature flag is.
func (s *Service) flag(name string) *bool {
	if s.flags[name] == nil {
		s.flags[name] = new(bool)
	}
	return s.flags[name]
}

func (f *Flow) topic(name string) *Topic {
	for _, t := range f.Topics {
		if t.Model.Name == name {
			return t
		}
	}
	return nil
}

// zipf shares the tables of laws that are alike.
func (f *Flow) zipf(keys int, skew float64) *des.Zipf {
	k := zipfKey{keys, skew}
	if f.zipfs[k] == nil {
		f.zipfs[k] = des.NewZipf(keys, skew)
	}
	return f.zipfs[k]
}

type zipfKey struct {
	keys int
	skew float64
}
