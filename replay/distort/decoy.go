package distort

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"firedrill/replay"
)

// What Prometheus writes of an alert (rules/alerting.go).
const (
	alertsName         = "ALERTS"
	alertsForStateName = "ALERTS_FOR_STATE"
)

// evaluation is the interval of a decoy's rule that does not say.
const evaluation = Duration(15 * time.Second)

// decoySeries is one of the two series of an alert.
type decoySeries struct {
	series *replay.Series
	value  float64
	first  int64 // ms
	every  int64 // ms
	to     int64 // ns, exclusive; then a stale marker
}

// decoys are the series that are added to the recording's. They have the first ids, and the recording's the ids
// after them.
type decoys struct {
	series []decoySeries
	*renumbered
}

// renumbered are the recording's series under their new ids.
type renumbered struct {
	mu   sync.Mutex // guards byID
	byID []*replay.Series
}

// newDecoys makes the series of all decoy alerts.
func newDecoys(rules []rule) (decoys, error) {
	d := decoys{renumbered: &renumbered{}}
	for i := range rules {
		r := &rules[i]
		if r.Kind != DecoyAlert {
			continue
		}
		first := (r.from + int64(time.Millisecond) - 1) / int64(time.Millisecond)
		add := func(name string, v float64, more ...string) error {
			b := labels.NewBuilder(labels.FromMap(r.Labels))
			b.Set(labels.MetricName, name).Set(model.AlertNameLabel, r.Alert)
			for i := 0; i < len(more); i += 2 {
				b.Set(more[i], more[i+1])
			}
			s := &replay.Series{ID: uint32(len(d.series)), Labels: b.Labels()}
			if err := d.check(s.Labels); err != nil {
				return err
			}
			d.series = append(d.series, decoySeries{s, v, first, time.Duration(cmp.Or(r.Interval, evaluation)).Milliseconds(), r.to})
			return nil
		}
		if err := add(alertsName, 1, "alertstate", "firing"); err != nil {
			return d, err
		}
		if err := add(alertsForStateName, float64(first/1000)); err != nil {
			return d, err
		}
	}
	return d, nil
}

// check refuses labels that a decoy has.
func (d *decoys) check(l labels.Labels) error {
	for _, s := range d.series {
		if labels.Equal(s.series.Labels, l) {
			return fmt.Errorf("there are two series %s: give the decoy-alert another name or other labels", l)
		}
	}
	return nil
}

// renumber returns a series of the recording under its new id.
func (d *decoys) renumber(s *replay.Series) (*replay.Series, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.byID) <= int(s.ID) {
		d.byID = append(d.byID, nil)
	}
	if d.byID[s.ID] == nil {
		if err := d.check(s.Labels); err != nil {
			return nil, err
		}
		d.byID[s.ID] = &replay.Series{ID: s.ID + uint32(len(d.series)), Labels: s.Labels, Family: s.Family}
	}
	return d.byID[s.ID], nil
}

// decoyReader merges the decoys into the samples of a recording, behind those of the same time.
type decoyReader struct {
	decoys *decoys
	src    replay.Reader[replay.Sample]
	to     int64   // ns, exclusive
	next   []int64 // time of each decoy's next sample, ms; math.MaxInt64 after its last
	space  []replay.Sample
	read   []replay.Sample // from src, not handed out
	err    error
}

func (d *decoys) reader(src replay.Reader[replay.Sample], from, to int64) *decoyReader {
	r := &decoyReader{decoys: d, src: src, to: to, next: make([]int64, len(d.series)), space: make([]replay.Sample, readAhead)}
	for i, s := range d.series {
		next := s.first
		if skipped := from - s.first*int64(time.Millisecond); skipped > 0 {
			every := s.every * int64(time.Millisecond)
			next += (skipped + every - 1) / every * s.every
		}
		if s.over(next - s.every) { // the stale marker is past
			next = math.MaxInt64
		}
		r.next[i] = next
	}
	return r
}

// over tells whether the series has ended at t, in ms.
func (s *decoySeries) over(t int64) bool { return t >= s.first && t*int64(time.Millisecond) >= s.to }

// Read implements replay.Reader.
func (r *decoyReader) Read(p []replay.Sample) (n int, err error) {
	if len(r.read) == 0 && r.err == nil {
		var n int
		n, r.err = r.src.Read(r.space)
		r.read = r.space[:n]
	}
	if r.err != nil && r.err != io.EOF {
		return 0, r.err
	}
	for n < len(p) {
		before := int64(math.MaxInt64) // the recording's next sample, ms
		if len(r.read) > 0 {
			before = r.read[0].T
		} else if r.err == nil {
			break // not known
		}
		if s, ok := r.decoy(before); ok {
			p[n] = s
			n++
			continue
		}
		if len(r.read) == 0 {
			break
		}
		p[n] = r.read[0]
		r.read = r.read[1:]
		if p[n].Series, err = r.decoys.renumber(p[n].Series); err != nil {
			r.err = err
			return 0, err
		}
		n++
	}
	if n == 0 {
		return 0, r.err
	}
	return n, nil
}

// decoy returns the first sample of the decoys before a time in ms.
func (r *decoyReader) decoy(before int64) (replay.Sample, bool) {
	at := 0
	for i, t := range r.next {
		if t < r.next[at] {
			at = i
		}
	}
	t := r.next[at]
	if t >= before || t > r.to/int64(time.Millisecond) || t*int64(time.Millisecond) >= r.to {
		return replay.Sample{}, false
	}
	s := &r.decoys.series[at]
	sample := replay.Sample{Series: s.series, T: t, V: s.value}
	r.next[at] += s.every
	if s.over(t) {
		sample.V = math.Float64frombits(value.StaleNaN)
		r.next[at] = math.MaxInt64
	}
	return sample, true
}

// Close implements replay.Reader.
func (r *decoyReader) Close() error { return r.src.Close() }
