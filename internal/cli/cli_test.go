package cli

import (
	"flag"
	"log"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"firedrill/internal/stack/stacktest"
)

var update = flag.Bool("update", false, "rewrite golden parts of testdata/*.txtar and of docs/cli.md")

// cache is the cache folder of the tests in this process, so that a recording is made once.
var cache string

func TestMain(m *testing.M) {
	testscript.Main(withCache{m}, map[string]func(){"firedrill": Main})
}

// withCache runs the tests with a cache and, for those that ask, a shared stack.
type withCache struct{ m *testing.M }

func (w withCache) Run() int {
	var err error
	if cache, err = os.MkdirTemp("", "firedrill-cli-"); err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(cache)
	return stacktest.Run(w.m)
}

// TestScripts runs each command as a user would; one script a subject.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup:               setup,
	})
}

// setup keeps what the developer's machine has configured out of the scripts.
func setup(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir+"/home")
	env.Setenv("XDG_CONFIG_HOME", env.WorkDir+"/xdg-config")
	env.Setenv("XDG_CACHE_HOME", env.WorkDir+"/xdg-cache")
	env.Setenv("XDG_STATE_HOME", env.WorkDir+"/xdg-state")
	return nil
}
