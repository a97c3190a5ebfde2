// Package scenarios loads scenarios: a recording with a brief, a page and a time box.
//
// Each folder of this directory is one scenario. [Load] reads one from any folder, [Builtin] one of
// those that are part of the program. A scenario.yaml is read strictly: an unknown key, a missing one
// or a value that cannot be is an error with file and line.
package scenarios

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// File is the name of a scenario's file in its folder.
const File = "scenario.yaml"

// Version is the only version of scenario.yaml so far.
const Version = 1

//go:embed */scenario.yaml
var builtin embed.FS

// Scenario is what scenario.yaml says.
type Scenario struct {
	Version int    `yaml:"version"`
	ID      string `yaml:"id"` // equal to the folder's name
	Title   string `yaml:"title"`
	Brief   string `yaml:"brief"` // what the player may know at the start, Markdown
	Page    Page   `yaml:"page"`
	// Timebox is how long the player has, counted from the page.
	Timebox Duration `yaml:"timebox"`
	// History is how much recorded time before the page is loaded; 0 is all there is.
	History Duration `yaml:"history"`
	// Recording is the recording's folder, relative to the scenario's. Exactly one of Recording and
	// Generate is set.
	Recording string `yaml:"recording"`
	// Generate names a recording that the program makes itself.
	Generate string `yaml:"generate"`

	// Dir is the scenario's folder, "" for one that is part of the program.
	Dir string `yaml:"-"`
}

// Page is the moment that calls the player in.
type Page struct {
	At    Moment `yaml:"at"`
	Alert string `yaml:"alert"` // the alert's text
}

// Moment is a recorded time: Abs, or Offset from the recording's start when Abs is zero.
type Moment struct {
	Abs    time.Time
	Offset time.Duration
}

// In returns the moment in a recording that starts at start.
func (m Moment) In(start time.Time) time.Time {
	if m.Abs.IsZero() {
		return start.Add(m.Offset)
	}
	return m.Abs
}

// UnmarshalYAML reads RFC 3339 or a duration.
func (m *Moment) UnmarshalYAML(n *yaml.Node) error {
	if t, err := time.Parse(time.RFC3339Nano, n.Value); err == nil {
		m.Abs = t
		return nil
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < 0 {
		return lineError{n.Line, fmt.Sprintf("%q: expected RFC 3339, or a duration from the recording's start such as 30m", n.Value)}
	}
	m.Offset = d
	return nil
}

// Duration is a time.Duration, written as in Go (90s, 1h30m), not negative.
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return lineError{n.Line, fmt.Sprintf("%q: expected a duration such as 90s or 45m", n.Value)}
	}
	*d = Duration(v)
	return nil
}

// lineError is an error at a line of the file.
type lineError struct {
	line int
	text string
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// Load reads the scenario in a folder.
func Load(dir string) (*Scenario, error) {
	file := filepath.Join(dir, File)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	s, err := parse(file, filepath.Base(abs), text)
	if err != nil {
		return nil, err
	}
	s.Dir = dir
	return s, nil
}

// Builtin returns a scenario that is part of the program; the error wraps fs.ErrNotExist when there is
// none of that name.
func Builtin(id string) (*Scenario, error) {
	file := path.Join(id, File)
	text, err := builtin.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("scenario %q is not part of the program: %w", id, fs.ErrNotExist)
	}
	return parse(path.Join("scenarios", file), id, text)
}

// BuiltinIDs lists the scenarios that are part of the program.
func BuiltinIDs() []string {
	files, _ := fs.Glob(builtin, "*/"+File)
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = path.Dir(f)
	}
	slices.Sort(ids)
	return ids
}

// parse reads the text of a scenario whose folder has the given name.
func parse(file, folder string, text []byte) (*Scenario, error) {
	s := &Scenario{}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(s); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: the file is empty", file)
		}
		return nil, located(file, err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document", file)
	}
	if err := s.check(folder); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// check finds what is missing or cannot be.
func (s *Scenario) check(folder string) error {
	switch {
	case s.Version != Version:
		return fmt.Errorf("version is %d, expected %d", s.Version, Version)
	case s.ID == "":
		return errors.New("id is missing")
	case s.ID != folder:
		return fmt.Errorf("id is %q, expected the folder's name %q", s.ID, folder)
	case strings.TrimSpace(s.Title) == "":
		return errors.New("title is missing")
	case strings.TrimSpace(s.Brief) == "":
		return errors.New("brief is missing")
	case s.Page.At == (Moment{}):
		return errors.New("page.at is missing")
	case strings.TrimSpace(s.Page.Alert) == "":
		return errors.New("page.alert is missing")
	case s.Timebox == 0:
		return errors.New("timebox is missing")
	case (s.Recording == "") == (s.Generate == ""):
		return errors.New("expected one of recording and generate")
	case s.Recording != "" && !filepath.IsLocal(s.Recording):
		return fmt.Errorf("recording %q lies outside the scenario's folder", s.Recording)
	}
	return nil
}

var (
	yamlLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
)

// located turns what the YAML decoder says into an error with file and line.
func located(file string, err error) error {
	text := err.Error()
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		text = typed.Errors[0]
	}
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	line, text := m[1], m[2]
	if f := unknownField.FindStringSubmatch(text); f != nil {
		text = fmt.Sprintf("unknown key %q", f[1])
	}
	return fmt.Errorf("%s:%s: %s", file, line, text)
}
