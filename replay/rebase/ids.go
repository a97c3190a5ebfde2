package rebase

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"sync"
)

// rounds is the number of Feistel rounds of the 64-bit permutation. Luby and Rackoff (How to construct
// pseudorandom permutations from pseudorandom functions, 1988) need 4 rounds for a permutation that
// resists queries in both directions, but only up to about 2^16 ids with 32-bit halves. Patarin
// (Security of balanced and unbalanced Feistel schemes, 2010) shows that 6 rounds hold for close to
// 2^32 ids, which is more spans than a recording has.
const rounds = 6

// IDs is a keyed bijection on trace ids and on span ids. Its methods allocate nothing and are safe for
// concurrent use.
//
// Zero ids (the invalid id of W3C Trace Context) map to zero and nothing else does. A trace id whose
// upper 8 bytes are zero is a 64-bit id of Jaeger or Zipkin: it stays one, and its lower 8 bytes are
// mapped like a span id, so a root span whose id equals its trace id keeps that property, and 16 hex
// digits in a text have one meaning. Every other trace id maps to one whose upper 8 bytes are not zero.
type IDs struct {
	trace cipher.Block // permutes 128-bit ids
	round cipher.Block // round function of the 64-bit permutation
}

// NewIDs returns the bijection of key. Different keys give unrelated mappings: make a random key for
// each session and keep it with the session.
func NewIDs(key [32]byte) *IDs {
	// Two independent AES-128 keys. A key of 16 bytes is never refused.
	trace, err := aes.NewCipher(key[:16])
	if err != nil {
		panic("rebase: " + err.Error())
	}
	round, err := aes.NewCipher(key[16:])
	if err != nil {
		panic("rebase: " + err.Error())
	}
	return &IDs{trace: trace, round: round}
}

// scratch holds the blocks of one mapping. Arguments of cipher.Block's methods escape, so blocks on the
// stack would be allocated with every call.
type scratch struct {
	id      [aes.BlockSize]byte
	in, out [aes.BlockSize]byte // of the round function; the second half of in stays zero
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Trace returns the session's trace id for a recorded one.
func (x *IDs) Trace(id [16]byte) [16]byte {
	hi := binary.BigEndian.Uint64(id[:8])
	if hi == 0 {
		lo := x.mapSpan(binary.BigEndian.Uint64(id[8:]))
		binary.BigEndian.PutUint64(id[8:], lo)
		return id
	}
	b := scratches.Get().(*scratch)
	b.id = id
	// Cycle walking keeps the class: the block cipher is applied until the result is in it again.
	// Following the cycle of id ends at the latest at id itself. One step is enough but for one id in 2^64.
	for {
		x.trace.Encrypt(b.id[:], b.id[:])
		if binary.BigEndian.Uint64(b.id[:8]) != 0 {
			break
		}
	}
	id = b.id
	scratches.Put(b)
	return id
}

// InverseTrace returns the recorded trace id of a session's one.
func (x *IDs) InverseTrace(id [16]byte) [16]byte {
	hi := binary.BigEndian.Uint64(id[:8])
	if hi == 0 {
		lo := x.inverseSpan(binary.BigEndian.Uint64(id[8:]))
		binary.BigEndian.PutUint64(id[8:], lo)
		return id
	}
	b := scratches.Get().(*scratch)
	b.id = id
	for {
		x.trace.Decrypt(b.id[:], b.id[:])
		if binary.BigEndian.Uint64(b.id[:8]) != 0 {
			break
		}
	}
	id = b.id
	scratches.Put(b)
	return id
}

// Span returns the session's span id for a recorded one.
func (x *IDs) Span(id [8]byte) [8]byte {
	binary.BigEndian.PutUint64(id[:], x.mapSpan(binary.BigEndian.Uint64(id[:])))
	return id
}

// InverseSpan returns the recorded span id of a session's one.
func (x *IDs) InverseSpan(id [8]byte) [8]byte {
	binary.BigEndian.PutUint64(id[:], x.inverseSpan(binary.BigEndian.Uint64(id[:])))
	return id
}

func (x *IDs) mapSpan(v uint64) uint64 {
	if v == 0 {
		return 0
	}
	b := scratches.Get().(*scratch)
	// Zero is taken: cycle walking skips it.
	for v = x.forward(b, v); v == 0; {
		v = x.forward(b, v)
	}
	scratches.Put(b)
	return v
}

func (x *IDs) inverseSpan(v uint64) uint64 {
	if v == 0 {
		return 0
	}
	b := scratches.Get().(*scratch)
	for v = x.backward(b, v); v == 0; {
		v = x.backward(b, v)
	}
	scratches.Put(b)
	return v
}

// forward is a balanced Feistel network on the two halves of v.
func (x *IDs) forward(b *scratch, v uint64) uint64 {
	left, right := uint32(v>>32), uint32(v)
	for r := uint32(0); r < rounds; r++ {
		left, right = right, left^x.prf(b, r, right)
	}
	return uint64(left)<<32 | uint64(right)
}

func (x *IDs) backward(b *scratch, v uint64) uint64 {
	left, right := uint32(v>>32), uint32(v)
	for r := uint32(rounds); r > 0; r-- {
		left, right = right^x.prf(b, r-1, left), left
	}
	return uint64(left)<<32 | uint64(right)
}

// prf is the round function: AES of the round's number and the half, cut to 32 bits.
func (x *IDs) prf(b *scratch, r, half uint32) uint32 {
	binary.BigEndian.PutUint64(b.in[:8], uint64(r)<<32|uint64(half))
	x.round.Encrypt(b.out[:], b.in[:])
	return binary.BigEndian.Uint32(b.out[:4])
}
