package rebase_test

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"firedrill/replay/rebase"
)

// dataDir is where recorded data of others lies, which is not part of the repository.
func dataDir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("FIREDRILL_DATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "data")
}

var (
	rfc3339      = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	recordedTime = regexp.MustCompile(`\b05:(1[5-9]|2[0-9]):`)
	javaTime     = regexp.MustCompile(`"log":"(\d\d:\d\d:\d\d\.\d{3}) `)
)

// TestNezha rebases every log line of a recorded incident, and compares with what regular expressions and
// the time package make of it: ids by the columns of the file, times one by one.
func TestNezha(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dataDir(t), "nezha-onlineboutique-currency-cpu", "log", "*.csv"))
	if err != nil || len(files) == 0 {
		t.Skip("no recorded data in " + dataDir(t) + "; set FIREDRILL_DATA")
	}
	text := &rebase.Text{IDs: rebase.NewIDs(sequentialKey())} // nothing is known: keys alone must do
	lines, times, clocks := 0, 0, 0
	move := func(layout string) func(string) string {
		return func(s string) string {
			at, err := time.Parse(layout, s)
			if err != nil {
				t.Fatal(err)
			}
			if i := strings.IndexByte(s, '.'); i > 0 && layout == time.RFC3339Nano { // keep zeros at the end
				layout := "2006-01-02T15:04:05." + strings.Repeat("0", len(s)-i-2) + "Z"
				return at.Add(toOctober).Format(layout)
			}
			return at.Add(toOctober).Format(layout)
		}
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			recorded, err := strconv.ParseInt(row[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			trace, span := text.IDs.Trace(mustTrace(t, row[5])), text.IDs.Span(mustSpan(t, row[6]))
			in := row[7]
			want := strings.NewReplacer(row[5], hex.EncodeToString(trace[:]), row[6], hex.EncodeToString(span[:])).Replace(in)
			if strings.Contains(in, row[5]) && strings.Contains(in, row[6]) {
				lines++
			}
			times += len(rfc3339.FindAllString(in, -1))
			want = rfc3339.ReplaceAllStringFunc(want, move(time.RFC3339Nano))
			if m := javaTime.FindStringSubmatchIndex(want); m != nil {
				clocks++
				want = want[:m[2]] + move("15:04:05.000")(want[m[2]:m[3]]) + want[m[3]:]
			}
			if got := string(text.Line([]byte(in), recorded, toOctober)); got != want {
				t.Fatalf("%s:\n got %s\nwant %s", file, got, want)
			}

			if left := recordedTime.FindString(want); left != "" {
				t.Fatalf("%s: %q is a recorded time still, in %s", file, left, want)
			}

			// The same line without Docker's wrapping.
			var docker, wantDocker struct{ Log string }
			if err := json.Unmarshal([]byte(in), &docker); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(want), &wantDocker); err != nil {
				t.Fatal(err)
			}
			if got := text.Attr(docker.Log, recorded, toOctober); got != wantDocker.Log {
				t.Fatalf("%s:\n got %s\nwant %s", file, got, wantDocker.Log)
			}
		}
	}
	t.Logf("%d lines, %d times with a date, %d without", lines, times, clocks)
	if lines != 13134 || times < 20000 || clocks == 0 {
		t.Errorf("%d lines with both ids, %d times with a date and %d without; want 13134, more than 20000 and some", lines, times, clocks)
	}
}
