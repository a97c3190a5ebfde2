package lokipush_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"firedrill/internal/stack/stacktest"
)

func TestMain(m *testing.M) {
	code := stacktest.Run(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
