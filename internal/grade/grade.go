// Package grade judges what players suspect against the answer keys of scenarios. New makes the [challenge.Grader]
// of a library.
//
// The rule is in docs/grading.md: a claim is right when it names every fault that explains the page, and nothing but faults.
// The functions that judge are pure: the same key and claim give the same verdict, in whatever order the suspects
// stand and whenever they are asked.
//
// # Secrets
//
// Beside what builds and validates scenarios, this package alone reads answer keys. Its values hide themselves from fmt, slog and encoders, and
// its errors quote nothing of a key.
package grade

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"firedrill/internal/challenge"
	"firedrill/scenarios"
)

// Grader judges claims about the scenarios of a library. It is safe for concurrent use.
type Grader struct {
	library *scenarios.Library

	mu   sync.Mutex
	keys map[string]*key // those that were read; a key does not change while the program runs
}

var _ challenge.Grader = (*Grader)(nil)

// New returns a Grader. Keys are read when they are first needed.
func New(library *scenarios.Library) *Grader {
	return &Grader{library: library, keys: map[string]*key{}}
}

// Correct tells whether a claim explains the page of a scenario. A scenario without an answer key is an error that
// wraps fs.ErrNotExist.
func (g *Grader) Correct(scenario string, c challenge.Claim) (bool, error) {
	k, err := g.key(scenario)
	if err != nil {
		return false, err
	}
	return k.correct(c), nil
}

// Judge says how far a claim was right. Only debriefs may call it.
func (g *Grader) Judge(scenario string, c challenge.Claim) (challenge.Verdict, error) {
	k, err := g.key(scenario)
	if err != nil {
		return challenge.Verdict{}, err
	}
	return k.judge(c), nil
}

// Explain returns the answer of a scenario. Only debriefs may call it.
func (g *Grader) Explain(scenario string) (challenge.Explanation, error) {
	k, err := g.key(scenario)
	if err != nil {
		return challenge.Explanation{}, err
	}
	return k.explain(), nil
}

func (g *Grader) key(scenario string) (*key, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if k, ok := g.keys[scenario]; ok {
		return k, nil
	}
	s, err := g.library.Load(scenario)
	if err != nil {
		return nil, fmt.Errorf("grade: %w", err)
	}
	k, err := load(s)
	if err != nil {
		return nil, fmt.Errorf("grade scenario %s: %w", scenario, err)
	}
	g.keys[scenario] = k
	return k, nil
}

// key is an answer key as it is graded with: offsets from the page instead of recorded times.
type key struct {
	nothingBroken bool
	faults        []fault
	answer        *scenarios.Answer
	titles        map[string]string // of causes
}

// fault is one accepted entry.
type fault struct {
	names            []string // the component and its aliases
	cause            string
	explains         bool // the page
	onset, tolerance time.Duration
}

// load reads the key of a scenario.
func load(s *scenarios.Scenario) (*key, error) {
	a, err := scenarios.LoadAnswer(s)
	if err != nil {
		return nil, err
	}
	k := &key{nothingBroken: a.NothingBroken, answer: a, titles: map[string]string{}}
	for _, c := range s.Suspects.Causes {
		k.titles[c.ID] = c.Title
	}
	begin := s.Begin(time.Time{}) // moments of one scenario differ by as much wherever it begins
	page := s.Page.At.In(begin)
	for _, f := range a.Accepted {
		k.faults = append(k.faults, fault{
			names:    append([]string{f.Component}, f.Aliases...),
			cause:    f.Cause,
			explains: f.Role == scenarios.RoleCause,
			onset:    f.Onset.In(begin).Sub(page), tolerance: time.Duration(f.Tolerance),
		})
	}
	return k, nil
}

// correct is the rule.
func (k *key) correct(c challenge.Claim) bool {
	if c.NothingBroken || len(c.Suspects) == 0 {
		return k.nothingBroken && c.NothingBroken && len(c.Suspects) == 0
	}
	for _, x := range c.Suspects {
		if !slices.ContainsFunc(k.faults, func(f fault) bool { return f.namedBy(x) }) {
			return false
		}
	}
	if k.nothingBroken {
		return k.missing(c) < k.causes() // any of what made it look otherwise
	}
	return k.missing(c) == 0
}

// namedBy tells whether a suspect is right about a fault.
func (f fault) namedBy(x challenge.ClaimedSuspect) bool {
	return f.cause == x.Cause && slices.Contains(f.names, x.Component)
}

// causes counts the faults that explain the page.
func (k *key) causes() int {
	n := 0
	for _, f := range k.faults {
		if f.explains {
			n++
		}
	}
	return n
}

// missing counts the faults that explain the page and were not named.
func (k *key) missing(c challenge.Claim) int {
	n := 0
	for _, f := range k.faults {
		if f.explains && !slices.ContainsFunc(c.Suspects, f.namedBy) {
			n++
		}
	}
	return n
}
