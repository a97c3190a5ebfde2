package source

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// Source is what sessions of one scenario and difficulty play. It is safe for concurrent use; its Readers are not.
type Source struct {
	Scenario *scenarios.Scenario
	Manifest recording.Manifest
	// Fingerprint changes with everything that a session would see; a checkpoint is good for one.
	Fingerprint string

	rec     *recording.Recording
	from    evidence
	samples *blocks[replay.Sample]
	records *blocks[replay.Record]
	spans   *blocks[replay.Span]
}

var _ replay.Source = (*Source)(nil)

func (s *Source) share(cache *lru) {
	start, end := s.from.Bounds()
	s.samples = &blocks[replay.Sample]{
		open: s.from.Samples, start: start, end: end, cache: cache,
		due: func(v *replay.Sample) int64 { return v.T*int64(time.Millisecond) + int64(v.Lag) }, size: sampleSize, own: ownSample,
	}
	s.records = &blocks[replay.Record]{
		open: s.from.Records, start: start, end: end, cache: cache,
		due: func(v *replay.Record) int64 { return v.T + int64(v.Lag) }, size: recordSize, own: ownRecord,
	}
	s.spans = &blocks[replay.Span]{
		open: s.from.Spans, start: start, end: end, cache: cache,
		due: func(v *replay.Span) int64 { return int64(v.Span.EndTimestamp()) + int64(v.Lag) }, size: spanSize, own: ownSpan,
		intern: (&resources{known: map[string]*replay.Resource{}}).intern,
	}
}

// Samples implements replay.Source.
func (s *Source) Samples(from, to time.Time) (replay.Reader[replay.Sample], error) {
	return s.samples.reader(from, to), nil
}

// Records implements replay.Source.
func (s *Source) Records(from, to time.Time) (replay.Reader[replay.Record], error) {
	return s.records.reader(from, to), nil
}

// Spans implements replay.Source.
func (s *Source) Spans(from, to time.Time) (replay.Reader[replay.Span], error) {
	return s.spans.reader(from, to), nil
}

// Bounds implements replay.Source.
func (s *Source) Bounds() (start, end time.Time) { return s.from.Bounds() }

// HasTrace tells whether the evidence has a trace of that id.
func (s *Source) HasTrace(id pcommon.TraceID) bool { return s.from.HasTrace(id) }

// Families returns what the metric families say of themselves, by name.
func (s *Source) Families() map[string]replay.Family { return s.rec.Families() }

// close ends the use of the recording. What was handed out stays valid.
func (s *Source) close() {
	s.samples.close()
	s.records.close()
	s.spans.close()
	_ = s.rec.Close() // it was only read
}

// The sizes are what the Go heap holds of an item, about: the structs by unsafe.Sizeof, strings and maps by what they usually have.
// What items share (series, streams, resources) is left out.

func sampleSize(s *replay.Sample) int64 {
	n := int64(88)
	if s.H != nil || s.FH != nil {
		n += 600
	}
	return n + 150*int64(len(s.Exemplars))
}

func recordSize(r *replay.Record) int64 {
	n := int64(80 + len(r.Line))
	for _, m := range r.Metadata {
		n += int64(32 + len(m.Name) + len(m.Value))
	}
	return n
}

func spanSize(s *replay.Span) int64 {
	return int64(300 + 120*s.Span.Attributes().Len() + 400*s.Span.Events().Len() + 300*s.Span.Links().Len() + len(s.Span.Name()))
}

// What a replay changes in place is copied: exemplars, lines with their metadata, and spans.

func ownSample(s *replay.Sample) {
	if len(s.Exemplars) > 0 {
		s.Exemplars = append([]replay.Exemplar(nil), s.Exemplars...)
	}
}

func ownRecord(r *replay.Record) {
	r.Line = append([]byte(nil), r.Line...)
	r.Metadata = append([]replay.Pair(nil), r.Metadata...)
}

func ownSpan(s *replay.Span) {
	c := ptrace.NewSpan()
	s.Span.CopyTo(c)
	s.Span = c
}
