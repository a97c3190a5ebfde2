package rebase_test

import (
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync"
	"testing"

	"firedrill/replay/rebase"
)

func sequentialKey() (key [32]byte) {
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

func mustTrace(tb testing.TB, s string) (id [16]byte) {
	tb.Helper()
	if n, err := hex.Decode(id[:], []byte(s)); err != nil || n != 16 {
		tb.Fatalf("trace id %q: %d bytes, %v", s, n, err)
	}
	return id
}

func mustSpan(tb testing.TB, s string) (id [8]byte) {
	tb.Helper()
	if n, err := hex.Decode(id[:], []byte(s)); err != nil || n != 8 {
		tb.Fatalf("span id %q: %d bytes, %v", s, n, err)
	}
	return id
}

// TestIDsGolden holds the mapping fast. If it fails, the code is wrong, not the test: checkpoints and links
// of running sessions depend on these very values.
func TestIDsGolden(t *testing.T) {
	x := rebase.NewIDs(sequentialKey())
	for _, c := range []struct{ recorded, session string }{
		{"04c87ec97bae041b1b15b3c7676a43cc", "1645eb07fa0d4ccb9dbcf7c1155917fc"},
		{"ffffffffffffffffffffffffffffffff", "3c441f32ce07822364d7a2990e50bb13"},
		{"00000000000000010000000000000000", "13189a6ae4ab07ae70a3aabd30be99de"},
		{"0000000000000000e4006dce6700e903", "000000000000000067e65615ea2c173e"},
		{"00000000000000000000000000000000", "00000000000000000000000000000000"},
	} {
		id := x.Trace(mustTrace(t, c.recorded))
		if got := hex.EncodeToString(id[:]); got != c.session {
			t.Errorf("Trace(%s) = %s, want %s", c.recorded, got, c.session)
		}
	}
	for _, c := range []struct{ recorded, session string }{
		{"e4006dce6700e903", "67e65615ea2c173e"},
		{"0000000000000001", "e32648a31f805e79"},
		{"ffffffffffffffff", "380a93a7bf264f24"},
		{"0000000000000000", "0000000000000000"},
	} {
		id := x.Span(mustSpan(t, c.recorded))
		if got := hex.EncodeToString(id[:]); got != c.session {
			t.Errorf("Span(%s) = %s, want %s", c.recorded, got, c.session)
		}
	}
}

// TestIDsReference compares with the algorithm written down a second time, and walks the cycles that no
// random id would ever meet: those through the other class and through zero.
func TestIDsReference(t *testing.T) {
	key := sequentialKey()
	x := rebase.NewIDs(key)
	trace, err := aes.NewCipher(key[:16])
	if err != nil {
		t.Fatal(err)
	}
	round, err := aes.NewCipher(key[16:])
	if err != nil {
		t.Fatal(err)
	}
	f := func(r, half uint32) uint32 {
		in := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, r), half)
		out := make([]byte, 16)
		round.Encrypt(out, append(in, make([]byte, 8)...))
		return binary.BigEndian.Uint32(out)
	}
	feistel := func(v uint64) uint64 {
		l, r := uint32(v>>32), uint32(v)
		for i := range uint32(6) {
			l, r = r, l^f(i, r)
		}
		return uint64(l)<<32 | uint64(r)
	}
	unfeistel := func(v uint64) uint64 {
		l, r := uint32(v>>32), uint32(v)
		for i := range uint32(6) {
			l, r = r^f(5-i, l), l
		}
		return uint64(l)<<32 | uint64(r)
	}

	v := uint64(0x0123456789abcdef)
	var span, want [8]byte
	binary.BigEndian.PutUint64(span[:], v)
	binary.BigEndian.PutUint64(want[:], feistel(v))
	if got := x.Span(span); got != want {
		t.Errorf("Span(%x) = %x, want %x", span, got, want)
	}

	// The id that the network maps to zero takes the place of zero's own image.
	binary.BigEndian.PutUint64(span[:], unfeistel(0))
	binary.BigEndian.PutUint64(want[:], feistel(0))
	if got := x.Span(span); got != want {
		t.Errorf("Span(%x), whose first image is zero, = %x, want %x", span, got, want)
	}
	if got := x.InverseSpan(want); got != span {
		t.Errorf("InverseSpan(%x) = %x, want %x", want, got, span)
	}

	// An id whose first image is a 64-bit id is mapped on.
	var in, out [16]byte
	small := mustTrace(t, "00000000000000000123456789abcdef")
	trace.Decrypt(in[:], small[:])
	trace.Encrypt(out[:], small[:])
	if got := x.Trace(in); got != out {
		t.Errorf("Trace(%x), whose first image is a 64-bit id, = %x, want %x", in, got, out)
	}
	if got := x.InverseTrace(out); got != in {
		t.Errorf("InverseTrace(%x) = %x, want %x", out, got, in)
	}
}

