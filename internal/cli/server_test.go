package cli

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"firedrill/internal/challenge"
	"firedrill/internal/httpapi/apitest"
)

// TestServerScripts runs the commands that talk to a server, each script against one of its own. The variables BOSS, ANA and BEN
// hold tokens; the commands load and pass do what a runner and time do.
func TestServerScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/server",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			a := apitest.New(env.T().(testing.TB))
			env.Values[arenaKey{}] = a
			env.Setenv("FIREDRILL_SERVER_URL", a.URL)
			env.Setenv("BOSS", a.Token(challenge.FacilitatorRole, "boss"))
			env.Setenv("ANA", a.Token(challenge.PlayerRole, "ana"))
			env.Setenv("BEN", a.Token(challenge.PlayerRole, "ben"))
			env.Setenv("TZ", "UTC")
			return setup(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"load": loadSession, "pass": passTime, "id": idFrom, "as": as, "closed": closedPort},
	})
}

type arenaKey struct{}

func arena(ts *testscript.TestScript) *apitest.Arena {
	a, _ := ts.Value(arenaKey{}).(*apitest.Arena)
	return a
}

// loadSession brings a session that is loading to its page.
func loadSession(ts *testscript.TestScript, _ bool, args []string) { ts.Check(arena(ts).Load(args[0])) }

// passTime moves the server's clock.
func passTime(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	arena(ts).Pass(d)
}

// idFrom sets a variable to the first word of what the last command printed.
func idFrom(ts *testscript.TestScript, _ bool, args []string) {
	words := strings.Fields(ts.ReadFile("stdout"))
	if len(words) == 0 {
		ts.Fatalf("nothing was printed")
	}
	ts.Setenv(args[0], words[0])
}

// as makes the commands that follow somebody's.
func as(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("FIREDRILL_SERVER_TOKEN", ts.Getenv(args[0]))
}

// closedPort sets a variable to an address where nobody listens.
func closedPort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], fmt.Sprintf("http://%s", l.Addr()))
	ts.Check(l.Close())
}

// TestServerExitCodes checks the documented codes of what a server answers, or does not.
func TestServerExitCodes(t *testing.T) {
	a := apitest.New(t)
	ana := a.Token(challenge.PlayerRole, "ana")
	for _, c := range []struct {
		args       []string
		url, token string
		want       int
	}{
		{[]string{"session", "list"}, a.URL, ana, exitOK},
		{[]string{"session", "create", "lab", "--mode", "solo", "--timebox", "1s"}, a.URL, ana, exitUsage},
		{[]string{"session", "list"}, a.URL, "", exitUsage},
		{[]string{"submit"}, a.URL, ana, exitUsage},
		{[]string{"submit", "--nothing-broken"}, a.URL, ana, exitBackEnd},
		{[]string{"session", "list"}, a.URL, "fd_p_x", exitBackEnd},
		{[]string{"join", "s000000000000"}, a.URL, ana, exitBackEnd},
		{[]string{"session", "list"}, "http://127.0.0.1:1", ana, exitBackEnd},
	} {
		t.Setenv("FIREDRILL_SERVER_URL", c.url)
		t.Setenv("FIREDRILL_SERVER_TOKEN", c.token)
		code, out, errs := run(t, c.args...)
		if code != c.want || c.want != exitOK && out != "" {
			t.Errorf("%v: exit code %d, want %d; printed %q, %q", c.args, code, c.want, out, errs)
		}
		if strings.Contains(errs, ana) {
			t.Errorf("%v: the token is shown", c.args)
		}
	}
}
