package rebase_test

import (
	"strings"
	"testing"
	"time"

	"firedrill/replay/rebase"
)

// recordedAt is the time of the line in most tests.
var recordedAt = time.Date(2022, 8, 22, 5, 18, 42, 908318473, time.UTC)

const day = 24 * time.Hour

// toOctober moves recordedAt to 2022-10-02 21:18:52, past midnight, two months' ends and a change of summer time.
const toOctober = 41*day + 16*time.Hour + 10*time.Second

// line rebases s without ids, and checks that Attr agrees with Line.
func line(tb testing.TB, s string, at time.Time, shift time.Duration) string {
	tb.Helper()
	text := &rebase.Text{}
	got := string(text.Line([]byte(s), at.UnixNano(), shift))
	kept := strings.Clone(s)
	if attr := text.Attr(s, at.UnixNano(), shift); attr != got {
		tb.Errorf("Attr(%q) = %q, Line says %q", s, attr, got)
	}
	if s != kept {
		tb.Errorf("Attr changed the string it was given from %q to %q", kept, s)
	}
	return got
}

// TestLinePatterns has a row for every form in the table of docs/rebasing.md, each moved by toOctober.
func TestLinePatterns(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"rfc 3339", "2022-08-22T05:18:42Z up", "2022-10-02T21:18:52Z up"},
		{"rfc 3339 small letters", "2022-08-22t05:18:42z", "2022-10-02t21:18:52z"},
		{"rfc 3339 fraction", "2022-08-22T05:18:42.908318Z", "2022-10-02T21:18:52.908318Z"},
		{"rfc 3339 nanoseconds", "2022-08-22T05:18:42.908318473Z", "2022-10-02T21:18:52.908318473Z"},
		{"rfc 3339 offset", "2022-08-22T13:18:42+08:00", "2022-10-03T05:18:52+08:00"},
		{"iso offset without colon", "2022-08-21T22:18:42.908-0700", "2022-10-02T14:18:52.908-0700"},
		{"iso offset of hours", "2022-08-22 05:18:42.908318+00", "2022-10-02 21:18:52.908318+00"},
		{"iso no zone", "2022-08-22T05:18:42 x", "2022-10-02T21:18:52 x"},
		{"iso minutes", "until 2022-08-22T05:18Z.", "until 2022-10-02T21:18Z."},
		{"iso space", "2022-08-22 05:18:42 UTC [1] LOG", "2022-10-02 21:18:52 UTC [1] LOG"},
		{"log4j comma", "[2022-08-22 05:18:42,908] INFO", "[2022-10-02 21:18:52,908] INFO"},
		{"csv comma", "2022-08-22 05:18:42,17,ok", "2022-10-02 21:18:52,17,ok"},
		{"go time string", "2022-08-22 05:18:42.908318473 +0000 UTC m=+0.241509155",
			"2022-10-02 21:18:52.908318473 +0000 UTC m=+0.241509155"},
		{"iso underscore", "heap_2022-08-22_05:18:42.hprof", "heap_2022-10-02_21:18:52.hprof"},
		{"iso hyphen", "2022-08-22-05:18:42 x", "2022-10-02-21:18:52 x"},
		{"nginx", "2022/08/22 05:18:42 [error] 7#7: *1", "2022/10/02 21:18:52 [error] 7#7: *1"},
		{"bind", "22-Aug-2022 05:18:42.908 queries: info", "02-Oct-2022 21:18:52.908 queries: info"},
		{"go log", "2022/08/22 05:18:42 listen", "2022/10/02 21:18:52 listen"},
		{"go log micro", "2022/08/22 05:18:42.908318 main.go:7: x", "2022/10/02 21:18:52.908318 main.go:7: x"},
		{"rocksdb", "2022/08/22-05:18:42.908318 7f8a [db]", "2022/10/02-21:18:52.908318 7f8a [db]"},
		{"clf", `10.0.0.1 - - [22/Aug/2022:05:18:42 +0000] "GET / HTTP/1.1" 200 12`,
			`10.0.0.1 - - [02/Oct/2022:21:18:52 +0000] "GET / HTTP/1.1" 200 12`},
		{"haproxy", "10.0.0.1:4711 [22/Aug/2022:05:18:42.908] web", "10.0.0.1:4711 [02/Oct/2022:21:18:52.908] web"},
		{"syslog", "Aug 22 05:18:42 web-1 sshd[42]: ok", "Oct  2 21:18:52 web-1 sshd[42]: ok"},
		{"syslog after priority", "<34>Aug 22 05:18:42 web-1 su: x", "<34>Oct  2 21:18:52 web-1 su: x"},
		{"syslog pid instead of a host", "Aug 22 05:18:42 4711 x", "Oct  2 21:18:52 4711 x"},
		{"cisco", "Aug 22 2022 05:18:42: %ASA-6", "Oct 02 2022 21:18:52: %ASA-6"},
		{"klog", "I0822 05:18:42.908318       1 main.go:7] x", "I1002 21:18:52.908318       1 main.go:7] x"},
		{"glog with year", "W20220822 05:18:42.908318 1 a.cc:7] x", "W20221002 21:18:52.908318 1 a.cc:7] x"},
		{"rfc 1123", "Date: Mon, 22 Aug 2022 05:18:42 GMT", "Date: Sun, 02 Oct 2022 21:18:52 GMT"},
		{"rfc 1123 zone", `"Mon, 22 Aug 2022 05:18:42 +0000"`, `"Sun, 02 Oct 2022 21:18:52 +0000"`},
		{"rfc 850", "Monday, 22-Aug-22 05:18:42 GMT", "Sunday, 02-Oct-22 21:18:52 GMT"},
		{"ansi c", "Mon Aug 22 05:18:42 2022", "Sun Oct  2 21:18:52 2022"},
		{"apache error log", "[Mon Aug 22 05:18:42.908318 2022] [core]", "[Sun Oct  2 21:18:52.908318 2022] [core]"},
		{"unix date", "Mon Aug 22 05:18:42 UTC 2022", "Sun Oct  2 21:18:52 UTC 2022"},
		{"ruby date", "Mon Aug 22 05:18:42 +0000 2022", "Sun Oct 02 21:18:52 +0000 2022"},
		{"javascript", "Mon Aug 22 2022 05:18:42 GMT+0000", "Sun Oct 02 2022 21:18:52 GMT+0000"},
		{"redis", "1:M 22 Aug 2022 05:18:42.908 * Ready", "1:M 02 Oct 2022 21:18:52.908 * Ready"},
		{"tomcat", "22-Aug-2022 05:18:42.908 INFO [main]", "02-Oct-2022 21:18:52.908 INFO [main]"},
		{"compact", "20220822T051842Z", "20221002T211852Z"},
		{"compact fraction", "at=20220822T051842.908Z", "at=20221002T211852.908Z"},
		{"compact no zone", "backup-20220822T051842 done", "backup-20221002T211852 done"},
		{"epoch s", "t=1661145522 x", "t=1664745532 x"},
		{"epoch s fraction", `{"ts":1661145522.9083185,"msg":""}`, `{"ts":1664745532.9083185,"msg":""}`},
		{"epoch s long fraction", "1661145522.90831847123", "1664745532.90831847123"},
		{"epoch s ends a sentence", "since 1661145522.", "since 1664745532."},
		{"epoch ms", `"time":"1661145522908"`, `"time":"1664745532908"`},
		{"epoch ms fraction", "(1661145522908.318)", "(1664745532908.318)"},
		{"epoch µs", "[1661145522908318]", "[1664745532908318]"},
		{"epoch ns", "time=1661145522908318473", "time=1664745532908318473"},
		{"time only", "05:18:42.995 INFO  - ok", "21:18:52.995 INFO  - ok"},
		{"time only in brackets", "[05:18:42] ok", "[21:18:52] ok"},
		{"time only in another zone", `{"t":"10:48:41.2"}`, `{"t":"02:48:51.2"}`},
		{"several", "2022-08-22T05:18:42Z took 3s until 2022-08-22T05:18:45Z",
			"2022-10-02T21:18:52Z took 3s until 2022-10-02T21:18:55Z"},

		{"json escape before", `{"log":"a\n2022-08-22T05:18:42Z b"}`, `{"log":"a\n2022-10-02T21:18:52Z b"}`},
		{"json escaped twice", `{\"log\":\"a\\t2022-08-22T05:18:42Z\\n05:18:42 b\"}`, `{\"log\":\"a\\t2022-10-02T21:18:52Z\\n21:18:52 b\"}`},
		{"ansi colour", "\x1b[36m2022-08-22T05:18:42Z\x1b[0m x", "\x1b[36m2022-10-02T21:18:52Z\x1b[0m x"},
		{"ansi colour in json", `"\u001b[2m2022-08-22T05:18:42Z\u001b[0m x"`, `"\u001b[2m2022-10-02T21:18:52Z\u001b[0m x"`},
		{"unicode escape before", `\u003c2022-08-22T05:18:42Z\u003e`, `\u003c2022-10-02T21:18:52Z\u003e`},
		{"other scripts", "时间：2022-08-22 05:18:42，完", "时间：2022-10-02 21:18:52，完"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := line(t, c.line, recordedAt, toOctober); got != c.want {
				t.Errorf("Line(%q)\n got %q\nwant %q", c.line, got, c.want)
			}
		})
	}
}

