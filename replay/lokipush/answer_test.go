package lokipush

import (
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

func TestCountRefused(t *testing.T) {
	streams := []streamPart{
		makePart(10, "app", "a"),
		makePart(20, "app", "b", "pod", "x"),
		makePart(5),
	}
	const tooLong = `max entry size '5' bytes exceeded for stream '{app="a", service_name="a"}' while adding an entry with length '9' bytes`
	const tooOld = `entry for stream '{app="a"}' has timestamp too old: 2026-11-22T11:00:00Z, oldest acceptable timestamp is: 2026-11-22T12:00:00Z`
	const tooNew = `entry for stream '{app="b", pod="x"}' has timestamp too new: 2026-11-22T11:00:00Z`
	for _, tt := range []struct {
		name, words string
		want        int
	}{
		{"one line", tooLong, 1},
		{"equal lines", "3 errors like: " + tooLong, 3},
		{"several kinds", "3 errors like: " + tooLong + "; 2 errors like: " + tooOld + "; 1 errors like: " + tooNew, 6},
		{"metadata", `2 errors like: stream '{app="a"}' has structured metadata too large: '9' bytes, limit: '1' bytes. Please see ` +
			"`limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it", 2},
		{"a stream", `stream '{app="b", pod="x", service_name="b"}' has label value too long: 'x'`, 20},
		{"a stream and lines", `1 errors like: error parsing labels '{app="a"}' with error: x; 4 errors like: ` + tooNew, 14},
		{"no labels", "error at least one label pair is required per stream", 5},
		{"too many names", `entry for stream '{app="b", pod="x"}' has 40 label names; limit 15`, 20},
		{"unknown", "some new rule; 2 errors like: " + tooNew, 35},
		{"unknown only", "some new rule", 35},
		{"out of order", "entry with timestamp 2026-11-22 11:00:00 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: x',\n" +
			`user 't', total ignored: 12 out of 20 for stream: {app="b", pod="x"}`, 12},
		{"more than were sent", `total ignored: 99999999999999999999 out of 20 for stream: {app="a"}`, 35},
		{"none", `total ignored: 0 out of 20 for stream: {app="a"}`, 1},
		{"no words", "", 35},
	} {
		if got := countRefused(tt.words, streams, 35); got != tt.want {
			t.Errorf("%s: %d refused, want %d", tt.name, got, tt.want)
		}
	}
}

func makePart(lines int, ls ...string) streamPart {
	return streamPart{stream: &replay.Stream{Labels: labels.FromStrings(ls...)}, lines: lines}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		e     replay.PushError
		words string
		want  replay.PushError
	}{
		{replay.PushError{Status: "400 Bad Request"}, "max entry size '5' bytes exceeded", replay.PushError{Refused: 1}},
		{replay.PushError{Status: "413 Request Entity Too Large"}, "max entry size '5' bytes exceeded", replay.PushError{Refused: 9}},
		{replay.PushError{Status: "260"}, "ingestion blocked for user t", replay.PushError{Refused: 9}},
		{replay.PushError{Status: "429 Too Many Requests", Retryable: true}, "Per stream rate limit exceeded", replay.PushError{Unacknowledged: true}},
		{replay.PushError{Status: "429 Too Many Requests", Retryable: true}, "ingestion rate limit exceeded for user t (limit: 1 bytes/sec)", replay.PushError{}},
		{replay.PushError{Status: "500 Internal Server Error", Retryable: true, Unacknowledged: true}, "", replay.PushError{Unacknowledged: true}},
	} {
		judge(&tt.e, tt.words, nil, 9)
		if tt.e.Refused != tt.want.Refused || tt.e.Unacknowledged != tt.want.Unacknowledged {
			t.Errorf("%s %q: refused %d, unacknowledged %v, want %d, %v",
				tt.e.Status, tt.words, tt.e.Refused, tt.e.Unacknowledged, tt.want.Refused, tt.want.Unacknowledged)
		}
	}
}

func FuzzCountRefused(f *testing.F) {
	f.Add(`total ignored: 12 out of 20 for stream: {app="b"}`)
	f.Add(`3 errors like: max entry size '5'; 2 errors like: error parsing labels '{app="a"}'`)
	f.Add(`9223372036854775807 errors like: max entry size '; 9223372036854775807 errors like: max entry size '`)
	f.Fuzz(func(t *testing.T, words string) {
		streams := []streamPart{makePart(7, "app", "a"), makePart(3)}
		if got := countRefused(words, streams, 10); got < 1 || got > 10 {
			t.Errorf("countRefused(%q) = %d, want 1 to 10", words, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"app":"a"},"values":[["1","x"],["2","y",{}]]}]}}`))
	f.Add([]byte(`{"data":{"resultType":"vector","result":[{"metric":{},"value":[1.5,"12"]}]}}`))
	f.Add([]byte(`{"data":[{"app":"a","__stream_shard__":"1"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 {
			t.Skip("longer than any answer worth trying")
		}
		if streams, err := parseLines(body); err != nil && streams != nil {
			t.Errorf("parseLines(%q) = %v and %v", body, streams, err)
		}
		if n, err := parseCount(body); n < 0 || n > 1<<53 || err != nil && n != 0 {
			t.Errorf("parseCount(%q) = %d and %v", body, n, err)
		}
		sets, err := parseSeries(body)
		if err != nil && sets != nil {
			t.Errorf("parseSeries(%q) = %v and %v", body, sets, err)
		}
		for _, set := range sets {
			for _, name := range set {
				if strings.HasPrefix(name, "__") {
					t.Errorf("parseSeries(%q) names %s", body, name)
				}
			}
		}
	})
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		parse func([]byte) error
		body  string
		want  string
	}{
		{lines, `{"data":{"resultType":"matrix"}}`, `parse answer: result type "matrix", expected streams`},
		{lines, `{"data":{"resultType":"streams","result":[{"values":[["x","y"]]}]}}`, `parse answer: time "x" is not a number of nanoseconds`},
		{lines, `<html>`, "parse answer: invalid character '<' looking for beginning of value"},
		{count, `{"data":{"resultType":"vector","result":[{"value":[1,"1.5"]}]}}`, `parse answer: "1.5" is not a number of lines`},
		{count, `{"data":{"resultType":"vector","result":[{},{}]}}`, `parse answer: result type "vector" with 2 results, expected a vector with at most one`},
		{count, `{"data":{"resultType":"streams"}}`, `parse answer: result type "streams" with 0 results, expected a vector with at most one`},
	} {
		if err := tt.parse([]byte(tt.body)); err == nil || err.Error() != tt.want {
			t.Errorf("parse %s: %v, want %s", tt.body, err, tt.want)
		}
	}
}

func lines(body []byte) error { _, err := parseLines(body); return err }
func count(body []byte) error { _, err := parseCount(body); return err }
