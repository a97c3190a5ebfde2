package cli

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// config holds the effective value of every key: a flag goes before the environment, the
// environment before the file, the file before the default.
type config struct {
	file   string // path of the configuration file, "" when there is none
	values map[string]setting
}

// setting is the value of one key.
type setting struct {
	key   key
	text  string // "" is unset
	value any    // what the key's kind made of text; nil when unset
	from  string // for example "flag --speed" or "firedrill.yaml:3"
}

// shown is the setting's text with secrets hidden.
func (s setting) shown() string {
	if s.key.secret && s.text != "" {
		return "***"
	}
	return s.text
}

// keyFlag is a pflag.Value that checks its text when it is set.
type keyFlag struct {
	key  key
	text string
}

func (f *keyFlag) String() string   { return f.text }
func (f *keyFlag) Type() string     { return f.key.kind.name }
func (f *keyFlag) IsBoolFlag() bool { return f.key.kind.name == boolKind.name }
func (f *keyFlag) Set(text string) error {
	if _, err := f.key.kind.parse(text); err != nil {
		return err
	}
	f.text = text
	return nil
}

// addFlags gives a command the flags of keys.
func addFlags(flags *pflag.FlagSet, keys []key) {
	for _, k := range keys {
		name := k.flagName()
		if name == "" {
			continue
		}
		f := flags.VarPF(&keyFlag{key: k, text: k.def}, name, k.short, k.help)
		if k.kind.name == boolKind.name {
			f.NoOptDefVal = "true"
		}
	}
}

// loadConfig finds the effective values for a command with the given flags.
func (s *State) loadConfig(flags *pflag.FlagSet, named string) (*config, error) {
	path, text, err := s.findConfig(named)
	if err != nil {
		return nil, err
	}
	lines, err := checkConfig(path, text)
	if err != nil {
		return nil, err
	}
	v := viper.New()
	v.SetEnvPrefix(envPrefix)
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_", "-", "_"))
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(text)); err != nil {
		return nil, fail(exitUsage, fmt.Errorf("%s: %w", path, err), "")
	}
	c := &config{file: path, values: map[string]setting{}}
	for _, k := range keys {
		v.SetDefault(k.name, k.def)
		if err := v.BindEnv(k.name); err != nil {
			return nil, err
		}
		from := "default"
		flag := flags.Lookup(k.flagName())
		if flag != nil {
			if err := v.BindPFlag(k.name, flag); err != nil {
				return nil, err
			}
		}
		switch {
		case flag != nil && flag.Changed:
			from = "flag --" + flag.Name
		case s.Getenv(k.env()) != "":
			from = "environment " + k.env()
		case lines[k.name] != 0:
			from = fmt.Sprintf("%s:%d", path, lines[k.name])
		}
		set := setting{key: k, from: from}
		if m, ok := v.Get(k.name).(map[string]any); ok {
			pairs := textMap(m) // not through text: a value may hold a comma
			set.text, set.value = formatMap(pairs), pairs
		} else if set.text = viperText(v, k.name); set.text != "" {
			if set.value, err = k.kind.parse(set.text); err != nil {
				return nil, usagef("%s: %s", from, badValue(k, set.text, err))
			}
		}
		c.values[k.name] = set
	}
	s.warnEnvironment()
	return c, nil
}

// viperText returns a value as text; YAML may have given it another type.
func viperText(v *viper.Viper, name string) string {
	switch value := v.Get(name).(type) {
	case nil:
		return ""
	case time.Time:
		return value.Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(value)
	}
}

func textMap(m map[string]any) map[string]string {
	out := make(map[string]string, len(m))
	for name, value := range m {
		out[name] = fmt.Sprint(value)
	}
	return out
}

// warnEnvironment points at variables that look like a misspelt key. Others with our prefix are left
// alone: tests and containers use some of their own.
func (s *State) warnEnvironment() {
	known := []string{envPrefix + "_CONFIG"}
	for _, k := range keys {
		known = append(known, k.env())
	}
	for _, pair := range s.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix+"_") || slices.Contains(known, name) {
			continue
		}
		if near := nearest(name, known); near != "" && distance(name, near) <= 2 {
			fmt.Fprintf(s.Stderr, "firedrill: warning: unknown variable %s, did you mean %s?\n", name, near)
		}
	}
}

func (c *config) get(name string) setting {
	set, ok := c.values[name]
	if !ok {
		panic(fmt.Sprintf("cli: no key %q", name))
	}
	return set
}

// isSet says whether anything but an empty default gives the key a value.
func (c *config) isSet(name string) bool { return c.get(name).text != "" }

// given says whether a flag, the environment or the file set the key.
func (c *config) given(name string) bool { return c.get(name).from != "default" }

func (c *config) text(name string) string { return c.get(name).text }

func (c *config) flag(name string) bool { b, _ := c.get(name).value.(bool); return b }

func (c *config) port(name string) int { n, _ := c.get(name).value.(int); return n }

func (c *config) number(name string) float64 { f, _ := c.get(name).value.(float64); return f }

func (c *config) duration(name string) time.Duration {
	d, _ := c.get(name).value.(time.Duration)
	return d
}

func (c *config) headers(name string) map[string]string {
	m, _ := c.get(name).value.(map[string]string)
	return maps.Clone(m)
}

// json says whether standard output is for a program.
func (c *config) json() bool { return c.text("output") == "json" }
