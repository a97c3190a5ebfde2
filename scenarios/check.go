package scenarios

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slug is what ids look like.
var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// check notes what is missing or cannot be.
func (s *Scenario) check(doc *document, folder string) {
	if s.Version != Version {
		doc.fail("version", "version is %d, expected %d", s.Version, Version)
		return // the rest means something else
	}
	doc.require("id", s.ID)
	switch {
	case s.ID == "":
	case s.ID != folder:
		doc.fail("id", "id is %q, expected the folder's name %q", s.ID, folder)
	case !slug.MatchString(s.ID):
		doc.fail("id", "id is %q, expected lower-case words with hyphens, such as slow-checkout", s.ID)
	}
	doc.require("title", s.Title)
	doc.require("brief", s.Brief)
	if s.Difficulty != "" {
		oneOf(doc, "difficulty", s.Difficulty, difficulties)
	}
	if s.Page.At == (Moment{}) {
		doc.fail("page.at", "page.at is missing")
	}
	doc.require("page.alert", s.Page.Alert)
	if s.Timebox == 0 {
		doc.fail("timebox", "timebox is missing")
	}
	s.checkSource(doc)
	s.checkServices(doc)
	s.checkDiagram(doc)
	s.checkChanges(doc)
	s.checkInjects(doc)
	s.checkSuspects(doc)
	s.checkDistortions(doc)
}

// checkDistortions checks each of them alone; [CheckDistortions] checks them together. The names of a simulation are
// known: one that is misspelt would distort nothing.
func (s *Scenario) checkDistortions(doc *document) {
	for i := range s.Distortions {
		d := &s.Distortions[i]
		if err := d.Validate(); err != nil {
			doc.fail(at("distortions", i), "%v", err)
		}
		if s.System == "" {
			continue
		}
		if d.Service != "" {
			s.knownService(doc, at("distortions", i, "service"), d.Service)
		}
		for j, name := range d.Downstream {
			s.knownService(doc, at("distortions", i, "downstream", strconv.Itoa(j)), name)
		}
		if time.Duration(d.From) >= time.Duration(s.Length) && s.Length > 0 {
			doc.fail(at("distortions", i, "from"), "from lies after the end of the recording, %s", s.Length)
		}
	}
}

// checkSource checks where the recording comes from, and the times of a simulated one.
func (s *Scenario) checkSource(doc *document) {
	var given []string
	for _, source := range []struct{ key, value string }{{"recording", s.Recording}, {"system", s.System}} {
		if source.value != "" {
			given = append(given, source.key)
		}
	}
	if len(given) != 1 {
		doc.fail(append(given, "")[0], "expected one of recording and system")
		return
	}
	if s.Recording != "" && !filepath.IsLocal(s.Recording) {
		doc.fail("recording", "recording %q lies outside the scenario's folder", s.Recording)
	}
	if s.System == "" {
		for _, v := range []struct {
			key   string
			given bool
		}{{"seed", s.Seed != 0}, {"start", !s.Start.IsZero()}, {"length", s.Length != 0}} {
			if v.given {
				doc.fail(v.key, "%s belongs to a system", v.key)
			}
		}
		return
	}
	switch {
	case s.System != SystemFile:
		doc.fail("system", "system is %q, expected %s", s.System, SystemFile)
	case s.Start.IsZero():
		doc.fail("start", "start is missing, a time such as 2026-03-01T14:00:00Z")
	case s.Start.Nanosecond() != 0:
		doc.fail("start", "start has a fraction of a second")
	case s.Length == 0:
		doc.fail("length", "length is missing")
	default:
		s.checkTimes(doc, s.Start.Time, s.Start.Add(time.Duration(s.Length)))
	}
}

// checkTimes checks that the page has its history before it and its time box behind it.
func (s *Scenario) checkTimes(doc *document, start, end time.Time) {
	page := s.Page.At.In(start)
	if first := start.Add(time.Duration(s.History)); page.Before(first) || !page.After(start) {
		doc.fail("page.at", "the page comes %s after the start, which leaves no room for a history of %s", page.Sub(start).Round(time.Second), s.History)
	}
	if last := end.Add(-time.Duration(s.Timebox)); page.After(last) {
		doc.fail("page.at", "the page comes %s before the end, which leaves no room for a time box of %s", end.Sub(page).Round(time.Second), s.Timebox)
	}
}

