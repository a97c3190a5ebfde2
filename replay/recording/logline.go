package recording

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"firedrill/replay"
)

// logLine is one line of a log file, taken apart.
type logLine struct {
	t        int64  // ns
	labels   []byte // a JSON object of strings
	metadata []replay.Pair
	line     []byte
}

// lineParser parses log lines. Lines written by this package take a fast way, which touches each
// byte about once and copies nothing; encoding/json does all others.
type lineParser struct {
	date  [10]byte // the date that midnight belongs to
	night int64    // midnight of date, seconds since the epoch
	pairs []replay.Pair
}

// What stands before each part of a line.
const (
	beforeTime     = `{"timestamp":"`
	beforeLabels   = `","labels":`
	beforeMetadata = `,"structured_metadata":`
	beforeLine     = `,"line":"`
)

// parse takes b apart. The parts share the memory of b and may change it.
func (p *lineParser) parse(b []byte) (logLine, error) {
	if l, ok := p.fast(b); ok {
		return l, nil
	}
	return parseSlow(b)
}

// fast parses b if it has exactly the form that emit writes. Otherwise it leaves b as it was. It
// does not look into the labels, which are checked once for each stream.
func (p *lineParser) fast(b []byte) (l logLine, ok bool) {
	if len(b) < len(beforeTime) || string(b[:len(beforeTime)]) != beforeTime {
		return l, false
	}
	rest := b[len(beforeTime):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return l, false
	}
	if l.t, ok = p.time(rest[:end]); !ok {
		return l, false
	}
	rest = rest[end:]
	if len(rest) < len(beforeLabels)+2 || string(rest[:len(beforeLabels)]) != beforeLabels || rest[len(beforeLabels)] != '{' {
		return l, false
	}
	rest = rest[len(beforeLabels):]
	// In JSON, a quotation mark after "}," cannot be the end of a string if a letter follows it.
	for end = 0; ; end++ {
		i := bytes.IndexByte(rest[end:], '}')
		if i < 0 {
			return l, false
		}
		end += i
		if end+3 < len(rest) && rest[end+1] == ',' && rest[end+2] == '"' && (rest[end+3] == 'l' || rest[end+3] == 's') {
			break
		}
	}
	l.labels, rest = rest[:end+1], rest[end+1:]

	var md []byte
	if bytes.HasPrefix(rest, []byte(beforeMetadata)) {
		md = rest[len(beforeMetadata):]
		if end, ok = checkStrings(md); !ok {
			return l, false
		}
		md, rest = md[:end], md[end:]
	}
	if !bytes.HasPrefix(rest, []byte(beforeLine)) {
		return l, false
	}
	rest = rest[len(beforeLine):]
	end, escaped, ok := scanString(rest)
	if !ok || len(rest) != end+2 || rest[end+1] != '}' {
		return l, false
	}
	// From here on nothing can fail, and b may be changed.
	l.line = rest[:end:end]
	if escaped {
		l.line = unescape(l.line)
	}
	if md != nil {
		l.metadata = p.metadata(md)
	}
	return l, true
}

// time parses a time in UTC of the form 2006-01-02T15:04:05.999999999Z.
func (p *lineParser) time(b []byte) (int64, bool) {
	if len(b) < 20 || len(b) > 30 || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[len(b)-1] != 'Z' {
		return 0, false
	}
	if string(b[:10]) != string(p.date[:]) {
		t, err := time.Parse(time.DateOnly, string(b[:10]))
		if err != nil || t.Year() < 1970 || t.Year() > maxYear {
			return 0, false
		}
		p.date, p.night = [10]byte(b[:10]), t.Unix()
	}
	h, m, s := twoDigits(b[11:]), twoDigits(b[14:]), twoDigits(b[17:])
	if h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	ns := int64(0)
	if len(b) > 20 {
		frac := b[20 : len(b)-1]
		if b[19] != '.' || len(frac) == 0 {
			return 0, false
		}
		for _, c := range frac {
			if c < '0' || c > '9' {
				return 0, false
			}
			ns = ns*10 + int64(c-'0')
		}
		for range 9 - len(frac) {
			ns *= 10
		}
	}
	return (p.night+int64(h)*3600+int64(m)*60+int64(s))*1e9 + ns, true
}

// maxYear is the last whole year whose nanoseconds fit an int64.
const maxYear = 2261

// twoDigits returns the number, or one over 99 when there is none.
func twoDigits(b []byte) uint {
	hi, lo := uint(b[0]-'0'), uint(b[1]-'0')
	if hi > 9 || lo > 9 {
		return 100
	}
	return hi*10 + lo
}

// A byte of each in every byte of a word.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// scanString looks for the quotation mark that ends the string b begins with, and whether there are
// escapes before it. It is not ok when there is none, or when the string is not one that encoding/json
// would read byte for byte: control characters, invalid UTF-8, lone surrogates.
func scanString(b []byte) (end int, escaped, ok bool) {
	high := false // there are bytes beyond ASCII
	i := 0
	for {
		// Eight bytes at a time while there is nothing special in them.
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			quote, back := w^(ones*'"'), w^(ones*'\\')
			special := ((quote-ones)&^quote | (back-ones)&^back | (w-ones*0x20)&^w) & highs
			high = high || w&highs != 0
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return 0, false, false
		}
		switch c := b[i]; {
		case c == '"':
			if high && !utf8.Valid(b[:i]) {
				return 0, false, false
			}
			return i, escaped, true
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return 0, false, false
			}
			escaped = true
			i += n
		case c < 0x20:
			return 0, false, false
		default:
			high = high || c >= 0x80
			i++
		}
	}
}

