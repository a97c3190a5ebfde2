// Package convert turns telemetry in foreign formats into a recording.
//
// [Import] reads the named format from files or directories and writes a recording; when anything
// fails, nothing is left behind. [Formats] lists the formats, one file of this package each.
//
// # What an import changes
//
// Nothing is invented: a fact that the source does not hold (a span's kind, a pod's node) stays
// absent. Names, units and identities are mapped to those that Kubernetes, Prometheus and
// OpenTelemetry users know; the tables are in docs/import-nezha.md for nezha and in the comments of
// each format. Rows that are exactly equal are kept once. What was left out or looked odd is counted,
// with its reason, in [Stats].
//
// # Untrusted input
//
// Sources are read as hostile: records, files and archives have size limits, malformed input is an
// error that names file and place, and damage in a Prometheus block never becomes a panic.
package convert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// Writer is what an importer fills; recording.Writer is one. Samples come in time order per series,
// and across series at most one 2 h block window apart; log records and spans in any order. Labels,
// histograms and traces belong to the importer again after the call.
type Writer interface {
	// Sample and its two siblings take t in milliseconds since the epoch.
	Sample(l labels.Labels, t int64, v float64) error
	Histogram(l labels.Labels, t int64, h *histogram.Histogram) error
	FloatHistogram(l labels.Labels, t int64, fh *histogram.FloatHistogram) error
	Exemplar(l labels.Labels, e replay.Exemplar) error
	Family(name string, f replay.Family) error
	// Record takes t in nanoseconds since the epoch.
	Record(l labels.Labels, t int64, line string, md []replay.Pair) error
	Spans(td ptrace.Traces) error
}

// Options says how to import. The zero value is useful.
type Options struct {
	// Progress, when not nil, is told how many of the total bytes of input are done. Neither ever
	// falls. It is called from the goroutine that called Import, at most once a record.
	Progress func(done, total int64)
	// CreatedBy names the program and its version in the recording; "firedrill" when empty.
	CreatedBy string
	// Log hears of oddities as they are found; nil keeps silent. All of them are in Stats too.
	Log *slog.Logger
}

// Format is one foreign format.
type Format struct {
	Name    string // as given to Import
	Summary string // one line for people

	run func(*job, []string) error
}

// Formats returns all formats by name.
func Formats() []Format {
	return []Format{
		{"jaeger-json", "traces as the Jaeger query API returns them: JSON files, or directories of *.json", importJaeger},
		{"nezha", "a directory of the Nezha data set: log/, trace/ and metric/ with CSV files", importNezha},
		{"tsdb", "Prometheus data: a data directory, a snapshot, one block, or a .tar.gz of one", importTSDB},
	}
}

// Tally counts one reason.
type Tally struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

// Stats says what an import read: all that it handed to the Writer, and what it did not. The Writer
// removes duplicates after that.
type Stats struct {
	Samples   int64 `json:"samples"` // of all kinds, with stale markers
	Exemplars int64 `json:"exemplars"`
	Families  int64 `json:"families"`
	Records   int64 `json:"records"`
	Spans     int64 `json:"spans"`
	// Skipped counts what was left out, by reason, in alphabetical order.
	Skipped []Tally `json:"skipped,omitempty"`
	// Odd counts what was taken although something about it is doubtful, in alphabetical order.
	Odd []Tally `json:"odd,omitempty"`
	// Kept and Changed are the recording's own counts: what it holds, and the duplicates and conflicts
	// that it left out. Convert leaves them empty.
	Kept    Kept              `json:"kept"`
	Changed recording.Changed `json:"changed"`
}

// Kept counts what a recording holds.
type Kept struct {
	Metrics recording.MetricsCounts `json:"metrics"`
	Logs    recording.LogsCounts    `json:"logs"`
	Traces  recording.TracesCounts  `json:"traces"`
}

// Import reads paths in the named format and writes the recording out, which must not exist yet. When
// anything fails, nothing is left at out. Options.Progress reaches the total before the recording is
// finished; that takes a while longer. The recording names the format as its source, not the paths,
// which may give the incident's cause away.
func Import(ctx context.Context, format string, paths []string, out string, o Options) (Stats, error) {
	w, err := recording.Create(out, recording.Options{CreatedBy: o.CreatedBy, Source: format})
	if err != nil {
		return Stats{}, err
	}
	defer w.Abort() // does nothing after Close
	s, err := Convert(ctx, format, paths, w, o)
	if err != nil {
		return Stats{}, err
	}
	if s.Samples+s.Exemplars+s.Records+s.Spans == 0 {
		return Stats{}, fmt.Errorf("%s holds no samples, log lines or spans: nothing was written", strings.Join(paths, ", "))
	}
	m, err := w.Close()
	if err != nil {
		return Stats{}, err
	}
	s.Kept, s.Changed = Kept{m.Metrics, m.Logs, m.Traces}, m.Changed
	return s, nil
}

// Convert reads paths in the named format into w. On an error w holds an unknown part of the input.
// Convert does not close w. It is not safe for concurrent use of one Writer.
func Convert(ctx context.Context, format string, paths []string, w Writer, o Options) (Stats, error) {
	fs := Formats()
	i := slices.IndexFunc(fs, func(f Format) bool { return f.Name == format })
	if i < 0 {
		var names []string
		for _, f := range fs {
			names = append(names, f.Name)
		}
		return Stats{}, fmt.Errorf("unknown format %q: want one of %s", format, strings.Join(names, ", "))
	}
	if len(paths) == 0 {
		return Stats{}, errors.New("nothing to import: name at least one file or directory")
	}
	j := &job{ctx: ctx, w: w, o: o, skipped: map[string]int64{}, odd: map[string]int64{}}
	if j.o.Log == nil {
		j.o.Log = slog.New(slog.DiscardHandler)
	}
	if err := fs[i].run(j, paths); err != nil {
		return Stats{}, err
	}
	j.advance(j.total - j.done)
	j.stats.Skipped, j.stats.Odd = tallies(j.skipped), tallies(j.odd)
	return j.stats, nil
}

func tallies(m map[string]int64) []Tally {
	var ts []Tally
	for r, n := range m {
		ts = append(ts, Tally{r, n})
	}
	slices.SortFunc(ts, func(a, b Tally) int { return strings.Compare(a.Reason, b.Reason) })
	return ts
}
