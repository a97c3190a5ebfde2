package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// Options tell what the manifest says of a recording's making. The zero value is useful.
type Options struct {
	CreatedBy string // the program and its version; "firedrill" when empty
	Source    string // where the data comes from, for people
}

// Writer writes a recording. It works in a directory beside the target, named like the target with
// ".partial-" and a number behind it; only Close gives it its name, so a half-written recording is
// never taken for a whole one.
//
// Log records, spans and exemplars may come in any order: they are sorted on disk. Samples must come
// in time order within each series, and the series side by side, at most two hours apart.
//
// It is safe for concurrent use; different signals do not hold each other up. An item that is refused
// with an error is not in the recording and changes nothing else. What is handed in may be reused after the call.
type Writer struct {
	dir, partial string
	options      Options

	metricsMu sync.Mutex // guards metrics, exemplars, families
	metrics   *metricsWriter
	exemplars *exemplarsWriter
	families  map[string]replay.Family

	logsMu sync.Mutex // guards logs
	logs   *logsWriter

	spansMu sync.Mutex // guards spans
	spans   *spansWriter

	// One for each signal, so that signals share nothing; summed up by Close.
	metricsChanged, logsChanged, spansChanged Changed
}

// Create begins a recording that will be the directory dir. It must not exist; its parent is made.
func Create(dir string, o Options) (*Writer, error) {
	return create(dir, o, sizes{sortMemory, logsFileSize, tracesFileSize})
}

// sizes are what tests make smaller, in bytes.
type sizes struct {
	memory   int   // of each sorter
	logs     int64 // of a log file before compression
	messages int64 // of a span file
}

func create(dir string, o Options, size sizes) (*Writer, error) {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return nil, fmt.Errorf("%s exists already: choose another name or remove it", dir)
	}
	parent, base := filepath.Split(dir)
	if parent == "" {
		parent = "."
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return nil, err
	}
	partial, err := os.MkdirTemp(parent, base+".partial-*")
	if err != nil {
		return nil, err
	}
	if o.CreatedBy == "" {
		o.CreatedBy = "firedrill"
	}
	w := &Writer{dir: dir, partial: partial, options: o, families: map[string]replay.Family{}}
	tmp := filepath.Join(partial, "tmp")
	for _, d := range []string{tmp, filepath.Join(partial, metricsDir), filepath.Join(partial, logsDir), filepath.Join(partial, tracesDir)} {
		if err := os.Mkdir(d, 0o777); err != nil {
			w.Abort()
			return nil, err
		}
	}
	if err := os.Chmod(partial, 0o755); err != nil { // MkdirTemp keeps it from others
		w.Abort()
		return nil, err
	}
	w.metrics = &metricsWriter{root: partial, changed: &w.metricsChanged}
	w.exemplars = &exemplarsWriter{sort: newSorter(tmp, "exemplars", 8, size.memory)}
	w.logs = &logsWriter{root: partial, sort: newSorter(tmp, "logs", 8, size.memory), fileSize: size.logs, changed: &w.logsChanged}
	w.spans, err = newSpansWriter(partial, tmp, size, &w.spansChanged)
	if err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// Sample adds a float sample, or a stale marker; t is in ms. A second sample with the time of the
// series' last one is left out and counted, as a duplicate when the values are equal bit by bit.
func (w *Writer) Sample(l labels.Labels, t int64, v float64) error {
	return w.sample(l, t, point{v: v})
}

// Histogram adds a native histogram with integer counts, with the rules of Sample.
func (w *Writer) Histogram(l labels.Labels, t int64, h *histogram.Histogram) error {
	if h == nil {
		return errNilHistogram
	}
	return w.sample(l, t, point{h: h})
}

// FloatHistogram adds a native histogram with float counts, with the rules of Sample.
func (w *Writer) FloatHistogram(l labels.Labels, t int64, fh *histogram.FloatHistogram) error {
	if fh == nil {
		return errNilHistogram
	}
	return w.sample(l, t, point{fh: fh})
}

func (w *Writer) sample(l labels.Labels, t int64, p point) error {
	w.metricsMu.Lock()
	defer w.metricsMu.Unlock()
	return w.metrics.add(l, t, p)
}

// Exemplar adds an exemplar to the series l. Exact duplicates are left out and counted.
func (w *Writer) Exemplar(l labels.Labels, e replay.Exemplar) error {
	w.metricsMu.Lock()
	defer w.metricsMu.Unlock()
	s, err := w.metrics.get(l)
	if err != nil {
		return err
	}
	return w.exemplars.add(s, e)
}

// Family sets what the metric family name says of itself. The last call for a name counts.
func (w *Writer) Family(name string, f replay.Family) error {
	if name == "" {
		return errors.New("metric family without a name")
	}
	w.metricsMu.Lock()
	defer w.metricsMu.Unlock()
	w.families[name] = f
	return nil
}