// TestLineUntouched has what looks like a time and is none.
func TestLineUntouched(t *testing.T) {
	for _, s := range []string{
		"",
		"2022-08-22T24:00:00Z", "2022-08-22T05:60:00Z", "2022-08-22T05:18:60Z",
		"2022-02-29T05:18:42Z", "2022-09-31T05:18:42Z", "2022-11-31T05:18:42Z", "2022-13-22T05:18:42Z", "2022-00-22 05:18:42", "2022-08-00 05:18:42",
		"2022-08-22", "release 2022.08.22", "2022-08-22T5:18:42", "2022-08/22 05:18:42",
		"2022-08-22 05:18:42 PM", "2022-08-22 05:18:42 am", "2022-08-22T05:18:42.9083184731234Z",
		"x2022-08-22T05:18:42Z", "2022-08-22T05:18:42Zulu", "2022-08-22T05:18:42:13",
		"1990-08-22T05:18:42Z", "born 1990-08-22 05:18:42", "Thu, 01 Jan 1970 00:00:00 GMT",
		"Sep 12 05:18:42 host", "Foo 22 05:18:42 host", "Aug 32 05:18:42", "Aug 22 1999 05:18:42", "May 12 people",
		"I0922 05:18:42.908318 1 x", "X0822 05:18:42.908318 1 x", "I0822 05:18:42 x",
		"took 05:18:42", "eta=05:18:42", "07:13:31 elapsed", "[00:01:13] done", "05:18", "05:18:42:07 x",
		"order 16611455229", "166114552", "v1661145522.0.1", "1661145522.log", "id-1661145522", "1661145522-1",
		"/1661145522/", "pod_1661145522_x", "$1661145522", "a1661145522", "1661145522b", "+1661145522", "-1661145522",
		"1500000000", "1700000000", "1761145522908", "9223372036854775808", "9999999999999999999", "1661145522908.1.2",
		"20220822T250000Z", "20220822X051842Z", "19900822T051842Z", "20220822T051842Zx", "20220822", "20220822051842",
		"08/22/2022 05:18:42", "August 22, 2022 05:18:42", "22 août 2022 05:18:42", "2022-08-22T05%3A18%3A42Z", "2022.08.22 05:18:42",
		"10.0.0.1:8080", "::ffff:1661:1455", "userId=e33831ed-b58d-4dee-8cdf-b9a4301a7eba", "units:67 nanos:990000000",
	} {
		if got := line(t, s, recordedAt, toOctober); got != s {
			t.Errorf("Line(%q) = %q, want it untouched", s, got)
		}
	}
}

