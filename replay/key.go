package replay

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// Key is a session's secret: it decides how trace and span ids are remapped.
type Key [32]byte

// NewKey returns a random key.
func NewKey() Key {
	var k Key
	rand.Read(k[:]) // never fails: crypto/rand ends the program instead
	return k
}

// MarshalText writes the key as hexadecimal digits.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (k *Key) UnmarshalText(b []byte) error {
	if n, err := hex.Decode(k[:], b[:min(len(b), 2*len(k))]); err != nil || len(b) != 2*len(k) {
		return fmt.Errorf("key has %d valid hexadecimal bytes, not %d", n, len(k))
	}
	return nil
}

// String hides the key from logs.
func (k Key) String() string { return "[key]" }
