package runner_test

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/replay"
)

// testKilled kills a server that plays two sessions, one while it loads and one while it is live, and then once more. Another one on the same
// file plays them to their ends.
func testKilled(t *testing.T, w *world) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "contest.db")
	// The file belongs to one process at a time: between two servers the test looks into it.
	look := func(f func(c *contest)) {
		t.Helper()
		c, err := openContest(w, url, nil)
		check(t, err)
		defer func() { check(t, c.close()) }()
		f(c)
	}
	var a, b string
	look(func(c *contest) {
		a = c.create(t, challenge.NewSession{}).ID
		b = c.create(t, challenge.NewSession{}).ID
		c.box(t, a, 10*time.Second)
		c.box(t, b, 12*time.Second)
	})
	sessions := []string{a, b}
	first := startChild(t, w, url, sessions...)
	until(t, "one of them is being loaded", func() bool { return first.says(t, a).Sent+first.says(t, b).Sent > 0 })
	first.kill()

	second := startChild(t, w, url, sessions...)
	until(t, "both are live", func() bool {
		return second.says(t, a).Phase == replay.PhaseLive && second.says(t, b).Phase == replay.PhaseLive
	})
	sent := second.says(t, a).Sent
	until(t, "live items are sent", func() bool { return second.says(t, a).Sent > sent+20 })
	second.kill()
	before := map[string]challenge.Session{}
	look(func(c *contest) {
		for _, id := range sessions {
			before[id] = c.session(t, id)
			if s := before[id]; s.State.Over() || s.PageAt.IsZero() {
				t.Errorf("killed when the session was %s, its page at %v", s.State, s.PageAt)
			}
		}
	})

	third := startChild(t, w, url, sessions...)
	until(t, "both are over", func() bool { return third.says(t, a).Done && third.says(t, b).Done })
	for _, id := range sessions {
		for _, p := range third.says(t, id).Proofs {
			if !p.OK() {
				t.Errorf("proof: %+v", p.Signals)
			}
		}
	}
	third.stop()
	look(func(c *contest) {
		for _, id := range sessions {
			c.wantWhole(t, w, id)
			s := c.session(t, id)
			if !s.PageAt.Equal(before[id].PageAt) || !reflect.DeepEqual(s.Clock, before[id].Clock) || s.EndReason != challenge.TimeUp {
				t.Errorf("page %v and clock %v, before the end of the server %v and %v; ended by %s", s.PageAt, s.Clock, before[id].PageAt, before[id].Clock, s.EndReason)
			}
			if deadline, ok := s.Clock.At(s.Timebox); !ok || !s.EndedAt.Equal(deadline) {
				t.Errorf("ended at %v, and the time box at %v", s.EndedAt, deadline)
			}
		}
	})
}