// TestLineGuards looks just inside and just outside of each guard.
func TestLineGuards(t *testing.T) {
	at := recordedAt.Truncate(time.Second)
	for _, c := range []struct {
		name   string
		layout string
		guard  time.Duration
	}{
		{"full date", time.RFC3339, 400 * day},
		{"clf", "02/Jan/2006:15:04:05 -0700", 400 * day},
		{"ansi c", time.ANSIC, 400 * day},
		{"compact", "20060102T150405Z", 400 * day},
		{"syslog", time.Stamp, 2 * day},
		{"klog", "I0102 15:04:05.000000", 2 * day},
	} {
		for _, sign := range []time.Duration{-1, 1} {
			in := at.Add(sign * c.guard)
			want := in.Add(toOctober).Format(c.layout)
			if got := line(t, in.Format(c.layout), at, toOctober); got != want {
				t.Errorf("%s: at the guard %q became %q, want %q", c.name, in.Format(c.layout), got, want)
			}
			out := at.Add(sign * (c.guard + time.Second)).Format(c.layout)
			if got := line(t, out, at, toOctober); got != out {
				t.Errorf("%s: outside of the guard %q became %q", c.name, out, got)
			}
		}
	}
	for _, c := range []struct{ line, want string }{
		{"1661059122", "1664659132"}, {"1661059121", "1661059121"}, // recorded less a day
		{"1661231922", "1664831932"}, {"1661231923", "1661231923"}, // and more
		{"1661059122000", "1664659132000"}, {"1661059121999", "1661059121999"},
		{"05:18:44", "21:18:54"}, {"05:18:45", "05:18:45"}, {"05:18:40", "21:18:50"}, {"05:18:39", "05:18:39"},
		{"05:33:44", "21:33:54"}, {"05:25:42", "05:25:42"},
	} {
		if got := line(t, c.line, at, toOctober); got != c.want {
			t.Errorf("Line(%q) = %q, want %q", c.line, got, c.want)
		}
	}
}

