package platform

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"firedrill/scenarios/sim/des"
)

// alphabet is Kubernetes' for generated names, without vowels and look-alikes (k8s.io/apimachinery/pkg/util/rand).
const alphabet = "bcdfghjklmnpqrstvwxz2456789"

// templateHash names a replica set as Kubernetes does: a 32-bit hash of the pod template in decimal digits, each
// mapped to the alphabet.
func templateHash(template string) string {
	sum := sha256.Sum256([]byte(template))
	digits := []byte(fmt.Sprint(1e9 + binary.LittleEndian.Uint32(sum[:])%3_294_967_296))
	for i, d := range digits {
		digits[i] = alphabet[int(d)%len(alphabet)]
	}
	return string(digits)
}

func suffix(r *des.Rand) string {
	b := make([]byte, 5)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func containerID(r *des.Rand) string {
	var b [32]byte
	for i := range 4 {
		binary.LittleEndian.PutUint64(b[8*i:], r.Uint64())
	}
	return "containerd://" + hex.EncodeToString(b[:])
}
