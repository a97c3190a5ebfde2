// Package scrapetest helps tests to see what a target exposes.
package scrapetest

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
	"firedrill/replay/recording"
	"firedrill/scenarios/sim/telemetry"
)

// Once scrapes what use adds to a group, writes it into a recording and returns its samples by series, without the
// report of the scrape itself. Of a native histogram it returns the count.
func Once(t testing.TB, use func(*telemetry.Group)) map[string]float64 {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "recording")
	w, err := recording.Create(dir, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	rec := telemetry.NewRecorder(w, telemetry.Options{})
	target := rec.Target(labels.EmptyLabels())
	use(target.Group())
	target.Scrape(time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC).UnixNano())
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := recording.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	samples, err := r.Samples(r.Bounds())
	if err != nil {
		t.Fatal(err)
	}
	defer samples.Close()
	p, out := make([]replay.Sample, 1000), map[string]float64{}
	n, err := samples.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for _, s := range p[:n] {
		name := s.Series.Labels.Get("__name__")
		switch {
		case name == "up" || strings.HasPrefix(name, "scrape_"):
		case s.H != nil:
			out[s.Series.Labels.String()] = float64(s.H.Count)
		default:
			out[s.Series.Labels.String()] = s.V
		}
	}
	return out
}
