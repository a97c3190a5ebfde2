package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	// messageSpans and messageBytes bound one message. OTLP receivers take 4 MiB by default.
	messageSpans = 512
	messageBytes = 2 << 20
	// maxSpan limits one encoded span, in bytes.
	maxSpan = 16 << 20
	// tracesFileSize is when a new file begins, in bytes.
	tracesFileSize = 32 << 20
	// spanIDKey is the length of the key that identifies a span: trace id, span id and start time.
	spanIDKey = 16 + 8 + 8
	// spanTimeKey is the length of the key that orders spans: the end time before the identity.
	spanTimeKey = 8 + spanIDKey
)

// spansWriter sorts spans by identity, to find duplicates and the distinct trace ids, and then by end
// time. A record is its key, the number of the resource and scope, and the span as an OTLP message.
type spansWriter struct {
	root      string
	dir       string // for sorting
	byID      *sorter
	size      sizes
	groups    map[string]uint32 // numbers by encoded resource and scope
	all       []spanGroup       // by number
	parts     map[string]uint32 // numbers of resources alone
	scratch   ptrace.Traces
	span      ptrace.Span // the one in scratch
	rec       []byte
	changed   *Changed
	count     TracesCounts
	files     []File
	marshal   ptrace.ProtoMarshaler
	unmarshal ptrace.ProtoUnmarshaler
	enc       *zstd.Encoder

	out         *outFile
	first, last int64 // of the open file
}

// spanGroup is a resource and a scope, each as an OTLP message with nothing in it.
type spanGroup struct {
	resource    uint32
	resourceMsg []byte
	scopeMsg    []byte
}

func newSpansWriter(root, dir string, size sizes, changed *Changed) (*spansWriter, error) {
	enc, err := newEncoder(nil)
	if err != nil {
		return nil, err
	}
	w := &spansWriter{root: root, dir: dir, size: size, byID: newSorter(dir, "span-ids", spanIDKey, size.memory),
		groups: map[string]uint32{}, parts: map[string]uint32{}, changed: changed, enc: enc,
		scratch: ptrace.NewTraces()}
	w.span = w.scratch.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	return w, nil
}

