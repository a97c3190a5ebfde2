package scenarios_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"firedrill/replay"
	"firedrill/replay/distort"
	"firedrill/scenarios"
	"firedrill/scenarios/sim/model"
)

var update = flag.Bool("update", false, "rewrite docs/schema/*.json")

// texts are the types that are written as text, with an example each.
var texts = map[reflect.Type]string{
	reflect.TypeFor[scenarios.Moment]():   "12m30s",
	reflect.TypeFor[scenarios.Duration](): "45m",
	reflect.TypeFor[scenarios.Time]():     "2026-03-01T14:00:00Z",
	reflect.TypeFor[distort.Duration]():   "90s",
	reflect.TypeFor[model.Dur]():          "150ms",
	reflect.TypeFor[model.Bytes]():        "512Mi",
	reflect.TypeFor[model.Cores]():        "500m",
	reflect.TypeFor[model.Dist]():         "lognormal(4ms, 20ms)",
}

// choices are the closed lists.
var choices = map[reflect.Type][]any{
	reflect.TypeFor[scenarios.Difficulty](): {scenarios.Introductory, scenarios.Intermediate, scenarios.Advanced},
	reflect.TypeFor[scenarios.ChangeKind](): {scenarios.Deploy, scenarios.Flag, scenarios.Config, scenarios.Infrastructure, scenarios.Data},
	reflect.TypeFor[scenarios.Role]():       {scenarios.RoleCause, scenarios.RoleCoincident},
	reflect.TypeFor[scenarios.Datasource](): {scenarios.Prometheus, scenarios.Loki, scenarios.Jaeger},
	reflect.TypeFor[replay.Signal]():        {replay.Metrics, replay.Logs, replay.Traces},
	reflect.TypeFor[model.Kind]():           {model.App, model.Gateway, model.Database, model.Cache, model.Broker, model.External},
	reflect.TypeFor[model.Runtime]():        {model.Go, model.JVM, model.Node20, model.Python, model.Native},
	reflect.TypeFor[model.Reason]():         {model.Timeout, model.Unavailable, model.Rejected, model.Internal, model.Invalid},
	reflect.TypeFor[model.Protocol]():       {model.HTTP, model.GRPC, model.SQL, model.Redis, model.Message},
}

// schema writes the JSON Schema of a file from its Go type and its comments.
func schema(tb testing.TB, title string, v any, required bool) []byte {
	tb.Helper()
	r := &jsonschema.Reflector{
		FieldNameTag: "yaml", Anonymous: true, ExpandedStruct: true, RequiredFromJSONSchemaTags: required,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if example, ok := texts[t]; ok {
				text := &jsonschema.Schema{Type: "string", Examples: []any{example}}
				if t == reflect.TypeFor[model.Bytes]() || t == reflect.TypeFor[model.Cores]() {
					text.Type, text.OneOf = "", []*jsonschema.Schema{{Type: "string"}, {Type: "number"}}
				}
				return text
			}
			if list, ok := choices[t]; ok {
				return &jsonschema.Schema{Type: "string", Enum: list}
			}
			return nil
		},
	}
	for _, dir := range []string{"./scenarios", "./replay/distort"} {
		if err := r.AddGoComments("firedrill", dir); err != nil {
			tb.Fatal(err)
		}
	}
	for name, text := range r.CommentMap {
		r.CommentMap[name] = strings.Join(strings.Fields(text), " ")
	}
	s := r.Reflect(v)
	s.Title = title
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		tb.Fatal(err)
	}
	return append(b, '\n')
}

// TestSchema checks that docs/schema is what the types say; -update writes it.
func TestSchema(t *testing.T) {
	t.Chdir("..") // the comments are found by the folders below the module's own
	for name, c := range map[string]struct {
		v        any
		required bool // by a tag of its own, else all that are not omitempty
	}{"scenario": {&scenarios.Scenario{}, true}, "answer": {&scenarios.Answer{}, true}, "system": {&model.System{}, false}} {
		t.Run(name, func(t *testing.T) {
			want := schema(t, name+".yaml of Firedrill", c.v, c.required)
			file := filepath.Join("docs/schema", name+".schema.json")
			got, err := os.ReadFile(file)
			if err != nil && !*update {
				t.Fatal(err)
			}
			if bytes.Equal(got, want) {
				return
			}
			if !*update {
				t.Fatalf("%s is not what the types say (-want +got); go test ./scenarios -run TestSchema -update writes it:\n%s", file, cmp.Diff(string(want), string(got)))
			}
			put(t, file, string(want))
		})
	}
}

// TestSchemaTakes checks that what the program reads is what the schemas take, and an unknown key is not.
func TestSchemaTakes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "slow-pages")
	if err := scenarios.New(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, c := range map[string][]string{
		"scenario": {full, read(scenarios.File)},
		"system":   {system, read(scenarios.SystemFile)},
		"answer":   {key, read(scenarios.AnswerFile)},
	} {
		schema, err := validator.NewCompiler().Compile(filepath.Join("../docs/schema", name+".schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range c {
			var v map[string]any
			if err := yaml.Unmarshal([]byte(text), &v); err != nil {
				t.Fatal(err)
			}
			if start, ok := v["start"].(time.Time); ok { // an editor sees text
				v["start"] = start.Format(time.RFC3339)
			}
			if err := schema.Validate(plain(t, v)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			v["unknown"] = 1
			if err := schema.Validate(plain(t, v)); err == nil {
				t.Errorf("%s: the schema takes an unknown key", name)
			}
		}
	}
}

// plain turns what YAML reads into what JSON reads.
func plain(tb testing.TB, v any) any {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := validator.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	return out
}
