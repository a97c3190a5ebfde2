package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// builtin holds the scenarios of the program.
//
//go:embed */*.yaml
var builtin embed.FS

// Load reads the scenario in a folder.
func Load(dir string) (*Scenario, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return load(dir, filepath.Base(abs), os.DirFS(dir))
}

// Library finds scenarios by name: those of the program, and those of one directory beside them.
type Library struct {
	dir string // "" when there is none
	ids []string
	own map[string]bool   // ids of the program
	at  map[string]string // folders of scenarios that are nowhere else, by id
}

// Open lists the scenarios of the program and of dir, whose folders with a scenario.yaml are one each;
// dir may be "". A name that both have is an error.
func Open(dir string) (*Library, error) {
	files, _ := fs.Glob(builtin, "*/"+File) // the pattern is sound
	l := &Library{dir: dir, own: map[string]bool{}}
	for _, f := range files {
		id := path.Dir(f)
		l.ids, l.own[id] = append(l.ids, id), true
	}
	if dir != "" {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("list scenarios: %w", err)
		}
		for _, e := range entries {
			id := e.Name()
			if _, err := os.Stat(filepath.Join(dir, id, File)); err != nil {
				continue
			}
			if l.own[id] {
				return nil, fmt.Errorf("%s has the name of a scenario of the program, scenarios/%s; rename its folder and its id", filepath.Join(dir, id), id)
			}
			l.ids = append(l.ids, id)
		}
	}
	slices.Sort(l.ids)
	return l, nil
}

// IDs lists the names of all scenarios, sorted.
func (l *Library) IDs() []string { return slices.Clone(l.ids) }

// With returns a library that has the scenario of one more folder, in place of one with the same id.
func (l *Library) With(s *Scenario) *Library {
	more := *l
	more.at = map[string]string{s.ID: s.dir}
	if !slices.Contains(l.ids, s.ID) {
		more.ids = append(l.IDs(), s.ID)
		slices.Sort(more.ids)
	}
	return &more
}

// Load reads a scenario; the error wraps fs.ErrNotExist when there is none of that name.
func (l *Library) Load(id string) (*Scenario, error) {
	switch {
	case l.at[id] != "":
		return Load(l.at[id])
	case !slices.Contains(l.ids, id):
		return nil, fmt.Errorf("there is no scenario %q: %w", id, fs.ErrNotExist)
	case !l.own[id]:
		return Load(filepath.Join(l.dir, id))
	}
	folder, err := fs.Sub(builtin, id)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return load("", id, folder)
}

// load reads the scenario of a folder that has a name.
func load(dir, name string, folder fs.FS) (*Scenario, error) {
	s := &Scenario{ID: name, dir: dir, folder: folder}
	file := s.Path(File)
	text, err := s.readFile(File)
	if err != nil {
		return nil, err
	}
	s.ID = ""
	doc, err := decode(file, false, text, s)
	if err != nil {
		return nil, err
	}
	s.check(doc, name)
	if err := doc.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// readFile reads one of the scenario's own files.
func (s *Scenario) readFile(name string) ([]byte, error) {
	text, err := fs.ReadFile(s.folder, name)
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // it knows only the name within the folder
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.Path(name), err)
	}
	return text, nil
}
