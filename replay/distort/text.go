package distort

import (
	"bytes"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"firedrill/replay"
	"firedrill/replay/rebase"
)

// idField finds what may be a field with an id, in the forms of JSON (within JSON too), logfmt, and "Trace ID: ...";
// groups 1 and 2, 3 and 4, 5 and 6 are its name and value.
var idField = regexp.MustCompile(`\\*"([\w.-]+)\\*"\s*:\s*\\*"?((?:Root=)?[0-9A-Fa-f][0-9A-Fa-f:-]*)\\*"?` +
	`|([\w.-]+)="?((?:Root=)?[0-9A-Fa-f][0-9A-Fa-f:-]*)"?` +
	`|((?i:trace|span|parent)(?:[ _-]?(?i:id))?)[: ]\s*([0-9A-Fa-f]{16,32})`)

// bareID finds a trace id that stands alone, and what stands with it in headers: traceparent, B3, uber-trace-id,
// and in the brackets of Spring Sleuth. Group 1 is the id.
var bareID = regexp.MustCompile(`\b(?:00-)?([0-9A-Fa-f]{32})(?:[,:-][0-9A-Fa-f]{16}(?:[:-](?:[0-9A-Fa-f]{16}|[0-9A-Fa-f]{1,2}))*)?\b`)

// removeIDs takes trace and span ids out of a line and its metadata.
func removeIDs(rec *replay.Record, hasTrace func(pcommon.TraceID) bool) {
	rec.Metadata = slices.DeleteFunc(rec.Metadata, func(p replay.Pair) bool { return isID(p.Name, p.Value) })
	rec.Line = cut(rec.Line, idField, true, func(m []int) (from, to int) {
		for g := 2; g < len(m); g += 4 {
			if m[g] >= 0 && isID(string(rec.Line[m[g]:m[g+1]]), string(rec.Line[m[g+2]:m[g+3]])) {
				return m[0], m[1]
			}
		}
		return 0, 0
	})
	rec.Line = cut(rec.Line, bareID, false, func(m []int) (from, to int) {
		var id pcommon.TraceID
		if _, err := hex.Decode(id[:], rec.Line[m[2]:m[3]]); err != nil || !hasTrace(id) {
			return 0, 0
		}
		return m[0], m[1]
	})
}

// isID tells whether a field is a trace or span id.
func isID(name, v string) bool {
	digits := strings.Trim(strings.TrimPrefix(v, "Root="), "0123456789abcdefABCDEF:-")
	switch {
	case len(v) < 8 || digits != "":
		return false
	case strings.Contains(strings.ToLower(name), "transaction"): // of Elastic APM, or of a bank
		return len(v) == 16 || len(v) == 32
	}
	return rebase.IDName(name) || strings.EqualFold(name, "traceparent") || strings.EqualFold(name, "b3")
}

// cut returns the line without the parts that which returns for its matches, and without what divides such a part from
// its neighbours where it is a field; [0, 0) is nothing.
func cut(line []byte, re *regexp.Regexp, field bool, which func(match []int) (from, to int)) []byte {
	matches := re.FindAllSubmatchIndex(line, -1)
	if matches == nil {
		return line
	}
	out, done := make([]byte, 0, len(line)), 0
	for _, m := range matches {
		from, to := which(m)
		if from < done || to == 0 {
			continue
		}
		out = append(out, line[done:from]...)
		done = to
		if field {
			out, done = withoutSeparator(out, line, done)
		}
	}
	return append(out, line[done:]...)
}

const blanks = " \t"

// withoutSeparator skips the comma or the blanks that divide a field that ended at i from the next one. If there are
// none, those before it go from out.
func withoutSeparator(out, line []byte, i int) ([]byte, int) {
	rest := bytes.TrimLeft(line[i:], blanks)
	if after, ok := bytes.CutPrefix(rest, []byte(",")); ok {
		rest = bytes.TrimLeft(after, blanks)
	}
	if len(rest) < len(line)-i {
		return out, len(line) - len(rest)
	}
	out = bytes.TrimRight(out, blanks)
	return bytes.TrimSuffix(out, []byte(",")), i
}

// probe is a shift that shows in every digit of a date that matters.
const probe = 1131*24*time.Hour + 13*time.Hour + 13*time.Minute + 13*time.Second + 131_313_131*time.Nanosecond

// probeIDs rename ids, to see which they are; the first digits of an id may come out as they were by one of them.
var probeIDs = []*rebase.IDs{rebase.NewIDs([32]byte{1}), rebase.NewIDs([32]byte{2}), rebase.NewIDs([32]byte{3})}

// truncate cuts a line at limit bytes, or a little before: not within a character, and not within a time or an id, half
// of which the engine would leave as it was recorded. A line that is one such thing stays whole.
func truncate(line []byte, limit int, recorded int64, known func([16]byte) bool) []byte {
	n := limit
	for n > 0 && !utf8.RuneStart(line[n]) {
		n--
	}
	for _, ids := range probeIDs {
		text := rebase.Text{IDs: ids, KnownTrace: known}
		rebased := func(n int) []byte { return text.Line(slices.Clone(line[:n]), recorded, probe) }
		for whole := rebased(len(line)); n > 0 && !bytes.HasPrefix(whole, rebased(n)); {
			n = bytes.LastIndexAny(line[:n], " \t\",;=[](){}|<>")
		}
	}
	if n <= 0 {
		return line
	}
	return line[:n]
}
