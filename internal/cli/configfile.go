package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// configFile is the one file that is read.
const configFile = "firedrill.yaml"

// findConfig returns the configuration file's path and content; the path is "" when there is none.
// A file named by --config or FIREDRILL_CONFIG must exist.
func (s *State) findConfig(named string) (string, []byte, error) {
	if named == "" {
		named = s.Getenv(envPrefix + "_CONFIG")
	}
	if named != "" {
		text, err := os.ReadFile(named)
		if err != nil {
			return "", nil, fail(exitUsage, fmt.Errorf("read configuration: %w", err), "give an existing file to --config, or leave it out")
		}
		return named, text, nil
	}
	for _, path := range []string{configFile, filepath.Join(s.xdgDir("XDG_CONFIG_HOME", ".config"), configFile)} {
		text, err := os.ReadFile(path)
		switch {
		case err == nil:
			return path, text, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", nil, fail(exitUsage, fmt.Errorf("read configuration: %w", err), "")
		}
	}
	return "", nil, nil
}

// checkConfig refuses unknown keys and values that cannot be read, and returns the line of each key.
func checkConfig(path string, text []byte) (lines map[string]int, err error) {
	lines = map[string]int{}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fail(exitUsage, fmt.Errorf("%s: %w", path, err), "")
	}
	if len(doc.Content) == 0 {
		return lines, nil // empty, or comments only
	}
	c := configChecker{path: path, lines: lines}
	return lines, c.section("", doc.Content[0])
}

type configChecker struct {
	path  string
	lines map[string]int
}

func (c *configChecker) errorf(n *yaml.Node, hint, format string, args ...any) error {
	return fail(exitUsage, fmt.Errorf("%s:%d: %s", c.path, n.Line, fmt.Sprintf(format, args...)), hint)
}

// section checks a mapping whose keys continue prefix.
func (c *configChecker) section(prefix string, n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		if prefix == "" {
			return c.errorf(n, "", "expected keys and values")
		}
		return c.errorf(n, "", "%s is a section, expected keys below it", strings.TrimSuffix(prefix, "."))
	}
	for i := 0; i < len(n.Content); i += 2 {
		if err := c.entry(prefix, n.Content[i], n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// entry checks one key with its value.
func (c *configChecker) entry(prefix string, name, value *yaml.Node) error {
	full := prefix + name.Value
	k, known, isSection := lookUp(full)
	switch {
	case isSection:
		return c.section(full+".", value)
	case !known:
		hint := "firedrill config lists all keys"
		if near := nearest(full, keyNames()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return c.errorf(name, hint, "unknown key %q", full)
	case c.lines[full] != 0:
		return c.errorf(name, "", "key %q is given twice, first in line %d", full, c.lines[full])
	}
	c.lines[full] = name.Line
	if value.Kind == yaml.MappingNode && k.kind.name == mapKind.name {
		return nil
	}
	if value.Kind != yaml.ScalarNode {
		return c.errorf(value, "", "%s: expected one value", full)
	}
	if value.Value == "" || value.Tag == "!!null" {
		return nil
	}
	if _, err := k.kind.parse(value.Value); err != nil {
		return c.errorf(value, "", "%s: %s", full, badValue(k, value.Value, err))
	}
	return nil
}

// lookUp finds a key by its full name, or says that the name is a section with keys below it.
func lookUp(full string) (k key, known, isSection bool) {
	for _, k := range keys {
		if k.name == full {
			return k, true, false
		}
		isSection = isSection || strings.HasPrefix(k.name, full+".")
	}
	return key{}, false, isSection
}

// badValue describes a value that cannot be read; secrets are not repeated.
func badValue(k key, text string, err error) string {
	if k.secret {
		return err.Error()
	}
	return fmt.Sprintf("%q: %s", text, err)
}
