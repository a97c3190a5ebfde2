package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"firedrill/internal/stack/stacktest"
	"firedrill/scenarios"
)

// machine is a user's machine for commands that run for a while, with signals sent by hand.
type machine struct {
	home   string
	onLine func(line string, signal func(os.Signal)) // sees each line of standard output as it is written
	stdout lineWriter
	stderr bytes.Buffer
}

// lineWriter keeps what is written and hands out whole lines.
type lineWriter struct {
	mu     sync.Mutex
	text   bytes.Buffer
	rest   string
	onLine func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.text.Write(p)
	w.rest += string(p)
	var lines []string
	for {
		line, rest, ok := strings.Cut(w.rest, "\n")
		if !ok {
			break
		}
		lines, w.rest = append(lines, line), rest
	}
	w.mu.Unlock()
	for _, line := range lines {
		w.onLine(line)
	}
	return len(p), nil
}

// run runs a command to its end and returns its exit code.
func (m *machine) run(args ...string) int {
	var mu sync.Mutex // guards listeners
	var listeners []chan<- os.Signal
	signal := func(sig os.Signal) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range listeners {
			c <- sig
		}
	}
	m.stdout = lineWriter{onLine: func(line string) {
		if m.onLine != nil {
			m.onLine(line, signal)
		}
	}}
	m.stderr.Reset()
	return Run(&State{
		Args: args, Stdin: strings.NewReader(""), Stdout: &m.stdout, Stderr: &m.stderr,
		Getenv: func(name string) string {
			return map[string]string{"HOME": m.home, "XDG_CACHE_HOME": cache}[name]
		},
		Environ: func() []string { return nil },
		Notify: func(c chan<- os.Signal) func() {
			mu.Lock()
			defer mu.Unlock()
			listeners = append(listeners, c)
			return func() {}
		},
	})
}

