package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"firedrill/scenarios/sim/model"
)

// changeSlack is how far the time of a change in the log may be from that of the event: people and
// pipelines write it down a little later or earlier.
const changeSlack = time.Minute

// LoadSystem reads the simulated system of a scenario and checks it against the scenario: every service
// is in the catalogue, and every deploy, configuration change and flag is in the change log.
func LoadSystem(s *Scenario) (*model.System, error) {
	name := s.Path(SystemFile)
	text, err := s.readFile(SystemFile)
	if err != nil {
		return nil, err
	}
	sys, err := model.Read(name, text)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, v := range sys.Services {
		if s.service(v.Name) == nil {
			errs = append(errs, fmt.Errorf("%s: service %s is not in the catalogue (services) of %s", name, v.Name, File))
		}
	}
	for _, e := range sys.Events {
		if time.Duration(e.At) >= time.Duration(s.Length) {
			errs = append(errs, fmt.Errorf("%s: the %s of %s at %s comes after the end of the recording, %s", name, e.Kind, e.Service, e.At, s.Length))
			continue
		}
		kind := ChangeKind(e.Kind)
		if slices.Contains([]ChangeKind{Deploy, Config, Flag}, kind) && !s.logged(kind, e.Service, s.Start.Add(time.Duration(e.At))) {
			errs = append(errs, fmt.Errorf("%s: the %s of %s at %s is not in the change log (changes) of %s within %s", name, kind, e.Service, e.At, File, changeSlack))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return sys, nil
}

// logged tells whether the change log has a change.
func (s *Scenario) logged(kind ChangeKind, service string, t time.Time) bool {
	return slices.ContainsFunc(s.Changes, func(c Change) bool {
		return c.Kind == kind && c.Service == service && c.At.In(s.Start.Time).Sub(t).Abs() <= changeSlack
	})
}
