package recording

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
)

// Severity says how bad a Problem is.
type Severity string

const (
	// Broken means that the recording is not sound: something in it is lost or contradicts itself.
	Broken Severity = "broken"
	// Note means that the recording is sound and will replay, but that a reader may be surprised.
	Note Severity = "note"
)

// Problem is something that Verify has found.
type Problem struct {
	File     string   `json:"file"`            // relative to the recording
	Where    string   `json:"where,omitempty"` // the place in the file
	What     string   `json:"what"`
	Severity Severity `json:"severity"`
}

// String returns the problem as one line.
func (p Problem) String() string {
	s := string(p.Severity) + ": " + p.File + ": "
	if p.Where != "" {
		s += p.Where + ": "
	}
	return s + p.What
}

// Verify reads everything in the recording dir and lists what is wrong with it: checksums, order,
// counts and times that differ from the manifest, blocks that overlap, invalid labels; and as notes
// trace ids of exemplars and of log metadata without a trace, spans whose parent is missing,
// exemplars without a sample to carry them, and files that do not belong. A recording is sound when
// nothing is Broken. The error is for what is no recording at all, and for ctx.
func Verify(ctx context.Context, dir string) ([]Problem, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	v := &verifier{ctx: ctx, dir: dir, manifest: m}
	if err := v.files(); err != nil {
		return nil, err
	}
	v.r, err = Open(dir)
	if err != nil {
		v.failed(err)
		return v.problems, ctx.Err()
	}
	defer v.r.Close()
	for _, check := range []func() error{v.ids, v.samples, v.exemplars, v.records, v.spans} {
		v.failed(check())
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	v.bounds()
	return v.problems, nil
}

type verifier struct {
	ctx       context.Context
	dir       string
	manifest  Manifest
	r         *Recording
	problems  []Problem
	covered   Manifest // only Start and End: what was found
	delivered int64    // exemplars
}

func (v *verifier) add(severity Severity, file, where, format string, args ...any) {
	p := Problem{file, where, fmt.Sprintf(format, args...), severity}
	for _, known := range v.problems { // a file that cannot be read is met again by other checks
		if known == p {
			return
		}
	}
	v.problems = append(v.problems, p)
}

// failed adds the error of a reader.
func (v *verifier) failed(err error) {
	if err == nil || v.ctx.Err() != nil {
		return
	}
	var fe *fileError
	if !errors.As(err, &fe) {
		v.add(Broken, ".", "", "%v", err)
		return
	}
	file, rerr := filepath.Rel(v.dir, fe.file)
	if rerr != nil {
		file = fe.file
	}
	v.add(Broken, filepath.ToSlash(file), fe.where, "%v", fe.err)
}

// files compares the files with the manifest.
func (v *verifier) files() error {
	listed := map[string]bool{manifestName: true}
	for _, f := range v.manifest.Files {
		listed[f.Path] = true
		if err := v.ctx.Err(); err != nil {
			return err
		}
		if err := checkSize(v.dir, f); err != nil {
			v.failed(err)
			continue
		}
		got, err := hashFile(v.dir, f.Path)
		if err != nil {
			v.failed(in(filepath.Join(v.dir, f.Path), "", err))
		} else if got.SHA256 != f.SHA256 {
			v.add(Broken, f.Path, "", "SHA-256 is %s, the manifest says %s: it was changed", got.SHA256, f.SHA256)
		}
	}
	return filepath.WalkDir(v.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(v.dir, path)
		if err == nil && !d.IsDir() && !listed[filepath.ToSlash(rel)] {
			v.add(Note, filepath.ToSlash(rel), "", "the manifest does not list it")
		}
		return err
	})
}

// ids checks the order and number of the trace ids.
func (v *verifier) ids() error {
	var last pcommon.TraceID
	n := int64(0)
	err := v.r.ids.each(func(id pcommon.TraceID) bool {
		if string(id[:]) <= string(last[:]) {
			v.add(Broken, traceIDsName, fmt.Sprintf("id %d", n), "%s comes after %s, want them sorted and once each", id, last)
			return false
		}
		last = id
		n++
		return v.ctx.Err() == nil
	})
	if err == nil && n != v.manifest.Traces.Traces {
		v.add(Broken, traceIDsName, "", "has %d ids, the manifest says %d", n, v.manifest.Traces.Traces)
	}
	return err
}

