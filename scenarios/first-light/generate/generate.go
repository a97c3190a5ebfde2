// Package generate makes the recording of the scenario first-light: forty minutes of a small web shop
// of four services, half an hour before the page and ten minutes after it.
//
// Everything is simulated request by request, so that the signals agree: a request's spans, log lines
// and observations come from the same event, counters count exactly those requests, and every trace id
// in a log line or an exemplar is that of a recorded trace. One version of this package makes one
// recording, byte for byte.
package generate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// Version rises with every change of what Recording writes.
const Version = 1

// What the recording covers. The date is arbitrary; a replay moves it.
const (
	history = 30 * time.Minute // before the page
	live    = 10 * time.Minute // after it
)

const (
	seed        = 20260301
	perSecond   = 3 // requests
	scrapeEvery = 15 * time.Second
)

var (
	start = time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	page  = start.Add(history)
	end   = page.Add(live)
)

// Recording writes the recording to the folder dir, which must not exist. When it fails, nothing is
// left behind.
func Recording(dir string) (recording.Manifest, error) {
	w, err := recording.Create(dir, recording.Options{Source: "generated: scenario first-light"})
	if err != nil {
		return recording.Manifest{}, fmt.Errorf("generate first-light: %w", err)
	}
	defer w.Abort()
	s := &simulation{shop: newShop(), rng: rand.New(rand.NewPCG(seed, seed))}
	s.run()
	if err := s.write(w); err != nil {
		return recording.Manifest{}, fmt.Errorf("generate first-light: %w", err)
	}
	m, err := w.Close()
	if err != nil {
		return recording.Manifest{}, fmt.Errorf("generate first-light: %w", err)
	}
	return m, nil
}

func (s *simulation) write(w *recording.Writer) error {
	for _, l := range s.lines {
		metadata := []replay.Pair{{Name: "span_id", Value: l.call.span.String()}, {Name: "trace_id", Value: l.call.trace.String()}}
		if err := w.Record(l.call.pod.stream, l.at.UnixNano(), l.text, metadata); err != nil {
			return err
		}
	}
	if err := w.Spans(s.shop.traces); err != nil {
		return err
	}
	for name, f := range families {
		if err := w.Family(name, f); err != nil {
			return err
		}
	}
	return s.scrape(w)
}
