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

// TestAuthoringWalkThrough checks the commands of the page, and runs those that need no simulation.
func TestAuthoringWalkThrough(t *testing.T) {
	text, err := os.ReadFile(authoringDoc)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{home: t.TempDir()}
	var commands [][]string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			checkExample(t, authoringDoc, line)
			commands = append(commands, strings.Fields(line)[1:])
		}
	}
	t.Chdir(t.TempDir())
	var ran int
	for _, args := range commands {
		switch strings.Join(args[:min(2, len(args))], " ") {
		case "scenario new", "scenario show", "scenario list":
			ran++
			if code := m.run(args...); code != exitOK {
				t.Errorf("%q: got exit code %d: %s", args, code, m.stderr.String())
			}
		}
	}
	if ran != 3 {
		t.Errorf("ran %d commands, want 3", ran)
	}
}
