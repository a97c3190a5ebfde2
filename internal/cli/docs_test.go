package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

const docsFile = "../../docs/cli.md"

// TestDocs checks that docs/cli.md lists the commands, settings and exit codes that the program has;
// -update writes them.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	text, want := string(b), string(b)
	for name, part := range map[string]string{"commands": docCommands(), "settings": docSettings(), "exit codes": docExitCodes(), "help": docHelp()} {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
		i, j := strings.Index(want, begin), strings.Index(want, end)
		if i < 0 || j < i {
			t.Fatalf("%s has no part %q", docsFile, name)
		}
		want = want[:i+len(begin)] + part + want[j:]
	}
	if d := cmp.Diff(want, text); d != "" {
		if !*update {
			t.Fatalf("%s is not what the program says (-want +got); go test ./internal/cli -update writes it:\n%s", docsFile, d)
		}
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// walk calls f for each command that help lists, children after their parent.
func walk(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			walk(sub, f)
		}
	}
}

func testRoot() *cobra.Command {
	a := &app{State: &State{}}
	return a.rootCommand()
}

func docCommands() string {
	var b strings.Builder
	b.WriteString("| command | what it does |\n|---|---|\n")
	walk(testRoot(), func(c *cobra.Command) {
		if c.HasParent() && !c.HasAvailableSubCommands() {
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(c.UseLine(), "|", `\|`), c.Short)
		}
	})
	return b.String()
}

func docSettings() string {
	var b strings.Builder
	b.WriteString("| key in firedrill.yaml | flag | environment | default | what it is |\n|---|---|---|---|---|\n")
	for _, k := range keys {
		flag := "none, it is a secret"
		if k.flagName() != "" {
			flag = "`--" + k.flagName() + "`"
		}
		def := ""
		if k.def != "" {
			def = "`" + k.def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s (%s) |\n", k.name, flag, k.env(), def, k.help, strings.ReplaceAll(k.kind.name, "|", `\|`))
	}
	return b.String()
}

func docExitCodes() string {
	var b strings.Builder
	b.WriteString("| code | meaning |\n|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.meaning)
	}
	return b.String()
}

// docHelp is the help of each command, without what all of them share.
func docHelp() string {
	var b strings.Builder
	walk(testRoot(), func(c *cobra.Command) {
		if c.HasAvailableSubCommands() {
			return
		}
		c.InitDefaultHelpFlag()
		about := c.Long
		if about == "" {
			about = c.Short + "."
		}
		usage, _, _ := strings.Cut(c.UsageString(), "\nFlags of every command:")
		fmt.Fprintf(&b, "### %s\n\n%s\n\n```text\n%s\n```\n\n", c.CommandPath(), about, strings.TrimSpace(usage))
	})
	return b.String()
}

// TestExamples checks that each example of the help is a command that exists with flags that it has.
func TestExamples(t *testing.T) {
	var n int
	walk(testRoot(), func(c *cobra.Command) {
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			n++
			checkExample(t, c.CommandPath(), line)
		}
	})
	if n == 0 {
		t.Fatal("no examples")
	}
}

// checkExample checks one line that a user may copy.
func checkExample(t *testing.T, where, line string) {
	t.Helper()
	text, _, _ := strings.Cut(line, "#")
	text, _, _ = strings.Cut(text, " > ")
	words := strings.Fields(text)
	for len(words) > 0 && strings.Contains(words[0], "=") { // environment before the command
		words = words[1:]
	}
	if len(words) == 0 || words[0] != "firedrill" {
		t.Errorf("%s: example %q does not begin with firedrill", where, line)
		return
	}
	cmd, args, err := testRoot().Find(words[1:])
	if err == nil {
		err = cmd.ParseFlags(args)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("%s: example %q: %v", where, line, err)
	}
}

// TestReadme checks that the commands of the README exist and that its links lead somewhere.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands, links int
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "firedrill ") {
			commands++
			checkExample(t, "README.md", line)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(b), -1) {
		links++
		if _, err := os.Stat("../../" + m[1]); !strings.Contains(m[1], "://") && err != nil {
			t.Errorf("README.md links to %s: %v", m[1], err)
		}
	}
	if commands == 0 || links == 0 {
		t.Errorf("found %d commands and %d links, want some", commands, links)
	}
}

// TestKeys checks what the table of settings must keep to.
func TestKeys(t *testing.T) {
	names, flags, envs := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, k := range keys {
		if names[k.name] || envs[k.env()] || k.flagName() != "" && flags[k.flagName()] {
			t.Errorf("key %s: name, flag or variable is there twice", k.name)
		}
		names[k.name], envs[k.env()], flags[k.flagName()] = true, true, true
		if k.def != "" {
			if _, err := k.kind.parse(k.def); err != nil {
				t.Errorf("key %s: default %q: %v", k.name, k.def, err)
			}
		}
		if k.help == "" {
			t.Errorf("key %s has no help", k.name)
		}
	}
}
