package recording

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

const (
	// maxFrame limits one compressed message, maxMessage one message, in bytes. The writer makes
	// messages of one span of at most maxSpan, or of about messageBytes.
	maxFrame   = 32 << 20
	maxMessage = 64 << 20
)

// frameReader reads messages that stand behind their sizes, as the collector's file exporter writes them.
type frameReader struct {
	name string
	r    *bufio.Reader
	z    *zstd.Decoder
	off  int64 // of the next frame
	buf  []byte
	msg  []byte
}

func newFrameReader(name string, r io.Reader) (*frameReader, error) {
	z, err := newDecoder(nil, maxMessage)
	if err != nil {
		return nil, err
	}
	return &frameReader{name: name, r: bufio.NewReaderSize(r, 256<<10), z: z}, nil
}

// next returns the next message, valid until the next call, and the offset of its frame. io.EOF ends.
func (f *frameReader) next() (msg []byte, off int64, err error) {
	off = f.off
	var head [4]byte
	if _, err := io.ReadFull(f.r, head[:]); err == io.EOF {
		return nil, off, io.EOF
	} else if err != nil {
		return nil, off, f.place(off, "the size is cut short: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return nil, off, f.place(off, "size %d is impossible", n)
	}
	// Grow as the bytes come, so that a wrong size cannot take memory for nothing.
	b := bytes.NewBuffer(f.buf[:0])
	m, err := io.CopyN(b, f.r, int64(n))
	f.buf = b.Bytes()
	if err != nil {
		return nil, off, f.place(off, "has %d bytes, the file ends after %d", n, m)
	}
	f.off += 4 + int64(n)
	f.msg, err = f.z.DecodeAll(f.buf, f.msg[:0])
	if err != nil {
		return nil, off, f.place(off, "decompress: %w", err)
	}
	return f.msg, off, nil
}

func (f *frameReader) place(off int64, format string, args ...any) error {
	return in(f.name, fmt.Sprintf("message at %d", off), fmt.Errorf(format, args...))
}

// spanReader reads the span files one after the other.
type spanReader struct {
	r         *Recording
	from, to  int64 // ns
	files     []File
	file      *os.File
	frames    *frameReader
	unmarshal ptrace.ProtoUnmarshaler
	spans     []replay.Span // of the current message, in order, that have not been read
	buf       []replay.Span // the array of spans, to be used again
	last      int64         // end of the last span, ns
	err       error
}

// Read implements replay.Reader.
func (r *spanReader) Read(p []replay.Span) (int, error) {
	n := 0
	for n < len(p) {
		if r.err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, r.err
		}
		if len(r.spans) == 0 {
			r.err = r.message()
			continue
		}
		m := copy(p[n:], r.spans)
		clear(r.spans[:m]) // they belong to the caller
		r.spans = r.spans[m:]
		n += m
	}
	return n, nil
}

// message reads the next message into r.spans, which may stay empty.
func (r *spanReader) message() error {
	if r.frames == nil {
		if err := r.open(); err != nil {
			return err
		}
	}
	msg, off, err := r.frames.next()
	if err == io.EOF {
		r.frames.z.Close()
		r.frames = nil
		return r.file.Close()
	}
	if err != nil {
		return err
	}
	spans, err := decodeSpans(&r.unmarshal, msg, r.buf[:0])
	if err != nil {
		return r.frames.place(off, "%w", err)
	}
	if len(spans) == 0 {
		return nil
	}
	r.buf = spans
	if first := end(spans[0]); first < r.last {
		return r.frames.place(off, "a span ends at %s, before those of the message above", nanos(first))
	}
	r.last = end(spans[len(spans)-1])
	if r.last >= r.to {
		i, _ := slices.BinarySearchFunc(spans, r.to, func(s replay.Span, t int64) int { return compareTime(end(s), t) })
		spans = spans[:i]
		r.files = nil
		if err := r.closeFile(); err != nil {
			return err
		}
	}
	i, _ := slices.BinarySearchFunc(spans, r.from, func(s replay.Span, t int64) int { return compareTime(end(s), t) })
	r.spans = spans[i:]
	return nil
}

// decodeSpans appends the spans of a message in order of end time, trace id and span id.
func decodeSpans(u *ptrace.ProtoUnmarshaler, msg []byte, spans []replay.Span) (_ []replay.Span, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errCorrupt, p)
		}
	}()
	td, err := u.UnmarshalTraces(msg)
	if err != nil {
		return nil, fmt.Errorf("not OTLP traces: %w", err)
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			res := &replay.Resource{Attributes: rs.Resource().Attributes(), SchemaURL: rs.SchemaUrl(),
				Scope: ss.Scope(), ScopeURL: ss.SchemaUrl()}
			for _, s := range ss.Spans().All() {
				switch {
				case s.TraceID().IsEmpty() || s.SpanID().IsEmpty():
					return nil, errors.New("a span has no trace id or no span id")
				case s.EndTimestamp() == 0 || s.EndTimestamp() > math.MaxInt64-1:
					return nil, fmt.Errorf("span %s of trace %s has end time %d", s.SpanID(), s.TraceID(), uint64(s.EndTimestamp()))
				}
				spans = append(spans, replay.Span{Resource: res, Span: s})
			}
		}
	}
	slices.SortStableFunc(spans, compareSpans)
	return spans, nil
}

func compareSpans(a, b replay.Span) int {
	if c := compareTime(end(a), end(b)); c != 0 {
		return c
	}
	ta, tb := a.Span.TraceID(), b.Span.TraceID()
	if c := bytes.Compare(ta[:], tb[:]); c != 0 {
		return c
	}
	sa, sb := a.Span.SpanID(), b.Span.SpanID()
	return bytes.Compare(sa[:], sb[:])
}

func compareTime(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// end is when a span is due, in ns.
func end(s replay.Span) int64 { return int64(s.Span.EndTimestamp()) }

// open opens the next file that may hold something of the range.
func (r *spanReader) open() error {
	for len(r.files) > 0 {
		f := r.files[0]
		r.files = r.files[1:]
		if f.Last != nil && *f.Last < r.from {
			continue
		}
		if f.First != nil && *f.First >= r.to {
			return io.EOF
		}
		name := filepath.Join(r.r.dir, filepath.FromSlash(f.Path))
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		r.file = file
		r.frames, err = newFrameReader(name, file)
		return err
	}
	return io.EOF
}

func (r *spanReader) closeFile() error {
	if r.frames == nil {
		return nil
	}
	r.frames.z.Close()
	r.frames = nil
	return r.file.Close()
}

// Close implements replay.Reader.
func (r *spanReader) Close() error {
	r.spans = nil
	if r.err == nil {
		r.err = errClosed
	}
	return r.closeFile()
}
