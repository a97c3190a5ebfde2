package convert

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// maxReasons limits how many different reasons are told apart, since some quote the input.
const maxReasons = 100

// job is one import under way: the Writer, counted.
type job struct {
	ctx          context.Context
	w            Writer
	o            Options
	stats        Stats
	skipped, odd map[string]int64
	done, total  int64 // bytes of input
}

// skip counts something that was left out. The first of each reason is logged with its place.
func (j *job) skip(reason, place string) { j.tally(j.skipped, "left out", reason, place) }

// doubt counts something that was taken although it looks wrong.
func (j *job) doubt(reason, place string) { j.tally(j.odd, "odd", reason, place) }

func (j *job) tally(m map[string]int64, what, reason, place string) {
	if _, ok := m[reason]; !ok {
		if len(m) >= maxReasons {
			reason = "other reasons"
		}
		j.o.Log.Warn("import: "+what, "reason", reason, "first", place)
	}
	m[reason]++
}

// advance reports n more bytes as done. Re-read bytes never count beyond the total.
func (j *job) advance(n int64) {
	j.done = min(j.done+n, j.total)
	if j.o.Progress != nil {
		j.o.Progress(j.done, j.total)
	}
}

func (j *job) sample(l labels.Labels, t int64, v float64) error {
	j.stats.Samples++
	return j.w.Sample(l, t, v)
}

func (j *job) histogram(l labels.Labels, t int64, h *histogram.Histogram) error {
	j.stats.Samples++
	return j.w.Histogram(l, t, h)
}

func (j *job) floatHistogram(l labels.Labels, t int64, fh *histogram.FloatHistogram) error {
	j.stats.Samples++
	return j.w.FloatHistogram(l, t, fh)
}

func (j *job) exemplar(l labels.Labels, e replay.Exemplar) error {
	j.stats.Exemplars++
	return j.w.Exemplar(l, e)
}

func (j *job) family(name string, f replay.Family) error {
	j.stats.Families++
	return j.w.Family(name, f)
}

func (j *job) record(l labels.Labels, t int64, line string, md []replay.Pair) error {
	j.stats.Records++
	return j.w.Record(l, t, line, md)
}

func (j *job) spans(td ptrace.Traces) error {
	if td.SpanCount() == 0 {
		return nil
	}
	j.stats.Spans += int64(td.SpanCount())
	return j.w.Spans(td)
}

// limitReader fails when more than max bytes are read between two calls of reset. Decoders that read
// ahead in small steps may so be kept from holding an endless record in memory.
type limitReader struct {
	r    io.Reader
	max  int64
	left int64
	err  error // what to say at the limit
	read int64 // since the beginning
}

func (l *limitReader) reset() { l.left = l.max }

func (l *limitReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, l.err
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	l.read += int64(n)
	return n, err
}

// sizeOf adds up the sizes of the regular files at and below path, in bytes.
func sizeOf(path string) (int64, error) {
	var n int64
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		n += i.Size()
		return nil
	})
	return n, err
}

func isDir(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.IsDir()
}

func isFile(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.Mode().IsRegular()
}