func (v *verifier) count(what string, got, want int64) {
	if got != want {
		v.add(Broken, manifestName, "", "says %d %s, there are %d", want, what, got)
	}
}

// A range that leaves out nothing.
var everythingFrom, everythingTo = time.Unix(0, 0), time.Unix(0, 1<<63-1)

func (v *verifier) samples() error {
	r, err := v.r.Samples(everythingFrom, everythingTo)
	seen := map[*replay.Series]bool{}
	first, last := int64(-1), int64(0)
	n := 0
	if err := each(v.ctx, r, err, &n, func(s *replay.Sample) error {
		seen[s.Series] = true
		v.delivered += int64(len(s.Exemplars))
		if first < 0 {
			first = s.T
		}
		last = s.T
		return nil
	}); err != nil {
		return err
	}
	if n > 0 {
		v.covered.cover(time.UnixMilli(first), time.UnixMilli(last))
	}
	v.count("samples", int64(n), v.manifest.Metrics.Samples)
	v.count("series", int64(len(seen)), v.manifest.Metrics.Series)
	return nil
}

// dangling collects references to traces that are not there.
type dangling struct {
	all, missing int64
	where, id    string // of the first that is missing
}

// refer takes a reference from the place where to the trace id.
func (v *verifier) refer(d *dangling, where func() string, id string) error {
	parsed, ok := parseTraceID(id)
	if ok {
		var err error
		if ok, err = v.r.ids.has(parsed); err != nil {
			return err
		}
	}
	d.all++
	if !ok {
		if d.missing == 0 {
			d.where, d.id = where(), id
		}
		d.missing++
	}
	return nil
}

func (v *verifier) dangle(d *dangling, file, what string) {
	if d.missing > 0 {
		v.add(Note, file, d.where, "%d of %d trace ids of %s have no trace in the recording, the first is %q", d.missing, d.all, what, d.id)
	}
}

// isTraceID reports whether a label or a name in metadata stands for a trace id by convention.
func isTraceID(name string) bool {
	switch name {
	case "trace_id", "traceID", "traceId", "traceid":
		return true
	}
	return false
}

func (v *verifier) exemplars() error {
	r, err := openExemplars(v.dir)
	if err != nil {
		return err
	}
	defer r.close()
	var d dangling
	n := int64(0)
	for v.ctx.Err() == nil {
		e, err := r.peek()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		n++
		e.Labels.Range(func(l labels.Label) {
			if isTraceID(l.Name) && err == nil {
				err = v.refer(&d, func() string { return lineNo(r.file.line) }, l.Value)
			}
		})
		if err != nil {
			return err
		}
		r.pass()
	}
	v.dangle(&d, exemplarsName, "exemplars")
	v.count("exemplars", n, v.manifest.Metrics.Exemplars)
	if lost := n - v.delivered; lost > 0 {
		v.add(Note, exemplarsName, "", "%d exemplars have no sample of their series at or after them, and cannot be replayed", lost)
	}
	return nil
}

func (v *verifier) records() error {
	seen := map[*replay.Stream]bool{}
	lines, last := int64(0), int64(0)
	for _, f := range v.manifest.under(logsDir, ".jsonl.zst") {
		r := &recordReader{r: v.r, from: 0, to: 1<<63 - 1, files: []File{{Path: f.Path}}, streams: map[string]*replay.Stream{}, last: last}
		var first int64
		var d dangling
		n := 0
		if err := each(v.ctx, r, nil, &n, func(x *replay.Record) error {
			if first == 0 {
				first = x.T
			}
			last = x.T
			seen[x.Stream] = true
			for _, p := range x.Metadata {
				if isTraceID(p.Name) {
					// The reader may be ahead by a batch, so the place is a time.
					if err := v.refer(&d, func() string { return nanos(x.T) }, p.Value); err != nil {
						return err
					}
				}
			}
			return nil
		}); err != nil {
			return err
		}
		lines += int64(n)
		v.span(f, int64(n), first, last)
		v.dangle(&d, f.Path, "log lines")
	}
	v.count("lines", lines, v.manifest.Logs.Lines)
	v.count("streams", int64(len(seen)), v.manifest.Logs.Streams)
	return nil
}