// TestLineCalendar crosses the ends of months and years and leap days, forwards and back.
func TestLineCalendar(t *testing.T) {
	for _, c := range []struct {
		line  string
		shift time.Duration
		want  string
	}{
		{"2022-12-31T23:59:59.999Z", time.Second, "2023-01-01T00:00:00.999Z"},
		{"2024-02-28T23:59:59Z", time.Second, "2024-02-29T00:00:00Z"},
		{"2024-02-29T23:59:59Z", time.Second, "2024-03-01T00:00:00Z"},
		{"2023-02-28T23:59:59Z", time.Second, "2023-03-01T00:00:00Z"},
		{"2024-03-01 00:00:00", -time.Second, "2024-02-29 23:59:59"},
		{"2024-02-29 12:00:00", 366 * day, "2025-03-01 12:00:00"},
		{"2100-02-28T23:59:59Z", time.Second, "2100-03-01T00:00:00Z"},
		{"2000-02-28T23:59:59Z", time.Second, "2000-02-29T00:00:00Z"},
		{"Dec 31 23:59:59 h", 2 * time.Second, "Jan  1 00:00:01 h"},
		{"Jan  1 00:00:01 h", -2 * time.Second, "Dec 31 23:59:59 h"},
		{"Feb 29 10:00:00 h", day, "Mar  1 10:00:00 h"},
		{"Aug 02 10:00:00 h", day, "Aug 03 10:00:00 h"},
		{"Aug 2 10:00:00 h", day, "Aug 3 10:00:00 h"},
		{"Aug 2 10:00:00 h", 20 * day, "Aug 22 10:00:00 h"},
		{"Sat Dec 31 23:59:59 2022", time.Second, "Sun Jan  1 00:00:00 2023"},
		{"Sat, 31 Dec 2022 23:59:59 GMT", -20 * day, "Sun, 11 Dec 2022 23:59:59 GMT"},
		{"Satyr 31 Dec 2022 23:59:59 GMT", time.Second, "Satyr 01 Jan 2023 00:00:00 GMT"},
		{"2100-02-29T00:00:00Z", day, "2100-02-29T00:00:00Z"}, // no such day
		{"Saturday, 31-Dec-22 23:59:59 GMT x", -3 * day, "Wednesday, 28-Dec-22 23:59:59 GMT x"},
		{`\nSat, 31 Dec 2022 23:59:59 GMT`, time.Second, `\nSun, 01 Jan 2023 00:00:00 GMT`},
		{"2 Jan 2022 10:00:00 x", 20 * day, "22 Jan 2022 10:00:00 x"},
		{"23:59:59.5", time.Second, "00:00:00.5"},
		{"00:00:00", -time.Second, "23:59:59"},
		{"2022-03-27T01:59:59+01:00", time.Second, "2022-03-27T02:00:00+01:00"}, // no summer time
		// A shift with a fraction shows as far as the digits go; the rest is cut off.
		{"2022-08-22T05:18:42Z", 1500 * time.Millisecond, "2022-08-22T05:18:43Z"},
		{"2022-08-22T05:18:42Z", -500 * time.Millisecond, "2022-08-22T05:18:41Z"},
		{"2022-08-22T05:18:42.908Z", 1500 * time.Millisecond, "2022-08-22T05:18:44.408Z"},
		{"2022-08-22T05:18:42.9Z", 1234 * time.Millisecond, "2022-08-22T05:18:44.1Z"},
		{"20220822T051842.908Z", 1500 * time.Millisecond, "20220822T051844.408Z"},
		{"2022-08-22T05:18Z", 90 * time.Second, "2022-08-22T05:19Z"},
		{"1661145522", 1500 * time.Millisecond, "1661145523"},
		{"1661145522.9", 1234 * time.Millisecond, "1661145524.1"},
		{"1661145522908", 1500 * time.Millisecond, "1661145524408"},
		{"1661145522908", 1500 * time.Microsecond, "1661145522909"},
		{"1661145522908.318", 1500 * time.Microsecond, "1661145522909.818"},
		{"2022-08-22T05:18:42Z", 0, "2022-08-22T05:18:42Z"},
	} {
		if got := line(t, c.line, near(t, c.line), c.shift); got != c.want {
			t.Errorf("Line(%q) by %v = %q, want %q", c.line, c.shift, got, c.want)
		}
	}
}

