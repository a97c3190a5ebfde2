package replay

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay/rebase"
)

// sampleTime is a sample's own time, in recorded nanoseconds. A sample that was taken at a
// millisecond was taken at its beginning.
func sampleTime(s *Sample) int64 { return s.T * int64(time.Millisecond) }

func spanTime(s *Span) int64 { return int64(s.Span.EndTimestamp()) }

// An item is due at its own time, or as much later as it lags. It moves by the offset of its own time, which
// is settled by then: what lags keeps its place beside what does not.

func sampleDue(s *Sample) int64 { return sampleTime(s) + int64(s.Lag) }

func recordDue(r *Record) int64 { return r.T + int64(r.Lag) }

func spanDue(s *Span) int64 { return spanTime(s) + int64(s.Lag) }

// rebaser moves items from recorded to wall time and remaps their ids, in place. Its methods are
// safe for concurrent use on different items.
type rebaser struct {
	text       rebase.Text
	resources  map[*Resource]*Resource // recorded to rebased; prepareSpans alone uses it
	timeValued []timeValue             // by Series.ID; written by prepare alone
}

// timeValue says whether a series holds times as values.
type timeValue uint8

const (
	unknown timeValue = iota
	no
	yes
)

// prepare decides which series of a round hold times as values. It is called before the round is
// shared out, and never concurrently.
func (b *rebaser) prepare(round []Sample, _ mapping) {
	for i := range round {
		s := round[i].Series
		if n := int(s.ID) + 1; n > len(b.timeValued) {
			b.timeValued = append(b.timeValued, make([]timeValue, n-len(b.timeValued))...)
		}
		if b.timeValued[s.ID] == unknown {
			b.timeValued[s.ID] = no
			if rebase.TimeValued(s.Labels.Get(labels.MetricName)) {
				b.timeValued[s.ID] = yes
			}
		}
	}
}

// sample moves a sample, its exemplars and, where the metric holds a time, its value.
func (b *rebaser) sample(s *Sample, m mapping) {
	at := sampleTime(s)
	shift := floorMs(m.wall(at) - at)
	if b.timeValued[s.Series.ID] == yes && s.H == nil && s.FH == nil && !value.IsStaleNaN(s.V) {
		s.V = rebase.Value(s.V, func(v int64) int64 {
			if v <= at {
				return m.wall(v)
			}
			return v + shift*int64(time.Millisecond)
		})
	}
	s.T += shift
	for i := range s.Exemplars {
		e := &s.Exemplars[i]
		e.T += shift
		e.Labels = b.exemplarLabels(e.Labels)
	}
}

func (b *rebaser) exemplarLabels(l labels.Labels) labels.Labels {
	lb := labels.NewBuilder(l)
	l.Range(func(l labels.Label) {
		if rebase.IDName(l.Name) {
			lb.Set(l.Name, b.text.ID(l.Value))
		}
	})
	return lb.Labels()
}

func (b *rebaser) record(r *Record, m mapping) {
	shift := time.Duration(m.wall(r.T) - r.T)
	r.Line = b.text.Line(r.Line, r.T, shift)
	for i := range r.Metadata {
		md := &r.Metadata[i]
		md.Value = b.text.Named(md.Name, md.Value, r.T, shift)
	}
	r.T += int64(shift)
}

func (b *rebaser) span(s *Span, m mapping) {
	at := spanTime(s)
	b.text.Span(s.Span, time.Duration(m.wall(at)-at))
}

// maxResources bounds the cache of rebased resources; a reader may hand out many.
const maxResources = 4096

// prepareSpans gives the spans of a round resources with rebased attributes. Resources are shared, so
// each is copied once.
func (b *rebaser) prepareSpans(round []Span, m mapping) {
	if b.resources == nil || len(b.resources) > maxResources {
		b.resources = make(map[*Resource]*Resource)
	}
	for i := range round {
		s := &round[i]
		r, ok := b.resources[s.Resource]
		if !ok {
			at := spanTime(s)
			moved := *s.Resource
			moved.Attributes = pcommon.NewMap()
			s.Resource.Attributes.CopyTo(moved.Attributes)
			b.text.Attributes(moved.Attributes, at, time.Duration(m.wall(at)-at))
			r = &moved
			b.resources[s.Resource] = r
		}
		s.Resource = r
	}
}

// floorMs returns whole milliseconds, rounded down, so that a stamp never lies ahead of its time.
func floorMs(ns int64) int64 {
	ms := ns / int64(time.Millisecond)
	if ns%int64(time.Millisecond) < 0 {
		ms--
	}
	return ms
}

func newText(key Key, known func(pcommon.TraceID) bool) rebase.Text {
	t := rebase.Text{IDs: rebase.NewIDs(key)}
	if known != nil {
		t.KnownTrace = func(id [16]byte) bool { return known(id) }
	}
	return t
}
