package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"firedrill/internal/yamlerr"
)

// document is a YAML file that was decoded strictly, with the lines of its keys and the faults found
// in it.
type document struct {
	name   string // as errors show it
	secret bool   // errors quote nothing of it
	root   yaml.Node
	errs   []error
}

// decode reads text into v. Unknown keys and a second document are errors. Of a secret document errors
// say the place and what was expected, and not what is there.
func decode(name string, secret bool, text []byte, v any) (*document, error) {
	d := &document{name: name, secret: secret}
	if err := yaml.Unmarshal(text, &d.root); err != nil {
		return nil, d.located(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: the file is empty", name)
		}
		return nil, d.located(err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document", name)
	}
	return d, nil
}

// fail notes a fault at a path such as "services.2.owner"; a path that the file does not have is
// reported at the deepest part that it has.
func (d *document) fail(path, format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf("%s:%d: %s", d.name, d.line(path), fmt.Sprintf(format, args...)))
}

// err is what is wrong with the document, one fault a line; nil when nothing is.
func (d *document) err() error { return errors.Join(d.errs...) }

// require notes that the value at path is missing when it is blank.
func (d *document) require(path, value string) {
	if strings.TrimSpace(value) == "" {
		d.fail(path, "%s is missing", plain(path))
	}
}

// plain is a path as an author would say it: services.2.owner is services[2].owner.
func plain(path string) string { return index.ReplaceAllString(path, "[$1]") }

var index = regexp.MustCompile(`\.(\d+)`)

// at is the path of an element of a list.
func at(list string, i int, rest ...string) string {
	return strings.Join(append([]string{list, strconv.Itoa(i)}, rest...), ".")
}

func (d *document) line(path string) int {
	n := &d.root
	if n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	line := max(n.Line, 1)
	for part := range strings.SplitSeq(path, ".") {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == part {
					line, next = n.Content[i].Line, n.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(part); err == nil && i < len(n.Content) {
				next = n.Content[i]
				line = next.Line
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return line
}

// lineError is an error at a line of the file.
type lineError struct {
	line int
	text string
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// quoted is a value that an error repeats.
var quoted = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|'[^']*'")

// located turns what the YAML decoder says into errors with file and line.
func (d *document) located(err error) error {
	var errs []error
	for _, p := range yamlerr.Problems(err) {
		place, line := d.name, p.Line
		if line == 0 {
			line = valueLine(&d.root, p.Text)
		}
		if line > 0 {
			place = fmt.Sprintf("%s:%d", place, line)
		}
		if d.secret {
			p.Text = strings.TrimPrefix(strings.TrimSpace(quoted.ReplaceAllString(p.Text, "")), ": ")
		}
		errs = append(errs, fmt.Errorf("%s: %s", place, p.Text))
	}
	return errors.Join(errs...)
}

// valueLine finds the line of the value that an error quotes first, 0 when it is nowhere: types that read
// themselves from text do not know their line.
func valueLine(n *yaml.Node, text string) int {
	value, err := strconv.QuotedPrefix(text)
	if err == nil {
		value, err = strconv.Unquote(value)
	}
	if err != nil {
		return 0
	}
	var find func(n *yaml.Node) int
	find = func(n *yaml.Node) int {
		if n.Kind == yaml.ScalarNode && n.Value == value {
			return n.Line
		}
		for _, c := range n.Content {
			if line := find(c); line > 0 {
				return line
			}
		}
		return 0
	}
	return find(n)
}
