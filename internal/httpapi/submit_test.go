package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/internal/httpapi/apitest"
	"firedrill/internal/httpapi/wire"
)

// sender is a connection that is open, with a request that is ready: so the client adds little to what is measured.
type sender struct {
	conn    net.Conn
	request []byte
	answer  [4096]byte
	n       int           // bytes of the answer that are read
	took    time.Duration // from the first byte of the request to the first ones of the answer
	err     error
}

// dial opens n connections, as clients keep them.
func dial(tb testing.TB, addr string, n int) []*sender {
	tb.Helper()
	out := make([]*sender, n)
	for k := range out {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { conn.Close() })
		out[k] = &sender{conn: conn}
	}
	// When the last one has an answer, the server has accepted all.
	last := out[n-1].conn
	if _, err := io.WriteString(last, "GET "+httpapi.Prefix+"/openapi.json HTTP/1.1\r\nHost: firedrill\r\n\r\n"); err != nil {
		tb.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(last), nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		tb.Fatal(err)
	}
	return out
}

// prepare gives each sender the submission of one of a crowd's players. Every third is right.
func prepare(tb testing.TB, all []*sender, v crowd) {
	tb.Helper()
	for k, s := range all {
		k %= crowdSessions * crowdPlayers
		body, err := json.Marshal(claimOf(k))
		if err != nil {
			tb.Fatal(err)
		}
		s.request = fmt.Appendf(nil, "POST %s/sessions/%s/suspects HTTP/1.1\r\nHost: firedrill\r\nAuthorization: Bearer %s\r\n%s: %s\r\n"+
			"Idempotency-Key: only\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			httpapi.Prefix, v.Sessions[k%crowdSessions], v.Plugin, httpapi.UserHeader, player(k), len(body), body)
	}
}

func claimOf(player int) wire.NewSubmission {
	if player%3 == 0 {
		return right
	}
	return wrong
}

// send sends all requests at once, and waits for the answers. answered is called after each.
func send(all []*sender, answered func()) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() {
			<-start
			begin := time.Now()
			if _, s.err = s.conn.Write(s.request); s.err == nil {
				s.n, s.err = s.conn.Read(s.answer[:])
			}
			s.took = time.Since(begin)
			answered()
		})
	}
	close(start)
	wg.Wait()
}

// submission is what the server has answered.
func (s *sender) submission() (v wire.Submission, err error) {
	if s.err != nil {
		return v, s.err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(s.answer[:s.n]), s.conn)), nil)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, b)
	}
	return v, errors.Join(err, json.Unmarshal(b, &v))
}

// checkCounted checks that each of a crowd's first players was counted once, in one order, as they were told. answers are theirs; one with ID 0
// was not received.
func checkCounted(t *testing.T, c *caller, v crowd, answers []wire.Submission) {
	t.Helper()
	for i, id := range v.Sessions {
		var all wire.List[wire.Submission]
		c.get("/sessions/"+id+"/suspects").into(http.StatusOK, &all)
		counted := map[string]wire.Submission{}
		for k, s := range all.Items {
			counted[s.Player] = s
			if k > 0 && (s.ID <= all.Items[k-1].ID || s.At.Before(all.Items[k-1].At.Time)) {
				t.Errorf("submission %d comes out of order", k)
			}
		}
		if len(all.Items) != len(counted) {
			t.Errorf("session %d counts %d submissions of %d players", i, len(all.Items), len(counted))
		}
		for k := i; k < len(answers); k += crowdSessions {
			s, ok := counted[player(k)]
			if want := answers[k]; want.ID != 0 && (!ok || s.ID != want.ID || s.Correct != want.Correct || s.Correct != (k%3 == 0)) {
				t.Errorf("player %d is counted as %+v, and was told %+v", k, s, want)
			}
		}
	}
}

// TestSubmitAtOnce has a thousand players submit at once, each twice with one key, as a client does that got no answer.
func TestSubmitAtOnce(t *testing.T) {
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			v := startChild(t, store.url(t)).crowd()
			const players = crowdSessions * crowdPlayers
			all := dial(t, v.Addr, 2*players)
			prepare(t, all, v)
			send(all, func() {})
			answers := make([]wire.Submission, players)
			for k, s := range all {
				answer, err := s.submission()
				if err != nil {
					t.Errorf("player %d: %v", k%players, err)
				}
				if first := answers[k%players]; k >= players && first.ID != answer.ID {
					t.Errorf("player %d was counted as %d and %d", k%players, first.ID, answer.ID)
				}
				answers[k%players] = answer
			}
			boss := &caller{tb: t, url: "http://" + v.Addr + httpapi.Prefix, header: http.Header{"Authorization": {"Bearer " + v.Boss}}, keys: new(int)}
			checkCounted(t, boss, v, answers)
			for i, id := range v.Sessions {
				var ranks wire.List[wire.Rank]
				boss.get("/sessions/"+id+"/leaderboard").into(http.StatusOK, &ranks)
				last := slices.IndexFunc(ranks.Items, func(r wire.Rank) bool { return !r.Correct })
				if last < 0 || slices.ContainsFunc(ranks.Items[last:], func(r wire.Rank) bool { return r.Correct }) || len(ranks.Items) != crowdPlayers {
					t.Errorf("session %d: %d ranks, want all %d, those who are right before those who are wrong", i, len(ranks.Items), crowdPlayers)
				}
			}
		})
	}
}

