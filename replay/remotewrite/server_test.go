package remotewrite_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"

	"firedrill/internal/stack/stacktest"
	"firedrill/replay/endpoint"
)

func TestMain(m *testing.M) {
	code := stacktest.Run(m)
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// prometheus returns the Prometheus that all tests of the package share.
func prometheus(tb testing.TB) endpoint.Config {
	tb.Helper()
	return endpoint.Config{URL: stacktest.Shared(tb).URLs().Prometheus}
}
