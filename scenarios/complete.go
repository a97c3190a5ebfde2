package scenarios

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"firedrill/replay/distort"
	"firedrill/replay/recording"
)

// leastChoice is how many components and causes players choose from at least: of fewer, guessing finds the answer.
const leastChoice = 2

// CheckComplete tells what a scenario lacks for players to be graded on it; a scenario can be played without.
func CheckComplete(s *Scenario, a *Answer) error {
	var errs []error
	missing := func(file, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", s.Path(file), fmt.Sprintf(format, args...)))
	}
	if s.Difficulty == "" {
		missing(File, "difficulty is missing")
	}
	if len(s.Services) == 0 {
		missing(File, "services is missing")
	}
	if strings.TrimSpace(s.Diagram) == "" {
		missing(File, "diagram is missing")
	}
	if len(s.Changes) == 0 {
		missing(File, "changes is missing")
	}
	if n := len(s.Suspects.Components); n < leastChoice {
		missing(File, "suspects.components has %d entries, expected at least %d", n, leastChoice)
	}
	if n := len(s.Suspects.Causes); n < leastChoice {
		missing(File, "suspects.causes has %d entries, expected at least %d", n, leastChoice)
	}
	if len(a.Evidence) == 0 {
		missing(AnswerFile, "evidence is missing")
	}
	return errors.Join(errs...)
}

// CheckDistortions tells whether the distortions of a scenario can be applied together to its recording: as they are
// declared, and as the difficulty hard makes them worse.
func CheckDistortions(s *Scenario, rec *recording.Recording) error {
	for _, preset := range []string{distort.Normal, distort.Hard} {
		spec, err := distort.Preset(preset, s.Distortions)
		if err == nil {
			_, err = distort.New(rec, spec, s.Seed, rec.HasTrace)
		}
		if err != nil {
			return fmt.Errorf("%s: distortions with --difficulty %s: %w", s.Path(File), preset, err)
		}
	}
	return nil
}

// CheckTimes holds the times of a scenario and its answer against a recording, which lasts from start to end.
func CheckTimes(s *Scenario, a *Answer, start, end time.Time) error {
	if s.System != "" {
		return nil // known from the files, and checked when they were read
	}
	text, err := s.readFile(File)
	if err != nil {
		return err
	}
	doc, err := decode(s.Path(File), false, text, &Scenario{})
	if err != nil {
		return err
	}
	s.checkTimes(doc, start, end)
	errs := []error{doc.err()}
	if onset, ok := a.Onset(start); ok && (onset.Before(start) || onset.After(end)) {
		errs = append(errs, fmt.Errorf("%s: an onset lies outside the recording", s.Path(AnswerFile)))
	}
	return errors.Join(errs...)
}
