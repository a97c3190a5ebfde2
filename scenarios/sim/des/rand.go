package des

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sort"
)

// Rand is one stream of random numbers. Give every entity its own.
type Rand struct {
	source rand.PCG
}

// NewRand returns the stream of one name under one seed. Streams of different names are independent, so an entity
// that is added or draws more often changes no other's numbers. The generator is PCG-DXSM, seeded with the first 16
// bytes of SHA-256(seed as 8 bytes little-endian, name).
func NewRand(seed uint64, name string) *Rand {
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, seed), name...))
	r := new(Rand)
	r.source.Seed(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16]))
	return r
}

// Uint64 returns 64 random bits.
func (r *Rand) Uint64() uint64 { return r.source.Uint64() }

// Float64 returns a number in [0, 1).
func (r *Rand) Float64() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// open returns a number in (0, 1).
func (r *Rand) open() float64 { return (float64(r.Uint64()>>12) + 0.5) / (1 << 52) }

// IntN returns a number in [0, n), each with the same probability. It panics if n is not positive.
func (r *Rand) IntN(n int) int {
	if n <= 0 {
		panic("des: IntN needs a positive number")
	}
	// Lemire, "Fast Random Integer Generation in an Interval" (2019).
	high, low := bits.Mul64(r.Uint64(), uint64(n))
	if low < uint64(n) {
		for threshold := -uint64(n) % uint64(n); low < threshold; {
			high, low = bits.Mul64(r.Uint64(), uint64(n))
		}
	}
	return int(high)
}

// Bool returns true with probability p.
func (r *Rand) Bool(p float64) bool { return r.Float64() < p }

// Exp returns an exponentially distributed number of mean 1.
func (r *Rand) Exp() float64 { return -Log(r.open()) }

// Norm returns a normally distributed number of mean 0 and standard deviation 1.
func (r *Rand) Norm() float64 { return normalQuantile(r.open()) }

// Zipf draws ranks from 0 to n-1, rank i with a probability proportional to 1/(i+1)**s: keys of a cache, customers.
type Zipf struct {
	cumulative []float64
}

// NewZipf returns the law for n > 0 ranks. s is the skew: 0 is uniform, 1 is usual for popularity.
func NewZipf(n int, s float64) *Zipf {
	z := &Zipf{make([]float64, n)}
	var sum float64
	for i := range z.cumulative {
		sum += Pow(float64(i+1), -s)
		z.cumulative[i] = sum
	}
	return z
}

// Sample draws a rank.
func (z *Zipf) Sample(r *Rand) int {
	n := len(z.cumulative)
	x := r.Float64() * z.cumulative[n-1]
	return min(sort.Search(n, func(i int) bool { return z.cumulative[i] > x }), n-1)
}

// P returns the probability of a rank.
func (z *Zipf) P(rank int) float64 {
	n := len(z.cumulative)
	if rank == 0 {
		return z.cumulative[0] / z.cumulative[n-1]
	}
	return (z.cumulative[rank] - z.cumulative[rank-1]) / z.cumulative[n-1]
}
