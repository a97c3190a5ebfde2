package cli_test

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"firedrill/internal/cli"
)

var update = flag.Bool("update", false, "rewrite golden parts of testdata/*.txtar and of docs/cli.md")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"firedrill": cli.Main})
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