// span checks the times that the manifest gives for a file with n items.
func (v *verifier) span(f File, n, first, last int64) {
	switch {
	case n == 0:
		v.add(Broken, f.Path, "", "holds nothing")
		return
	case f.First == nil:
		v.add(Broken, f.Path, "", "the manifest does not give its times")
	case *f.First != first || *f.Last != last:
		v.add(Broken, f.Path, "", "covers %s to %s, the manifest says %s to %s", nanos(first), nanos(last), nanos(*f.First), nanos(*f.Last))
	}
	v.covered.cover(time.Unix(0, first), time.Unix(0, last))
}

// spans reads the spans, and sorts their ids on disk to find parents that are missing.
func (v *verifier) spans() error {
	tmp, err := os.MkdirTemp("", "firedrill-verify-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	refs := newSorter(tmp, "ids", refKey, sortMemory)
	total, last := int64(0), int64(0)
	for _, f := range v.manifest.under(tracesDir, ".otlp") {
		r := &spanReader{r: v.r, from: 0, to: 1<<63 - 1, files: []File{{Path: f.Path}}, last: last}
		var first int64
		n := 0
		if err := each(v.ctx, r, nil, &n, func(s *replay.Span) error {
			last = end(*s)
			if first == 0 {
				first = last
			}
			return addRefs(refs, s)
		}); err != nil {
			return err
		}
		total += int64(n)
		v.span(f, int64(n), first, last)
	}
	v.count("spans", total, v.manifest.Traces.Spans)
	return v.parents(refs)
}

// refKey is a trace id, a span id, and whether a span has the id (0) or names it as its parent (1).
const refKey = 16 + 8 + 1

func addRefs(refs *sorter, s *replay.Span) error {
	trace, span, parent := s.Span.TraceID(), s.Span.SpanID(), s.Span.ParentSpanID()
	var key [refKey]byte
	copy(key[:], trace[:])
	copy(key[16:], span[:])
	if err := refs.add(key[:]); err != nil || parent.IsEmpty() {
		return err
	}
	copy(key[16:], parent[:])
	key[24] = 1
	return refs.add(key[:])
}

func (v *verifier) parents(refs *sorter) (err error) {
	m, err := refs.merge()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	var have [24]byte // the last span that exists
	var trace pcommon.TraceID
	traces, missing := int64(0), int64(0)
	var first string
	for v.ctx.Err() == nil {
		key, err := m.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if pcommon.TraceID(key[:16]) != trace {
			trace = pcommon.TraceID(key[:16])
			traces++
			ok, err := v.r.ids.has(trace)
			if err != nil {
				return err
			}
			if !ok {
				v.add(Broken, traceIDsName, "", "trace id %s of a span is missing", trace)
			}
		}
		switch {
		case key[24] == 0:
			have = [24]byte(key)
		case [24]byte(key) != have:
			if missing == 0 {
				first = fmt.Sprintf("span %x of trace %s", key[16:24], trace)
			}
			missing++
		}
	}
	v.count("traces", traces, v.manifest.Traces.Traces)
	if missing > 0 {
		v.add(Note, tracesDir, "", "%d parents of spans are not in the recording, the first is %s", missing, first)
	}
	return nil
}

func (v *verifier) bounds() {
	for _, p := range v.problems {
		if p.Severity == Broken {
			return // not everything was read
		}
	}
	got, want := v.covered, v.manifest
	if !got.Start.Equal(want.Start) || !got.End.Equal(want.End) {
		v.add(Broken, manifestName, "", "says %s to %s, the items cover %s to %s", want.Start.Format(time.RFC3339Nano),
			want.End.Format(time.RFC3339Nano), got.Start.Format(time.RFC3339Nano), got.End.Format(time.RFC3339Nano))
	}
}

// parseTraceID reads the 32 hexadecimal digits of a trace id.
func parseTraceID(s string) (id pcommon.TraceID, ok bool) {
	if len(s) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}
