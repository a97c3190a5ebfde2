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
		return st.Fail.check()
	case st.Span != nil:
		return s.checkSteps(x, st.Span.Steps)
	}
	return nil
}

func (f *Fail) check() error {
	if f.Share <= 0 || f.Share > 1 || f.Error == "" {
		return errors.New("fail: expected a share above 0 and up to 1, and an error")
	}
	if f.Reason != "" {
		if err := oneOf("fail: reason", f.Reason, failReasons); err != nil {
			return err
		}
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return fmt.Errorf("fail: status is %d, expected 400 to 599", f.Status)
	}
	if f.Status/100 == 4 && (f.Reason == "" || f.Reason == Internal) {
		return fmt.Errorf("fail: status %d is the caller's mistake: expected reason %s", f.Status, Invalid)
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
