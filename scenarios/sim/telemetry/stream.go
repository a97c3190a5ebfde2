package telemetry

import (
	"encoding/hex"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/scenarios/sim/telemetry/logformat"
)

// StreamOptions describe a log stream.
type StreamOptions struct {
	Labels labels.Labels // as in Loki; Instance.StreamLabels gives them
	Format logformat.Format
	// Correlated streams belong to services whose instrumentation puts trace ids into the log: into the
	// lines where the stack does so, and into the structured metadata trace_id and span_id.
	Correlated bool
}

// Stream is the log of one process.
type Stream struct {
	recorder *Recorder
	labels   labels.Labels
	format   logformat.Format
	origin   logformat.Origin
}

// Stream adds a log stream.
func (r *Recorder) Stream(o StreamOptions) *Stream {
	return &Stream{recorder: r, labels: o.Labels, format: o.Format,
		origin: logformat.Origin{Service: o.Labels.Get("service_name"), Host: o.Labels.Get("pod"), Correlated: o.Correlated}}
}

// Log writes an event that happened at the time at, in ns. Events should come about in the order
// of time; lines of one time come in the order of the calls, but those that name a trace last. What the event points to must not be changed afterwards.
// Ids of a trace that is not in the recording in the end, because it was not sampled, are left out.
func (s *Stream) Log(at int64, e logformat.Event) {
	s.recorder.work <- func(o *output) error { return o.log(s, at, e) }
}

func (o *output) log(s *Stream, at int64, e logformat.Event) error {
	if err := o.release(at); err != nil {
		return err
	}
	if s.origin.Correlated && e.TraceID != (TraceID{}) {
		o.lines = append(o.lines, heldLine{s, at, e})
		return nil
	}
	return o.writeLine(s, at, e)
}

func (o *output) writeLine(s *Stream, at int64, e logformat.Event) error {
	texts, err := s.format.Append(o.texts[:0], s.origin, at, e)
	o.texts = texts
	if err != nil {
		return err
	}
	var metadata []replay.Pair
	if s.origin.Correlated && e.TraceID != (TraceID{}) {
		metadata = []replay.Pair{{Name: "span_id", Value: hex.EncodeToString(e.SpanID[:])}, {Name: "trace_id", Value: hex.EncodeToString(e.TraceID[:])}}
	}
	for _, text := range texts {
		if err := o.w.Record(s.labels, at, text, metadata); err != nil {
			return err
		}
	}
	return nil
}
