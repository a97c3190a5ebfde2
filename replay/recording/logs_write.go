package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

const (
	// maxLine limits a log line and, apart, its metadata, in bytes. Loki's own limit is 256 KB.
	maxLine = 4 << 20
	// logsFileSize is when a new file begins, in bytes before compression: small enough that a range
	// that starts within a file is found quickly.
	logsFileSize = 128 << 20
	// maxLineTime leaves room after the last line for moving lines, in ns since the epoch (year 2262).
	maxLineTime = math.MaxInt64 - 1e9
)

type writeStream struct {
	id   uint32
	json []byte // the labels
	any  bool   // has a line
}

// logsWriter sorts records by time. A record is its time, the stream's id, the length of the line,
// the line, and the metadata as a JSON object (empty when there is none).
type logsWriter struct {
	root     string
	sort     *sorter
	fileSize int64
	streams  table[*writeStream]
	all      []*writeStream
	rec      []byte
	changed  *Changed
	count    LogsCounts
	files    []File

	out         *outFile
	z           *zstd.Encoder
	size        int64 // of the open file, before compression
	first, last int64 // of the open file
	line        []byte
}

func (w *logsWriter) add(l labels.Labels, t int64, line string, md []replay.Pair) error {
	s, err := w.streams.get(l, func(l labels.Labels) (*writeStream, error) {
		if err := checkStream(l); err != nil {
			return nil, err
		}
		s := &writeStream{id: uint32(len(w.all)), json: appendLabels(nil, l)}
		w.all = append(w.all, s)
		return s, nil
	})
	if err != nil {
		return err
	}
	if len(line) > maxLine {
		return fmt.Errorf("log line of %s at %s is %d bytes long, more than %d", l, nanos(t), len(line), maxLine)
	}
	if t < 0 || t > maxLineTime {
		return fmt.Errorf("log line of %s: time %d ns is before 1970 or absurdly late", l, t)
	}
	if !utf8.ValidString(line) {
		line = strings.ToValidUTF8(line, "\uFFFD")
		w.changed.RepairedLines++
	}
	b := putTime(w.rec[:0], t)
	b = binary.BigEndian.AppendUint32(b, s.id)
	b = binary.BigEndian.AppendUint32(b, uint32(len(line)))
	b = append(b, line...)
	b, err = appendMetadata(b, md)
	if err != nil {
		return fmt.Errorf("log line of %s at %s: %w", l, nanos(t), err)
	}
	w.rec = b
	return w.sort.add(b)
}

// appendMetadata appends md as a JSON object sorted by name, or nothing when it is empty.
func appendMetadata(b []byte, md []replay.Pair) ([]byte, error) {
	if len(md) == 0 {
		return b, nil
	}
	byName := func(a, b replay.Pair) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(md, byName) {
		md = slices.Clone(md)
		slices.SortStableFunc(md, byName)
	}
	start := len(b)
	b = append(b, '{')
	for i, p := range md {
		switch {
		case p.Name == "":
			return nil, errors.New("metadata without a name")
		case i > 0 && p.Name == md[i-1].Name:
			return nil, fmt.Errorf("metadata %q twice", p.Name)
		case !utf8.ValidString(p.Name) || !utf8.ValidString(p.Value):
			return nil, fmt.Errorf("metadata %q is not UTF-8", p.Name)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, p.Name)
		b = append(b, ':')
		b = appendJSONString(b, p.Value)
	}
	if len(b)-start > maxLine {
		return nil, fmt.Errorf("metadata of %d bytes, more than %d", len(b)-start, maxLine)
	}
	return append(b, '}'), nil
}

// logRec takes a record apart.
func logRec(rec []byte) (t int64, key, line, md []byte) {
	n := binary.BigEndian.Uint32(rec[12:])
	return getTime(rec), rec[8 : 16+n], rec[16 : 16+n], rec[16+n:]
}

// write merges the records into files.
func (w *logsWriter) write() (err error) {
	m, err := w.sort.merge()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := w.dedupe(m); err != nil {
		return errors.Join(err, w.cut())
	}
	return w.cut()
}

// dedupe emits the records without exact duplicates, and with those moved that differ only in metadata.
func (w *logsWriter) dedupe(m *merger) error {
	d := logsDedupe{w: w, now: -1, seen: map[string][]string{}}
	for {
		rec, err := m.next()
		if err == io.EOF {
			return d.advance(maxLineTime + 1)
		}
		if err != nil {
			return err
		}
		t, key, line, md := logRec(rec)
		if t != d.now {
			if err := d.advance(t); err != nil {
				return err
			}
		}
		mds, ok := d.seen[string(key)]
		switch {
		case !ok:
			err = w.emit(t, key, line, md)
		case slices.Contains(mds, string(md)):
			w.changed.DuplicateLines++
			continue
		default:
			w.changed.MovedLines++
			d.moved = append(d.moved, bytes.Clone(rec))
		}
		if err != nil {
			return err
		}
		d.seen[string(key)] = append(mds, string(md))
	}
}

// logsDedupe is where dedupe is.
type logsDedupe struct {
	w     *logsWriter
	now   int64
	seen  map[string][]string // stream and line of the records at now, and their metadata
	late  [][]byte            // records moved to now, which stand after those that were recorded then
	moved [][]byte            // records to move to the next nanosecond
}

// advance leaves the time now, and all before to at which there are only moved records.
func (d *logsDedupe) advance(to int64) error {
	for {
		for _, rec := range d.late {
			_, key, line, md := logRec(rec)
			if _, ok := d.seen[string(key)]; ok {
				d.moved = append(d.moved, rec)
				continue
			}
			d.seen[string(key)] = nil
			if err := d.w.emit(d.now, key, line, md); err != nil {
				return err
			}
		}
		clear(d.seen)
		d.late, d.moved = d.moved, nil
		if len(d.late) == 0 {
			d.now = to
			return nil
		}
		if d.now++; d.now == to {
			return nil
		}
	}
}

// emit writes one line.
func (w *logsWriter) emit(t int64, key, line, md []byte) error {
	if w.out == nil {
		if err := w.open(t); err != nil {
			return err
		}
	}
	s := w.all[binary.BigEndian.Uint32(key)]
	b := append(w.line[:0], `{"timestamp":"`...)
	b = time.Unix(0, t).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","labels":`...)
	b = append(b, s.json...)
	if len(md) > 0 {
		b = append(b, `,"structured_metadata":`...)
		b = append(b, md...)
	}
	b = append(b, `,"line":`...)
	b = appendJSONString(b, line)
	b = append(b, "}\n"...)
	w.line = b
	if _, err := w.z.Write(b); err != nil {
		return err
	}
	if !s.any {
		s.any = true
		w.count.Streams++
	}
	w.count.Lines++
	w.last = t
	w.size += int64(len(b))
	if w.size >= w.fileSize {
		return w.cut()
	}
	return nil
}

func (w *logsWriter) open(t int64) error {
	out, err := createFile(w.root, fmt.Sprintf("%s/%06d.jsonl.zst", logsDir, len(w.files)+1))
	if err != nil {
		return err
	}
	w.out, w.first, w.size = out, t, 0
	w.z, err = newEncoder(out)
	return err
}

// cut ends the open file, if any.
func (w *logsWriter) cut() error {
	if w.out == nil {
		return nil
	}
	err := w.z.Close()
	f, cerr := w.out.close()
	first, last := w.first, w.last
	f.First, f.Last = &first, &last
	w.files = append(w.files, f)
	w.out, w.z = nil, nil
	return errors.Join(err, cerr)
}
