// Package pgtest runs a private PostgreSQL for tests. The entry point is NewDatabase; a TestMain must call Run.
//
// The server listens on loopback alone, keeps its data in a temporary folder, and syncs to disk as a real one. It is
// started by the first test that asks and serves all tests of the binary. Where the binary is killed, the kernel
// stops the server too, on Linux; its folder stays then.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startWithin is generous: test machines are small and busy.
const startWithin = 2 * time.Minute

var shared struct {
	sync.Mutex
	server    *server
	databases int
}

// NewDatabase returns the URL, with password, of an empty database of the test's own, which is dropped when the
// test ends. Without PostgreSQL the test fails and says how to install it: a test that is skipped proves nothing.
func NewDatabase(tb testing.TB) string {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := start()
		if err != nil {
			tb.Fatalf("start PostgreSQL: %v", err)
		}
		shared.server = s
	}
	shared.databases++
	name := fmt.Sprintf("test%d", shared.databases)
	admin := shared.server.url("postgres")
	execute(tb, admin, "CREATE DATABASE "+name)
	tb.Cleanup(func() { execute(tb, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	return shared.server.url(name)
}

// Run runs the tests of a package, then stops the server and removes its data. It returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.stop()
		shared.server = nil
	}
	return code
}

func execute(tb testing.TB, url, statement string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// password has what must be escaped in a URL.
const password = "s3cret/p@ss word"

func (s *server) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("firedrill", password),
		Host: fmt.Sprintf("127.0.0.1:%d", s.port), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// ready waits until the server answers, or has ended.
func (s *server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			log, _ := os.ReadFile(s.logFile())
			return fmt.Errorf("the server has ended:\n%s", log)
		case <-ctx.Done():
			return fmt.Errorf("no answer within %v: %w", startWithin, err)
		case <-tick.C:
		}
	}
}
