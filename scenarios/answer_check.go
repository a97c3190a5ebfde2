package scenarios

import (
	"slices"
	"strings"
	"time"
)

// check notes what is missing, cannot be or does not fit the scenario. Nothing that it says quotes the answer.
func (a *Answer) check(doc *document, s *Scenario) {
	if a.Version != Version {
		doc.fail("version", "expected version %d", Version)
		return // the rest means something else
	}
	a.checkAccepted(doc, s)
	if len(a.Chain) == 0 {
		doc.fail("chain", "chain is missing")
	}
	for i, step := range a.Chain {
		doc.require(at("chain", i), step)
	}
	a.checkDecoys(doc, s)
	doc.require("explanation", a.Explanation)
	if len(a.GoldenPath) == 0 {
		doc.fail("golden_path", "golden_path is missing")
	}
	for i, step := range a.GoldenPath {
		path := func(key string) string { return at("golden_path", i, key) }
		doc.require(path("title"), step.Title)
		oneOf(doc, path("datasource"), step.Datasource, datasources)
		doc.require(path("query"), step.Query)
		doc.require(path("shows"), step.Shows)
	}
	if s.System == "" && len(a.Faults) > 0 {
		doc.fail("faults", "faults belong to a scenario with a system")
	}
	if s.System != "" && len(a.Faults) == 0 && !a.NothingBroken {
		doc.fail("faults", "faults are missing: nothing would go wrong in the simulation")
	}
	a.checkEvidence(doc, s)
	a.checkPhrases(doc, s)
}

func (a *Answer) checkAccepted(doc *document, s *Scenario) {
	explains := a.NothingBroken
	for i, f := range a.Accepted {
		path := func(key string) string { return at("accepted", i, key) }
		oneOf(doc, path("role"), f.Role, roles)
		explains = explains || f.Role == RoleCause
		suspected(doc, path("component"), f.Component, s)
		for j, alias := range f.Aliases {
			suspected(doc, at(path("aliases"), j), alias, s)
		}
		if !slices.ContainsFunc(s.Suspects.Causes, func(c Cause) bool { return c.ID == f.Cause }) {
			doc.fail(path("cause"), "the cause is not one of suspects.causes in %s", File)
		}
		if f.Tolerance == 0 {
			doc.fail(path("tolerance"), "tolerance is missing")
		}
		s.within(doc, path("onset"), f.Onset)
	}
	if !explains {
		doc.fail("accepted", "nothing explains the page: expected an entry of role %s, or nothing_broken", RoleCause)
	}
}

// suspected notes a component that players cannot choose.
func suspected(doc *document, path, component string, s *Scenario) {
	if !slices.Contains(s.Suspects.Components, component) {
		doc.fail(path, "the component is not one of suspects.components in %s", File)
	}
}

// within notes a moment outside the recording. Of a recording that is not simulated only the notation is
// checked here, since when it starts is not known.
func (s *Scenario) within(doc *document, path string, m Moment) {
	if s.System == "" {
		s.sameNotation(doc, path, m)
		return
	}
	if t := m.In(s.Start.Time); t.Before(s.Start.Time) || t.After(s.Start.Add(time.Duration(s.Length))) {
		doc.fail(path, "the time lies outside the recording")
	}
}

func (a *Answer) checkDecoys(doc *document, s *Scenario) {
	for i, d := range a.Decoys {
		path := func(key string) string { return at("decoys", i, key) }
		if s.service(d.Component) == nil {
			doc.fail(path("component"), "the component is not in the catalogue (services) of %s", File)
		}
		doc.require(path("signal"), d.Signal)
		doc.require(path("why_wrong"), d.WhyWrong)
		if len(d.Evidence) == 0 {
			doc.fail(path("evidence"), "evidence is missing: a decoy that nobody can see misleads nobody")
		}
		for j, name := range d.Evidence {
			if !slices.ContainsFunc(a.Evidence, func(e Assertion) bool { return e.Name == name }) {
				doc.fail(at(path("evidence"), j), "there is no evidence of that name")
			}
		}
	}
}

