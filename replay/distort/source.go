package distort

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
)

// Source is a recording as distorted evidence shows it. It is safe for concurrent use as far as the recording
// is; its Readers are not.
type Source struct {
	src        replay.Source
	rules      []rule
	start, end int64 // bounds of src, ns
	hasTrace   func(pcommon.TraceID) bool
	decoys     decoys
}

var _ replay.Source = (*Source)(nil)

// New returns src with the distortions of spec applied, drawn with the seed. The items of src must be due at their
// own times. hasTrace tells whether src has a trace, to find ids in log lines; it is called concurrently and may be nil.
func New(src replay.Source, spec []Distortion, seed uint64, hasTrace func(pcommon.TraceID) bool) (*Source, error) {
	if len(spec) > maxRules {
		return nil, fmt.Errorf("%d distortions are declared, expected at most %d", len(spec), maxRules)
	}
	for i := range spec {
		if err := spec[i].Validate(); err != nil {
			return nil, fmt.Errorf("distortion %d: %w", i+1, err)
		}
	}
	start, end := src.Bounds()
	s := &Source{src: src, start: start.UnixNano(), end: end.UnixNano(), hasTrace: hasTrace}
	if hasTrace == nil {
		s.hasTrace = func(pcommon.TraceID) bool { return false }
	}
	s.rules = compile(spec, s.start, seed)
	if err := checkDelays(s.rules); err != nil {
		return nil, err
	}
	for i := range s.rules {
		s.rules[i].text.KnownTrace = func(id [16]byte) bool { return s.hasTrace(id) }
	}
	var err error
	s.decoys, err = newDecoys(s.rules)
	return s, err
}

// Bounds implements replay.Source: they are those of the recording. What is delayed beyond its end never arrives.
func (s *Source) Bounds() (start, end time.Time) { return s.src.Bounds() }

// HasTrace tells whether the recording has a trace of that id, or one that broken propagation gave it. The trace need
// not have been kept.
func (s *Source) HasTrace(id pcommon.TraceID) bool {
	if s.hasTrace(id) {
		return true
	}
	for i := range s.rules {
		if ids := s.rules[i].text.IDs; ids != nil && s.hasTrace(ids.InverseTrace(id)) {
			return true
		}
	}
	return false
}

// Samples implements replay.Source.
func (s *Source) Samples(from, to time.Time) (replay.Reader[replay.Sample], error) {
	c := &sampleChain{rules: s.of(replay.Metrics)}
	if len(c.rules) == 0 {
		return s.src.Samples(from, to)
	}
	r := ranged[replay.Sample](s, replay.Metrics, from, to)
	r.chain, r.time = c, sampleTime
	c.alive = make([][]int64, len(c.rules))
	return open(r, func(from, to time.Time) (replay.Reader[replay.Sample], error) {
		src, err := s.src.Samples(from, to)
		if err != nil || len(s.decoys.series) == 0 {
			return src, err
		}
		return s.decoys.reader(src, from.UnixNano(), to.UnixNano()), nil
	})
}

// Records implements replay.Source.
func (s *Source) Records(from, to time.Time) (replay.Reader[replay.Record], error) {
	rules := s.of(replay.Logs)
	if len(rules) == 0 {
		return s.src.Records(from, to)
	}
	r := ranged[replay.Record](s, replay.Logs, from, to)
	r.chain, r.time = newRecordChain(rules, s.HasTrace), recordTime
	return open(r, s.src.Records)
}

// Spans implements replay.Source.
func (s *Source) Spans(from, to time.Time) (replay.Reader[replay.Span], error) {
	rules := s.of(replay.Traces)
	if len(rules) == 0 {
		return s.src.Spans(from, to)
	}
	r := ranged[replay.Span](s, replay.Traces, from, to)
	r.chain, r.time = &spanChain{rules: rules, resources: make(map[*replay.Resource]facts)}, spanTime
	return open(r, s.src.Spans)
}

// of returns the rules that touch a signal.
func (s *Source) of(signal replay.Signal) []rule {
	var rules []rule
	for i := range s.rules {
		if s.rules[i].touches(signal) {
			rules = append(rules, s.rules[i])
		}
	}
	return rules
}

// ranged returns a reader of due times in [from, to), within the bounds of the recording. Its start is where it
// must begin to read.
func ranged[T replay.Item](s *Source, signal replay.Signal, from, to time.Time) *reader[T] {
	r := &reader[T]{from: max(nanos(from), s.start), to: min(nanos(to), s.end)}
	rules := s.of(signal)
	off, _ := delays(rules, signal)
	r.start = r.from - int64(off)
	for i := len(rules) - 1; i >= 0; i-- {
		r.start = rules[i].needs(r.start)
	}
	return r
}

func open[T replay.Item](r *reader[T], src func(from, to time.Time) (replay.Reader[T], error)) (replay.Reader[T], error) {
	var err error
	r.src, err = src(time.Unix(0, r.start), time.Unix(0, max(r.to, r.start)))
	if err != nil {
		return nil, err
	}
	return r, nil
}

// needs returns how far back a rule must see items so that it treats those from t on as if it had seen all.
func (r *rule) needs(t int64) int64 {
	switch {
	case r.Kind == LogRateLimit:
		return t - mod(t, int64(time.Second))
	case r.Kind == ScrapeGap && t > r.from-int64(lookback) && t < r.to:
		return r.from - int64(lookback)
	}
	return t
}

// mod returns the remainder of a division that rounds down.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

// nanos returns t in ns since the epoch, or the nearest that an int64 can hold.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

func sampleTime(s *replay.Sample) int64 { return s.T * int64(time.Millisecond) }
func recordTime(r *replay.Record) int64 { return r.T }
func spanTime(s *replay.Span) int64     { return int64(s.Span.EndTimestamp()) }

// exemplarLabels renames the ids in an exemplar's labels.
func (r *rule) exemplarLabels(l labels.Labels) labels.Labels {
	b := labels.NewBuilder(l)
	l.Range(func(l labels.Label) { b.Set(l.Name, r.text.Named(l.Name, l.Value, 0, 0)) })
	return b.Labels()
}
