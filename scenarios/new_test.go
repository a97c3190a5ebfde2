package scenarios_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firedrill/scenarios"
)

// TestNew checks that a new scenario has everything that is asked of a scenario.
func TestNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "drills", "slow-pages")
	if err := scenarios.New(dir); err != nil {
		t.Fatal(err)
	}
	s, err := scenarios.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := scenarios.LoadAnswer(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := scenarios.CheckComplete(s, a); err != nil {
		t.Error(err)
	}
	b, runs := builder(t)
	mustRecord(t, b, s)
	if runs.Load() != 1 {
		t.Error("the new scenario was not built")
	}
	if err := scenarios.New(dir); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("got %v, want an error about the folder", err)
	}
	if err := scenarios.New(filepath.Join(t.TempDir(), "Slow Pages")); err == nil || !strings.Contains(err.Error(), `"Slow Pages", expected lower-case words`) {
		t.Errorf("got %v, want an error about the name", err)
	}
}

// TestNewNamesSchemas checks that editors find the schemas where there are some above the folder.
func TestNewNamesSchemas(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "docs/schema"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, "docs/schema/scenario.schema.json"), "{}")
	dir := filepath.Join(root, "scenarios", "slow-pages")
	if err := scenarios.New(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, scenarios.AnswerFile))
	if err != nil {
		t.Fatal(err)
	}
	if want := "# yaml-language-server: $schema=../../docs/schema/answer.schema.json\n"; !strings.HasPrefix(string(b), want) {
		t.Errorf("got %.80q, want it to begin with %q", b, want)
	}
}

// TestCheckComplete checks what players must have to be graded.
func TestCheckComplete(t *testing.T) {
	for want, c := range map[string]fault{
		"difficulty is missing":                                {"difficulty: introductory\n", "", ""},
		"diagram is missing":                                   {full[strings.Index(full, "diagram:"):strings.Index(full, "changes:")], "", ""},
		"suspects.causes has 1 entries, expected at least 2":   {"    - {id: bad-deploy, title: A deploy}\n", "", ""},
		"suspects.components has 1 entries, expected at least": {"components: [web, db]", "components: [db]", ""},
	} {
		t.Run(want, func(t *testing.T) {
			s := writeAll(t, c.apply(t, full), strings.Replace(key, "aliases: [web], ", "", 1))
			a, err := scenarios.LoadAnswer(s)
			if err != nil {
				t.Fatal(err)
			}
			if err := scenarios.CheckComplete(s, a); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}
