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
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"firedrill/replay"
	"firedrill/replay/distort"
	"firedrill/replay/rebase"
)

// A window and a recording around it.
const (
	from = 4 * time.Minute
	to   = 7 * time.Minute
)

func inWindow(t int64) bool {
	return t >= recordedStart.Add(from).UnixNano() && t < recordedStart.Add(to).UnixNano()
}

func window(d distort.Distortion) distort.Distortion {
	d.From, d.To = distort.Duration(from), distort.Duration(to)
	return d
}

// wantSubset checks that got is want without those items that may be lost, and returns how many those are and how
// many of them are gone.
func wantSubset[T any](t *testing.T, got, want []T, show func(T) string, may func(T) bool) (could, lost int) {
	t.Helper()
	left := make(map[string]bool)
	for _, it := range got {
		left[show(it)] = true
	}
	for _, it := range want {
		gone := !left[show(it)]
		if gone && !may(it) {
			t.Errorf("lost, though nothing says so: %s", show(it))
		}
		if may(it) {
			could++
		}
		if gone {
			lost++
		}
	}
	if len(got)+lost != len(want) {
		t.Errorf("%d items and %d that are lost do not make %d", len(got), lost, len(want))
	}
	return could, lost
}

func wantShare(t *testing.T, n, of int, share, within float64) {
	t.Helper()
	if got := float64(n) / float64(of); got < share-within || got > share+within {
		t.Errorf("%d of %d are %v, want %v ± %v", n, of, got, share, within)
	}
}

func TestLosses(t *testing.T) {
	m := incident(3, 20*time.Minute)
	for name, c := range map[string]struct {
		d      distort.Distortion
		sample func(replay.Sample) bool
		record func(replay.Record) bool
		span   func(replay.Span) bool
		share  float64 // of those that may be lost
	}{
		"trace-sampling": {d: distort.Distortion{Kind: distort.TraceSampling, Keep: 0.25}, span: func(replay.Span) bool { return true }, share: 0.75},
		"spans-missing": {d: window(distort.Distortion{Kind: distort.SpansMissing, Service: "payment"}), share: 1,
			span: func(s replay.Span) bool { return strings.HasPrefix(showSpan(s), "payment") && inWindow(spanTime(s)) }},
		"log-loss": {d: window(distort.Distortion{Kind: distort.LogLoss, Share: 0.3, Pod: "cart-1"}), share: 0.3,
			record: func(r replay.Record) bool { return r.Stream.Labels.Get("pod") == "cart-1" && inWindow(r.T) }},
		"missed-scrapes": {d: distort.Distortion{Kind: distort.MissedScrapes, Share: 0.3, Job: "payment"}, share: 0.3,
			sample: func(s replay.Sample) bool {
				return s.Series.Labels.Get("job") == "payment" && s.Series.Labels.Get("instance") != "" && !value.IsStaleNaN(s.V)
			}},
		"scrape-gap of Prometheus": {d: window(distort.Distortion{Kind: distort.ScrapeGap}), share: 1,
			sample: func(s replay.Sample) bool { return inWindow(sampleTime(s)) }},
	} {
		t.Run(name, func(t *testing.T) {
			got := readAll(t, distorted(t, m, 1, c.d))
			could, lost := 0, 0
			add := func(a, b int) { could, lost = could+a, lost+b }
			add(wantSubset(t, got.samples, m.samples, showSample, func(s replay.Sample) bool { return c.sample != nil && c.sample(s) }))
			add(wantSubset(t, got.records, m.records, showRecord, func(r replay.Record) bool { return c.record != nil && c.record(r) }))
			add(wantSubset(t, got.spans, m.spans, showSpan, func(s replay.Span) bool { return c.span != nil && c.span(s) }))
			if c.share == 1 {
				wantShare(t, lost, could, 1, 0)
			} else {
				wantShare(t, lost, could, c.share, 0.08)
			}
			if could == 0 {
				t.Error("nothing could be lost: the test shows nothing")
			}
		})
	}
}

