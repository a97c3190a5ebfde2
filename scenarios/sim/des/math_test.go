package des

import (
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestMathAgreesWithTheLibrary(t *testing.T) {
	r := NewRand(1, "math")
	var exp, log, pow, quantile float64 // The worst relative errors.
	for range 500_000 {
		x := 1400 * (r.Float64() - 0.5)
		exp = max(exp, relative(Exp(x), math.Exp(x)))
		exp = max(exp, relative(Exp(x/700), math.Exp(x/700)))
		log = max(log, relative(Log(math.Exp(x)), math.Log(math.Exp(x))))
		log = max(log, relative(Log(1+x/1e4), math.Log(1+x/1e4)))
		base, y := 100*r.open(), 10*(r.Float64()-0.5)
		pow = max(pow, relative(Pow(base, y), math.Pow(base, y)))
		p := r.open()
		for _, p := range []float64{p, p * 1e-3, p * 1e-12} {
			quantile = max(quantile, relative(math.Erfc(-normalQuantile(p)/math.Sqrt2)/2, p))
		}
	}
	for _, c := range []struct {
		name        string
		worst, most float64
	}{{"Exp", exp, 1e-15}, {"Log", log, 1e-15}, {"Pow", pow, 1e-14}, {"normalQuantile", quantile, 1e-13}} {
		t.Logf("%s: worst relative error %.1e", c.name, c.worst)
		if !(c.worst <= c.most) {
			t.Errorf("%s: worst relative error %.1e, want at most %.0e", c.name, c.worst, c.most)
		}
	}
}

func relative(got, want float64) float64 {
	if got == want {
		return 0
	}
	return math.Abs(got-want) / math.Abs(want)
}

func TestMathAtItsLimits(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"Exp(0)", Exp(0), 1}, {"Exp(1)", Exp(1), math.E}, {"Exp(800)", Exp(800), inf}, {"Exp(-800)", Exp(-800), 0},
		{"Exp(+Inf)", Exp(inf), inf}, {"Exp(-Inf)", Exp(-inf), 0},
		{"Log(1)", Log(1), 0}, {"Log(0)", Log(0), -inf}, {"Log(+Inf)", Log(inf), inf},
		{"Log(smallest)", Log(math.SmallestNonzeroFloat64), -1074 * math.Ln2},
		{"Pow(2, 10)", Pow(2, 10), 1024}, {"Pow(0, 2)", Pow(0, 2), 0}, {"Pow(3, 0)", Pow(3, 0), 1},
	} {
		if relative(c.got, c.want) > 1e-15 {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	if !math.IsNaN(Log(-1)) || !math.IsNaN(Exp(math.NaN())) || !math.IsNaN(Log(math.NaN())) {
		t.Error("NaN is not kept")
	}
}

// The bits below came out on amd64; every machine must give the same.
func TestMathBits(t *testing.T) {
	var sum uint64
	r := NewRand(7, "bits")
	for range 10_000 {
		u := r.open()
		for _, y := range []float64{Exp(100*u - 50), Log(u), Pow(u, 1.7), normalQuantile(u)} {
			sum = sum*31 + math.Float64bits(y)
		}
	}
	if want := uint64(0x5b2f1f04030d445f); sum != want {
		t.Errorf("bits sum to %#x, want %#x", sum, want)
	}
}

// The compiler may fuse x*y+z on arm64, ppc64, riscv64 and s390x but not on amd64, which would make recordings differ
// between machines. The assembly of the simulator for arm64 shows whether each product is rounded first.
func TestNoFusedMultiplyAdd(t *testing.T) {
	// go test reuses a result while the files that the test itself has looked at are the same; go build looks for it.
	if err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			_, err = os.Stat(path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-gcflags=firedrill/scenarios/sim/...=-S", "firedrill/scenarios/sim/...")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	// A package that does not compile is the business of its own tests; the others are listed all the same.
	if !strings.Contains(string(out), "FMULD") {
		t.Fatalf("go build lists no multiplication (%v):\n%s", err, out[:min(len(out), 2000)])
	}
	fused := regexp.MustCompile(`\(([^()]*\.go:\d+)\)\s+FN?M(ADD|SUB)[DS]\s`)
	seen := map[string]bool{}
	for _, m := range fused.FindAllStringSubmatch(string(out), -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			t.Errorf("%s: a product is fused with a sum; wrap it in float64(...)", m[1])
		}
	}
}
