package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
)

// skeleton holds the files of a new scenario. Their names keep them apart from those of scenarios.
//
//go:embed skeleton/*.tmpl
var skeleton embed.FS

// New writes a small scenario with comments, which can be built, validated and played, into a folder that
// must not exist; the folder's name becomes its id.
func New(dir string) (err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("new scenario: %w", err)
	}
	id := filepath.Base(abs)
	if !slug.MatchString(id) {
		return fmt.Errorf("new scenario: the folder's name is %q, expected lower-case words with hyphens, such as slow-checkout", id)
	}
	files, err := template.ParseFS(skeleton, "skeleton/*.tmpl")
	if err != nil {
		return fmt.Errorf("new scenario: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		return fmt.Errorf("new scenario: %w", err)
	}
	if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("new scenario: %s is there already", dir)
	} else if err != nil {
		return fmt.Errorf("new scenario: %w", err)
	}
	values := struct{ ID, Schema string }{id, schemaFolder(abs)}
	for _, name := range []string{File, SystemFile, AnswerFile} {
		if err := writeNew(files, dir, name, values); err != nil {
			return fmt.Errorf("new scenario: %w", err)
		}
	}
	return nil
}

// schemaFolder finds docs/schema above a folder, relative to it, for editors; "" when there is none.
func schemaFolder(dir string) string {
	up := ".."
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		if _, err := os.Stat(filepath.Join(parent, "docs/schema", "scenario.schema.json")); err == nil {
			return up + "/docs/schema"
		}
		if parent == filepath.Dir(parent) {
			return ""
		}
		up += "/.."
	}
}

func writeNew(files *template.Template, dir, name string, values any) (err error) {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return files.ExecuteTemplate(f, name+".tmpl", values)
}
