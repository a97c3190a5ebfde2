package des

import "fmt"

// Dist is a distribution of spans of time. Implementations are immutable; samples are never negative.
type Dist interface {
	Sample(r *Rand) Time
	Mean() Time
}

// Constant is always t.
func Constant(t Time) Dist { return constant(t) }

type constant Time

func (c constant) Sample(*Rand) Time { return Time(c) }
func (c constant) Mean() Time        { return Time(c) }

// Exponential has no memory: gaps between independent arrivals.
func Exponential(mean Time) Dist { return exponential(mean) }

type exponential Time

func (e exponential) Sample(r *Rand) Time { return FromFloat(r.Exp() * float64(e)) }
func (e exponential) Mean() Time          { return Time(e) }

// LogNormal is the usual shape of service times, given by its median and its 99th percentile. It panics unless
// 0 < p50 <= p99.
func LogNormal(p50, p99 Time) Dist {
	if p50 <= 0 || p99 < p50 {
		panic(fmt.Sprintf("des: LogNormal needs 0 < p50 <= p99, got %v and %v", p50, p99))
	}
	return logNormal{float64(p50), Log(float64(p99)/float64(p50)) / normalQuantile(0.99)}
}

type logNormal struct{ median, sigma float64 }

func (l logNormal) Sample(r *Rand) Time { return FromFloat(l.median * Exp(l.sigma*r.Norm())) }
func (l logNormal) Mean() Time          { return FromFloat(l.median * Exp(l.sigma*l.sigma/2)) }

// Uniform is between lo (included) and hi (excluded). It panics unless 0 <= lo <= hi.
func Uniform(lo, hi Time) Dist {
	if lo < 0 || hi < lo {
		panic(fmt.Sprintf("des: Uniform needs 0 <= lo <= hi, got %v and %v", lo, hi))
	}
	return uniform{lo, hi}
}

type uniform struct{ lo, hi Time }

func (u uniform) Sample(r *Rand) Time { return u.lo + Time(r.IntN(max(1, int(u.hi-u.lo)))) }
func (u uniform) Mean() Time          { return u.lo + (u.hi-u.lo)/2 }

// Erlang is the sum of k exponential stages: the larger k, the more regular. It panics unless k > 0.
func Erlang(k int, mean Time) Dist {
	if k <= 0 {
		panic(fmt.Sprintf("des: Erlang needs k > 0, got %d", k))
	}
	return erlang{k, mean}
}

type erlang struct {
	k    int
	mean Time
}

func (e erlang) Sample(r *Rand) Time {
	var sum float64
	for range e.k {
		sum += r.Exp()
	}
	return FromFloat(sum / float64(e.k) * float64(e.mean))
}
func (e erlang) Mean() Time { return e.mean }

// Pareto has a heavy tail: a sample exceeds x > least with probability (least/x)**alpha. It panics unless least > 0
// and alpha > 1, below which the mean is infinite.
func Pareto(least Time, alpha float64) Dist {
	if least <= 0 || !(alpha > 1) {
		panic(fmt.Sprintf("des: Pareto needs a least time > 0 and alpha > 1, got %v and %v", least, alpha))
	}
	return pareto{float64(least), alpha}
}

type pareto struct{ least, alpha float64 }

func (p pareto) Sample(r *Rand) Time { return FromFloat(p.least * Exp(r.Exp()/p.alpha)) }
func (p pareto) Mean() Time          { return FromFloat(p.least * p.alpha / (p.alpha - 1)) }
