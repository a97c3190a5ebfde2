package recording

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
)

// go test -run '^$' -fuzz FuzzLogLine -fuzztime 1m ./replay/recording

// maxInput keeps the fuzzer at small inputs, in bytes.
const maxInput = 64 << 10

// seeds adds the seeds and fails when there are none.
func seeds(f *testing.F, ss ...[]byte) {
	if len(ss) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range ss {
		f.Add(s)
	}
}

// smallRecording writes a recording with a bit of everything, for seeds.
func smallRecording(f *testing.F) string {
	f.Helper()
	dir := filepath.Join(f.TempDir(), "rec")
	w, err := Create(dir, Options{})
	must(f, err)
	must(f, w.Sample(labels.FromStrings("__name__", "up", "job", "a"), 1000, 1))
	must(f, w.Sample(labels.FromStrings("__name__", "up", "job", "a"), 16000, 1.5))
	must(f, w.Exemplar(labels.FromStrings("__name__", "up", "job", "a"), replay.Exemplar{Labels: labels.FromStrings("trace_id", "ab"), V: 1, T: 1234}))
	must(f, w.Record(labels.FromStrings("app", "a"), 123456789, "a \"line\"\n", []replay.Pair{{Name: "k", Value: "v"}}))
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{1})
	s.SetEndTimestamp(5)
	must(f, w.Spans(td))
	_, err = w.Close()
	must(f, err)
	return dir
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func find(f *testing.F, dir, pattern string) []byte {
	f.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	must(f, err)
	if len(names) != 1 {
		f.Fatalf("%s: got %v, want one file", pattern, names)
	}
	b, err := os.ReadFile(names[0])
	must(f, err)
	return b
}

func FuzzManifest(f *testing.F) {
	seeds(f, find(f, smallRecording(f), manifestName), []byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip()
		}
		m, err := parseManifest(b)
		if err != nil {
			if !reflect.DeepEqual(m, Manifest{}) {
				t.Errorf("got a manifest with the error %v", err)
			}
			return
		}
		again, err := json.Marshal(m)
		must(t, err)
		if m2, err := parseManifest(again); err != nil || !reflect.DeepEqual(m, m2) {
			t.Errorf("printed and parsed again: %v\n%+v\n%+v", err, m, m2)
		}
	})
}

// The fast way agrees with encoding/json wherever it answers.
func FuzzLogLine(f *testing.F) {
	seeds(f,
		[]byte(`{"timestamp":"2024-03-01T14:00:00.000000001Z","labels":{"app":"a"},"line":"x"}`),
		[]byte(`{"timestamp":"1970-01-01T00:00:00Z","labels":{"a":"},\"l"},"structured_metadata":{"a":"\u00e9\ud83d\ude80","b":""},"line":"\"\\\n\u0001 tab\t end of a longer line"}`),
		[]byte(`{"line":"x","labels":{},"timestamp":"2024-03-01T14:00:00+02:00"}`),
		[]byte(`{"timestamp":"2024-02-30T14:00:00.Z","labels":{"a":"b"},"line":"\ud800 `+"\xff"+`"}`),
		[]byte(`{"timestamp":"2024-02-29T14:00:00Z","labels":{"a":"b"},"structured_metadata":{},"line":""}`),
		[]byte(`{"timestamp":"2024-02-29T14:00:00Z","labels":{"a":"b"},"structured_metadata":{"b":"1","a":"2","a":"3"},"line":""}`),
	)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip()
		}
		slow, slowErr := parseSlow(bytes.Clone(b))
		var p lineParser
		changed := bytes.Clone(b)
		fast, ok := p.fast(changed)
		if !ok {
			if !bytes.Equal(b, changed) {
				t.Errorf("gave up, but made %q of %q", changed, b)
			}
			return
		}
		if _, err := parseLabels(fast.labels); err != nil {
			return // the reader looks into the labels and answers with this error
		}
		if slowErr != nil {
			t.Fatalf("%q: encoding/json says %v", b, slowErr)
		}
		fast.line, slow.line = append([]byte{}, fast.line...), append([]byte{}, slow.line...)
		if fast.t != slow.t || !bytes.Equal(fast.labels, slow.labels) || !bytes.Equal(fast.line, slow.line) || !reflect.DeepEqual(fast.metadata, slow.metadata) {
			t.Errorf("%q:\nfast %d %q %q %q\nslow %d %q %q %q", b, fast.t, fast.labels, fast.line, fast.metadata,
				slow.t, slow.labels, slow.line, slow.metadata)
		}
	})
}