// Sampling keeps or loses whole traces, a missed scrape loses all of its target.
func TestLossesAreWhole(t *testing.T) {
	m := incident(3, 10*time.Minute)
	got := readAll(t, distorted(t, m, 1, distort.Distortion{Kind: distort.TraceSampling, Keep: 0.5}, distort.Distortion{Kind: distort.MissedScrapes, Share: 0.5}))
	count := func(spans []replay.Span) map[pcommon.TraceID]int {
		n := make(map[pcommon.TraceID]int)
		for _, s := range spans {
			n[s.Span.TraceID()]++
		}
		return n
	}
	want := count(m.spans)
	for id, n := range count(got.spans) {
		if n != want[id] {
			t.Errorf("trace %s has %d spans of %d", id, n, want[id])
		}
	}
	scrapes := func(samples []replay.Sample) map[string]int {
		n := make(map[string]int)
		for _, s := range samples {
			if !value.IsStaleNaN(s.V) {
				n[fmt.Sprint(s.Series.Labels.Get("instance"), "@", s.T)]++
			}
		}
		return n
	}
	whole := scrapes(m.samples)
	for at, n := range scrapes(got.samples) {
		if n != whole[at] {
			t.Errorf("of the scrape %s there are %d samples of %d", at, n, whole[at])
		}
	}
}

