package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs the program in this process and returns its exit code and streams.
func run(tb testing.TB, args ...string) (code int, stdout, stderr string) {
	tb.Helper()
	var out, errs bytes.Buffer
	home := tb.TempDir()
	code = Run(&State{
		Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Getenv: func(name string) string {
			if name == "HOME" {
				return home
			}
			return ""
		},
		Environ: func() []string { return nil },
		Notify:  func(chan<- os.Signal) func() { return func() {} },
	})
	return code, out.String(), errs.String()
}

// TestExitCodes checks the documented codes that need no back end.
func TestExitCodes(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		args []string
		want int
		hint string // part of standard error
	}{
		{[]string{"version"}, exitOK, ""},
		{[]string{"play", "--help"}, exitOK, ""},
		{nil, exitUsage, "firedrill --help"},
		{[]string{"plya"}, exitUsage, `did you mean "play"?`},
		{[]string{"version", "--no"}, exitUsage, "firedrill version --help"},
		{[]string{"scenario"}, exitUsage, "expected list or show"},
		{[]string{"replay", empty}, exitUsage, "--prometheus-url"},
		{[]string{"replay", empty, "--otlp-endpoint", "http://127.0.0.1:1"}, exitUsage, "--jaeger-url"},
		{[]string{"replay", empty, "--prometheus-url", "http://127.0.0.1:1"}, exitInput, "is not a recording"},
		{[]string{"play", filepath.Join(empty, "none")}, exitInput, "payment-latency"},
		{[]string{"scenario", "show", empty}, exitInput, "scenario.yaml"},
		{[]string{"inspect", empty}, exitInput, "is not a recording"},
		{[]string{"verify", empty}, exitFailed, "is not a recording"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr := run(t, c.args...)
			if code != c.want {
				t.Errorf("got exit code %d, want %d; stderr: %s", code, c.want, stderr)
			}
			if !strings.Contains(stdout+stderr, c.hint) {
				t.Errorf("got %q, want it to contain %q", stderr, c.hint)
			}
			if c.want == exitOK && stderr != "" {
				t.Errorf("success is not silent on standard error: %q", stderr)
			}
			if c.want == exitUsage && stdout != "" {
				t.Errorf("a usage error wrote to standard output: %q", stdout)
			}
		})
	}
}
