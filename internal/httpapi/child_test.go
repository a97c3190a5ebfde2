package httpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi"
	"firedrill/internal/httpapi/apitest"
	"firedrill/internal/store/pgtest"
)

// childEnv makes TestChild a server, on the store that the variable names.
const childEnv = "FIREDRILL_TEST_API_CHILD"

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// stores are the kinds of stores.
var stores = []struct {
	name string
	url  func(tb testing.TB) string
}{
	{"sqlite", func(tb testing.TB) string { return tb.TempDir() + "/test.db" }},
	{"postgres", pgtest.NewDatabase},
}

// crowdSessions of crowdPlayers each are a thousand players, who speak through one plugin.
const (
	crowdSessions = 2
	crowdPlayers  = challenge.MaxParticipants
)

// player is the k-th of the thousand, who is in session k%crowdSessions.
func player(k int) string { return fmt.Sprintf("p%03d", k) }

// crowd is what the child says when the players of new live sessions are ready.
type crowd struct {
	Addr     string
	Plugin   string          // its token
	Boss     string          // token of a facilitator
	Sessions []string        // live ones
	Served   []time.Duration // of the requests since the last crowd: from the first byte that was read to the last one that was written
	CPU      time.Duration   // that the child used since then
}

// childFlags are flags for the child of a benchmark, such as -test.cpuprofile.
var childFlags = strings.Fields(os.Getenv("FIREDRILL_TEST_API_CHILD_FLAGS"))

// child is a server in a process of its own, for tests that kill or measure it.
type child struct {
	tb    testing.TB
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// startChild starts a child on a store. Arguments are flags of the test binary, such as -test.cpuprofile.
func startChild(tb testing.TB, storeURL string, args ...string) *child {
	tb.Helper()
	cmd := exec.Command(os.Args[0], append(args, "-test.run=^TestChild$")...)
	cmd.Env = append(os.Environ(), childEnv+"="+storeURL)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	c := &child{tb: tb, cmd: cmd, in: in, lines: bufio.NewScanner(out)}
	c.lines.Buffer(nil, 1<<20)
	tb.Cleanup(c.stop)
	return c
}

// stop lets the child end by itself, if it was not killed.
func (c *child) stop() {
	c.in.Close()
	for c.lines.Scan() {
	}
	_ = c.cmd.Wait()
}

// crowd has the child make new sessions.
func (c *child) crowd() (v crowd) {
	c.tb.Helper()
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		c.tb.Fatal(err)
	}
	if !c.lines.Scan() {
		c.tb.Fatal("the child has ended")
	}
	if err := json.Unmarshal(c.lines.Bytes(), &v); err != nil {
		c.tb.Fatalf("%v: %s", err, c.lines.Text())
	}
	return v
}

// TestChild is the child: for each line that it reads it makes a crowd.
func TestChild(t *testing.T) {
	storeURL := os.Getenv(childEnv)
	if storeURL == "" {
		t.Skip("this is a part of other tests")
	}
	a := apitest.Open(t, storeURL)
	// It all comes from one address.
	api := httpapi.NewLimited(httpapi.Options{Service: a.Service, Identify: httpapi.Bearer(a.Tokens), Library: a.Library, Now: a.Now, Log: a.Logger(), Registry: prometheus.NewRegistry()},
		httpapi.Limits{RemoteRate: 1e6, RemoteBurst: 1e6}, nil)
	server := httptest.NewUnstartedServer(nil)
	server.Config = httpapi.NewServer(api)
	timed := &timedListener{Listener: httpapi.Limit(server.Listener)}
	server.Listener = timed
	server.Start()
	defer server.Close()
	plugin, boss := a.Token(challenge.PluginRole, "crowd"), a.Token(challenge.FacilitatorRole, "boss")

	cpu := cpuTime()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		v := crowd{Addr: server.Listener.Addr().String(), Plugin: plugin, Boss: boss, Served: timed.take(), CPU: cpuTime() - cpu}
		for i := range crowdSessions {
			id, err := a.Live(crowdPlayers, func(j int) string { return player(j*crowdSessions + i) })
			if err != nil {
				t.Fatal(err)
			}
			v.Sessions = append(v.Sessions, id)
		}
		cpu = cpuTime()
		if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// timedListener notes how long each request of its connections took.
type timedListener struct {
	net.Listener
	mu   sync.Mutex // guards took
	took []time.Duration
}

func (l *timedListener) take() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := l.took
	l.took = nil
	return took
}

func (l *timedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &timedConn{Conn: c, listener: l}, nil
}

type timedConn struct {
	net.Conn
	listener *timedListener
	begin    atomic.Int64 // of the request, 0 between requests
}

func (c *timedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.begin.CompareAndSwap(0, time.Now().UnixNano())
	}
	return n, err
}

// Write writes a whole answer: short ones are not cut.
func (c *timedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if begin := c.begin.Swap(0); begin != 0 {
		took := time.Duration(time.Now().UnixNano() - begin)
		c.listener.mu.Lock()
		c.listener.took = append(c.listener.took, took)
		c.listener.mu.Unlock()
	}
	return n, err
}
