package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firedrill/internal/stack/stacktest"
	"firedrill/replay"
)

// program builds firedrill once.
var program = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	bin := filepath.Join(root, "bin", "firedrill")
	build := exec.Command("go", "build", "-o", bin, "./cmd/firedrill")
	build.Dir = root
	build.Stderr = &bytes.Buffer{}
	return bin, build.Run()
})

// event is what the tests read of a JSON event.
type event struct {
	Event   string          `json:"event"`
	Signals json.RawMessage `json:"signals"` // of a proof: []replay.SignalProof
}

// A killed firedrill that is resumed delivers what is missing, and nothing twice.
func TestKilledReplayResumes(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir, rec := makeRecording(t, size{length: 5 * time.Minute, series: 500, lines: 300, spans: 150}, 2)
	m := rec.Manifest()
	u := stacktest.Shared(t).URLs()
	for _, c := range []struct {
		name string
		wait time.Duration // after the first sign of progress
		live bool
	}{
		{name: "while loading", wait: 30 * time.Millisecond},
		{name: "while live", wait: 1500 * time.Millisecond, live: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			session := "resume-" + strings.ReplaceAll(c.name, " ", "-")
			state := t.TempDir()
			args := []string{
				"replay", dir, "--session", session, "--state-dir", state, "-o", "json",
				"--prometheus-url", u.Prometheus, "--loki-url", u.Loki, "--otlp-endpoint", "http://" + u.OTLPGRPC, "--jaeger-url", u.Jaeger,
				"--history", (m.End.Sub(m.Start) - 8*time.Second).String(),
			}
			killed := exec.Command(bin, args...)
			stdout, err := killed.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			killed.Stderr = &stderr
			if err := killed.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stdout)
			for lines.Scan() {
				var e event
				if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
					t.Fatalf("line %q: %v", lines.Text(), err)
				}
				if e.Event == "live" || !c.live && e.Event == "loading" {
					break
				}
			}
			if !c.live {
				eventually(t, time.Minute, "a checkpoint", func() bool {
					cp, err := replay.LoadCheckpoint(filepath.Join(state, "sessions", session, "checkpoint.json"))
					return err == nil && len(cp.Signals) == 3
				})
			}
			if c.live {
				second, err := exec.Command(bin, append(args, "--resume")...).CombinedOutput()
				if err == nil || !strings.Contains(string(second), "is being played by another firedrill") {
					t.Errorf("resuming a session that is live: %v, %s", err, second)
				}
			}
			timer := time.NewTimer(c.wait)
			<-timer.C
			if err := killed.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := killed.Wait(); err == nil {
				t.Fatalf("firedrill ended before it was killed: %s", stderr.String())
			}

			out, err := exec.Command(bin, append(args, "--resume")...).Output()
			if err != nil {
				t.Fatalf("resume: %v\n%s\n%s", err, err.(*exec.ExitError).Stderr, out)
			}
			all := strings.Split(strings.TrimSpace(string(out)), "\n")
			var last event
			if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil || last.Event != "proof" {
				t.Fatalf("last line %q, %v: want the proof", all[len(all)-1], err)
			}
			proof := &replay.Proof{}
			if err := json.Unmarshal(last.Signals, &proof.Signals); err != nil {
				t.Fatal(err)
			}
			wantWhole(t, proof, m)
		})
	}
}
