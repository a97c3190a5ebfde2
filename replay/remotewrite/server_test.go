package remotewrite_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"firedrill/replay/endpoint"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var shared struct {
	sync.Once
	url  string
	err  error
	stop func()
}

// prometheus returns a Prometheus that all tests of the package share.
func prometheus(tb testing.TB) endpoint.Config {
	tb.Helper()
	bin := "/root/.cache/firedrill/build/prometheus"
	shared.Do(func() { shared.url, shared.stop, shared.err = startPrometheus(bin) })
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return endpoint.Config{URL: shared.url}
}

func startPrometheus(bin string) (string, func(), error) {
	dir, err := os.MkdirTemp("", "firedrill-prometheus-")
	if err != nil {
		return "", nil, err
	}
	conf := filepath.Join(dir, "prometheus.yml")
	text := "storage: {tsdb: {out_of_order_time_window: 8d}, exemplars: {max_exemplars: 1000000}}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	at := l.Addr().String()
	l.Close()
	var out strings.Builder
	cmd := exec.Command(bin, "--config.file="+conf, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at,
		"--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage")
	cmd.Stderr, cmd.Stdout = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get("http://" + at + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return "http://" + at, stop, nil
			}
		}
	}
	stop()
	return "", nil, fmt.Errorf("prometheus did not get ready: %s", out.String())
}