func (s *Scenario) checkServices(doc *document) {
	seen := map[string]bool{}
	for i, v := range s.Services {
		path := func(key string) string { return at("services", i, key) }
		doc.require(path("name"), v.Name)
		if v.Name != "" && seen[v.Name] {
			doc.fail(path("name"), "service %q is there twice", v.Name)
		}
		seen[v.Name] = true
		doc.require(path("description"), v.Description)
		doc.require(path("owner"), v.Owner)
		if v.Tier < 0 || v.Tier > 4 {
			doc.fail(path("tier"), "tier is %d, expected 1 to 4", v.Tier)
		}
		for j, l := range v.Links {
			link := func(key string) string { return at(path("links"), j, key) }
			doc.require(link("title"), l.Title)
			if u, err := url.Parse(l.URL); err != nil || l.URL == "" || !u.IsAbs() && !strings.HasPrefix(l.URL, "/") {
				doc.fail(link("url"), "%q: expected an address such as https://wiki.example.com/runbook, or a path such as /d/overview", l.URL)
			}
		}
		for j, name := range v.DependsOn {
			s.knownService(doc, at(path("depends_on"), j), name)
		}
	}
}

// knownService notes a service that the catalogue does not have.
func (s *Scenario) knownService(doc *document, path, name string) {
	if s.service(name) == nil {
		doc.fail(path, "service %q is not in the catalogue (services)", name)
	}
}

func (s *Scenario) checkChanges(doc *document) {
	var last time.Time
	for i, c := range s.Changes {
		path := func(key string) string { return at("changes", i, key) }
		oneOf(doc, path("kind"), c.Kind, changeKinds)
		s.knownService(doc, path("service"), c.Service)
		doc.require(path("summary"), c.Summary)
		doc.require(path("author"), c.Author)
		if s.System == "" && !s.sameNotation(doc, path("at"), c.At) {
			continue
		}
		if t := c.At.In(s.Start.Time); i > 0 && t.Before(last) {
			doc.fail(path("at"), "the change is earlier than the one before it: list changes in order of time")
		} else {
			last = t
		}
	}
}

func (s *Scenario) checkInjects(doc *document) {
	ids, titles := map[string]bool{}, map[string]bool{}
	for i, v := range s.Injects {
		path := func(key string) string { return at("injects", i, key) }
		switch {
		case !slug.MatchString(v.ID):
			doc.fail(path("id"), "id is %q, expected lower-case words with hyphens, such as angry-customer", v.ID)
		case ids[v.ID]:
			doc.fail(path("id"), "inject %q is there twice", v.ID)
		}
		doc.require(path("title"), v.Title)
		if v.Title != "" && titles[v.Title] {
			doc.fail(path("title"), "title %q is there twice", v.Title)
		}
		ids[v.ID], titles[v.Title] = true, true
		doc.require(path("text"), v.Text)
	}
}

// sameNotation notes a moment that cannot be compared with the page without knowing when the recording starts.
func (s *Scenario) sameNotation(doc *document, path string, m Moment) bool {
	if m.Abs.IsZero() == s.Page.At.Abs.IsZero() {
		return true
	}
	doc.fail(path, "expected the notation of page.at: both RFC 3339, or both a duration")
	return false
}

func (s *Scenario) checkSuspects(doc *document) {
	for i, name := range s.Suspects.Components {
		path := at("suspects.components", i)
		s.knownService(doc, path, name)
		if slices.Contains(s.Suspects.Components[:i], name) {
			doc.fail(path, "component %q is there twice", name)
		}
	}
	seen := map[string]bool{}
	for i, c := range s.Suspects.Causes {
		path := at("suspects.causes", i, "id")
		switch {
		case !slug.MatchString(c.ID):
			doc.fail(path, "id is %q, expected lower-case words with hyphens, such as bad-deploy", c.ID)
		case seen[c.ID]:
			doc.fail(path, "cause %q is there twice", c.ID)
		}
		seen[c.ID] = true
		doc.require(at("suspects.causes", i, "title"), c.Title)
	}
}

// oneOf notes a value that is not in a closed list.
func oneOf[T ~string](doc *document, path string, value T, list []T) {
	if slices.Contains(list, value) {
		return
	}
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = string(v)
	}
	expected := strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
	if doc.secret {
		doc.fail(path, "expected %s", expected)
		return
	}
	doc.fail(path, "%s", fmt.Sprintf("%q: expected %s", value, expected))
}
