package sim_test

import (
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"firedrill/scenarios/sim/model"
)

// TestSpringStarts: Spring counts from its own beginning, after that of its JVM, and neither takes whole seconds.
func TestSpringStarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	faults := []model.Fault{{At: model.Dur(time.Minute), Set: []model.Setting{{Service: "offers-canary", Parameter: model.Kill, To: "1"}}}}
	if err := build(dir, "canary.yaml", faults, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	lines := s.lines("offers", "Started OffersApplication in ")
	if len(lines) != 1 {
		t.Fatalf("%d lines say that the application has started, want one", len(lines))
	}
	m := regexp.MustCompile(`in (\d+\.\d{3}) seconds \(process running for (\d+\.\d{3})\)$`).FindSubmatch(lines[0].Line)
	if m == nil {
		t.Fatalf("%s", lines[0].Line)
	}
	spring, _ := strconv.ParseFloat(string(m[1]), 64)
	jvm, _ := strconv.ParseFloat(string(m[2]), 64)
	if spring <= 0 || spring >= jvm || spring == float64(int(spring)) || jvm == float64(int(jvm)) {
		t.Errorf("Spring took %v s of the %v s of its JVM", spring, jvm)
	}
}
