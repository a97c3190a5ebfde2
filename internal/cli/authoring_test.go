package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"firedrill/internal/stack/stacktest"
)

const authoringDoc = "../../docs/scenario-authoring.md"

// TestAuthoringParameters checks that docs/scenario-authoring.md lists the parameters that faults can set.
func TestAuthoringParameters(t *testing.T) {
	text, err := os.ReadFile(authoringDoc)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "### Faults")
	table, _, _ = strings.Cut(table, "### Evidence")
	listed := map[string]bool{}
	for row := range strings.Lines(table) {
		cell, ok := strings.CutPrefix(row, "| ")
		if !ok {
			continue
		}
		cell, _, _ = strings.Cut(cell, " |")
		for _, m := range regexp.MustCompile("`([a-z.]+)`").FindAllStringSubmatch(cell, -1) {
			listed[m[1]] = true
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../../scenarios/sim/model/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Parameter" {
				known[strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`)] = true
			}
		}
		return true
	})
	if len(known) == 0 {
		t.Fatal("no parameters found")
	}
	for name := range known {
		if !listed[name] {
			t.Errorf("parameter %s is not listed", name)
		}
	}
	for name := range listed {
		if !known[name] {
			t.Errorf("there is no parameter %s", name)
		}
	}
}

// TestAuthoringLinks checks that the links of the page lead somewhere.
func TestAuthoringLinks(t *testing.T) {
	text, err := os.ReadFile(authoringDoc)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil {
			t.Error(err)
		}
	}
}

// TestAuthoringWalkThrough runs the commands of the page, from the empty folder to the player's session.
func TestAuthoringWalkThrough(t *testing.T) {
	text, err := os.ReadFile(authoringDoc)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{home: t.TempDir()}
	bin := stacktest.Bin(t)
	var ran []string
	t.Chdir(t.TempDir())
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			args := strings.Fields(line)[1:]
			name := args[0]
			if name == "scenario" {
				name = args[1]
			}
			ran = append(ran, name)
			if name == "validate" || name == "play" {
				args = append(args, "--stack-bin", bin)
			}
			if code := m.run(args...); code != exitOK {
				t.Fatalf("%q: got exit code %d: %s%s", args, code, m.stdout.text.String(), m.stderr.String())
			}
		}
	}
	if got, want := strings.Join(ran, " "), "new show build inspect validate list play"; got != want {
		t.Errorf("the page runs %q, want %q", got, want)
	}
	if !strings.Contains(m.stderr.String(), "ended after 0:10: the time is up") {
		t.Errorf("got %s, want a session that ended when its time was up", m.stderr.String())
	}
}
