package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"firedrill/internal/yamlerr"
)

// Read reads the text of a system.yaml and checks it. An error names file and line, one of them a line.
func Read(file string, text []byte) (*System, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	s := &System{}
	if err := dec.Decode(s); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: the file is empty", file)
		}
		return nil, located(file, err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document", file)
	}
	s.complete()
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, located(file, err)
	}
	errs := map[int][]error{} // by line
	s.check(func(list string, i int, err error) {
		if err != nil {
			line := lineOf(&root, list, i)
			errs[line] = append(errs[line], fmt.Errorf("%s:%d: %w", file, line, err))
		}
	})
	var all []error
	for _, line := range slices.Sorted(maps.Keys(errs)) {
		all = append(all, errs[line]...)
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	return s, nil
}

// lineOf is where an element of one of the lists begins; of what is no list, its key.
func lineOf(root *yaml.Node, list string, i int) int {
	top := root.Content[0]
	for k := 0; k+1 < len(top.Content); k += 2 {
		if key, v := top.Content[k], top.Content[k+1]; key.Value == list {
			if v.Kind == yaml.SequenceNode && i < len(v.Content) {
				return v.Content[i].Line
			}
			return key.Line
		}
	}
	return 1
}

// lineError is an error at a line of the file.
type lineError struct {
	line int
	err  error
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

func at(n *yaml.Node, err error) error {
	if err == nil {
		return nil
	}
	return lineError{n.Line, err}
}

// located turns what the YAML decoder says into errors with file and line.
func located(file string, err error) error {
	var errs []error
	for _, p := range yamlerr.Problems(err) {
		place := file
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d", file, p.Line)
		}
		errs = append(errs, fmt.Errorf("%s: %s", place, p.Text))
	}
	return errors.Join(errs...)
}
