// Package remotewrite delivers metric samples to Prometheus and to whatever else speaks its remote
// write protocol (Mimir, Cortex, Thanos Receive), and reads them back for the proof.
//
// [New] makes a [Sink]. It speaks remote write 2.0 and falls back to 1.0 for good when the receiver
// does not know it.
//
// # What is refused
//
// A 2.0 receiver stores the valid part of a request and says how much that was. A 1.0 receiver
// throws the whole request away for one bad sample, so the sink then halves the request until only
// the offending samples are left out. Series that no receiver takes (no name, invalid UTF-8, a
// label twice) are refused here: a 1.0 receiver would drop them without a word.
//
// # Reading back
//
// Missing and Stored use streamed remote read. The server must not add labels of its own to what it
// returns (external_labels, the type-and-unit-labels feature): its series would not be recognised,
// and Missing would report samples that are there. Sending those again is harmless.
package remotewrite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

const (
	// DefaultMaxSamples limits a request. Larger ones were not faster against Prometheus
	// (BenchmarkPrometheus), and smaller ones lose less when a 1.0 receiver refuses one.
	DefaultMaxSamples = 5000
	// DefaultMaxBytes limits a request before compression. Prometheus takes at most 32 MiB
	// (client_golang/exp/api/remote, maxDecodedSize); gateways in front of others often less.
	DefaultMaxBytes = 4 << 20

	writePath = "/api/v1/write"
)

// Protocol is a version of the remote write protocol.
type Protocol uint8

// The protocols that a Sink speaks.
const (
	Negotiate Protocol = iota // begin with 2.0, fall back to 1.0
	V1                        // remote write 1.0, prometheus.WriteRequest
	V2                        // remote write 2.0, io.prometheus.write.v2.Request
)

// Options configure a Sink. Only Endpoint is needed.
type Options struct {
	// Endpoint is the server's base URL, to which /api/v1/write, /api/v1/read and
	// /api/v1/query_exemplars are appended, and how to reach it.
	Endpoint endpoint.Config
	// WriteURL, when not empty, is the complete address of writing, for servers that have another
	// one, such as Mimir's /api/v1/push or Thanos Receive on its own port.
	WriteURL string
	// Labels are added to every series, for example firedrill_session. A sample whose series has
	// one of these names already is refused. Reading back is limited to series with these labels.
	Labels []labels.Label
	// MaxSamples and MaxBytes (before compression) limit a request; 0 is DefaultMaxSamples and
	// DefaultMaxBytes. A request holds one sample at least, whatever its size.
	MaxSamples, MaxBytes int
	// Protocol is which version to speak; the zero value negotiates.
	Protocol Protocol
	// Log gets the fall-back to 1.0 and refused exemplars; nil is slog.Default.
	Log *slog.Logger
}

// Sink implements replay.Sink and replay.Counter for samples. It is safe for concurrent use.
type Sink struct {
	maxSamples, maxBytes int

	writeURL, readURL, exemplarsURL string

	extra  []labels.Label
	log    *slog.Logger
	client *http.Client // for pushes
	reader *http.Client // for reading back, with more time

	cache   *seriesCache
	scratch sync.Pool // of *scratch

	protocol atomic.Uint32 // a Protocol; Negotiate until the receiver has shown what it knows
	limit    atomic.Int64  // most samples that the receiver took after a 413; 0 when there was none

	exemplarsRefused atomic.Int64
}

var (
	_ replay.Sink[replay.Sample] = (*Sink)(nil)
	_ replay.Counter             = (*Sink)(nil)
)

// readTimeout is the least time for one answer when reading back: it holds up to readSlice of a
// whole session.
const readTimeout = 5 * time.Minute

// New checks o and returns a Sink. It opens no connection.
func New(o Options) (*Sink, error) {
	s := &Sink{maxSamples: o.MaxSamples, maxBytes: o.MaxBytes, log: o.Log}
	if o.MaxSamples < 0 || o.MaxBytes < 0 || o.Protocol > V2 {
		return nil, fmt.Errorf("remote write: max samples %d, max bytes %d or protocol %d is out of range", o.MaxSamples, o.MaxBytes, o.Protocol)
	}
	if s.maxSamples == 0 {
		s.maxSamples = DefaultMaxSamples
	}
	if s.maxBytes == 0 {
		s.maxBytes = DefaultMaxBytes
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	for _, l := range o.Labels {
		if !model.UTF8Validation.IsValidLabelName(l.Name) || l.Name == model.MetricNameLabel || l.Value == "" || !model.LabelValue(l.Value).IsValid() {
			return nil, fmt.Errorf("remote write: %q=%q cannot be added to every series", l.Name, l.Value)
		}
	}
	s.extra = append(s.extra, o.Labels...)

	if err := o.Endpoint.Validate(); err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	base := strings.TrimRight(o.Endpoint.URL, "/")
	s.writeURL, s.readURL, s.exemplarsURL = base+writePath, base+"/api/v1/read", base+"/api/v1/query_exemplars"
	if o.WriteURL != "" {
		w := o.Endpoint
		w.URL = o.WriteURL
		if err := w.Validate(); err != nil {
			return nil, fmt.Errorf("remote write: write url: %w", err)
		}
		if schemeOf(w.URL) != schemeOf(base) {
			return nil, errors.New("remote write: write url and url must both be http or both https")
		}
		s.writeURL = o.WriteURL
	}
	var err error
	if s.client, err = o.Endpoint.Client(); err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	slow := o.Endpoint
	slow.Timeout = max(slow.Timeout, readTimeout)
	if s.reader, err = slow.Client(); err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	s.cache = newSeriesCache(s.extra)
	s.scratch.New = func() any { return new(scratch) }
	s.protocol.Store(uint32(o.Protocol))
	return s, nil
}

func schemeOf(u string) string {
	p, err := url.Parse(u)
	if err != nil {
		return ""
	}
	return p.Scheme
}

// Protocol returns the version in use; Negotiate until the receiver has answered once.
func (s *Sink) Protocol() Protocol { return Protocol(s.protocol.Load()) }

// ExemplarsRefused returns how many exemplars a 2.0 receiver said it did not store although it took
// their samples. Such refusals are logged, and are no error of Push. A 1.0 receiver does not say.
func (s *Sink) ExemplarsRefused() int64 { return s.exemplarsRefused.Load() }

// Close closes idle connections.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	s.reader.CloseIdleConnections()
	return nil
}

