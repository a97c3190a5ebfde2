package sim_test

import (
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// signals is all that a recording has.
type signals struct {
	series  []*series
	records []replay.Record
	spans   []span
	traces  map[string]bool
}

type series struct {
	labels    labels.Labels
	points    []point
	exemplars []replay.Exemplar
}

type point struct {
	at    int64 // ms
	v     float64
	count uint64 // of a native histogram
}

func (p point) stale() bool { return math.Float64bits(p.v) == value.StaleNaN }

type span struct {
	ptrace.Span
	service, pod string
}

func (s span) length() time.Duration { return time.Duration(s.EndTimestamp() - s.StartTimestamp()) }

func read(dir string) (*signals, error) {
	rec, err := recording.Open(dir)
	if err != nil {
		return nil, err
	}
	defer rec.Close()
	from, to := rec.Bounds()
	out := &signals{traces: map[string]bool{}}
	byID := map[uint32]*series{}
	samples, err := rec.Samples(from, to)
	err = each(samples, err, func(s *replay.Sample) {
		x := byID[s.Series.ID]
		if x == nil {
			x = &series{labels: s.Series.Labels}
			byID[s.Series.ID] = x
			out.series = append(out.series, x)
		}
		p := point{at: s.T, v: s.V}
		if s.H != nil {
			p.v, p.count = s.H.Sum, s.H.Count
		}
		x.points = append(x.points, p)
		x.exemplars = append(x.exemplars, s.Exemplars...)
	})
	if err != nil {
		return nil, err
	}
	records, err := rec.Records(from, to)
	err = each(records, err, func(r *replay.Record) {
		c := *r
		c.Line, c.Metadata = slices.Clone(r.Line), slices.Clone(r.Metadata)
		out.records = append(out.records, c)
	})
	if err != nil {
		return nil, err
	}
	spans, err := rec.Spans(from, to)
	err = each(spans, err, func(s *replay.Span) {
		c := ptrace.NewSpan()
		s.Span.CopyTo(c)
		service, _ := s.Resource.Attributes.Get("service.name")
		pod, _ := s.Resource.Attributes.Get("k8s.pod.name")
		out.spans = append(out.spans, span{c, service.Str(), pod.Str()})
		out.traces[c.TraceID().String()] = true
	})
	return out, err
}

func each[T replay.Item](r replay.Reader[T], err error, do func(*T)) error {
	if err != nil {
		return err
	}
	defer r.Close()
	batch := make([]T, 512)
	for {
		n, err := r.Read(batch)
		for i := range batch[:n] {
			do(&batch[i])
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// find returns the series of a name whose labels are as given: names and values in turn.
func (s *signals) find(name string, pairs ...string) []*series {
	var out []*series
	for _, x := range s.series {
		ok := x.labels.Get(labels.MetricName) == name
		for i := 0; i < len(pairs); i += 2 {
			ok = ok && x.labels.Get(pairs[i]) == pairs[i+1]
		}
		if ok {
			out = append(out, x)
		}
	}
	return out
}

// between sums up how much counters rose from the last sample at or before one time to that at another. Those that
// begin in between begin at 0.
func between(all []*series, from, to int64) float64 {
	var sum float64
	for _, x := range all {
		sum += x.before(to) - x.before(from)
	}
	return sum
}

func (x *series) before(at int64) float64 {
	var v float64
	for _, p := range x.points {
		if p.at <= at && !p.stale() {
			v = p.v
			if p.count > 0 {
				v = float64(p.count)
			}
		}
	}
	return v
}

// lines returns those of a service that contain a text.
func (s *signals) lines(service, text string) []replay.Record {
	var out []replay.Record
	for _, r := range s.records {
		if r.Stream.Labels.Get("service_name") == service && strings.Contains(string(r.Line), text) {
			out = append(out, r)
		}
	}
	return out
}

// offset is how long after the recording's start something was, in ns since the epoch.
func offset(at int64) time.Duration { return time.Unix(0, at).Sub(start) }

func metadata(r replay.Record, name string) string {
	for _, p := range r.Metadata {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}
