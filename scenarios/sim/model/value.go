package model

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Dur is a duration, written as in Go (150ms, 1m30s), not negative.
type Dur time.Duration

// ParseDur reads a Dur.
func ParseDur(s string) (Dur, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q: expected a duration such as 150ms or 1m30s", s)
	}
	return Dur(d), nil
}

// D is the duration.
func (d Dur) D() time.Duration { return time.Duration(d) }

func (d Dur) String() string { return time.Duration(d).String() }

// UnmarshalYAML reads a duration.
func (d *Dur) UnmarshalYAML(n *yaml.Node) (err error) {
	*d, err = ParseDur(n.Value)
	return at(n, err)
}

// MarshalYAML writes it as it is read.
func (d Dur) MarshalYAML() (any, error) { return d.String(), nil }

// Bytes is a size, written as Kubernetes does: 512Mi, 64Ki, 1Gi, or a plain number.
type Bytes int64

// ParseBytes reads Bytes.
func ParseBytes(s string) (Bytes, error) {
	number, factor := s, 1.0
	for i, unit := range []string{"Ki", "Mi", "Gi"} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			number, factor = rest, float64(int64(1)<<(10*(i+1)))
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v < 0 || v*factor > 1<<50 {
		return 0, fmt.Errorf("%q: expected a size such as 64Ki, 512Mi or 2Gi", s)
	}
	return Bytes(v * factor), nil
}

// UnmarshalYAML reads a size.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) (err error) {
	*b, err = ParseBytes(n.Value)
	return at(n, err)
}

// Cores is an amount of CPU, written as Kubernetes does: 500m, 2 or 0.5.
type Cores float64

// ParseCores reads Cores.
func ParseCores(s string) (Cores, error) {
	number, factor := s, 1.0
	if rest, ok := strings.CutSuffix(s, "m"); ok {
		number, factor = rest, 0.001
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v < 0 || v > 1e6 {
		return 0, fmt.Errorf("%q: expected cores such as 500m or 2", s)
	}
	return Cores(v * factor), nil
}

// UnmarshalYAML reads cores.
func (c *Cores) UnmarshalYAML(n *yaml.Node) (err error) {
	*c, err = ParseCores(n.Value)
	return at(n, err)
}

// Dist is a distribution of times. The zero Dist is always 0.
type Dist struct {
	Kind DistKind
	// A and B are the parameters in nanoseconds, K the shape of erlang.
	A, B float64
	K    int
}

// DistKind names a family of distributions.
type DistKind string

// The families, in the notation of system.yaml.
const (
	Constant    DistKind = "const"     // 5ms or const(5ms)
	Exponential DistKind = "exp"       // exp(mean)
	LogNormal   DistKind = "lognormal" // lognormal(median, 99th percentile)
	Uniform     DistKind = "uniform"   // uniform(least, most)
	Erlang      DistKind = "erlang"    // erlang(k, mean)
)

var distText = regexp.MustCompile(`^([a-z]+)\(\s*([^,()]+?)\s*(?:,\s*([^,()]+?)\s*)?\)$`)

// ParseDist reads a Dist.
func ParseDist(s string) (Dist, error) {
	bad := fmt.Errorf("%q: expected a distribution such as 5ms, exp(5ms), lognormal(4ms, 20ms) for median and p99, uniform(1ms, 3ms) or erlang(3, 9ms)", s)
	if d, err := ParseDur(s); err == nil {
		return Dist{Kind: Constant, A: float64(d)}, nil
	}
	m := distText.FindStringSubmatch(s)
	if m == nil {
		return Dist{}, bad
	}
	kind, first, second := DistKind(m[1]), m[2], m[3]
	if two := kind != Constant && kind != Exponential; two != (second != "") {
		return Dist{}, bad
	}
	if kind == Erlang {
		k, err := strconv.Atoi(first)
		mean, err2 := ParseDur(second)
		if err != nil || err2 != nil || k < 1 || k > 1000 {
			return Dist{}, bad
		}
		return Dist{Kind: kind, A: float64(mean), K: k}, nil
	}
	a, err := ParseDur(first)
	if err != nil {
		return Dist{}, bad
	}
	d := Dist{Kind: kind, A: float64(a)}
	switch kind {
	case Constant, Exponential:
		return d, nil
	case LogNormal, Uniform:
		b, err := ParseDur(second)
		if err != nil || b < a || kind == LogNormal && a == 0 {
			return Dist{}, bad
		}
		d.B = float64(b)
		return d, nil
	default:
		return Dist{}, bad
	}
}

// UnmarshalYAML reads a distribution.
func (d *Dist) UnmarshalYAML(n *yaml.Node) (err error) {
	*d, err = ParseDist(n.Value)
	return at(n, err)
}

// IsZero is true for the zero Dist, which was left out.
func (d Dist) IsZero() bool { return d == Dist{} }

// positive is true for a number that is finite and above 0.
func positive(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

// ParseNumber reads a plain number, not negative.
func ParseNumber(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, fmt.Errorf("%q: expected a number", s)
	}
	return v, nil
}

func number(s string) error {
	_, err := ParseNumber(s)
	return err
}

// share reads a share of a whole.
func share(s string) error {
	if v, err := ParseNumber(s); err != nil || v > 1 {
		return fmt.Errorf("%q: expected a share from 0 to 1", s)
	}
	return nil
}

// ParseBuckets reads upper bounds in seconds, separated by spaces, in order.
func ParseBuckets(s string) ([]float64, error) {
	var all []float64
	for _, f := range strings.Fields(s) {
		v, err := ParseNumber(f)
		if err != nil || len(all) > 0 && v <= all[len(all)-1] {
			return nil, fmt.Errorf("%q: expected upper bounds in seconds in order, such as \"0.1 0.5 1\"", s)
		}
		all = append(all, v)
	}
	return all, nil
}