// escapeLen returns the length of the escape that b begins with; 0 when it is invalid or a lone surrogate.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hexRune(b[2:])
		switch {
		case r < 0:
			return 0
		case !utf16.IsSurrogate(r):
			return 6
		case len(b) >= 8 && b[6] == '\\' && b[7] == 'u' && utf16.DecodeRune(r, hexRune(b[8:])) != utf8.RuneError:
			return 12
		}
	}
	return 0
}

// hexRune returns the number of the four hexadecimal digits that b begins with, or -1.
func hexRune(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	r := rune(0)
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape replaces the escapes in b, which scanString has found valid, in place.
func unescape(b []byte) []byte {
	i := bytes.IndexByte(b, '\\')
	if i < 0 {
		return b
	}
	n := i // bytes that are done
	for i < len(b) {
		// Eight bytes at a time while there is no escape. Reading is never behind writing.
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if back := w ^ (ones * '\\'); (back-ones)&^back&highs != 0 {
				break
			}
			binary.LittleEndian.PutUint64(b[n:], w)
			i, n = i+8, n+8
		}
		for i < len(b) && b[i] != '\\' {
			b[n] = b[i]
			i, n = i+1, n+1
		}
		if i == len(b) {
			break
		}
		switch c := b[i+1]; c {
		case 'u':
			r := hexRune(b[i+2:])
			if i += 6; utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hexRune(b[i+2:]))
				i += 6
			}
			n += utf8.EncodeRune(b[n:], r)
			continue
		case 'b':
			b[n] = '\b'
		case 'f':
			b[n] = '\f'
		case 'n':
			b[n] = '\n'
		case 'r':
			b[n] = '\r'
		case 't':
			b[n] = '\t'
		default:
			b[n] = c
		}
		i, n = i+2, n+1
	}
	return b[:n:n]
}

// checkStrings returns the length of the JSON object that b begins with, if it has only strings, at
// least one, under names in strictly ascending order.
func checkStrings(b []byte) (n int, ok bool) {
	var prev []byte
	i := 1 // after the brace
	if len(b) == 0 || b[0] != '{' {
		return 0, false
	}
	for {
		name, end, ok := plainString(b, i)
		if !ok || len(name) == 0 || prev != nil && bytes.Compare(name, prev) <= 0 {
			return 0, false
		}
		prev = name
		i = end
		if i+1 >= len(b) || b[i] != ':' || b[i+1] != '"' {
			return 0, false
		}
		n, _, ok := scanString(b[i+2:])
		if !ok {
			return 0, false
		}
		i += 2 + n + 1
		if i >= len(b) {
			return 0, false
		}
		if b[i] == '}' {
			return i + 1, true
		}
		if b[i] != ',' {
			return 0, false
		}
		i++
	}
}

// plainString returns the string without escapes at b[i:], and where it ends.
func plainString(b []byte, i int) (s []byte, end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return nil, 0, false
	}
	n, escaped, ok := scanString(b[i+1:])
	return b[i+1 : i+1+n], i + n + 2, ok && !escaped
}

// metadata reads an object that checkStrings has found valid. The strings share its memory, which is
// never changed again.
func (p *lineParser) metadata(b []byte) []replay.Pair {
	const batch = 512
	start := len(p.pairs)
	for i := 1; i < len(b); {
		name, end, _ := plainString(b, i)
		n, escaped, _ := scanString(b[end+2:])
		value := b[end+2 : end+2+n]
		if escaped {
			value = unescape(value)
		}
		if len(p.pairs) == cap(p.pairs) {
			p.pairs = append(make([]replay.Pair, 0, max(batch, 2*(len(p.pairs)-start))), p.pairs[start:]...)
			start = 0
		}
		p.pairs = append(p.pairs, replay.Pair{Name: bytesString(name), Value: bytesString(value)})
		i = end + 2 + n + 2 // the quotation mark, and a comma or brace
	}
	return p.pairs[start:len(p.pairs):len(p.pairs)]
}

func bytesString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parseSlow parses a line in any form that JSON allows. Names that it does not know are an error.
func parseSlow(b []byte) (logLine, error) {
	var v struct {
		Timestamp *string           `json:"timestamp"`
		Labels    json.RawMessage   `json:"labels"`
		Metadata  map[string]string `json:"structured_metadata"`
		Line      *string           `json:"line"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return logLine{}, err
	}
	if dec.More() {
		return logLine{}, errors.New("more than one JSON value")
	}
	if v.Timestamp == nil || v.Labels == nil || v.Line == nil {
		return logLine{}, errors.New("timestamp, labels or line is missing")
	}
	t, err := time.Parse(time.RFC3339Nano, *v.Timestamp)
	if err != nil {
		return logLine{}, err
	}
	if t = t.UTC(); t.Year() < 1970 || t.Year() > maxYear {
		return logLine{}, fmt.Errorf("time %s is before 1970 or after %d", *v.Timestamp, maxYear)
	}
	l := logLine{t: t.UnixNano(), labels: v.Labels, line: []byte(*v.Line)}
	for name, value := range v.Metadata {
		if name == "" {
			return logLine{}, errors.New("metadata without a name")
		}
		l.metadata = append(l.metadata, replay.Pair{Name: name, Value: value})
	}
	slices.SortFunc(l.metadata, func(a, b replay.Pair) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}
