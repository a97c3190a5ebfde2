package rebase_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"firedrill/replay/rebase"
)

// maxFuzz limits the size of fuzzed texts.
const maxFuzz = 4096

var fuzzSeeds = []string{
	nezhaLine,
	"2022-08-22T05:18:42.908Z", "2022/08/22 05:18:42 x", `[22/Aug/2022:05:18:42 +0000] "GET /"`, "Aug  2 05:18:42 h",
	"Monday, 22-Aug-22 05:18:42 GMT", "2 Aug 2022 05:18:42", "Mon Aug 22 05:18:42 UTC 2022", "I0822 05:18:42.908318 1 x",
	"20220822T051842.5Z", "1661145522.908 1661145522908", "[05:18:42]", "\x1b[36m05:18:42\\n05:18:42",
	"00-04c87ec97bae041b1b15b3c7676a43cc-e4006dce6700e903-01", "Root=1-5759e988-bd862e3fe1be46a994272793",
	"dcc1df555b5777b3:e4006dce6700e903:dcc1df555b5777b3:1", `\\\"trace_id\\\":\\\"04C87EC97BAE041B1B15B3C7676A43CC\\\"`,
}

// FuzzLine: whatever comes in, Line does not panic, Attr agrees with it, and the text changes in length only by the
// days and weekdays that may.
func FuzzLine(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add([]byte(s), recordedAt.UnixNano(), int64(toOctober))
		f.Add([]byte(s), recordedAt.UnixNano(), int64(-1))
	}
	text := &rebase.Text{IDs: rebase.NewIDs(sequentialKey()), KnownTrace: func(id [16]byte) bool { return id[0]&1 == 0 }}
	f.Fuzz(func(t *testing.T, line []byte, recorded, shift int64) {
		if len(line) > maxFuzz {
			t.Skip()
		}
		attr := text.Attr(string(line), recorded, time.Duration(shift))
		got := text.Line(bytes.Clone(line), recorded, time.Duration(shift))
		if string(got) != attr {
			t.Errorf("Line(%q) = %q, Attr %q", line, got, attr)
		}
		// No pattern is shorter than 20 bytes and grows by more than 4: Monday to Wednesday 3, 2 to 12 one.
		if d := len(got) - len(line); d > len(line)/5 || -d > len(line)/5 {
			t.Errorf("%q of %d bytes became %q of %d", line, len(line), got, len(got))
		}
	})
}

// layouts are all forms of the table that Go can write, but those that lose the width of a day or the seconds.
var layouts = []string{
	time.RFC3339, time.RFC3339Nano, "2006-01-02 15:04:05,000", "2006-01-02 15:04:05.999999999 -0700 MST", "2006-01-02t15:04:05z",
	"2006/01/02 15:04:05.000000", "02/Jan/2006:15:04:05 -0700", time.Stamp, time.RFC1123, time.RFC1123Z, time.RFC850,
	time.ANSIC, time.UnixDate, time.RubyDate, "Mon Jan 02 2006 15:04:05 GMT-0700", "02-Jan-2006 15:04:05.000", "02 Jan 2006 15:04:05.000",
	"I0102 15:04:05.000000", "E20060102 15:04:05.000000", "20060102T150405Z", "20060102T150405.000Z", `"15:04:05.000"`, "[15:04:05]",
}

// template writes at in every form, with two ids, separated by between.
func template(at time.Time, trace [16]byte, span [8]byte, between string) string {
	var b strings.Builder
	for i, l := range layouts {
		zone := time.FixedZone("XST", (i%9-4)*3*3600+i%4*15*60) // each form in a zone of its own
		b.WriteString(between + at.In(zone).Format(l))
	}
	ns := at.UnixNano()
	fmt.Fprintf(&b, "%s%d%[1]s%[3]d.%06[4]d%[1]s%[5]d%[1]s%[6]d%[1]s%[7]d", between, at.Unix(), at.Unix(), ns/1e3%1e6, ns/1e6, ns/1e3, ns)
	fmt.Fprintf(&b, "%strace_id=%x%[1]s\\\"spanId\\\": \\\"%[3]x\\\"%[1]s00-%[2]x-%[3]x-01", between, trace, span)
	return b.String() + between
}

// FuzzLineThereAndBack writes a text in all forms: forth it is the text of another time and other ids,
// and back again it is itself.
func FuzzLineThereAndBack(f *testing.F) {
	for i := range uint8(6) {
		f.Add(int64(1661145522_908318473), int64(toOctober/time.Second), uint64(1), uint64(2), i)
		f.Add(int64(1709164799_000000000), int64(1), uint64(1)<<63, uint64(3), i)
		f.Add(int64(1672531199_999999999), int64(-366*86400), uint64(0), uint64(0), i)
		f.Add(int64(1582934400_100000000), int64(0), uint64(1), uint64(2), i)
	}
	rename, keep := &rebase.Text{IDs: rebase.NewIDs(sequentialKey())}, &rebase.Text{}
	separators := []string{" ", "\n", "\"", `\n`, "\x1b[36m", ", ", "\t|\t", `\"`}
	f.Fuzz(func(t *testing.T, recorded, seconds int64, hi, lo uint64, sep uint8) {
		// 2004 to 2096: years of RFC 850, and numbers of a fixed length.
		const from, to = 1.1e18, 4e18
		if seconds < -1e9 || seconds > 1e9 || recorded < from || recorded > to ||
			recorded+seconds*1e9 < from || recorded+seconds*1e9 > to {
			t.Skip()
		}
		at, shift := time.Unix(0, recorded).UTC(), time.Duration(seconds)*time.Second
		between := separators[int(sep)%len(separators)]
		var trace [16]byte
		var span [8]byte
		binary.BigEndian.PutUint64(trace[:], hi)
		binary.BigEndian.PutUint64(trace[8:], lo)
		binary.BigEndian.PutUint64(span[:], lo)
		line := template(at, trace, span, between)
		want := template(at.Add(shift), rename.IDs.Trace(trace), rename.IDs.Span(span), between)
		moved := string(rename.Line([]byte(line), recorded, shift))
		if moved != want {
			t.Errorf("forth\n from %q\n  got %q\n want %q", line, moved, want)
		}
		want = template(at, rename.IDs.Trace(trace), rename.IDs.Span(span), between)
		if back := keep.Attr(moved, recorded+int64(shift), -shift); back != want {
			t.Errorf("back\n from %q\n  got %q\n want %q", moved, back, want)
		}
	})
}