// TestKill kills the server while a thousand players submit. A server that takes over its store has counted whatever was answered, and
// counts once what is sent again.
func TestKill(t *testing.T) {
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			storeURL := store.url(t)
			child := startChild(t, storeURL)
			v := child.crowd()
			const players = crowdSessions * crowdPlayers
			all := dial(t, v.Addr, players)
			prepare(t, all, v)
			got := make(chan struct{}, players)
			killed := make(chan error, 1)
			go func() {
				for range players / 4 {
					<-got
				}
				killed <- child.cmd.Process.Kill() // SIGKILL
			}()
			send(all, func() { got <- struct{}{} })
			if err := <-killed; err != nil {
				t.Fatal(err)
			}
			child.stop()
			answers, answered := make([]wire.Submission, players), 0
			for k, s := range all {
				if answer, err := s.submission(); err == nil {
					answers[k] = answer
					answered++
				}
			}
			if answered < 1 || answered == players {
				t.Fatalf("%d were answered: it was not killed in the middle", answered)
			}

			a := apitest.Open(t, storeURL)
			a.Pass(time.Minute) // to where the clock of the child was
			boss := newCaller(a, t, challenge.FacilitatorRole, "boss")
			checkCounted(t, boss, v, answers)
			plugin := newCaller(a, t, challenge.PluginRole, "crowd")
			for k := range all {
				as := plugin.with(httpapi.UserHeader, player(k)).with("Idempotency-Key", "only")
				var again wire.Submission
				as.post("/sessions/"+v.Sessions[k%crowdSessions]+"/suspects", claimOf(k)).into(http.StatusCreated, &again)
				if answers[k].ID != 0 && answers[k].ID != again.ID {
					t.Errorf("player %d was counted as %d and %d", k, answers[k].ID, again.ID)
				}
				answers[k] = again
			}
			checkCounted(t, boss, v, answers)
			t.Logf("%d of %d were answered before the server was killed", answered, players)
		})
	}
}

// BenchmarkSubmit has a thousand players submit at the same instant over HTTP. It prints what they waited for the answer, what of it
// the server saw (from the first byte it read to the last it wrote), when the last one had it, and the server's CPU time for each. The clients share
// the machine's cores with the server, and PostgreSQL.
//
//	go test ./internal/httpapi -run - -bench Submit -benchtime 12x
func BenchmarkSubmit(b *testing.B) {
	for _, store := range stores {
		b.Run("db="+store.name, func(b *testing.B) {
			child := startChild(b, store.url(b), childFlags...)
			all := dial(b, child.crowd().Addr, crowdSessions*crowdPlayers)
			var waited, served, whole []time.Duration
			var cpu time.Duration
			for b.Loop() {
				b.StopTimer()
				v := child.crowd()
				prepare(b, all, v)
				b.StartTimer()
				begin := time.Now()
				send(all, func() {})
				whole = append(whole, time.Since(begin))
				b.StopTimer()
				for _, s := range all {
					if _, err := s.submission(); err != nil {
						b.Fatal(err)
					}
					waited = append(waited, s.took)
				}
				v = child.crowd()
				served = append(served, v.Served...)
				cpu += v.CPU
				b.StartTimer()
			}
			report(b, waited, "client", 0.5, 0.99, 1)
			report(b, served, "server", 0.5, 0.99, 1)
			report(b, whole, "all", 0.5, 1)
			b.ReportMetric(float64(cpu.Microseconds())/float64(len(waited)), "µs-CPU")
		})
	}
}

// report prints quantiles in milliseconds.
func report(b *testing.B, took []time.Duration, what string, quantiles ...float64) {
	slices.Sort(took)
	for _, q := range quantiles {
		b.ReportMetric(float64(took[int(q*float64(len(took)-1))].Microseconds())/1000, fmt.Sprintf("%s-p%g-ms", what, 100*q))
	}
}
