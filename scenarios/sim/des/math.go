package des

import "math"

const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
)

// Exp returns e**x, within two units in the last place. The method is that of FreeBSD's e_exp.c (and of Go's portable
// math.Exp): reduce x to k*ln2+r with |r| <= ln2/2, approximate exp(r) by a rational function, scale by 2**k.
func Exp(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x > 7.09782712893383973096e+02:
		return math.Inf(1)
	case x < -7.45133219101941108420e+02:
		return 0
	}
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	hi := x - float64(k*ln2Hi)
	lo := k * ln2Lo
	r := hi - float64(lo)
	t := float64(r * r)
	p := polynomial(t, 4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05,
		-2.77777777770155933842e-03, 1.66666666666666019037e-01)
	c := r - float64(t*p)
	y := 1 - ((float64(lo) - float64(r*c)/(2-c)) - hi)
	return math.Ldexp(y, int(k))
}

// Log returns the natural logarithm of x, within one unit in the last place. The method is that of FreeBSD's e_log.c
// (and of Go's portable math.Log): x = 2**k * (1+f) with 1+f near 1, and a polynomial in s = f/(2+f).
func Log(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	f1, ki := math.Frexp(x)
	if f1 < math.Sqrt2/2 {
		f1 *= 2
		ki--
	}
	f := f1 - 1
	k := float64(ki)
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	t1 := float64(s2 * polynomial(s4, 1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01,
		6.666666666666735130e-01))
	t2 := float64(s4 * polynomial(s4, 1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01))
	r := t1 + t2
	hfsq := float64(0.5 * f * f)
	return float64(k*ln2Hi) - ((hfsq - (float64(s*(hfsq+r)) + float64(k*ln2Lo))) - f)
}

// Pow returns x**y for x > 0 as Exp(y*Log(x)), so its relative error grows with |y*Log(x)|: 1e-14 at 100. Pow(0, y)
// is 0 for y > 0.
func Pow(x, y float64) float64 { return Exp(y * Log(x)) }

// polynomial evaluates a polynomial by Horner's rule, highest power first, without fusing.
func polynomial(x float64, coefficients ...float64) float64 {
	var sum float64
	for _, c := range coefficients {
		sum = float64(sum*x) + c
	}
	return sum
}

// normalQuantile returns the value below which a standard normal variable lies with probability p, 0 < p < 1, to about
// 1 part in 1e15. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution" (1988), PPND16.
func normalQuantile(p float64) float64 {
	q := p - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - float64(q*q)
		return q * polynomial(r, 2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
			4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2,
			3.3871328727963666080e0) /
			polynomial(r, 5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
				2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1)
	}
	r := math.Sqrt(-Log(min(p, 1-p)))
	var x float64
	if r <= 5 {
		r -= 1.6
		x = polynomial(r, 7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
			1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0,
			1.42343711074968357734e0) /
			polynomial(r, 1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
				1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
				2.05319162663775882187e0, 1)
	} else {
		r -= 5
		x = polynomial(r, 2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
			2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0,
			6.65790464350110377720e0) /
			polynomial(r, 2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
				7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
				5.99832206555887937690e-1, 1)
	}
	if q < 0 {
		return -x
	}
	return x
}
