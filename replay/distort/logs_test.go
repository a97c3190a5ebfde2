package distort_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/distort"
	"firedrill/replay/rebase"
)

// The clock of a host is wrong in the stamp of a line, in its text and in spans, and in no metric.
func TestClockSkew(t *testing.T) {
	m := incident(3, 10*time.Minute)
	for _, skew := range []time.Duration{40 * time.Second, -40 * time.Second} {
		got := readAll(t, distorted(t, m, 1, distort.Distortion{Kind: distort.ClockSkew, Skew: distort.Duration(skew), Host: "b"}))
		if d := cmp.Diff(content{samples: m.samples}.show()[0], got.show()[0]); d != "" {
			t.Errorf("metrics:\n%s", d)
		}
		moved := 0
		for _, r := range got.records {
			at, text := time.Unix(0, r.T), regexp.MustCompile(`20\d\d-[0-9T:.-]+Z`).Find(r.Line)
			if written, err := time.Parse(time.RFC3339Nano, string(text)); err != nil || written.Sub(at).Abs() > time.Microsecond {
				t.Errorf("at %v the line is %s", at, r.Line)
			}
			late, behind := recordDue(r)-r.T, time.Duration(0)
			if r.Stream.Labels.Get("node") == "b" {
				moved++
				behind = max(-skew, 0)
			}
			if diff := time.Duration(late) - behind; diff.Abs() > time.Microsecond {
				t.Errorf("a line is due %v after its stamp, want %v", time.Duration(late), behind)
			}
		}
		if moved == 0 {
			t.Error("no line is of that host")
		}
		if skew > 0 { // what is stamped later than the end never comes
			continue
		}
		was := make(map[pcommon.SpanID]replay.Span)
		for _, s := range m.spans {
			was[s.Span.SpanID()] = s
		}
		for _, s := range got.spans {
			want := time.Duration(0)
			if host, _ := s.Resource.Attributes.Get("host.name"); host.AsString() == "b" {
				want = skew
			}
			before := was[s.Span.SpanID()].Span
			for _, diff := range []int64{int64(s.Span.StartTimestamp()) - int64(before.StartTimestamp()), int64(s.Span.EndTimestamp()) - int64(before.EndTimestamp())} {
				if d := time.Duration(diff) - want; d.Abs() > time.Microsecond {
					t.Errorf("a span moved %v, want %v", time.Duration(diff), want)
				}
			}
		}
	}
}

func TestWithoutTraceIDs(t *testing.T) {
	m := incident(3, 10*time.Minute)
	m.records = append(m.records, replay.Record{Stream: m.records[0].Stream, T: m.end.UnixNano() - 1, Line: []byte("transaction_id=12345678901 and parent=home")})
	got := readAll(t, distorted(t, m, 1, distort.Distortion{Kind: distort.LogsWithoutTraceID}))
	id := regexp.MustCompile(`[0-9a-f]{16}`)
	for _, r := range got.records {
		if id.Match(r.Line) || slices.ContainsFunc(r.Metadata, func(p replay.Pair) bool { return p.Name == "trace_id" }) {
			t.Errorf("there is an id in %s %v", r.Line, r.Metadata)
		}
		if r.Line[0] == '{' && !json.Valid(r.Line) {
			t.Errorf("no JSON any more: %s", r.Line)
		}
		if rest := id.ReplaceAll(r.Line, nil); !bytes.Contains(rest, []byte("done")) && !bytes.Contains(rest, []byte("healthy")) && !bytes.HasPrefix(rest, []byte("transaction_id=12345678901 and parent=home")) {
			t.Errorf("more than ids is gone: %s", r.Line)
		}
	}
	if n := len(m.records) - len(got.records); n > len(m.records)/20 {
		t.Errorf("%d of %d lines are gone", n, len(m.records))
	}
}

func TestRemoveIDs(t *testing.T) {
	const id, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for line, want := range map[string]string{
		`{"trace_id":"` + id + `","span_id":"` + span + `","msg":"x"}`:                      `{"msg":"x"}`,
		`{"msg":"x", "traceId": "` + id + `", "dd.trace_id": 1234567890123456789}`:          `{"msg":"x"}`,
		`{"log":"{\"trace_id\":\"` + id + `\",\"msg\":\"x\"}\n"}`:                           `{"log":"{\"msg\":\"x\"}\n"}`,
		`level=info trace_id=` + id + ` msg="a b"`:                                          `level=info msg="a b"`,
		`level=info msg="a b" traceID="` + id + `"`:                                         `level=info msg="a b"`,
		`[trace_id=` + id + ` span_id=` + span + ` service=x] ready`:                        `[service=x] ready`,
		`GET / traceparent=00-` + id + `-` + span + `-01 200`:                               `GET / 200`,
		`[cart,` + id + `,` + span + `] ready`:                                              `[cart,] ready`,
		`transaction_id=4111-1111-1111-1111 span=12 parent=main commit=` + id[:20] + ` x`:   `transaction_id=4111-1111-1111-1111 span=12 parent=main commit=` + id[:20] + ` x`,
		`etag ` + strings.Repeat("ab", 16) + ` stays, since no trace has it as its own id.`: `etag ` + strings.Repeat("ab", 16) + ` stays, since no trace has it as its own id.`,
	} {
		m := incident(1, time.Minute)
		m.traces[pcommon.TraceID{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36}] = true
		m.records = []replay.Record{{Stream: m.records[0].Stream, T: m.records[0].T, Line: []byte(line)}}
		got := readAll(t, distorted(t, m, 1, distort.Distortion{Kind: distort.LogsWithoutTraceID}))
		if string(got.records[0].Line) != want {
			t.Errorf("%s\nbecame %s\nwant   %s", line, got.records[0].Line, want)
		}
	}
}

