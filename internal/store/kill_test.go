package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"firedrill/internal/challenge"
	"firedrill/internal/store"
)

// childEnv makes the test binary play a server: it writes submissions to the database that the variable names, prints the
// key of each one that was acknowledged, and goes on until it is killed.
const childEnv = "FIREDRILL_TEST_STORE_CHILD"

func playChild(url string) {
	s, err := store.Open(context.Background(), url, nil)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	var print sync.Mutex
	for player := range 128 {
		go func() {
			for n := 0; ; n++ {
				sub := submission(session(1).ID, fmt.Sprint(player), fmt.Sprintf("%d-%d", player, n))
				err := s.Update(context.Background(), func(tx challenge.Tx) error { return tx.InsertSubmissions(&sub) })
				print.Lock()
				if err != nil {
					fmt.Println("error:", err)
				} else {
					fmt.Println(sub.Player, sub.Key)
				}
				print.Unlock()
			}
		}()
	}
	select {}
}

// TestKill kills a process in the middle of its writes: whatever it has acknowledged must be there.
func TestKill(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url)
		insert(t, s, 1)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+url)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := map[string]int{}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var player, key string
			if _, err := fmt.Sscan(lines.Text(), &player, &key); err != nil || player == "error:" {
				t.Errorf("child: %s", lines.Text())
			}
			acknowledged[key]++
			if len(acknowledged) == 2000 {
				if err := child.Process.Kill(); err != nil { // SIGKILL
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait() // "signal: killed"
		if len(acknowledged) < 2000 {
			t.Fatalf("the child ended after %d submissions", len(acknowledged))
		}

		s = open(t, url)
		list := read(t, s, func(tx challenge.Tx) ([]challenge.Submission, error) { return tx.Submissions(session(1).ID, "") })
		stored := map[string]int{}
		for _, sub := range list {
			stored[sub.Key]++
		}
		for key := range acknowledged {
			if stored[key] != 1 {
				t.Errorf("submission %s was acknowledged and is there %d times", key, stored[key])
			}
		}
		t.Logf("%d acknowledged, %d stored", len(acknowledged), len(stored))
	})
}