// near returns a recorded time that lets the line of TestLineCalendar pass its guard.
func near(tb testing.TB, s string) time.Time {
	tb.Helper()
	for _, l := range []struct{ prefix, at string }{
		{"2022-12", "2022-12-31T23:59:59Z"}, {"2024", "2024-02-28T00:00:00Z"}, {"2023", "2023-02-28T00:00:00Z"},
		{"2100", "2100-02-28T00:00:00Z"}, {"2000", "2000-02-28T00:00:00Z"}, {"Dec", "2022-12-31T23:59:59Z"},
		{"Jan", "2022-12-31T23:59:59Z"}, {"Feb", "2024-02-29T00:00:00Z"}, {"Aug", "2022-08-02T10:00:00Z"},
		{"Sat", "2022-12-31T23:59:59Z"}, {`\nSat`, "2022-12-31T23:59:59Z"}, {"23:", "2022-12-31T23:59:59.5Z"},
		{"00:", "2022-12-31T00:00:00Z"},
	} {
		if strings.HasPrefix(s, l.prefix) {
			at, err := time.Parse(time.RFC3339, l.at)
			if err != nil {
				tb.Fatal(err)
			}
			return at
		}
	}
	return recordedAt
}

// TestLineInPlace: a line keeps its array when its length stays, and lengths stay but for one-digit days.
func TestLineInPlace(t *testing.T) {
	text := &rebase.Text{}
	in := []byte("2022-08-22T05:18:42Z x")
	out := text.Line(in, recordedAt.UnixNano(), toOctober)
	if &in[0] != &out[0] {
		t.Error("Line copied a line whose length stays")
	}
	full := []byte("2 Sep 2022 05:18:42 x")
	full = full[:len(full):len(full)]
	if got := string(text.Line(full, recordedAt.UnixNano(), 10*day)); got != "12 Sep 2022 05:18:42 x" {
		t.Errorf("a day of one digit became %q", got)
	}
}

func TestNoAllocations(t *testing.T) {
	text := &rebase.Text{IDs: rebase.NewIDs(sequentialKey())}
	at := recordedAt.UnixNano()
	buf := []byte(nezhaLine)
	if n := testing.AllocsPerRun(100, func() { buf = text.Line(buf, at, 0) }); n != 0 {
		t.Errorf("Line allocates %v times", n)
	}
	for _, s := range []string{"GET", "/api/v1/products/OLJCESPC7Z", "2001-08-22T05:18:42Z", "e33831ed-b58d-4dee-8cdf-b9a4301a7eba"} {
		if n := testing.AllocsPerRun(100, func() { s = text.Attr(s, at, time.Hour) }); n != 0 {
			t.Errorf("Attr(%q) allocates %v times", s, n)
		}
	}
}