// A trace that broken propagation renamed is still an id, wherever it stands, and is not cut in two.
func TestRenamedIDs(t *testing.T) {
	m := incident(1, time.Minute)
	var trace pcommon.TraceID
	for id := range m.traces {
		trace = id
	}
	bare := fmt.Sprintf("[cart,%s,00f067aa0ba902b7] ready", trace)
	long := strings.Repeat("x", 50) + " " + trace.String() + " ready"
	at := m.records[0].T
	m.records = nil
	for i, line := range []string{bare, long} {
		stream := &replay.Stream{ID: uint32(i), Labels: labels.FromStrings("service_name", "cart")}
		m.records = append(m.records, replay.Record{Stream: stream, T: at, Line: []byte(line)})
	}
	broken := distort.Distortion{Kind: distort.BrokenPropagation, Service: "cart"}
	for _, c := range []struct {
		then  distort.Distortion
		which int
		want  string
	}{
		{distort.Distortion{Kind: distort.LogsWithoutTraceID}, 0, "[cart,] ready"},
		{distort.Distortion{Kind: distort.TruncatedLines, MaxBytes: 64}, 1, strings.Repeat("x", 50)},
	} {
		got := readAll(t, distorted(t, m, 1, broken, c.then))
		if line := string(got.records[c.which].Line); line != c.want {
			t.Errorf("%s: %q, want %q", c.then.Kind, line, c.want)
		}
	}
}

// A stream without a job is of the job that its service is.
func TestJobOfStreams(t *testing.T) {
	m := incident(1, time.Minute)
	got := readAll(t, distorted(t, m, 1, distort.Distortion{Kind: distort.LogLoss, Share: 1, Job: "cart"}))
	want := 0
	for _, r := range m.records {
		if r.Stream.Labels.Get("service_name") != "cart" {
			want++
		}
	}
	if len(got.records) != want || want == len(m.records) {
		t.Errorf("%d of %d lines are left, want %d", len(got.records), len(m.records), want)
	}
}

// Of lines that become equal one is left, since Loki keeps no more.
func TestLinesThatBecomeEqual(t *testing.T) {
	m := incident(1, time.Minute)
	a, b := m.records[0].Stream, &replay.Stream{ID: 9, Labels: labels.FromStrings("service_name", "other")}
	at := recordedStart.UnixNano()
	m.records = nil
	for i, stream := range []*replay.Stream{a, b, a, a, a} {
		line := fmt.Sprintf("trace_id=%032x done", i)
		if i == 4 {
			at++
		}
		m.records = append(m.records, replay.Record{Stream: stream, T: at, Line: []byte(line)})
	}
	var got []string
	for _, r := range readAll(t, distorted(t, m, 1, distort.Distortion{Kind: distort.LogsWithoutTraceID})).records {
		got = append(got, fmt.Sprint(r.Stream.ID, "@", r.T-recordedStart.UnixNano(), " ", string(r.Line)))
	}
	if d := cmp.Diff([]string{fmt.Sprint(a.ID, "@0 done"), "9@0 done", fmt.Sprint(a.ID, "@1 done")}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A line is cut where it is too long, in a character or a time or an id never.
func TestTruncatedLines(t *testing.T) {
	m := incident(3, 10*time.Minute)
	whole := make(map[string][]string)
	for _, r := range m.records {
		at := fmt.Sprint(r.Stream.ID, "@", r.T)
		whole[at] = append(whole[at], string(r.Line))
	}
	// What a session makes of the rest is the beginning of what it makes of the whole line.
	text := rebase.Text{IDs: rebase.NewIDs([32]byte{9}), KnownTrace: func(id [16]byte) bool { return m.traces[id] }}
	session := func(line string, t int64) string {
		return string(text.Line([]byte(line), t, 500*24*time.Hour+7*time.Hour))
	}
	for limit := 64; limit < 140; limit += 7 {
		got := readAll(t, distorted(t, m, 1, distort.Distortion{Kind: distort.TruncatedLines, MaxBytes: limit}))
		cut := 0
		for _, r := range got.records {
			line, least := string(r.Line), limit-62 // a traceparent and its key may be left out
			same := slices.ContainsFunc(whole[fmt.Sprint(r.Stream.ID, "@", r.T)], func(was string) bool {
				if was != line && len(was) > limit && strings.HasPrefix(was, line) {
					cut++
				}
				return strings.HasPrefix(session(was, r.T), session(line, r.T)) && (was == line || len(was) > limit && len(line) >= least)
			})
			if !same || len(line) > limit || !utf8.ValidString(line) {
				t.Errorf("limit %d: got %q", limit, line)
			}
		}
		if cut < len(m.records)/10 {
			t.Errorf("limit %d: only %d lines are cut", limit, cut)
		}
	}
}
