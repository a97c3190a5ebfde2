package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/internal/httpapi/wire"
)

const (
	crowdSessions = 2
	crowdPlayers  = challenge.MaxParticipants // of each session
)

// crowd is a thousand players in two live sessions, who speak through one plugin.
type crowd struct {
	*stage
	client   *http.Client
	url      string
	secret   string
	sessions []string
}

func newCrowd(tb testing.TB) *crowd {
	tb.Helper()
	c := &crowd{stage: newStage(tb)}
	c.url = c.serve(tb, nil, httpapi.Limits{RemoteRate: 1e6, RemoteBurst: 1e6}, nil) // it all comes from one address
	c.secret = c.Token(challenge.PluginRole, "crowd")
	transport := &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256}
	tb.Cleanup(transport.CloseIdleConnections)
	c.client = &http.Client{Transport: transport}
	c.connect(tb, transport.MaxConnsPerHost)
	for i := range crowdSessions {
		var v wire.Session
		c.boss.post("/sessions", wire.NewSession{Scenario: "lab", Mode: "live"}).into(http.StatusCreated, &v)
		for j := range crowdPlayers {
			p := challenge.Call{Role: challenge.PlayerRole, Name: player(i, j)}
			if _, err := c.Service.Join(tb.Context(), p, v.ID); err != nil {
				tb.Fatal(err)
			}
		}
		c.boss.post("/sessions/"+v.ID+"/start", nil).into(http.StatusOK, nil)
		if err := c.Load(v.ID); err != nil {
			tb.Fatal(err)
		}
		c.sessions = append(c.sessions, v.ID)
	}
	return c
}

// connect opens connections, as plugins keep them.
func (c *crowd) connect(tb testing.TB, n int) {
	tb.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, c.url+"/openapi.json", http.NoBody)
			if err != nil {
				tb.Error(err)
				return
			}
			resp, err := c.client.Do(req)
			if err != nil {
				tb.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		})
	}
	wg.Wait()
}

func player(session, i int) string { return fmt.Sprintf("p%d-%03d", session, i) }

// submit submits as one of the crowd.
func (c *crowd) submit(tb testing.TB, session, i int, key string, n wire.NewSubmission) (status int, s wire.Submission, err error) {
	body, err := json.Marshal(n)
	if err != nil {
		return 0, s, err
	}
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, c.url+"/sessions/"+c.sessions[session]+"/suspects", bytes.NewReader(body))
	if err != nil {
		return 0, s, err
	}
	req.Header = http.Header{
		"Authorization": {"Bearer " + c.secret}, httpapi.UserHeader: {player(session, i)},
		"Idempotency-Key": {key}, "Content-Type": {"application/json"},
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, s, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode == http.StatusCreated {
		err = json.Unmarshal(b, &s)
	}
	return resp.StatusCode, s, err
}

// TestSubmitAtOnce has a thousand players submit at once, each twice with one key, as a client does that got no answer.
func TestSubmitAtOnce(t *testing.T) {
	c := newCrowd(t)
	ids := make([][2]int64, crowdSessions*crowdPlayers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for k := range 2 * len(ids) {
		n, try := k/2, k%2
		wg.Go(func() {
			<-start
			claim := wrong
			if n%3 == 0 {
				claim = right
			}
			status, s, err := c.submit(t, n%crowdSessions, n/crowdSessions, "only", claim)
			if err != nil || status != http.StatusCreated || s.Correct != (n%3 == 0) {
				t.Errorf("player %d: %d, %+v, %v", n, status, s, err)
			}
			ids[n][try] = s.ID
		})
	}
	close(start)
	wg.Wait()
	for n, pair := range ids {
		if pair[0] != pair[1] {
			t.Errorf("player %d was counted as %d and %d", n, pair[0], pair[1])
		}
	}
	for i, id := range c.sessions {
		var all wire.List[wire.Submission]
		c.boss.get("/sessions/"+id+"/suspects").into(http.StatusOK, &all)
		players := map[string]bool{}
		for k, s := range all.Items {
			players[s.Player] = true
			if k > 0 && (s.ID <= all.Items[k-1].ID || s.At.Before(all.Items[k-1].At.Time)) {
				t.Errorf("submission %d comes out of order", k)
			}
		}
		if len(all.Items) != crowdPlayers || len(players) != crowdPlayers {
			t.Errorf("session %d counts %d submissions of %d players, want %d", i, len(all.Items), len(players), crowdPlayers)
		}
		var ranks wire.List[wire.Rank]
		c.boss.get("/sessions/"+id+"/leaderboard").into(http.StatusOK, &ranks)
		if last := slices.IndexFunc(ranks.Items, func(r wire.Rank) bool { return !r.Correct }); last < 0 || slices.ContainsFunc(ranks.Items[last:], func(r wire.Rank) bool { return r.Correct }) {
			t.Errorf("session %d: somebody who is wrong is before somebody who is right", i)
		}
	}
}

// BenchmarkSubmit has a thousand players submit at the same instant, a wrong suspect each, over HTTP to SQLite, and prints how long they
// waited. The clients share the machine's cores with the server.
//
//	go test ./internal/httpapi -run - -bench Submit -benchtime 5x
func BenchmarkSubmit(b *testing.B) {
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		c := newCrowd(b)
		b.StartTimer()
		waits := make([]time.Duration, crowdSessions*crowdPlayers)
		var wg sync.WaitGroup
		start := make(chan struct{})
		for n := range waits {
			wg.Go(func() {
				<-start
				begin := time.Now()
				status, _, err := c.submit(b, n%crowdSessions, n/crowdSessions, "only", wrong)
				waits[n] = time.Since(begin)
				if err != nil || status != http.StatusCreated {
					b.Errorf("player %d: %d %v", n, status, err)
				}
			})
		}
		close(start)
		wg.Wait()
		took = append(took, waits...)
	}
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
}