// What the writer makes of any strings is read the fast way, and comes back.
func FuzzLogLineRoundTrip(f *testing.F) {
	f.Add("line", "value", int64(1))
	f.Add("\"\\\x00\x1f\n\u2028", "é🚀 }, \"line\":\"", int64(1709301600123456789))
	f.Fuzz(func(t *testing.T, line, value string, at int64) {
		if len(line)+len(value) > maxInput || at < 0 || at > maxLineTime {
			t.Skip()
		}
		valid := func(s string) string { return string([]rune(s)) }
		line, value = valid(line), valid(value)
		b := append([]byte(beforeTime), nanos(at)...)
		b = append(b, beforeLabels...)
		b = appendLabels(b, labels.FromStrings("app", value+"x"))
		b = append(b, beforeMetadata...)
		b, err := appendMetadata(b, []replay.Pair{{Name: "k", Value: value}})
		must(t, err)
		b = append(b, `,"line":`...)
		b = append(appendJSONString(b, line), '}')
		var p lineParser
		l, ok := p.fast(b)
		if !ok {
			if at/1e9/86400/365 > 290 { // the last, broken year takes the slow way
				return
			}
			t.Fatalf("%q is not read the fast way", b)
		}
		ls, err := parseLabels(l.labels)
		must(t, err)
		if l.t != at || string(l.line) != line || len(l.metadata) != 1 || l.metadata[0] != (replay.Pair{Name: "k", Value: value}) || ls.Get("app") != value+"x" {
			t.Errorf("%q %q %d came back as %q %q %d", line, value, at, l.line, l.metadata, l.t)
		}
	})
}

func FuzzExemplars(f *testing.F) {
	seeds(f,
		[]byte(`{"seriesLabels":{"__name__":"a"},"exemplars":[{"labels":{"trace_id":"x"},"value":"6","timestamp":1600096945.479}]}`),
		[]byte(`{"seriesLabels":{"__name__":"a"},"exemplars":[{"labels":{},"value":"NaN","timestamp":1e3},{"labels":{},"value":"+Inf","timestamp":0.5}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip()
		}
		es, err := parseExemplars(b)
		if (err == nil) != (len(es) > 0) {
			t.Fatalf("got %d exemplars, error %v", len(es), err)
		}
		for _, e := range es {
			if e.T < 0 || e.T > maxSampleTime+1 || checkSeries(e.series) != nil {
				t.Errorf("accepted %+v", e)
			}
			if got, err := parseSeconds(string(appendSeconds(nil, e.T))); err != nil || got != e.T {
				t.Errorf("time %d came back as %d, %v", e.T, got, err)
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	seeds(f, encodeFamilies(map[string]replay.Family{"a": {Type: "counter", Help: "x"}}), []byte(`{"a":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip()
		}
		if fs, err := parseFamilies(b); err != nil && fs != nil {
			t.Errorf("got families with the error %v", err)
		}
	})
}

func FuzzBlockMeta(f *testing.F) {
	seeds(f, find(f, smallRecording(f), "metrics/*/meta.json"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip()
		}
		if m, err := parseBlockMeta(b); err != nil && !reflect.DeepEqual(m, blockMeta{}) {
			t.Errorf("got a meta with the error %v", err)
		}
	})
}