func (w *spansWriter) add(td ptrace.Traces) error {
	for _, rs := range td.ResourceSpans().All() {
		empty := ptrace.NewTraces()
		to := empty.ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rs.SchemaUrl())
		resourceMsg, err := w.marshal.MarshalTraces(empty)
		if err != nil {
			return fmt.Errorf("encode a resource: %w", err)
		}
		for _, ss := range rs.ScopeSpans().All() {
			group, err := w.group(resourceMsg, ss)
			if err != nil {
				return err
			}
			for _, s := range ss.Spans().All() {
				if err := w.addSpan(group, s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// group returns the number of a resource and the scope of ss.
func (w *spansWriter) group(resourceMsg []byte, ss ptrace.ScopeSpans) (uint32, error) {
	empty := ptrace.NewTraces()
	to := empty.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().CopyTo(to.Scope())
	to.SetSchemaUrl(ss.SchemaUrl())
	scopeMsg, err := w.marshal.MarshalTraces(empty)
	if err != nil {
		return 0, fmt.Errorf("encode a scope: %w", err)
	}
	key := binary.BigEndian.AppendUint32(nil, uint32(len(resourceMsg)))
	key = append(append(key, resourceMsg...), scopeMsg...)
	n, ok := w.groups[string(key)]
	if ok {
		return n, nil
	}
	r, ok := w.parts[string(resourceMsg)]
	if !ok {
		r = uint32(len(w.parts))
		w.parts[string(resourceMsg)] = r
	}
	n = uint32(len(w.all))
	w.groups[string(key)] = n
	w.all = append(w.all, spanGroup{r, resourceMsg, scopeMsg})
	return n, nil
}

func (w *spansWriter) addSpan(group uint32, s ptrace.Span) error {
	switch {
	case s.TraceID().IsEmpty():
		return fmt.Errorf("span %q has no trace id", s.Name())
	case s.SpanID().IsEmpty():
		return fmt.Errorf("span %q of trace %s has no span id", s.Name(), s.TraceID())
	case s.EndTimestamp() == 0:
		return fmt.Errorf("span %s of trace %s has no end time", s.SpanID(), s.TraceID())
	case s.EndTimestamp() > math.MaxInt64-1 || s.StartTimestamp() > math.MaxInt64:
		return fmt.Errorf("span %s of trace %s has an absurd time", s.SpanID(), s.TraceID())
	}
	s.CopyTo(w.span)
	msg, err := w.marshal.MarshalTraces(w.scratch)
	if err != nil {
		return fmt.Errorf("encode span %s of trace %s: %w", s.SpanID(), s.TraceID(), err)
	}
	if len(msg) > maxSpan {
		return fmt.Errorf("span %s of trace %s has %d bytes, more than %d", s.SpanID(), s.TraceID(), len(msg), maxSpan)
	}
	trace, span := s.TraceID(), s.SpanID()
	b := append(w.rec[:0], trace[:]...)
	b = append(b, span[:]...)
	b = putTime(b, int64(s.StartTimestamp()))
	b = putTime(b, int64(s.EndTimestamp()))
	b = binary.BigEndian.AppendUint32(b, group)
	w.rec = append(b, msg...)
	return w.byID.add(w.rec)
}

// write drops duplicates, writes the trace ids, and then the spans in order.
func (w *spansWriter) write() (err error) {
	byTime := newSorter(w.dir, "span-times", spanTimeKey, w.size.memory)
	if err := w.dedupe(byTime); err != nil {
		return err
	}
	w.byID = nil // its memory
	m, err := byTime.merge()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := w.writeMessages(m); err != nil {
		return errors.Join(err, w.cut())
	}
	return w.cut()
}

// sameSpan tells whether two spans have one identity: equal ids, and starts in the same microsecond,
// since Jaeger's Badger store keeps only one of those (its key is the start in microseconds:
// internal/storage/v1/badger/spanstore/writer.go, createTraceKV).
func sameSpan(a, b []byte) bool {
	const ids = 16 + 8
	micros := int64(time.Microsecond)
	return bytes.Equal(a[:ids], b[:ids]) && getTime(a[ids:])/micros == getTime(b[ids:])/micros
}

// dedupe moves the spans from byID to byTime, keeping the first of each identity.
func (w *spansWriter) dedupe(byTime *sorter) (err error) {
	m, err := w.byID.merge()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	ids, err := createFile(w.root, traceIDsName)
	if err != nil {
		return err
	}
	defer func() {
		f, cerr := ids.close()
		w.files = append(w.files, f)
		err = errors.Join(err, cerr)
	}()
	var first, rec []byte // the kept span of the current identity
	for {
		next, err := m.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if first != nil && sameSpan(next, first) {
			if bytes.Equal(next, first) {
				w.changed.DuplicateSpans++
			} else {
				w.changed.ConflictingSpans++
			}
			continue
		}
		if first == nil || !bytes.Equal(next[:16], first[:16]) {
			w.count.Traces++
			if _, err := ids.Write(next[:16]); err != nil {
				return err
			}
		}
		w.count.Spans++
		first = append(first[:0], next...)
		rec = append(rec[:0], next[spanIDKey:spanTimeKey]...) // the end time
		rec = append(rec, next[:spanIDKey]...)
		rec = append(rec, next[spanTimeKey:]...)
		if err := byTime.add(rec); err != nil {
			return err
		}
	}
}

// writeMessages packs consecutive spans into messages, grouped by resource and scope within each.
func (w *spansWriter) writeMessages(m *merger) error {
	b := messageBuilder{w: w}
	b.reset()
	for {
		rec, err := m.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if b.spans > 0 && (b.spans == messageSpans || b.bytes+len(rec) > messageBytes) {
			if err := w.emit(&b); err != nil {
				return err
			}
		}
		if err := b.add(rec); err != nil {
			return err
		}
	}
	if b.spans == 0 {
		return nil
	}
	return w.emit(&b)
}

type messageBuilder struct {
	w           *spansWriter
	td          ptrace.Traces
	resources   map[uint32]ptrace.ResourceSpans
	scopes      map[uint32]ptrace.ScopeSpans // by number of the group
	spans       int
	bytes       int
	first, last int64
}

func (b *messageBuilder) reset() {
	b.td = ptrace.NewTraces()
	b.resources, b.scopes = map[uint32]ptrace.ResourceSpans{}, map[uint32]ptrace.ScopeSpans{}
	b.spans, b.bytes = 0, 0
}

func (b *messageBuilder) add(rec []byte) error {
	n := binary.BigEndian.Uint32(rec[spanTimeKey:])
	ss, ok := b.scopes[n]
	if !ok {
		g := b.w.all[n]
		rs, ok := b.resources[g.resource]
		if !ok {
			td, err := b.w.unmarshal.UnmarshalTraces(g.resourceMsg)
			if err != nil {
				return fmt.Errorf("read back a resource: %w", err)
			}
			rs = b.td.ResourceSpans().AppendEmpty()
			td.ResourceSpans().At(0).MoveTo(rs)
			b.resources[g.resource] = rs
		}
		td, err := b.w.unmarshal.UnmarshalTraces(g.scopeMsg)
		if err != nil {
			return fmt.Errorf("read back a scope: %w", err)
		}
		ss = rs.ScopeSpans().AppendEmpty()
		td.ResourceSpans().At(0).ScopeSpans().At(0).MoveTo(ss)
		b.scopes[n] = ss
	}
	td, err := b.w.unmarshal.UnmarshalTraces(rec[spanTimeKey+4:])
	if err != nil {
		return fmt.Errorf("read back a span: %w", err)
	}
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).MoveTo(ss.Spans().AppendEmpty())
	b.last = getTime(rec)
	if b.spans == 0 {
		b.first = b.last
	}
	b.spans++
	b.bytes += len(rec)
	return nil
}

// emit writes the message the way the OpenTelemetry collector's file exporter does with
// "format: proto" and "compression: zstd": compressed on its own, after its size in 4 bytes
// (exporter/fileexporter, exportMessageAsBuffer).
func (w *spansWriter) emit(b *messageBuilder) error {
	if w.out == nil {
		out, err := createFile(w.root, fmt.Sprintf("%s/%06d.otlp", tracesDir, len(w.files)))
		if err != nil {
			return err
		}
		w.out, w.first = out, b.first
	}
	msg, err := w.marshal.MarshalTraces(b.td)
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	frame := w.enc.EncodeAll(msg, make([]byte, 4, 4+len(msg)))
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := w.out.Write(frame); err != nil {
		return err
	}
	w.last = b.last
	b.reset()
	if w.out.n >= w.size.messages {
		return w.cut()
	}
	return nil
}

// cut ends the open file, if any.
func (w *spansWriter) cut() error {
	if w.out == nil {
		return nil
	}
	f, err := w.out.close()
	first, last := w.first, w.last
	f.First, f.Last = &first, &last
	w.files = append(w.files, f)
	w.out = nil
	return err
}