func TestRateLimit(t *testing.T) {
	m := incident(3, 10*time.Minute)
	got := readAll(t, distorted(t, m, 1, window(distort.Distortion{Kind: distort.LogRateLimit, Rate: 2})))
	seen := make(map[string]int)
	var want []replay.Record
	for _, r := range m.records {
		at := fmt.Sprint(r.Stream.ID, "@", r.T/1e9)
		if inWindow(r.T) {
			seen[at]++
		}
		if !inWindow(r.T) || seen[at] <= 2 {
			want = append(want, r)
		}
	}
	if len(want) == len(m.records) {
		t.Fatal("nothing is above the limit")
	}
	if d := cmp.Diff(content{records: want}.show()[1], got.show()[1]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Targets that are down: up is 0, every other series ends once, and none begins.
func TestScrapeGapOfTargets(t *testing.T) {
	m := incident(3, 10*time.Minute)
	got := readAll(t, distorted(t, m, 1, window(distort.Distortion{Kind: distort.ScrapeGap, Host: "a"})))
	alive, ended := make(map[string]bool), make(map[string]bool) // before the gap, in the gap
	for _, s := range m.samples {
		if sampleTime(s) < recordedStart.Add(from).UnixNano() {
			alive[s.Series.Labels.String()] = !value.IsStaleNaN(s.V)
		}
	}
	outside := func(samples []replay.Sample) (out []replay.Sample) {
		for _, s := range samples {
			if s.Series.Labels.Get("node") != "a" || !inWindow(sampleTime(s)) {
				out = append(out, s)
			}
		}
		return out
	}
	if d := cmp.Diff(content{samples: outside(m.samples)}.show()[0], content{samples: outside(got.samples)}.show()[0]); d != "" {
		t.Errorf("outside of the gap (-recorded +got):\n%s", d)
	}
	ups := 0
	for _, s := range got.samples {
		l := s.Series.Labels
		if l.Get("node") != "a" || !inWindow(sampleTime(s)) {
			continue
		}
		switch name := l.Get("__name__"); {
		case name == "up" || name == "scrape_samples_scraped":
			ups++
			if s.V != 0 {
				t.Errorf("%s is %v while the target is down", name, s.V)
			}
		case name == "scrape_duration_seconds":
		case !alive[l.String()] || ended[l.String()] || !(value.IsStaleNaN(s.V) || s.H != nil && value.IsStaleNaN(s.H.Sum)) || s.Exemplars != nil:
			t.Errorf("in the gap there is %s", showSample(s))
		default:
			ended[l.String()] = true
		}
	}
	if ups != 2*3*12 {
		t.Errorf("up and scrape_samples_scraped of 3 targets have %d samples in 3 min, want 72", ups)
	}
	for l, is := range alive {
		if is && strings.Contains(l, `node="a"`) && !ended[l] && !regexp.MustCompile(`"(up|scrape_.*)"`).MatchString(l) {
			t.Errorf("%s goes on in the gap", l)
		}
	}
}

func TestLag(t *testing.T) {
	m := incident(3, 20*time.Minute)
	d := window(distort.Distortion{Kind: distort.IngestionLag, Delay: seconds(20), Jitter: seconds(30), Host: "a"})
	all := []distort.Distortion{d, d, d}
	for i, s := range []replay.Signal{replay.Metrics, replay.Logs, replay.Traces} {
		all[i].Signal = s
	}
	got := readAll(t, distorted(t, m, 1, all...))
	lags := make(map[time.Duration]bool)
	check := func(host string, at int64, lag time.Duration) {
		t.Helper()
		switch {
		case host == "a" && inWindow(at):
			lags[lag] = true
			if lag < 20*time.Second || lag > 50*time.Second {
				t.Errorf("an item lags %v, want 20 s to 50 s", lag)
			}
		case host == "a" && at >= recordedStart.Add(to).UnixNano() && at < recordedStart.Add(to+20*time.Second).UnixNano():
			if lag <= 0 || lag > 50*time.Second { // behind what is held up
				t.Errorf("an item after the lag lags %v", lag)
			}
		case (host != "a" || at < recordedStart.Add(from).UnixNano() || at > recordedStart.Add(to+50*time.Second).UnixNano()) && lag != 0:
			t.Errorf("an item lags %v without reason", lag)
		}
	}
	streams := make(map[uint32]int64)
	for _, s := range got.samples {
		check(s.Series.Labels.Get("node"), sampleTime(s), s.Lag)
	}
	for _, r := range got.records {
		check(r.Stream.Labels.Get("node"), r.T, r.Lag)
		if r.T < streams[r.Stream.ID] {
			t.Errorf("stream %d is out of order", r.Stream.ID)
		}
		streams[r.Stream.ID] = r.T
	}
	for _, s := range got.spans {
		host, _ := s.Resource.Attributes.Get("host.name")
		check(host.AsString(), spanTime(s), s.Lag)
	}
	if len(lags) < 100 {
		t.Errorf("there are only %d lags: no jitter", len(lags))
	}
	if len(got.samples) != len(m.samples) || len(got.records) != len(m.records) || len(got.spans) != len(m.spans) {
		t.Error("something is lost")
	}
}

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
	for limit := 64; limit < 140; limit += 3 {
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

// The traces of a service that loses the context begin with it, and their ids are found in its logs and exemplars.
func TestBrokenPropagation(t *testing.T) {
	m := incident(3, 10*time.Minute)
	src := distorted(t, m, 1, distort.Distortion{Kind: distort.BrokenPropagation, Service: "payment", Downstream: []string{"risk"}})
	got := readAll(t, src)
	if len(got.spans) != len(m.spans) {
		t.Fatalf("%d spans are left of %d", len(got.spans), len(m.spans))
	}
	parts := make(map[pcommon.TraceID]map[pcommon.SpanID]replay.Span)
	for _, s := range got.spans {
		id := s.Span.TraceID()
		if parts[id] == nil {
			parts[id] = make(map[pcommon.SpanID]replay.Span)
		}
		parts[id][s.Span.SpanID()] = s
		if !src.HasTrace(id) {
			t.Errorf("HasTrace does not know %s", id)
		}
	}
	if src.HasTrace(pcommon.TraceID{1, 2, 3}) {
		t.Error("HasTrace knows what is not there")
	}
	roots := make(map[string]int)
	for id, spans := range parts {
		for _, s := range spans {
			v, _ := s.Resource.Attributes.Get("service.name")
			if (v.AsString() == "cart") != m.traces[id] {
				t.Fatalf("a span of %s is in trace %s", v.AsString(), id)
			}
			a, _ := s.Span.Attributes().Get("trace_id")
			if a.AsString() != id.String() {
				t.Errorf("the attribute says %s, the span %s", a.AsString(), id)
			}
			if p := s.Span.ParentSpanID(); p.IsEmpty() {
				roots[v.AsString()]++
				if s.Span.Kind() != ptrace.SpanKindServer {
					t.Errorf("a trace begins with a span of kind %v", s.Span.Kind())
				}
			} else if _, ok := spans[p]; !ok {
				t.Errorf("the parent of a span of %s is not in its trace", v.AsString())
			}
		}
	}
	if roots["cart"] == 0 || roots["payment"] == 0 || roots["risk"] != 0 {
		t.Errorf("roots by service: %v", roots)
	}
	for _, r := range got.records {
		service, id := r.Stream.Labels.Get("service_name"), r.Metadata[1].Value
		if (service == "cart") != known(m, id) {
			t.Errorf("a line of %s names %s", service, id)
		}
		if bytes.Contains(r.Line, []byte("healthy")) {
			continue
		}
		if !bytes.Contains(r.Line, []byte(id)) {
			t.Errorf("metadata name %s, and the line is %s", id, r.Line)
		}
	}
	for _, s := range got.samples {
		for _, e := range s.Exemplars {
			if (s.Series.Labels.Get("job") == "cart") != known(m, e.Labels.Get("trace_id")) {
				t.Errorf("an exemplar of %s names %s", s.Series.Labels, e.Labels)
			}
		}
	}
}

func known(m *memory, id string) bool {
	for trace := range m.traces {
		if trace.String() == id {
			return true
		}
	}
	return false
}

func TestDecoyAlert(t *testing.T) {
	m := incident(3, 10*time.Minute)
	got := readAll(t, distorted(t, m, 1, window(distort.Distortion{Kind: distort.DecoyAlert, Alert: "DiskFull", Labels: map[string]string{"node": "z"}, Interval: seconds(30)})))
	var added, rest []replay.Sample
	for _, s := range got.samples {
		if s.Series.Labels.Get("alertname") == "DiskFull" {
			added = append(added, s)
		} else {
			rest = append(rest, s)
		}
	}
	if d := cmp.Diff(content{samples: m.samples}.show()[0], content{samples: rest}.show()[0]); d != "" {
		t.Errorf("recorded samples (-recorded +got):\n%s", d)
	}
	first := recordedStart.Add(from).UnixMilli() + 1 // the next whole one
	sets := []labels.Labels{
		labels.FromStrings("__name__", "ALERTS", "alertname", "DiskFull", "alertstate", "firing", "node", "z"),
		labels.FromStrings("__name__", "ALERTS_FOR_STATE", "alertname", "DiskFull", "node", "z"),
	}
	if len(added) != 2*7 {
		t.Fatalf("%d samples are added, want 7 of each series", len(added))
	}
	for i, s := range added {
		k := int64(i / 2)
		if s.T != first+30_000*k || !labels.Equal(s.Series.Labels, sets[i%2]) {
			t.Errorf("sample %d is %s", i, showSample(s))
		}
		if want := []float64{1, float64(first / 1000)}[i%2]; k < 6 && s.V != want || k == 6 && !value.IsStaleNaN(s.V) {
			t.Errorf("sample %d is %v, want %v, and a stale marker at the end", i, s.V, want)
		}
	}
	src := distorted(t, m, 1, distort.Distortion{Kind: distort.DecoyAlert, Alert: "Slow", Labels: map[string]string{"job": "payment"}})
	start, end := src.Bounds()
	r, err := src.Samples(start, end)
	if err != nil {
		t.Fatal(err)
	}
	for buf := make([]replay.Sample, 10_000); err == nil; {
		_, err = r.Read(buf)
	}
	if !strings.Contains(err.Error(), "give the decoy-alert another name") {
		t.Errorf("a decoy with the name of a recorded alert: %v", err)
	}
}
