package replay

import (
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Family is what a metric family says of itself.
type Family struct {
	Type string // as in the OpenMetrics TYPE line: counter, gauge, histogram, summary, ...
	Help string
	Unit string // base unit, may be empty
}

// Series identifies one metric series. Readers hand out one *Series for each distinct label set
// and never change it; sinks may key caches on ID.
type Series struct {
	ID     uint32 // dense, from 0, unique within the Source
	Labels labels.Labels
	Family *Family // nil when the recording has no metadata for it
}

// MaxLag is the most that the Lag of an item may be: the engine looks so far back for what was due of late.
const MaxLag = 30 * time.Minute

// Sample is one point of a series. Exactly one of V, H and FH counts: H or FH when not nil, else V.
type Sample struct {
	Series *Series
	T      int64 // milliseconds since the epoch
	V      float64
	H      *histogram.Histogram
	FH     *histogram.FloatHistogram

	// Exemplars travel with the first sample of their series at or after their own time, since
	// Prometheus refuses a series that has exemplars and no sample.
	Exemplars []Exemplar
	// Lag is how long after T the sample is due, from 0 to MaxLag.
	Lag time.Duration
}

// Exemplar is an OpenMetrics exemplar; by convention the label trace_id names a trace.
type Exemplar struct {
	Labels labels.Labels
	V      float64
	T      int64 // milliseconds since the epoch
}

// Stream identifies one log stream (Loki's stream labels), with the rules of Series.
type Stream struct {
	ID     uint32
	Labels labels.Labels
}

// Pair is one name and value of a log record's structured metadata.
type Pair struct{ Name, Value string }

// Record is one log line. Line and Metadata belong to whoever holds the Record and may be changed.
type Record struct {
	Stream   *Stream
	T        int64 // nanoseconds since the epoch
	Line     []byte
	Metadata []Pair
	Lag      time.Duration // how long after T the line is due, from 0 to MaxLag
}

// Resource is what a group of spans shares: the OTLP resource and scope.
type Resource struct {
	Attributes pcommon.Map
	SchemaURL  string
	Scope      pcommon.InstrumentationScope
	ScopeURL   string // schema URL of the scope
}

// Span is one finished span. It is due when it ended, or Lag later. The span may be changed by whoever holds it;
// the Resource is shared and must not be.
type Span struct {
	Resource *Resource
	Span     ptrace.Span
	Lag      time.Duration // from 0 to MaxLag
}

// Item is one thing that a replay delivers.
type Item interface{ Sample | Record | Span }
