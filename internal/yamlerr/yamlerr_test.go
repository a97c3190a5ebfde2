package yamlerr_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"firedrill/internal/yamlerr"
)

func TestProblems(t *testing.T) {
	type inner struct {
		B bool `yaml:"b"`
	}
	type file struct {
		N  int      `yaml:"n"`
		U  uint     `yaml:"u"`
		F  *float64 `yaml:"f"`
		L  []string `yaml:"l"`
		S  string   `yaml:"s"`
		In inner    `yaml:"in"`
	}
	for text, want := range map[string][]yamlerr.Problem{
		"n: one\nf: much\nu: -1": {{1, `"one": expected a whole number`}, {2, `"much": expected a number`}, {3, `"-1": expected a whole number that is not negative`}},
		"x: 1\nin: {b: si}":      {{1, `unknown key "x"`}, {2, `"si": expected true or false`}},
		"l: all\ns: []":          {{1, `"all": expected a list`}, {2, "expected text"}},
		"\nin: 3":                {{2, `"3": expected keys and values`}},
		"n: [":                   {{1, "did not find expected node content"}},
	} {
		dec := yaml.NewDecoder(strings.NewReader(text))
		dec.KnownFields(true)
		err := dec.Decode(&file{})
		if err == nil {
			t.Errorf("%q was read", text)
			continue
		}
		if diff := cmp.Diff(want, yamlerr.Problems(err)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
