package rebase

import (
	"encoding/binary"
	"strings"
	"unsafe"
)

// kind says what a key announces.
type kind uint8

const (
	none kind = iota
	traceID
	spanID
)

// ID renames a value that is known to be a trace or span id in hex: up to 16 digits are a span id or a
// 64-bit trace id, up to 32 a trace id. Ids whose leading zeros were cut come back in full length.
// Case is kept. Anything else, and a zero id, is returned as it is.
func (t *Text) ID(s string) string {
	if len(s) > 32 || strings.Trim(s, "0") == "" || t.IDs == nil {
		return s
	}
	var b [32]byte
	n := 16
	if len(s) > 16 {
		n = 32
	}
	for i := range b {
		b[i] = '0'
	}
	copy(b[n-len(s):n], s)
	if !isHex(b[:n]) {
		return s
	}
	t.rename(b[:n])
	return string(b[:n])
}

// IDName reports whether an attribute, metadata or label name announces a trace or span id in hex:
// trace_id, traceId, trace.id, otelTraceID, dd.span_id, parent_span_id, transaction.id and the like. Give the value to ID.
func IDName(name string) bool {
	return keyKind(unsafe.Slice(unsafe.StringData(name), len(name))) != none
}

// rename replaces 16 or 32 hex digits by the session's id, in capitals where the old ones had any capital
// and no small letter.
func (t *Text) rename(hex []byte) {
	if t.IDs == nil {
		return
	}
	digits := lowerHex
	if capital(hex) {
		digits = upperHex
	}
	if len(hex) == 16 {
		writeHex(hex, t.IDs.mapSpan(readHex(hex)), digits)
		return
	}
	id := readID(hex)
	id = t.IDs.Trace(id)
	writeHex(hex[:16], binary.BigEndian.Uint64(id[:8]), digits)
	writeHex(hex[16:], binary.BigEndian.Uint64(id[8:]), digits)
}

// hex renames the run of 16 or 32 hex digits b[i:j] when it is an id: by its surroundings, by the key
// before it, or because the recording knows it.
func (e *editor) hex(i, j int) int {
	if end := e.propagated(i, j); end != 0 {
		return end
	}
	switch k := e.key(i); {
	case j-i == 16 && k == none:
		return 0
	case j-i == 32 && k != traceID && !e.known(e.b[i:j]):
		return 0
	}
	e.own()
	e.text.rename(e.b[i:j])
	return j
}

// propagated matches the headers that carry ids between services, at the trace id:
//
//	W3C traceparent   00-<32>-<16>-01
//	B3 single header  <32 or 16>-<16>-1-<16>, the last one or two parts optional after 32 digits
//	uber-trace-id     <32 or 16>:<16>:<16 or 0>:1
//	Spring Sleuth     [service,<32>,<16>] with more fields after it or none
//
// and renames all ids in it.
func (e *editor) propagated(i, j int) int {
	sep, long := e.at(j), j-i == 32
	k := j + 17 // after the span id
	if (sep != '-' && sep != ':' && sep != ',') || !e.hexRun(j+1, 16) {
		return 0
	}
	parent := 0 // where the parent span id starts
	switch next := e.at(k); {
	case sep == '-' && next == '-' && e.hexRun(k+1, 2): // W3C flags
	case sep == '-' && next == '-' && e.ends(k+2):
		switch e.at(k + 1) {
		case '0', '1', 'd':
		default:
			return 0
		}
		if e.at(k+2) == '-' && e.hexRun(k+3, 16) {
			parent = k + 3
		}
	case sep == '-' && long && next != '-':
	case sep == ':' && next == ':' && e.at(k+1) == '0' && e.at(k+2) == ':':
	case sep == ':' && next == ':' && e.hexRun(k+1, 16) && e.at(k+17) == ':':
		parent = k + 1
	case sep == ',' && long && e.before(i) == ',' && (next == ',' || next == ']'):
	default:
		return 0
	}
	e.own()
	e.text.rename(e.b[i:j])
	e.text.rename(e.b[j+1 : k])
	if parent == 0 {
		return k
	}
	e.text.rename(e.b[parent : parent+16])
	return parent + 16
}

