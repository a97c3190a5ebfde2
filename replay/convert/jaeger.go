package convert

// Jaeger's query API as JSON: {"data":[trace, ...]}, a bare trace, an array of traces, or several of
// these one after another. A trace names its processes apart from its spans, so one trace at a time is
// held; a file may be of any length.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxTrace limits one trace, in bytes of JSON: about 60,000 spans.
const maxTrace = 64 << 20

// The JSON model of the query API (github.com/jaegertracing/jaeger/internal/uimodel).
type jaegerTrace struct {
	TraceID   string                   `json:"traceID"`
	Spans     []jaegerSpan             `json:"spans"`
	Processes map[string]jaegerProcess `json:"processes"`
	Warnings  []string                 `json:"warnings"`
}

type jaegerSpan struct {
	TraceID       string            `json:"traceID"`
	SpanID        string            `json:"spanID"`
	ParentSpanID  string            `json:"parentSpanID"` // older servers
	Flags         uint32            `json:"flags"`
	OperationName string            `json:"operationName"`
	References    []jaegerReference `json:"references"`
	StartTime     uint64            `json:"startTime"` // µs since the epoch
	Duration      uint64            `json:"duration"`  // µs
	Tags          []jaegerTag       `json:"tags"`
	Logs          []jaegerLog       `json:"logs"`
	ProcessID     string            `json:"processID"`
	Process       *jaegerProcess    `json:"process"`
	Warnings      []string          `json:"warnings"`
}

type jaegerReference struct {
	RefType string `json:"refType"`
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`
}

type jaegerProcess struct {
	ServiceName string      `json:"serviceName"`
	Tags        []jaegerTag `json:"tags"`
}

type jaegerLog struct {
	Timestamp uint64      `json:"timestamp"` // µs since the epoch
	Fields    []jaegerTag `json:"fields"`
}

type jaegerTag struct {
	Key   string          `json:"key"`
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

func importJaeger(j *job, paths []string) error {
	var files []string
	for _, p := range paths {
		found := len(files)
		err := filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			// A file that is named is taken whatever it is called.
			if !d.IsDir() && (name == p || strings.HasSuffix(name, ".json")) && isFile(name) {
				i, err := os.Stat(name)
				if err != nil {
					return err
				}
				j.total += i.Size()
				files = append(files, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(files) == found {
			return fmt.Errorf("%s holds no *.json file: name the files or directories with traces", p)
		}
	}
	for _, name := range files {
		if err := j.jaegerFile(name); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) jaegerFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return j.jaegerTraces(name, f)
}

// jaegerReader decodes the traces of one file.
type jaegerReader struct {
	*job
	name   string
	lim    *limitReader
	dec    *json.Decoder
	traces int
	done   int64
}

func (j *job) jaegerTraces(name string, r io.Reader) error {
	d := &jaegerReader{job: j, name: name}
	d.lim = &limitReader{r: bufio.NewReader(r), max: maxTrace, err: fmt.Errorf("a trace is longer than %d bytes", maxTrace)}
	d.lim.reset()
	d.dec = json.NewDecoder(d.lim)
	for n := 0; ; n++ {
		err := d.document()
		if errors.Is(err, io.EOF) && n > 0 {
			break
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("empty file, want a trace in JSON")
			}
			return fmt.Errorf("%s: offset %d: %w", name, d.dec.InputOffset(), err)
		}
	}
	d.advance(d.lim.read - d.done)
	return nil
}

// document reads one answer, trace, or array of traces. It returns io.EOF only where none begins.
func (d *jaegerReader) document() error {
	t, err := d.dec.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('['):
		err = d.array()
	case json.Delim('{'):
		err = d.object()
	default:
		return errors.New(`want {"data":[...]}, a trace, or an array of traces`)
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// array reads traces up to the closing bracket.
func (d *jaegerReader) array() error {
	for d.dec.More() {
		d.lim.reset()
		var t jaegerTrace
		if err := d.dec.Decode(&t); err != nil {
			return err
		}
		if err := d.trace(&t); err != nil {
			return err
		}
	}
	_, err := d.dec.Token()
	return err
}

// object reads an answer of the API or, key by key, a bare trace.
func (d *jaegerReader) object() error {
	var bare jaegerTrace
	isTrace, isAnswer := false, false
	d.lim.reset()
	for d.dec.More() {
		key, err := d.dec.Token()
		if err != nil {
			return err
		}
		switch key {
		case "data":
			isAnswer = true
			open, err := d.dec.Token()
			if err != nil {
				return err
			}
			if open == nil { // null: nothing found
				continue
			}
			if open != json.Delim('[') {
				return errors.New(`"data" is not an array of traces`)
			}
			if err := d.array(); err != nil {
				return err
			}
			d.lim.reset()
			continue
		case "errors":
			var errs []struct {
				Msg string `json:"msg"`
			}
			if err := d.dec.Decode(&errs); err != nil {
				return err
			}
			for _, e := range errs {
				d.doubt(fmt.Sprintf("answer with the error %.200q", e.Msg), d.name)
			}
			continue
		}
		var dst any
		switch key {
		case "traceID":
			dst = &bare.TraceID
		case "spans":
			dst, isTrace = &bare.Spans, true
		case "processes":
			dst = &bare.Processes
		case "warnings":
			dst = &bare.Warnings
		default:
			dst = new(json.RawMessage)
		}
		if err := d.dec.Decode(dst); err != nil {
			return err
		}
	}
	if _, err := d.dec.Token(); err != nil {
		return err
	}
	if isTrace {
		return d.trace(&bare)
	}
	if !isAnswer {
		return errors.New(`an object with neither "data" nor "spans": want an answer of /api/traces or a trace`)
	}
	return nil
}

// trace translates and hands on one trace.
func (d *jaegerReader) trace(t *jaegerTrace) error {
	d.traces++
	for range t.Warnings {
		d.skip("warning of Jaeger's on a trace", d.name)
	}
	td, err := d.translate(t)
	if err != nil {
		return fmt.Errorf("trace %d (%.40q): %w", d.traces, t.TraceID, err)
	}
	if err := d.spans(td); err != nil {
		return fmt.Errorf("trace %d (%.40q): %w", d.traces, t.TraceID, err)
	}
	n := d.dec.InputOffset() - d.done
	d.done += n
	d.advance(n)
	return d.ctx.Err()
}
