package challenge_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"firedrill/internal/challenge"
)

// TestRank checks the order of a leaderboard and its shared ranks.
func TestRank(t *testing.T) {
	page := opening
	running := challenge.Session{ID: "s1", State: challenge.Live, Clock: challenge.Clock{Page: page}}
	over := running
	over.ID, over.State, over.EndedAt = "s2", challenge.Ended, page.Add(5*time.Minute)
	miss := func(at time.Duration) challenge.Submission {
		return challenge.Submission{Elapsed: at, Penalty: 5 * time.Minute, LockedFor: 2 * time.Minute}
	}
	hit := func(at time.Duration) challenge.Submission {
		return challenge.Submission{Elapsed: at, Correct: true, At: page.Add(at)}
	}
	entrants := []challenge.Entrant{
		{"early", running, []challenge.Submission{hit(4 * time.Minute)}},
		{"penalty", running, []challenge.Submission{miss(time.Minute), hit(4 * time.Minute)}}, // 9 min in all
		{"twin", running, []challenge.Submission{hit(9*time.Minute + time.Second)}},
		{"level", running, []challenge.Submission{hit(9 * time.Minute)}}, // as penalty, with fewer wrong ones
		{"same", running, []challenge.Submission{miss(2 * time.Minute), hit(4 * time.Minute)}},
		{"idle", over, nil}, // stopped early, and is not better for it
		{"busy", running, nil},
		{"wrong", running, []challenge.Submission{miss(time.Minute), miss(3 * time.Minute)}},
	}
	const want = "1 early 4m0s, 2 level 9m0s, 3 penalty 9m0s, 3 same 9m0s, 5 twin 9m1s, 6 busy 20m0s, 6 idle 5m0s, 8 wrong 30m0s"
	for range 20 {
		rand.Shuffle(len(entrants), func(i, j int) { entrants[i], entrants[j] = entrants[j], entrants[i] })
		var got []string
		for _, r := range challenge.RankAt(entrants, page.Add(20*time.Minute)) {
			got = append(got, fmt.Sprintf("%d %s %s", r.Rank, r.Player, r.Total))
			if r.Correct == r.At.IsZero() || r.Total != r.Elapsed+r.Penalty {
				t.Errorf("got %+v", r)
			}
		}
		if got := strings.Join(got, ", "); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// TestSeason checks the order of a season's leaderboard.
func TestSeason(t *testing.T) {
	line := func(player string, total time.Duration, wrong int) challenge.Rank {
		return challenge.Rank{Player: player, Correct: total > 0, Total: total, Wrong: wrong}
	}
	got := challenge.Season([][]challenge.Rank{
		{line("both", time.Hour, 0), line("fast", time.Minute, 0), line("none", 0, 1), line("slow", 2*time.Minute, 0), line("neat", time.Minute, 0)},
		{line("both", time.Hour, 0), line("fast", 0, 3), line("neat", 0, 0)},
	})
	var out []string
	for _, r := range got {
		out = append(out, fmt.Sprintf("%d %s %d/%d %s %d", r.Rank, r.Player, r.Solved, r.Played, r.Total, r.Wrong))
	}
	const want = "1 both 2/2 2h0m0s 0, 2 neat 1/2 1m0s 0, 3 fast 1/2 1m0s 3, 4 slow 1/1 2m0s 0, 5 none 0/1 0s 1"
	if got := strings.Join(out, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestLockout checks that lock-outs double, and never overflow.
func TestLockout(t *testing.T) {
	for before, want := range map[int]time.Duration{0: 2 * time.Minute, 1: 4 * time.Minute, 4: 32 * time.Minute, 10: 24 * time.Hour, 1000: 24 * time.Hour} {
		if got := challenge.Lockout(challenge.DefaultRules, before); got != want {
			t.Errorf("after %d: got %s, want %s", before, got, want)
		}
	}
	if got := challenge.Lockout(challenge.Rules{Penalty: 1}, 1000); got != 0 {
		t.Errorf("without a lock-out: got %s", got)
	}
}