// Framing and spans: whatever the bytes, each message is whole, and the spans are in order.
func FuzzTraces(f *testing.F) {
	good := find(f, smallRecording(f), "traces/*.otlp")
	seeds(f, good, append(bytes.Clone(good), good...), good[:len(good)-1], []byte{0, 0, 0, 0}, []byte{255, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip()
		}
		r, err := newFrameReader("x", bytes.NewReader(b))
		must(t, err)
		defer r.z.Close()
		var u ptrace.ProtoUnmarshaler
		for {
			msg, _, err := r.next()
			if err == io.EOF {
				if r.off != int64(len(b)) {
					t.Errorf("ended at %d of %d bytes", r.off, len(b))
				}
				return
			}
			if err != nil {
				return
			}
			checkSpans(t, &u, msg)
		}
	})
}

// OTLP messages without the compression around them, which the fuzzer cannot get through.
func FuzzSpans(f *testing.F) {
	good := find(f, smallRecording(f), "traces/*.otlp")
	z, err := zstd.NewReader(nil)
	must(f, err)
	defer z.Close()
	msg, err := z.DecodeAll(good[4:], nil)
	must(f, err)
	seeds(f, msg)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip()
		}
		var u ptrace.ProtoUnmarshaler
		checkSpans(t, &u, b)
	})
}

func checkSpans(t *testing.T, u *ptrace.ProtoUnmarshaler, msg []byte) {
	spans, err := decodeSpans(u, msg, nil)
	if err != nil && spans != nil {
		t.Errorf("got spans with the error %v", err)
	}
	for i, s := range spans {
		if s.Span.TraceID().IsEmpty() || i > 0 && end(s) < end(spans[i-1]) {
			t.Errorf("span %d without an id or out of order", i)
		}
	}
}

// FuzzChunk gives the sample reader a chunk whose checksum is right.
func FuzzChunk(f *testing.F) {
	c := chunkenc.NewXORChunk()
	app, err := c.Appender()
	must(f, err)
	app.Append(0, 1000, 1)
	app.Append(0, 2000, 2)
	f.Add(byte(chunkenc.EncXOR), c.Bytes())
	f.Add(byte(chunkenc.EncHistogram), []byte{0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Add(byte(chunkenc.EncFloatHistogram), []byte{0, 3})
	f.Fuzz(func(t *testing.T, enc byte, data []byte) {
		if len(data) > maxInput {
			t.Skip()
		}
		body := append([]byte{enc}, data...)
		b := make([]byte, chunks.SegmentHeaderSize)
		b = binary.AppendUvarint(b, uint64(len(data)))
		b = append(b, body...)
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
		name := filepath.Join(t.TempDir(), "000001")
		must(t, os.WriteFile(name, b, 0o666))
		file, err := os.Open(name)
		must(t, err)
		s := &sampleReader{to: maxSampleTime, segs: &segments{names: []string{name}, files: []*os.File{file}}, blocks: make([]block, 1), width: maxWindow}
		defer s.Close()
		cur := cursor{series: &replay.Series{}, t: -1, chunks: []chunkPlace{{chunks.SegmentHeaderSize, 0, maxSampleTime}}}
		if err := s.first(&cur); err != nil {
			return
		}
		s.cursors = []cursor{cur}
		p := make([]replay.Sample, 64)
		last := int64(-1)
		for n := 0; n < 1<<17; {
			s.blocks = s.blocks[:1]
			m, err := s.Read(p)
			if err != nil {
				return
			}
			n += m
			for _, x := range p[:m] {
				if x.T <= last {
					t.Fatalf("sample at %d after %d", x.T, last)
				}
				last = x.T
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	seeds(f, find(f, smallRecording(f), "metrics/*/index"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxInput {
			t.Skip()
		}
		_ = readIndex("index", b, func(l labels.Labels, cs []chunks.Meta) error {
			_ = l.String()
			for i, c := range cs {
				if c.MinTime > c.MaxTime || i > 0 && c.MinTime <= cs[i-1].MaxTime {
					t.Errorf("chunk %d is out of order", i)
				}
			}
			return nil
		})
	})
}