func (a *Answer) checkEvidence(doc *document, s *Scenario) {
	seen := map[string]bool{}
	for i, e := range a.Evidence {
		path := func(key string) string { return at("evidence", i, key) }
		doc.require(path("name"), e.Name)
		if seen[e.Name] {
			doc.fail(path("name"), "the name is there twice")
		}
		seen[e.Name] = true
		e.check(doc, at("evidence", i), s)
	}
	onset, ok := a.Onset(s.Start.Time)
	if !ok {
		return
	}
	var before, after bool
	for _, e := range a.Evidence {
		before = before || !e.end().In(s.Start.Time).After(onset)
		after = after || e.end().In(s.Start.Time).After(onset)
	}
	if !before || !after {
		doc.fail("evidence", "expected evidence from before the onset and from after it")
	}
}

// Onset is when the first fault that explains the page began, in a recording that starts at start; not
// ok when there is none.
func (a *Answer) Onset(start time.Time) (onset time.Time, ok bool) {
	for _, f := range a.Accepted {
		if t := f.Onset.In(start); f.Role == RoleCause && (!ok || t.Before(onset)) {
			onset, ok = t, true
		}
	}
	return onset, ok
}

// check notes what is wrong with one piece of evidence.
func (e *Assertion) check(doc *document, path string, s *Scenario) {
	var queries int
	for _, given := range []bool{e.PromQL != "", e.LogQL != "", e.Traces != nil} {
		if given {
			queries++
		}
	}
	if queries != 1 {
		doc.fail(path, "expected one of promql, logql and traces")
	}
	stretch := e.From != nil && e.To != nil && e.At == nil
	switch {
	case e.Traces != nil && !stretch:
		doc.fail(path, "expected from and to, between which traces are searched")
	case !stretch && (e.At == nil || e.From != nil || e.To != nil):
		doc.fail(path, "expected either at, or from and to")
	case stretch && !e.From.In(s.Start.Time).Before(e.To.In(s.Start.Time)):
		doc.fail(path+".to", "the stretch ends before it begins")
	}
	for _, v := range []struct {
		key string
		at  *Moment
	}{{"at", e.At}, {"from", e.From}, {"to", e.To}} {
		if v.at != nil {
			s.within(doc, path+"."+v.key, *v.at)
		}
	}
	if e.Traces != nil {
		doc.require(path+".traces.service", e.Traces.Service)
		if e.Traces.Quantile < 0 || e.Traces.Quantile > 1 {
			doc.fail(path+".traces.quantile", "expected a quantile above 0 and up to 1")
		}
	}
	switch b := e.Expect; {
	case b.Min == nil && b.Max == nil:
		doc.fail(path+".expect", "expect is missing: min, max or both")
	case b.Min != nil && b.Max != nil && *b.Min > *b.Max:
		doc.fail(path+".expect", "min is above max")
	}
}

// end is when the evidence is complete.
func (e *Assertion) end() Moment {
	switch {
	case e.At != nil:
		return *e.At
	case e.To != nil:
		return *e.To
	}
	return Moment{}
}

// checkPhrases notes phrases that the scenario itself gives away.
func (a *Answer) checkPhrases(doc *document, s *Scenario) {
	if len(a.Phrases) == 0 {
		doc.fail("phrases", "phrases are missing: what would give the answer away")
	}
	for i, phrase := range a.Phrases {
		path := at("phrases", i)
		if len(strings.TrimSpace(phrase)) < minPhrase {
			doc.fail(path, "expected at least %d characters: a shorter phrase is found anywhere", minPhrase)
			continue
		}
		for _, place := range []struct{ name, text string }{{"id", s.ID}, {"title", s.Title}} {
			if containsFold(place.text, phrase) {
				doc.fail(path, "the phrase is part of the scenario's %s, which names the symptom and never the mechanism", place.name)
			}
		}
	}
}

// minPhrase is the length of the shortest phrase that means something.
const minPhrase = 6

// containsFold tells whether text has a phrase, whatever the case and the white space between its words.
func containsFold(text, phrase string) bool { return strings.Contains(fold(text), fold(phrase)) }

func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
