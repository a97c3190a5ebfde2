package recording

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
)

// Recording is an open recording. It is safe for concurrent use, also while it is being closed;
// Readers that are open then must be closed on their own.
type Recording struct {
	dir      string
	manifest Manifest
	blocks   []block // by time
	families map[string]*replay.Family
	ids      *traceIDs

	mu      sync.Mutex // guards series, nSeries, streams, nStreams
	series  table[*replay.Series]
	nSeries uint32
	streams table[*replay.Stream]
	nStream uint32
}

var _ replay.Source = (*Recording)(nil)

// Open opens the recording in dir. It reads the manifest and checks that the files it lists are there
// with their sizes; Verify checks the contents.
func Open(dir string) (*Recording, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	r := &Recording{dir: dir, manifest: m}
	listed := map[string]int64{}
	for _, f := range m.Files {
		if err := checkSize(dir, f); err != nil {
			return nil, err
		}
		listed[f.Path] = f.Size
	}
	for _, name := range []string{metadataName, exemplarsName, traceIDsName} {
		if _, ok := listed[name]; !ok {
			return nil, fmt.Errorf("%s: %s is not listed", filepath.Join(dir, manifestName), name)
		}
	}
	if r.families, err = readFamilies(filepath.Join(dir, metadataName)); err != nil {
		return nil, err
	}
	if r.blocks, err = openBlocks(dir, m); err != nil {
		return nil, err
	}
	if r.ids, err = openTraceIDs(filepath.Join(dir, traceIDsName)); err != nil {
		return nil, err
	}
	return r, nil
}

func checkSize(dir string, f File) error {
	name := filepath.Join(dir, filepath.FromSlash(f.Path))
	fi, err := os.Lstat(name)
	switch {
	case err != nil:
		return in(name, "", fmt.Errorf("the manifest lists it: %w", errors.Unwrap(err)))
	case !fi.Mode().IsRegular():
		return in(name, "", errors.New("not a regular file"))
	case fi.Size() != f.Size:
		return in(name, "", fmt.Errorf("has %d bytes, the manifest says %d: it was cut short or changed", fi.Size(), f.Size))
	}
	return nil
}

func readFamilies(name string) (map[string]*replay.Family, error) {
	b, err := readLimited(name, maxMetadata)
	if err != nil {
		return nil, err
	}
	fs, err := parseFamilies(b)
	if err != nil {
		return nil, in(name, "", err)
	}
	return fs, nil
}

// readLimited reads a file of at most limit bytes.
func readLimited(name string, limit int64) ([]byte, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if fi.Size() > limit {
		return nil, in(name, "", fmt.Errorf("larger than %d bytes", limit))
	}
	return os.ReadFile(name)
}

// Close releases the recording's files.
func (r *Recording) Close() error { return r.ids.close() }

// Manifest returns the recording's manifest. Its files must not be changed.
func (r *Recording) Manifest() Manifest { return r.manifest }

// Bounds implements replay.Source. Both are zero when the recording holds nothing.
func (r *Recording) Bounds() (start, end time.Time) { return r.manifest.Start, r.manifest.End }

// Samples implements replay.Source.
func (r *Recording) Samples(from, to time.Time) (replay.Reader[replay.Sample], error) {
	return newSampleReader(r, ceilMillis(from), ceilMillis(to))
}

// Records implements replay.Source.
func (r *Recording) Records(from, to time.Time) (replay.Reader[replay.Record], error) {
	return &recordReader{r: r, from: clampNanos(from), to: clampNanos(to), files: r.manifest.under(logsDir, ".jsonl.zst"),
		streams: map[string]*replay.Stream{}}, nil
}

// Spans implements replay.Source. Spans with equal end times come by trace id and span id.
func (r *Recording) Spans(from, to time.Time) (replay.Reader[replay.Span], error) {
	return &spanReader{r: r, from: clampNanos(from), to: clampNanos(to), files: r.manifest.under(tracesDir, ".otlp")}, nil
}

// HasTrace reports whether the recording has a span of the trace id. A read error counts as no.
func (r *Recording) HasTrace(id pcommon.TraceID) bool {
	ok, err := r.ids.has(id)
	return ok && err == nil
}

// TraceIDs yields all distinct trace ids in ascending order. A read error ends the sequence early.
func (r *Recording) TraceIDs() iter.Seq[pcommon.TraceID] {
	return func(yield func(pcommon.TraceID) bool) {
		_ = r.ids.each(func(id pcommon.TraceID) bool { return yield(id) })
	}
}

// internSeries returns the series of l, which may be reused by the caller.
func (r *Recording) internSeries(l labels.Labels) *replay.Series {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, _ := r.series.get(l, func(l labels.Labels) (*replay.Series, error) { // never an error
		s := &replay.Series{ID: r.nSeries, Labels: l, Family: findFamily(r.families, l.Get(model.MetricNameLabel))}
		r.nSeries++
		return s, nil
	})
	return s
}

func (r *Recording) internStream(l labels.Labels) *replay.Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, _ := r.streams.get(l, func(l labels.Labels) (*replay.Stream, error) { // never an error
		s := &replay.Stream{ID: r.nStream, Labels: l}
		r.nStream++
		return s, nil
	})
	return s
}

// clampNanos returns t in ns since the epoch, or the nearest that an int64 can hold.
func clampNanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// ceilMillis returns the first ms not before t, so that [from, to) means the same in ms as in ns.
func ceilMillis(t time.Time) int64 {
	n := clampNanos(t)
	ms := n / 1e6
	if n > ms*1e6 {
		ms++
	}
	return ms
}
