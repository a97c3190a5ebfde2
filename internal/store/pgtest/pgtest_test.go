package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childEnv makes the test binary start a server, print its folder and URL, and wait to be killed.
const childEnv = "FIREDRILL_TEST_PGTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(Run(m))
	}
	s, err := start()
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Printf("%s\n%s\n", s.dir, s.url("postgres"))
	select {}
}

func TestNewDatabase(t *testing.T) {
	ctx := context.Background()
	one, two := NewDatabase(t), NewDatabase(t)
	if one == two {
		t.Fatalf("two databases have one URL")
	}
	execute(t, one, "CREATE TABLE x (n int)")
	conn, err := pgx.Connect(ctx, two)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SELECT * FROM x"); err == nil {
		t.Error("a table of one database is in the other")
	}
	for setting, want := range map[string]string{"fsync": "on", "listen_addresses": "127.0.0.1", "synchronous_commit": "on"} {
		var got string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", setting, got, err, want)
		}
	}
	if wrong, err := pgx.Connect(ctx, strings.Replace(two, "s3cret", "wrong", 1)); err == nil {
		wrong.Close(ctx)
		t.Error("a wrong password is good")
	}
}

func TestServerEndsWithTheBinary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel has no signal for it")
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	dir := lines.Text()
	lines.Scan()
	url := lines.Text()
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "signal: killed"
	if !strings.HasPrefix(url, "postgres://") {
		t.Fatalf("the child printed %q and %q", dir, url)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, url)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			_ = conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the server outlives its parent: %v", err)
		case <-tick.C:
		}
	}
}
