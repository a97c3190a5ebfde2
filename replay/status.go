package replay

import (
	"errors"
	"math"
	"math/bits"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Signal names one of the three kinds of telemetry.
type Signal string

// The signals, in the order in which they are reported.
const (
	Metrics Signal = "metrics"
	Logs    Signal = "logs"
	Traces  Signal = "traces"
)

// Totals counts items of one signal: samples, lines or spans.
type Totals struct {
	Read    int64 `json:"read"`    // read from the source, due, and disposed of
	Sent    int64 `json:"sent"`    // acknowledged by the back end, or found there by reading back
	Refused int64 `json:"refused"` // finally refused by the back end
	Retried int64 `json:"retried"` // requests that were tried again
	// Exemplars came with the samples that were read.
	Exemplars int64 `json:"exemplars,omitempty"`
}

func (t *Totals) add(o Totals) {
	t.Read += o.Read
	t.Sent += o.Sent
	t.Refused += o.Refused
	t.Retried += o.Retried
	t.Exemplars += o.Exemplars
}

// SignalStatus is how one signal stands.
type SignalStatus struct {
	Totals
	LatenessP50 time.Duration `json:"latenessP50"` // of live items, from due to acknowledged; about 2 % exact
	LatenessP99 time.Duration `json:"latenessP99"`
	LatenessMax time.Duration `json:"latenessMax"`
	Refusal     string        `json:"refusal,omitempty"` // the server's words for the last final refusal
}

// Status is how a replay stands.
type Status struct {
	Phase    Phase                   `json:"phase"`
	Recorded time.Time               `json:"recorded"` // where the clock is in the recording
	Page     time.Time               `json:"page"`     // wall time of the page
	Live     time.Duration           `json:"live"`     // how long the clock has run since the page
	Left     time.Duration           `json:"left"`     // until the end, at the current speed
	Speed    float64                 `json:"speed"`
	Paused   bool                    `json:"paused"`
	Signals  map[Signal]SignalStatus `json:"signals"`
}

// status collects what Status reports.
type status struct {
	metrics *selfMetrics

	mu      sync.Mutex
	phase   Phase
	live    int64 // wall time in ns at which this process went live
	signals map[Signal]*signalState
}

type signalState struct {
	totals   Totals
	lateness latencies
	refusal  string
}

func newStatus(m *selfMetrics, signals []Signal) *status {
	s := &status{metrics: m, live: math.MaxInt64, signals: make(map[Signal]*signalState)}
	for _, n := range signals {
		s.signals[n] = &signalState{}
	}
	return s
}

func (s *status) set(n Signal, t Totals) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signals[n].totals = t
}

func (s *status) refusal(n Signal, e *PushError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signals[n].refusal = e.Error()
}

func (s *status) setPhase(p Phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = p
	if p == PhaseLive {
		s.live = time.Now().UnixNano()
	}
}

func (s *status) liveSince() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

func (s *status) late(n Signal, d time.Duration, items int) {
	s.mu.Lock()
	s.signals[n].lateness.add(d, items)
	s.mu.Unlock()
	s.metrics.late(n, d, items)
}

func (s *status) snapshot() (Phase, map[Signal]SignalStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[Signal]SignalStatus, len(s.signals))
	for n, st := range s.signals {
		l := &st.lateness
		out[n] = SignalStatus{st.totals, l.quantile(0.5), l.quantile(0.99), l.max, st.refusal}
	}
	return s.phase, out
}

// latencies is a histogram of durations with 64 buckets for each power of two, from 1 µs on.
type latencies struct {
	buckets [64 * 40]int64
	lowest  int // no bucket before it holds anything
	count   int64
	max     time.Duration
}

func (l *latencies) add(d time.Duration, n int) {
	l.max = max(l.max, d)
	us := uint64(max(d.Microseconds(), 1))
	exp := bits.Len64(us) - 1
	sub := (us << 6 >> exp) & 63
	i := min(exp*64+int(sub), len(l.buckets)-1)
	if l.count == 0 || i < l.lowest {
		l.lowest = i
	}
	l.count += int64(n)
	l.buckets[i] += int64(n)
}

// quantile returns the upper bound of the bucket that holds the q-quantile, 0 when there is nothing.
func (l *latencies) quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(l.count)))
	if rank == 0 {
		return 0
	}
	for i := l.lowest; i < len(l.buckets); i++ {
		if rank -= l.buckets[i]; rank <= 0 {
			exp, sub := i/64, i%64
			us := math.Ldexp(1+float64(sub+1)/64, exp)
			return min(time.Duration(us*float64(time.Microsecond)), l.max)
		}
	}
	return l.max
}

// selfMetrics are the engine's own metrics. A nil *selfMetrics records nothing.
type selfMetrics struct {
	lateness                *prometheus.HistogramVec
	sentItems, refusedItems *prometheus.CounterVec
	retriedPushes           *prometheus.CounterVec
}

func newSelfMetrics(r prometheus.Registerer) (*selfMetrics, error) {
	if r == nil {
		return nil, nil
	}
	by := []string{"signal", "sink"}
	m := &selfMetrics{
		lateness: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                            "firedrill_replay_lateness_seconds",
			Help:                            "Time from when an item was due to when its back end acknowledged it.",
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  160,
			NativeHistogramMinResetDuration: time.Hour,
		}, by),
		sentItems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "firedrill_replay_sent_items_total",
			Help: "Samples, log lines and spans that a back end acknowledged.",
		}, by),
		refusedItems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "firedrill_replay_refused_items_total",
			Help: "Samples, log lines and spans that a back end refused for good.",
		}, by),
		retriedPushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "firedrill_replay_retried_pushes_total",
			Help: "Pushes that were tried again.",
		}, by),
	}
	return m, errors.Join(register(r, &m.lateness), register(r, &m.sentItems), register(r, &m.refusedItems), register(r, &m.retriedPushes))
}

// register registers a collector, or puts in its place the one that another replay has registered.
func register[C prometheus.Collector](r prometheus.Registerer, c *C) error {
	err := r.Register(*c)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if same, ok := before.ExistingCollector.(C); ok {
			*c = same
			return nil
		}
	}
	return err
}

// sinkNames are the protocols of the signals, as the label sink has them.
var sinkNames = map[Signal]string{Metrics: "remote_write", Logs: "loki_push", Traces: "otlp"}

func (m *selfMetrics) late(s Signal, d time.Duration, items int) {
	if m == nil {
		return
	}
	h := m.lateness.WithLabelValues(string(s), sinkNames[s])
	for range items {
		h.Observe(d.Seconds())
	}
}

func (m *selfMetrics) sent(s Signal, n int) {
	if m != nil {
		m.sentItems.WithLabelValues(string(s), sinkNames[s]).Add(float64(n))
	}
}

func (m *selfMetrics) refused(s Signal, n int) {
	if m != nil {
		m.refusedItems.WithLabelValues(string(s), sinkNames[s]).Add(float64(n))
	}
}

func (m *selfMetrics) retried(s Signal) {
	if m != nil {
		m.retriedPushes.WithLabelValues(string(s), sinkNames[s]).Inc()
	}
}
