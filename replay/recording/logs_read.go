package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// recordReader reads the log files one after the other.
type recordReader struct {
	r        *Recording
	from, to int64 // ns
	files    []File
	file     *lineFile
	parser   lineParser
	streams  map[string]*replay.Stream // by labels as they stand in the file
	last     int64                     // time of the last line, ns
	err      error                     // what every further Read answers
}

// Read implements replay.Reader.
func (r *recordReader) Read(p []replay.Record) (int, error) {
	for n := range p {
		if r.err == nil {
			p[n], r.err = r.next()
		}
		if r.err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, r.err
		}
	}
	return len(p), nil
}

func (r *recordReader) next() (replay.Record, error) {
	for {
		if r.file == nil {
			if err := r.open(); err != nil {
				return replay.Record{}, err
			}
		}
		b, err := r.file.next()
		if err == io.EOF {
			err = r.file.close()
			r.file = nil
			if err != nil {
				return replay.Record{}, err
			}
			continue
		}
		if err != nil {
			return replay.Record{}, err
		}
		l, err := r.parser.parse(b)
		if err != nil {
			return replay.Record{}, r.place(err)
		}
		if l.t < r.last {
			return replay.Record{}, r.place(fmt.Errorf("time %s is before that of the line above", nanos(l.t)))
		}
		r.last = l.t
		if l.t < r.from {
			continue
		}
		if l.t >= r.to {
			return replay.Record{}, io.EOF
		}
		s, ok := r.streams[string(l.labels)]
		if !ok {
			if s, err = r.stream(l.labels); err != nil {
				return replay.Record{}, r.place(err)
			}
		}
		return replay.Record{Stream: s, T: l.t, Line: l.line, Metadata: l.metadata}, nil
	}
}

func (r *recordReader) place(err error) error {
	return in(r.file.name, lineNo(r.file.line), err)
}

// open opens the next file that may hold something of the range.
func (r *recordReader) open() error {
	for len(r.files) > 0 {
		f := r.files[0]
		r.files = r.files[1:]
		if f.Last != nil && *f.Last < r.from {
			continue
		}
		if f.First != nil && *f.First >= r.to {
			return io.EOF
		}
		var err error
		r.file, err = openLines(filepath.Join(r.r.dir, filepath.FromSlash(f.Path)))
		return err
	}
	return io.EOF
}

// stream returns the stream of labels that are new to the reader.
func (r *recordReader) stream(raw []byte) (*replay.Stream, error) {
	l, err := parseLabels(raw)
	if err != nil {
		return nil, err
	}
	if err := checkStream(l); err != nil {
		return nil, err
	}
	s := r.r.internStream(l)
	r.streams[string(raw)] = s
	return s, nil
}

// parseLabels reads a JSON object of strings.
func parseLabels(raw []byte) (labels.Labels, error) {
	var m map[string]string
	if err := json.Unmarshal(raw, &m); err != nil {
		return labels.EmptyLabels(), fmt.Errorf("labels: %w", err)
	}
	return labels.FromMap(m), nil
}

// Close implements replay.Reader.
func (r *recordReader) Close() error {
	if r.err == nil {
		r.err = errClosed
	}
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return f.close()
}

var errClosed = errors.New("read after close")