// Record adds a log line to the stream l; t is in ns. Of exact duplicates one is kept. A record that
// differs from another in nothing but metadata is moved later by nanoseconds until it stands alone.
// Records with equal stream and time keep the order of the calls. Bytes that are not UTF-8 become U+FFFD.
// Metadata is stored sorted by name.
func (w *Writer) Record(l labels.Labels, t int64, line string, md []replay.Pair) error {
	w.logsMu.Lock()
	defer w.logsMu.Unlock()
	return w.logs.add(l, t, line, md)
}

// Spans adds spans. Those with the trace id, span id and start time of an earlier one are left out and
// counted, as duplicates when all else is equal too. Empty ids and spans without an end are refused.
func (w *Writer) Spans(td ptrace.Traces) error {
	w.spansMu.Lock()
	defer w.spansMu.Unlock()
	return w.spans.add(td)
}

// Abort removes everything that was written. After Close it does nothing. No other method may be under way.
func (w *Writer) Abort() {
	if w.partial != "" {
		os.RemoveAll(w.partial)
		w.partial = ""
	}
}

// Close finishes the recording: it merges what was sorted on disk, writes the manifest, makes all of
// it durable and gives it its name. When it fails, nothing is left behind.
func (w *Writer) Close() (Manifest, error) {
	w.metricsMu.Lock()
	defer w.metricsMu.Unlock()
	w.logsMu.Lock()
	defer w.logsMu.Unlock()
	w.spansMu.Lock()
	defer w.spansMu.Unlock()
	if w.partial == "" {
		return Manifest{}, errors.New("recording is closed already")
	}
	m, err := w.finish()
	if err != nil {
		w.Abort()
		return Manifest{}, fmt.Errorf("write recording %s: %w", w.dir, err)
	}
	w.partial = ""
	return m, nil
}

func (w *Writer) finish() (Manifest, error) {
	m := Manifest{Version: FormatVersion, CreatedBy: w.options.CreatedBy, Source: w.options.Source}
	if err := w.finishMetrics(&m); err != nil {
		return m, err
	}
	if err := w.logs.write(); err != nil {
		return m, err
	}
	if err := w.spans.write(); err != nil {
		return m, err
	}
	if err := os.RemoveAll(filepath.Join(w.partial, "tmp")); err != nil {
		return m, err
	}
	m.Logs, m.Traces = w.logs.count, w.spans.count
	m.Changed = w.metricsChanged
	m.Changed.DuplicateLines, m.Changed.MovedLines, m.Changed.RepairedLines =
		w.logsChanged.DuplicateLines, w.logsChanged.MovedLines, w.logsChanged.RepairedLines
	m.Changed.DuplicateSpans, m.Changed.ConflictingSpans = w.spansChanged.DuplicateSpans, w.spansChanged.ConflictingSpans
	m.Files = slices.Concat(m.Files, w.logs.files, w.spans.files)
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range m.Files {
		if f.First != nil {
			m.cover(time.Unix(0, *f.First), time.Unix(0, *f.Last))
		}
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	if _, err := writeFile(w.partial, manifestName, append(b, '\n')); err != nil {
		return m, err
	}
	if err := syncDirs(w.partial); err != nil {
		return m, err
	}
	// os.Rename refuses a directory that has come into being meanwhile.
	if err := os.Rename(w.partial, w.dir); err != nil {
		return m, err
	}
	return m, syncDir(filepath.Dir(w.dir))
}

func (w *Writer) finishMetrics(m *Manifest) error {
	if err := w.metrics.close(); err != nil {
		return err
	}
	exemplars, err := w.exemplars.write(w.partial, w.metrics.all, &w.metricsChanged)
	if err != nil {
		return fmt.Errorf("write exemplars: %w", err)
	}
	metadata, err := writeFile(w.partial, metadataName, encodeFamilies(w.families))
	if err != nil {
		return err
	}
	// promtool tsdb dump insists on a write-ahead log, though an empty one will do.
	wal, err := writeFile(w.partial, walName, nil)
	if err != nil {
		return err
	}
	m.Metrics = w.metrics.count
	m.Metrics.Exemplars = w.exemplars.n
	m.Files = append(w.metrics.files, exemplars, metadata, wal)
	if m.Metrics.Samples > 0 {
		m.cover(time.UnixMilli(w.metrics.firstT), time.UnixMilli(w.metrics.maxT))
	}
	return nil
}

// cover widens the bounds so that the due times first to last lie within.
func (m *Manifest) cover(first, last time.Time) {
	first, last = first.UTC(), last.UTC().Add(1)
	if m.Start.IsZero() || first.Before(m.Start) {
		m.Start = first
	}
	if last.After(m.End) {
		m.End = last
	}
}