func TestIDsBijection(t *testing.T) {
	const seed1, seed2 = 7, 11
	r := rand.New(rand.NewPCG(seed1, seed2))
	x, other := rebase.NewIDs(sequentialKey()), rebase.NewIDs([32]byte{31: 1})
	spans, traces := map[[8]byte]bool{}, map[[16]byte]bool{}
	for i := range 20000 {
		var span [8]byte
		var trace [16]byte
		v := r.Uint64()
		if i < 1000 {
			v = uint64(i + 1) // small ids too
		}
		binary.BigEndian.PutUint64(span[:], v)
		binary.BigEndian.PutUint64(trace[8:], v)
		if i%2 == 0 {
			binary.BigEndian.PutUint64(trace[:8], r.Uint64())
		}

		s, tr := x.Span(span), x.Trace(trace)
		if spans[s] || traces[tr] {
			t.Fatalf("two recorded ids are mapped to %x or %x", s, tr)
		}
		spans[s], traces[tr] = true, true
		if s == ([8]byte{}) || tr == ([16]byte{}) {
			t.Fatalf("%x or %x is mapped to zero", span, trace)
		}
		if got := x.InverseSpan(s); got != span {
			t.Fatalf("InverseSpan(Span(%x)) = %x", span, got)
		}
		if got := x.InverseTrace(tr); got != trace {
			t.Fatalf("InverseTrace(Trace(%x)) = %x", trace, got)
		}
		was, is := binary.BigEndian.Uint64(trace[:8]) == 0, binary.BigEndian.Uint64(tr[:8]) == 0
		if was != is {
			t.Fatalf("Trace(%x) = %x leaves its class", trace, tr)
		}
		if was && [8]byte(tr[8:]) != s {
			t.Fatalf("the 64-bit trace id %x is mapped to %x, the span id to %x", trace, tr, s)
		}
		if other.Span(span) == s || other.Trace(trace) == tr {
			t.Fatalf("two keys map %x or %x alike", span, trace)
		}
	}
}

func TestIDsConcurrent(t *testing.T) {
	x := rebase.NewIDs(sequentialKey())
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				id := [16]byte{0: byte(g + 1), 15: byte(i), 14: byte(i >> 8)}
				if got := x.InverseTrace(x.Trace(id)); got != id {
					t.Errorf("InverseTrace(Trace(%x)) = %x", id, got)
					return
				}
				span := [8]byte(id[8:])
				if got := x.InverseSpan(x.Span(span)); got != span {
					t.Errorf("InverseSpan(Span(%x)) = %x", span, got)
					return
				}
			}
		})
	}
	wg.Wait()
}

// go test -run '^$' -bench IDs -benchmem ./replay/rebase
func BenchmarkIDs(b *testing.B) {
	x := rebase.NewIDs(sequentialKey())
	b.Run("id=trace", func(b *testing.B) {
		b.ReportAllocs()
		id := [16]byte{1, 2, 3}
		for b.Loop() {
			id = x.Trace(id)
		}
	})
	b.Run("id=span", func(b *testing.B) {
		b.ReportAllocs()
		id := [8]byte{1, 2, 3}
		for b.Loop() {
			id = x.Span(id)
		}
	})
}
