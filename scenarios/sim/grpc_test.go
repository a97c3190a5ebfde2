package sim_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestGRPC: a JVM without a web server has none of its threads and lines, and names codes as its library does.
func TestGRPC(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	if err := build(dir, "grpc.yaml", nil, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{"http-nio", "omcat", "InvalidArgument"} {
		if lines := s.lines("prices", foreign); len(lines) > 0 {
			t.Errorf("%d lines have %q, such as %s", len(lines), foreign, lines[0].Line)
		}
	}
	for text, least := range map[string]int{
		"gRPC Server started, listening on address: *, port: 9090": 1, "Completed gRPC server shutdown": 1, "shop.Prices/Get -> INVALID_ARGUMENT": 20,
	} {
		if got := len(s.lines("prices", text)); got < least {
			t.Errorf("%d lines have %q, want %d", got, text, least)
		}
	}
	for _, r := range s.lines("prices", "shop.Prices/Get -> OK") {
		if line := string(r.Line); !strings.Contains(line, "[grpc-default-executor-") {
			t.Fatalf("served by no thread of gRPC's: %s", line)
		}
	}
}
