package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestBrowser plays in Debian's Chromium: browser/*.test.js, which `npm test` runs there. It needs npm and Chromium; go test
// -artifacts keeps the screenshots.
func TestBrowser(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal("npm is not on PATH; install Node 20 or later, such as Debian's packages nodejs and npm")
	}
	chromium := os.Getenv("CHROMIUM")
	if chromium == "" {
		if chromium, err = exec.LookPath("chromium"); err != nil {
			t.Fatal("chromium is not on PATH; install Debian's package chromium, or name another with CHROMIUM")
		}
	}
	s := newSite(t)
	s.run()
	control := httptest.NewServer(http.HandlerFunc(s.control))
	defer control.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	for _, args := range [][]string{{"ci", "--no-audit", "--no-fund", "--loglevel=error"}, {"test"}} {
		cmd := exec.CommandContext(ctx, npm, args...)
		cmd.Dir = "browser"
		cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
		cmd.WaitDelay = 5 * time.Second
		cmd.Env = append(os.Environ(), "CHROMIUM="+chromium, "SITE="+s.server.URL, "CONTROL="+control.URL, "SHOTS="+t.ArtifactDir(),
			"BOSS="+s.secrets["boss"], "ANA="+s.secrets["ana"], "BEN="+s.secrets["ben"])
		if err := cmd.Run(); err != nil {
			t.Fatalf("npm %s: %v", args[0], err)
		}
	}
}

// run lets the clock go on, and loads and plays sessions as a runner does, but for the evidence.
func (s *site) run() {
	s.mu.Lock()
	s.runs = time.Now()
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			list, err := s.service.Work(ctx, time.Minute)
			for _, v := range list {
				if err == nil {
					err = s.advance(ctx, v)
				}
			}
			if err != nil && ctx.Err() == nil {
				s.tb.Errorf("runner: %v", err)
			}
		}
	}()
	s.tb.Cleanup(func() { cancel(); <-done })
}

// advance takes a session one step on: loading takes three seconds, and the page comes two seconds later.
func (s *site) advance(ctx context.Context, v challenge.Session) error {
	p := challenge.Progress{State: challenge.Live}
	switch now := s.now(); {
	case v.State.Over():
		p.State = challenge.Ended
	case v.State == challenge.Scheduled || v.PageAt.IsZero():
		p = challenge.Progress{State: challenge.Loading, Page: now.Add(5 * time.Second)}
	case v.State == challenge.Loading && now.Before(v.PageAt.Add(-2*time.Second)):
		return nil
	case v.State == challenge.Loading:
		p = challenge.Progress{State: challenge.Lobby, Page: v.PageAt}
	case v.State == challenge.Lobby:
		return nil // until the clock says that it is live
	}
	_, err := s.service.Advance(ctx, v.ID, p)
	return err
}

// control is what the browser tests do behind the pages' back: move the clock, and cut connections.
func (s *site) control(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/pass":
		d, err := time.ParseDuration(r.FormValue("by"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.pass(d)
	case "/cut":
		s.server.CloseClientConnections()
	case "/code":
		_, _ = io.WriteString(w, s.pages.LoginCode("dora", challenge.PlayerRole))
	default:
		http.NotFound(w, r)
	}
}
