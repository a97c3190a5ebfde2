// Package yamlerr puts what the YAML decoder says into the words of those who write the files: no Go types, and every
// error apart with its line.
package yamlerr

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is one thing that is wrong.
type Problem struct {
	Line int // 0 when it is not known
	Text string
}

var (
	yamlLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
	wrongType    = regexp.MustCompile("^cannot unmarshal \\S+(?: `(.*)`)? into (\\S+)$")
)

// Problems takes apart an error of go.yaml.in/yaml/v3.
func Problems(err error) []Problem {
	texts := []string{err.Error()}
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		texts = typed.Errors
	}
	all := make([]Problem, len(texts))
	for i, text := range texts {
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			all[i].Line, _ = strconv.Atoi(m[1]) // digits
			text = m[2]
		}
		if m := unknownField.FindStringSubmatch(text); m != nil {
			text = fmt.Sprintf("unknown key %q", m[1])
		} else if m := wrongType.FindStringSubmatch(text); m != nil {
			text = "expected " + expectation(m[2])
			if m[1] != "" {
				text = fmt.Sprintf("%q: %s", m[1], text)
			}
		}
		all[i].Text = text
	}
	return all
}

// expectation says for an author what a Go type takes.
func expectation(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "int"):
		return "a whole number"
	case strings.HasPrefix(goType, "uint"):
		return "a whole number that is not negative"
	case strings.HasPrefix(goType, "float"):
		return "a number"
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "text"
	}
	return "keys and values"
}
