package rebase

import (
	"time"
	"unsafe"
)

// Text rebases what is written in text: absolute times move, trace and span ids are renamed. It has no
// state of its own and is safe for concurrent use when KnownTrace is.
type Text struct {
	// IDs renames ids; nil leaves all of them as they are.
	IDs *IDs
	// KnownTrace says whether a recorded trace id belongs to the recording. A run of 32 hex digits that
	// it knows is a trace id wherever it stands; others need a key such as trace_id before them.
	// It may be nil: then nothing is known.
	KnownTrace func(id [16]byte) bool
}

// Line rebases one log line. recorded is the line's own recorded time in nanoseconds since the epoch:
// guards compare written times with it. Every written time moves by shift as far as its digits show
// it; what they do not show is cut off. Line edits in place wherever lengths stay, which is nearly always,
// and returns the line, which is a new one when a text became longer than its array.
func (t *Text) Line(line []byte, recorded int64, shift time.Duration) []byte {
	e := editor{text: t, b: line, recorded: recorded, shift: shift}
	e.scan()
	return e.b
}

// minText is the length of the shortest pattern, 05:18:42.
const minText = 8

// Attr rebases an attribute's or a metadata entry's value by the rules of Line. It returns s itself
// when nothing in it moves, and then allocates nothing.
func (t *Text) Attr(s string, recorded int64, shift time.Duration) string {
	if len(s) < minText {
		return s
	}
	// The bytes of s are read in place; own copies them before the first edit.
	e := editor{
		text: t, b: unsafe.Slice(unsafe.StringData(s), len(s)), shared: true,
		recorded: recorded, shift: shift,
	}
	e.scan()
	if e.shared {
		return s
	}
	return unsafe.String(unsafe.SliceData(e.b), len(e.b)) // nobody else holds e.b
}

// Classes of bytes. Letters and digits (ASCII) form tokens, every other byte ends one. Escapes need a look
// at what follows: the n of \n in a JSON string is no part of the token after it.
const (
	digit  = 1 << iota
	hexa   // a to f, A to F
	letter // the other letters
	escape // backslash and ESC
)

var class = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = digit
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = letter, letter
	}
	for c := 'a'; c <= 'f'; c++ {
		t[c], t[c-'a'+'A'] = hexa, hexa
	}
	t['\\'], t[esc] = escape, escape
	return t
}()

const esc = 0x1b

const alnum = digit | hexa | letter

// editor is one pass over one text.
type editor struct {
	text     *Text
	b        []byte
	shared   bool // b belongs to a string: copy it before the first edit
	recorded int64
	shift    time.Duration
	bound    int // index just after an escape sequence; a token there starts like at the line's start
}

// own makes b writable.
func (e *editor) own() {
	if e.shared {
		e.b = append([]byte(nil), e.b...)
		e.shared = false
	}
}

// scan finds tokens and hands those that a pattern may start with to token.
func (e *editor) scan() {
	b := e.b
	for i := 0; i < len(b); {
		kinds := class[b[i]]
		if kinds&alnum == 0 {
			if i++; kinds == escape {
				i = e.skipEscape(i - 1)
				e.bound = i
			}
			continue
		}
		j := i + 1
		for ; j < len(b); j++ {
			c := class[b[j]]
			if c&alnum == 0 {
				break
			}
			kinds |= c
		}
		if n := j - i; kinds&digit == 0 && n != 3 && (n < 16 || kinds&letter != 0) {
			i = j // a word, which most tokens are
			continue
		}
		i = e.token(i, j, kinds)
		b = e.b
	}
}

// token tries the patterns that start with the token b[i:j] and returns where to go on.
// Every pattern function returns the end of what it matched, or 0 when it did not match.
func (e *editor) token(i, j int, kinds uint8) int {
	end, n := 0, j-i
	switch {
	case kinds == digit:
		end = e.number(i, j)
	case kinds&letter == 0 && (n == 16 || n == 32):
		end = e.hex(i, j)
	case kinds&letter == 0 && n == 24:
		end = e.xray(i, j)
	case kinds&digit == 0 && n == 3:
		end = e.monthFirst(i)
	case kinds&digit != 0 && (n == 5 || n == 9):
		end = e.klog(i, j)
	case kinds&digit != 0 && (n == 15 || n == 16):
		end = e.compact(i)
	}
	return max(end, j)
}

// number tries the patterns that start with a run of digits.
func (e *editor) number(i, j int) int {
	next := e.at(j)
	switch j - i {
	case 1:
		return e.dayFirst(i, j)
	case 2:
		if next == ':' {
			return e.clockOnly(i)
		}
		return e.dayFirst(i, j)
	case 4:
		if next == '-' || next == '/' {
			return e.yearFirst(i, next)
		}
	case 10:
		return e.epoch(i, j, 1e9)
	case 13:
		return e.epoch(i, j, 1e6)
	case 16:
		if end := e.hex(i, j); end != 0 {
			return end
		}
		return e.epoch(i, j, 1e3)
	case 19:
		return e.epoch(i, j, 1)
	case 32:
		return e.hex(i, j)
	}
	return 0
}

// skipEscape returns the index after the escape sequence at i: \n, \r and \t as JSON, Go and Python write
// them, also when escaped several times, \u and four hex digits, and ANSI colours in either form.
func (e *editor) skipEscape(i int) int {
	if e.b[i] == esc {
		return e.skipColour(i + 1)
	}
	for i < len(e.b) && e.b[i] == '\\' {
		i++
	}
	switch e.at(i) {
	case 'n', 'r', 't':
		return i + 1
	case 'u':
		if i+5 <= len(e.b) && isHex(e.b[i+1:i+5]) {
			if c := e.b[i+4] | 0x20; string(e.b[i+1:i+4]) == "001" && c == 'b' {
				return e.skipColour(i + 5)
			}
			return i + 5
		}
	case 'x':
		if i+3 <= len(e.b) && e.b[i+1] == '1' && e.b[i+2]|0x20 == 'b' {
			return e.skipColour(i + 3)
		}
	}
	return i
}

// skipColour returns the index after the rest of an ANSI colour, [36m, or i.
func (e *editor) skipColour(i int) int {
	if e.at(i) != '[' {
		return i
	}
	j := i + 1
	for c := e.at(j); c == ';' || class[c] == digit; c = e.at(j) {
		j++
	}
	if e.at(j) != 'm' {
		return i
	}
	return j + 1
}

// at returns the byte at i, and 0 outside of the text.
func (e *editor) at(i int) byte {
	if uint(i) < uint(len(e.b)) {
		return e.b[i]
	}
	return 0
}

// before returns the byte before a token at i; at the line's start and after an escape it is 0.
func (e *editor) before(i int) byte {
	if i == 0 || i == e.bound {
		return 0
	}
	return e.b[i-1]
}

// ends reports whether a token may end at i.
func (e *editor) ends(i int) bool { return class[e.at(i)]&alnum == 0 }

// splice replaces b[i:j] by s.
func (e *editor) splice(i, j int, s string) {
	e.own()
	if len(s) == j-i {
		copy(e.b[i:j], s)
		return
	}
	tail := e.b[j:]
	if grown := len(e.b) + len(s) - (j - i); grown > cap(e.b) {
		b := make([]byte, 0, grown+8) // room for another day of two digits
		e.b = append(append(append(b, e.b[:i]...), s...), tail...)
		return
	}
	e.b = e.b[:len(e.b)+len(s)-(j-i)]
	copy(e.b[i+len(s):], tail)
	copy(e.b[i:], s)
}
