package remotewrite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/golang/snappy"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

// Headers of both versions. The version header of 1.0 is what Prometheus sends
// (storage/remote/client.go).
var (
	headerV1 = http.Header{
		"Content-Type":                      {"application/x-protobuf"},
		"Content-Encoding":                  {"snappy"},
		"X-Prometheus-Remote-Write-Version": {"0.1.0"},
	}
	headerV2 = http.Header{
		"Content-Type":                      {"application/x-protobuf;proto=io.prometheus.write.v2.Request"},
		"Content-Encoding":                  {"snappy"},
		"X-Prometheus-Remote-Write-Version": {"2.0.0"},
	}
)

// What a 2.0 receiver says it has written.
const (
	samplesWritten    = "X-Prometheus-Remote-Write-Samples-Written"
	histogramsWritten = "X-Prometheus-Remote-Write-Histograms-Written"
	exemplarsWritten  = "X-Prometheus-Remote-Write-Exemplars-Written"
)

// answer is what became of one request.
type answer struct {
	plan
	err      *replay.PushError // nil: status 2xx
	hasStats bool              // a 2.0 receiver told what it has written:
	written  int               // samples and histograms
}

// status returns the HTTP status of a refusal, 0 when there was none.
func (a *answer) status() int {
	if a.err == nil || len(a.err.Status) < 3 {
		return 0
	}
	code, _ := strconv.Atoi(a.err.Status[:3])
	return code
}

// unknownProtocol tells whether the receiver may not know 2.0. The specification says 415. Older
// receivers that do not look at the content type read a 2.0 request as an empty one of 1.0 and
// answer 2xx, or cannot read it and answer 400; either way without the headers that 2.0 demands.
func (a *answer) unknownProtocol() bool {
	if a.status() == http.StatusUnsupportedMediaType {
		return true
	}
	return !a.hasStats && a.sent() > 0 && (a.err == nil || a.status() == http.StatusBadRequest)
}

// sent is the number of samples in the request.
func (a *answer) sent() int { return a.n - a.bad }

// refusedHere is the error for the items that were not sent; nil when there was none.
func (a *answer) refusedHere() error {
	missing := 0
	if a.hasStats {
		missing = max(a.sent()-a.written, 0)
	}
	switch {
	case a.bad > 0:
		return &replay.PushError{Refused: a.bad + missing, Status: "not sent", Words: a.why}
	case missing > 0:
		return &replay.PushError{Refused: missing, Status: "2xx", Words: fmt.Sprintf("the receiver says that it wrote %d of %d samples", a.written, a.sent())}
	}
	return nil
}

// outcome is the error of Push for an answer that is not divided further. The caller knows that
// a.err is not nil.
func (a *answer) outcome() error {
	if a.err.Retryable {
		return a.err
	}
	e := *a.err
	e.Refused = a.n
	if a.hasStats && !a.err.Unacknowledged {
		e.Refused = a.bad + max(a.sent()-a.written, 0)
		if e.Refused == 0 {
			return nil // exemplars only, which send has logged
		}
	}
	return &e
}

// send makes one request of the longest prefix of items that fits.
func (s *Sink) send(ctx context.Context, items []replay.Sample, version Protocol) answer {
	sc := s.scratch.Get().(*scratch)
	defer s.scratch.Put(sc)
	a := answer{plan: s.encode(sc, items, version)}
	if a.sent() == 0 {
		return a
	}
	header := headerV2
	if version == V1 {
		header = headerV1
	}
	got, err := endpoint.Send(ctx, s.client, s.writeURL, header, sc.packed)
	if err != nil && !errors.As(err, &a.err) {
		a.err = &replay.PushError{Err: err}
	}
	if version == V1 {
		if err == nil {
			for f := range sc.families {
				f.sent.Store(true)
			}
		}
		return a
	}
	samples, ok1 := count(got, samplesWritten)
	histograms, ok2 := count(got, histogramsWritten)
	exemplars, ok3 := count(got, exemplarsWritten)
	// A missing header means 0 when another is there.
	a.hasStats = ok1 || ok2 || ok3
	a.written = samples + histograms
	if a.hasStats && (a.err == nil || !a.err.Retryable) && exemplars < a.exemplars {
		lost := a.exemplars - exemplars
		s.exemplarsRefused.Add(int64(lost))
		words := "none: it logs the reason itself"
		if a.err != nil {
			words = a.err.Words
		}
		s.log.Warn("remote write receiver refused exemplars", "refused", lost, "sent", a.exemplars, "words", words)
	}
	return a
}

// encode makes the compressed request of the longest prefix of items that fits, in sc.packed.
func (s *Sink) encode(sc *scratch, items []replay.Sample, version Protocol) plan {
	items = items[:min(len(items), s.maxSamples)]
	sc.begin(len(items))
	sc.lookup(s.cache, items)
	p := sc.prepare(items, version, s.maxBytes)
	if p.n == p.bad {
		return p
	}
	sc.encode(items, version)
	sc.packed = snappy.Encode(sc.packed[:cap(sc.packed)], sc.body)
	clear(sc.entries)
	return p
}

// count reads a header that holds a number.
func count(h http.Header, name string) (int, bool) {
	v := h.Get(name)
	if v == "" {
		return 0, false
	}
	n, err := strconv.Atoi(v)
	return n, err == nil && n >= 0
}