// xray: Root=1-5759e988-bd862e3fe1be46a994272793, a trace id as AWS X-Ray writes it, at its last part.
// Instead of Root or Self another key may name it, or the recording may know it.
func (e *editor) xray(i, j int) int {
	head := i - 9 // of the first 8 digits
	if head < 2 || e.b[i-1] != '-' || !e.hexRun(head, 8) || string(e.b[head-2:head]) != "1-" || !e.ends(head-3) {
		return 0
	}
	var id [32]byte
	copy(id[:], e.b[head:i-1])
	copy(id[8:], e.b[i:j])
	switch before := e.b[:head-2]; {
	case suffix(before, "Root="), suffix(before, "Self="), e.key(head-2) == traceID, e.known(id[:]):
	default:
		return 0
	}
	e.text.rename(id[:])
	e.own()
	copy(e.b[head:], id[:8])
	copy(e.b[i:], id[8:])
	return j
}

// known reports whether 32 hex digits are a trace id of the recording.
func (e *editor) known(hex []byte) bool {
	return e.text.KnownTrace != nil && e.text.KnownTrace(readID(hex))
}

// hexRun reports whether a token of n hex digits starts at i.
func (e *editor) hexRun(i, n int) bool {
	return i+n <= len(e.b) && isHex(e.b[i:i+n]) && e.ends(i+n)
}

// maxGlue is how many quotes, blanks and so on may stand between a key and its value: enough for
// \\\":\\\" of JSON within JSON within JSON.
const maxGlue = 12

// key returns what the key before a value at i announces.
func (e *editor) key(i int) kind {
	k := i
	for k > 0 && i-k < maxGlue {
		switch e.b[k-1] {
		case '"', '\'', '`', '\\', ' ', ':', '=', '(', '[', '{', '<', '>', '/':
			k--
			continue
		}
		break
	}
	if k == i {
		return none
	}
	return keyKind(e.b[:k])
}

// keyKind reads the key that b ends with. Letters count without case, and without the _ - . between them.
func keyKind(b []byte) kind {
	var name [24]byte
	from, last := len(name), len(name) // start of the name, and of its last part
loop:
	for k := len(b); k > 0 && from > 0; k-- {
		c := b[k-1]
		switch {
		case class[c]&alnum != 0:
			from--
			name[from] = c
			if class[c] != digit {
				name[from] |= 0x20
			}
			continue
		case c == '_' || c == '-' || c == '.':
		case c == ' ' && string(name[from:]) == "id": // Trace ID: ...
		default:
			break loop
		}
		if last == len(name) {
			last = from
		}
	}
	if last == len(name) {
		last = from
	}
	return nameKind(name[from:], name[last:])
}

// nameKind looks up a name without its separators, and the last part of it.
func nameKind(name, last []byte) kind {
	if n := len(name); n > 2 && name[n-1] == 's' && name[n-2] == 'd' { // traceIds: [...
		name = name[:n-1]
	}
	switch string(last) {
	case "trace", "traces":
		return traceID
	case "span", "spans", "parent":
		return spanID
	}
	switch {
	case suffix(name, "traceid"), suffix(name, "tracecontext"):
		return traceID
	case suffix(name, "spanid"), suffix(name, "parentid"), suffix(name, "transactionid"):
		return spanID
	}
	return none
}

func suffix(b []byte, s string) bool {
	return len(b) >= len(s) && string(b[len(b)-len(s):]) == s
}

const (
	lowerHex = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
)

func isHex(b []byte) bool {
	for _, c := range b {
		if class[c]&(digit|hexa) == 0 {
			return false
		}
	}
	return true
}

func capital(hex []byte) bool {
	found := false
	for _, c := range hex {
		if c >= 'a' {
			return false
		}
		found = found || c >= 'A'
	}
	return found
}

// nibble is what a hex digit is worth.
var nibble = func() (t [256]uint8) {
	for i := range 16 {
		t[lowerHex[i]], t[upperHex[i]] = uint8(i), uint8(i)
	}
	return t
}()

// readHex reads 16 hex digits.
func readHex(hex []byte) (v uint64) {
	for _, c := range hex[:16] {
		v = v<<4 | uint64(nibble[c])
	}
	return v
}

func readID(hex []byte) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], readHex(hex[:16]))
	binary.BigEndian.PutUint64(id[8:], readHex(hex[16:32]))
	return id
}

// writeHex writes 16 hex digits.
func writeHex(hex []byte, v uint64, digits string) {
	_, _ = hex[15], digits[15]
	for i := 15; i >= 0; i-- {
		hex[i] = digits[v&0xf]
		v >>= 4
	}
}