// Push implements replay.Sink. Besides the one request it sends more when it falls back to 1.0,
// when the receiver finds the request too large (413), and when a refusal concerns only part of it.
func (s *Sink) Push(ctx context.Context, items []replay.Sample) (int, error) {
	if len(items) == 0 {
		return 0, nil
	}
	if limit := int(s.limit.Load()); limit > 0 && len(items) > limit {
		items = items[:limit]
	}
	protocol := s.Protocol()
	version := V2
	if protocol == V1 {
		version = V1
	}
	a := s.send(ctx, items, version)

	switch {
	case protocol == Negotiate && a.unknownProtocol():
		b := s.send(ctx, items, V1)
		if a.status() != http.StatusBadRequest || b.err == nil {
			s.fallBack(a)
			version, a = V1, b
		} else if b.status() == http.StatusBadRequest {
			version, a = V1, b // perhaps the samples are bad: what follows shows it
		}
	case protocol == Negotiate && a.hasStats:
		s.protocol.CompareAndSwap(uint32(Negotiate), uint32(V2))
	}

	switch {
	case a.err == nil:
		return a.n, a.refusedHere()
	case a.status() == http.StatusRequestEntityTooLarge && a.n > 1:
		half := (a.n + 1) / 2
		s.limit.Store(int64(half))
		s.log.Warn("remote write receiver takes smaller requests only", "samples", half)
		return s.Push(ctx, items[:half])
	case a.status() == http.StatusBadRequest && !a.hasStats && a.n > 1:
		return s.halve(ctx, items[:a.n], version, a)
	}
	return a.n, a.outcome()
}

// fallBack makes 1.0 the protocol for good.
func (s *Sink) fallBack(a answer) {
	if s.protocol.CompareAndSwap(uint32(Negotiate), uint32(V1)) {
		why := "it stored nothing that it confirmed"
		if a.err != nil {
			why = a.err.Error()
		}
		s.log.Info("remote write receiver does not know 2.0, falling back to 1.0", "why", why)
	}
}

// halvings limits the requests that one Push makes to find the offending samples. When they are
// used up Push returns the shorter prefix whose fate is known. It is enough to find one sample in
// any request.
const halvings = 64

// halve sends items, of which the receiver refused the whole because of some, in parts: so that
// only the offending ones are refused. The answer is that to all of them.
func (s *Sink) halve(ctx context.Context, items []replay.Sample, version Protocol, whole answer) (int, error) {
	type part struct {
		lo, hi int
		bad    bool // it was refused as a whole
	}
	todo := []part{{0, len(items), true}}
	total := answer{err: whole.err} // the first words are as good as any
	refused := 0
	for sent := 0; len(todo) > 0; {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p.bad {
			if p.hi-p.lo == 1 {
				refused++
				total.n = p.hi
				continue
			}
			mid := p.lo + (p.hi-p.lo)/2
			todo = append(todo, part{mid, p.hi, false}, part{p.lo, mid, false})
			continue
		}
		if sent++; sent > halvings && total.n > 0 {
			break
		}
		a := s.send(ctx, items[p.lo:p.hi], version)
		switch {
		case a.err == nil && a.n == p.hi-p.lo:
			s.protocol.CompareAndSwap(uint32(Negotiate), uint32(version))
			refused += a.bad
			total.n = p.hi
		case a.err == nil: // it did not fit after all
			refused += a.bad
			total.n = p.lo + a.n
			todo = append(todo, part{total.n, p.hi, false})
		case a.status() == http.StatusBadRequest:
			todo = append(todo, part{p.lo, p.lo + a.n, true})
			if p.lo+a.n < p.hi {
				todo = append(todo[:len(todo)-1], part{p.lo + a.n, p.hi, false}, part{p.lo, p.lo + a.n, true})
			}
		case total.n == 0:
			return a.n, a.outcome()
		default:
			// The fate of what came before is known: let the engine begin here again.
			todo = nil
		}
	}
	if refused == 0 {
		return total.n, nil
	}
	e := *total.err
	e.Refused = refused
	return total.n, &e
}
