package flow_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"firedrill/scenarios/sim/des"
	"firedrill/scenarios/sim/flow"
	"firedrill/scenarios/sim/model"
)

// header begins every system of the tests: no network time, no noise, plenty of cores.
const header = `version: 1
namespace: shop
cluster: test
network: {zone: 0s, cross: 0s}
nodes:
  - {name: node-a, zone: a, cores: 64, memory: 256Gi}
  - {name: node-b, zone: b, cores: 64, memory: 256Gi}
`

// service is a service with a runtime that never collects garbage. rest is in flow style, as in "workers: 2".
func service(name string, rest string) string {
	return fmt.Sprintf("  - {name: %s, runtime: native, version: 1.0.0, cpu: {request: 1}, memory: {base: 10Mi}, %s}\n", name, rest)
}

// parse reads a system; clients get no noise unless the text asks for it.
func parse(t testing.TB, text string) *model.System {
	t.Helper()
	sys, err := model.Read("system.yaml", []byte(header+text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sys.Clients {
		if !strings.Contains(text, "noise:") {
			sys.Clients[i].Noise = 0
		}
	}
	return sys
}

func start(t testing.TB, sys *model.System, seed uint64, o flow.Observer, faults ...model.Fault) *flow.Flow {
	t.Helper()
	f, err := flow.New(sys, faults, flow.Options{Seed: seed, Start: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Observer: o})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s is %.5g, want %.5g within %g %%", what, got, want, 100*relative)
	} else {
		t.Logf("%s is %.5g, want %.5g", what, got, want)
	}
}

func at(d time.Duration) model.Dur { return model.Dur(d) }

// recorder counts what happens.
type recorder struct {
	flow.Nop
	handled   map[string][]flow.Handled
	attempts  []flow.Attempt
	answers   []flow.Answer
	incidents map[flow.IncidentKind]int
	entries   []flow.Entry
	waits     []flow.Wait
	spans     []flow.Span
	published []flow.Publication
}

func record() *recorder {
	return &recorder{handled: map[string][]flow.Handled{}, incidents: map[flow.IncidentKind]int{}}
}

func (r *recorder) Handled(h *flow.Handled) {
	name := h.Replica.Service.Model.Name
	c := *h
	if h.Message != nil {
		m := *h.Message
		c.Message = &m
	}
	r.handled[name] = append(r.handled[name], c)
}
func (r *recorder) Attempted(a *flow.Attempt)     { r.attempts = append(r.attempts, *a) }
func (r *recorder) Answered(a *flow.Answer)       { r.answers = append(r.answers, *a) }
func (r *recorder) Happened(i *flow.Incident)     { r.incidents[i.Kind]++ }
func (r *recorder) Logged(e *flow.Entry)          { r.entries = append(r.entries, *e) }
func (r *recorder) Waited(w *flow.Wait)           { r.waits = append(r.waits, *w) }
func (r *recorder) Spanned(s *flow.Span)          { r.spans = append(r.spans, *s) }
func (r *recorder) Published(p *flow.Publication) { r.published = append(r.published, *p) }

// failed counts attempts by reason.
func (r *recorder) failed() map[model.Reason]int {
	n := map[model.Reason]int{}
	for _, a := range r.attempts {
		if a.Failure != nil {
			n[a.Failure.Reason]++
		}
	}
	return n
}

// share is the part of answers that failed between two times.
func (r *recorder) share(from, until des.Time) float64 {
	all, bad := 0, 0
	for _, a := range r.answers {
		if a.Started >= from && a.Started < until {
			all++
			if a.Failure != nil {
				bad++
			}
		}
	}
	return float64(bad) / float64(max(1, all))
}