// events decodes what a command printed with -o json.
func (m *machine) events(tb testing.TB) []map[string]any {
	tb.Helper()
	var out []map[string]any
	for line := range strings.Lines(m.stdout.text.String()) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			tb.Fatalf("line %q: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

// names lists the events but those that come now and then.
func names(events []map[string]any) string {
	var out []string
	for _, e := range events {
		if name := e["event"].(string); name != "status" && name != "backend" {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// checkProof demands that each signal has something and that all numbers agree.
func checkProof(tb testing.TB, e map[string]any, signals int) {
	tb.Helper()
	list, _ := e["signals"].([]any)
	if e["event"] != "proof" || e["ok"] != true || len(list) != signals {
		tb.Fatalf("got %v, want a proof of %d signals that is ok", e, signals)
	}
	for _, s := range list {
		s := s.(map[string]any)
		if s["read"] == 0.0 || s["read"] != s["sent"] || s["read"] != s["stored"] || s["difference"] != 0.0 {
			tb.Errorf("got %v, want equal numbers above 0", s)
		}
	}
}

func get(tb testing.TB, url string) string {
	tb.Helper()
	resp, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		tb.Fatalf("get %s: %s, %v: %s", url, resp.Status, err, body)
	}
	return string(body)
}

// TestPlay plays a scenario on a stack of its own, from the first event to the last, and asks
// firedrill and the back ends while it is live.
func TestPlay(t *testing.T) {
	m := &machine{home: t.TempDir()}
	var asked bool
	m.onLine = func(line string, _ func(os.Signal)) {
		var e struct {
			Event string
			URLs  map[string]*string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event != "ready" {
			return
		}
		asked = true
		if e.URLs["grafana"] != nil {
			t.Errorf("grafana is at %s, want none", *e.URLs["grafana"])
		}
		if got := get(t, *e.URLs["server"]+"/healthz"); got != "ok\n" {
			t.Errorf("/healthz says %q", got)
		}
		if got := get(t, *e.URLs["server"]+"/metrics"); !strings.Contains(got, "firedrill_replay_sent_items_total") {
			t.Errorf("/metrics has no firedrill_replay_sent_items_total: %s", got)
		}
		if got := get(t, *e.URLs["prometheus"]+"/api/v1/query?query=count(http_server_request_duration_seconds_count)"); !strings.Contains(got, `"status":"success"`) {
			t.Errorf("prometheus answers %s", got)
		}
		if got := get(t, *e.URLs["jaeger"]+"/api/services"); !strings.Contains(got, `"web"`) {
			t.Errorf("jaeger has services %s", got)
		}
	}
	bin := stacktest.Bin(t)
	code := m.run("play", newScenario(t), "--history", "2m", "--for", "3s", "--ports", "auto", "--stack-bin", bin, "-o", "json")
	if code != exitOK {
		t.Fatalf("got exit code %d: %s", code, m.stderr.String())
	}
	events := m.events(t)
	if got, want := names(events), "loading proof ready live proof ended"; got != want {
		t.Fatalf("got events %q, want %q", got, want)
	}
	if !asked {
		t.Error("nothing was asked")
	}
	for _, e := range events {
		if e["event"] == "proof" {
			checkProof(t, e, 3)
		}
	}
	if got := events[len(events)-1]["reason"]; got != endedTimebox {
		t.Errorf("it ended because of %q, want %q", got, endedTimebox)
	}
	for line := range strings.Lines(m.stderr.String()) {
		if !strings.Contains(line, "loading took longer than the lead") { // the machine is slow
			t.Errorf("success is not silent on standard error: %s", line)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "firedrill-stack-*")); len(left) > 0 {
		t.Logf("folders of stacks: %q (others may run)", left)
	}
}

// TestPlayEndsWithSignal checks that the first signal drains: the proof is there and sound, and play,
// which has no other way to end early, says so with exit code 0.
func TestPlayEndsWithSignal(t *testing.T) {
	m := &machine{home: t.TempDir()}
	m.onLine = func(line string, signal func(os.Signal)) {
		if strings.HasPrefix(line, `{"event":"live"`) {
			signal(os.Interrupt)
		}
	}
	code := m.run("play", newScenario(t), "--history", "1m", "--ports", "auto", "--stack-bin", stacktest.Bin(t), "-o", "json")
	if code != exitOK {
		t.Fatalf("got exit code %d: %s", code, m.stderr.String())
	}
	events := m.events(t)
	last := events[len(events)-1]
	if last["event"] != "ended" || last["reason"] != endedSignal {
		t.Errorf("got last event %v, want ended because of a signal", last)
	}
	checkProof(t, events[len(events)-2], 3)
	if got, want := m.stderr.String(), "firedrill: SIGINT: stopping; once more cuts it off\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
}

// TestPlayKeepsTheStack checks that what --history all loaded can be looked at until --for is over.
func TestPlayKeepsTheStack(t *testing.T) {
	m := &machine{home: t.TempDir()}
	code := m.run("play", traces(t), "--history", "all", "--for", "2s", "--ports", "auto", "--stack-bin", stacktest.Bin(t))
	if code != exitOK {
		t.Fatalf("got exit code %d: %s", code, m.stderr.String())
	}
	text := m.stdout.text.String()
	for _, want := range []string{"proof of the history", "traces      2      2        2            0", "\nprometheus  http://127.0.0.1:", "proof of the session"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s, want it to contain %q", text, want)
		}
	}
	if !strings.Contains(m.stderr.String(), "ended after 0:02: the time is up\n") {
		t.Errorf("got %s, want it to end when the time is up", m.stderr.String())
	}
}

// traces imports a trace of two spans and returns the recording.
func traces(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	source, out := filepath.Join(dir, "traces.json"), filepath.Join(dir, "rec")
	text := `{"data": [{"traceID": "5b8efff798038103d269b633813fc60c", "spans": [
	  {"traceID": "5b8efff798038103d269b633813fc60c", "spanID": "eee19b7ec3c1b173", "operationName": "GET /",
	   "references": [], "startTime": 1772373900000000, "duration": 50000, "tags": [], "logs": [], "processID": "p1"},
	  {"traceID": "5b8efff798038103d269b633813fc60c", "spanID": "eee19b7ec3c1b174", "operationName": "SELECT",
	   "references": [{"refType": "CHILD_OF", "traceID": "5b8efff798038103d269b633813fc60c", "spanID": "eee19b7ec3c1b173"}],
	   "startTime": 1772373900010000, "duration": 20000, "tags": [], "logs": [], "processID": "p1"}],
	  "processes": {"p1": {"serviceName": "frontend", "tags": []}}}]}`
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	if code, _, stderr := run(tb, "import", "jaeger-json", source, "--out", out); code != exitOK {
		tb.Fatal(stderr)
	}
	return out
}

// TestReplay replays into back ends that run already: part of a recording, live for a moment.
func TestReplay(t *testing.T) {
	at := stacktest.Shared(t).URLs()
	m := &machine{home: t.TempDir()}
	args := []string{
		"replay", newRecording(t), "--prometheus-url", at.Prometheus, "--loki-url", at.Loki,
		"--otlp-endpoint", "http://" + at.OTLPGRPC, "--jaeger-url", at.Jaeger, "--page-at", "12m", "--history", "1m",
	}
	code := m.run(append(args, "--for", "2s", "-o", "json")...)
	if code != exitOK {
		t.Fatalf("got exit code %d: %s", code, m.stderr.String())
	}
	events := m.events(t)
	if got, want := names(events), "loading live ended proof"; got != want {
		t.Errorf("got events %q, want %q", got, want)
	}
	checkProof(t, events[len(events)-1], 3)
	if left, err := os.ReadDir(filepath.Join(m.home, ".local/state/firedrill/sessions")); err != nil || len(left) > 0 {
		t.Errorf("checkpoints %v are left (%v), want none", left, err)
	}
}

// TestReplayIsCutOffAndResumes checks both steps of a signal, and that what was cut off goes on without
// loss and without anything twice.
func TestReplayIsCutOffAndResumes(t *testing.T) {
	at := stacktest.Shared(t).URLs()
	m := &machine{home: t.TempDir()}
	args := []string{
		"replay", newRecording(t), "--prometheus-url", at.Prometheus, "--loki-url", at.Loki, "--session", "cutoff",
		"--page-at", "12m", "--history", "5m", "--for", "6s", "-o", "json",
	}
	m.onLine = func(line string, signal func(os.Signal)) {
		if strings.HasPrefix(line, `{"event":"live"`) {
			signal(syscall.SIGTERM)
			signal(syscall.SIGTERM)
		}
	}
	if code := m.run(args...); code != exitTerminated {
		t.Fatalf("got exit code %d, want %d: %s", code, exitTerminated, m.stderr.String())
	}
	if got := m.stderr.String(); !strings.Contains(got, "SIGTERM again: cutting off\n") || !strings.Contains(got, "--resume --session cutoff") {
		t.Errorf("got %s, want both signals and how to go on", got)
	}

	m.onLine = nil
	if code := m.run(args...); code != exitUsage || !strings.Contains(m.stderr.String(), "session cutoff broke off before its end") {
		t.Errorf("the same session again: got exit code %d, want %d: %s", code, exitUsage, m.stderr.String())
	}
	if code := m.run(append(args, "--resume")...); code != exitOK {
		t.Fatalf("resume: got exit code %d: %s", code, m.stderr.String())
	}
	events := m.events(t)
	checkProof(t, events[len(events)-1], 2)
	if code := m.run(append(args, "--resume")...); code != exitUsage || !strings.Contains(m.stderr.String(), "there is no session cutoff to resume") {
		t.Errorf("resume what has ended: got exit code %d, want %d: %s", code, exitUsage, m.stderr.String())
	}
}

// TestReplayRefusals checks the exit codes that need a recording.
func TestReplayRefusals(t *testing.T) {
	rec := newRecording(t)
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"window", []string{"--prometheus-url", "http://127.0.0.1:1", "--page-at", "12m", "--prometheus-window", "1m"}, exitUsage, "--history"},
		{"page", []string{"--prometheus-url", "http://127.0.0.1:1", "--page-at", "1h"}, exitUsage, "outside the recording"},
		{"credentials", []string{"--prometheus-url", "http://127.0.0.1:1", "--prometheus-username", "a", "--prometheus-bearer-token-file", "b"}, exitUsage, "exclude each other"},
		{"resume", []string{"--prometheus-url", "http://127.0.0.1:1", "--resume"}, exitUsage, "--resume needs --session"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, append([]string{"replay", rec}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("got exit code %d, stdout %q, stderr %s; want %d and %q", code, stdout, stderr, c.code, c.want)
			}
		})
	}
}

// newScenario returns the folder of a small scenario: what `firedrill scenario new` writes.
func newScenario(tb testing.TB) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "lab")
	if err := scenarios.New(dir); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// newRecording returns the recording of newScenario.
func newRecording(tb testing.TB) string {
	tb.Helper()
	m := &machine{home: tb.TempDir()}
	if code := m.run("scenario", "build", newScenario(tb)); code != exitOK {
		tb.Fatalf("got exit code %d: %s", code, m.stderr.String())
	}
	return strings.TrimSpace(m.stdout.text.String())
}
