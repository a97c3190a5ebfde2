package httpapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"firedrill/internal/httpapi"
)

var update = flag.Bool("update", false, "rewrite docs/openapi.json and docs/http-api.md")

// TestDocs checks that docs/openapi.json and docs/http-api.md say what the program serves; -update writes them.
func TestDocs(t *testing.T) {
	api := httpapi.New(httpapi.Options{})
	for file, want := range map[string]string{
		"../../docs/openapi.json": string(api.OpenAPI()),
		"../../docs/http-api.md":  page(t, api.OpenAPI()),
	} {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, string(got)); d != "" {
			t.Errorf("%s is not what the program serves (-want +got); go test ./internal/httpapi -update writes it:\n%s", file, d)
		}
	}
}

// description is what the page needs of OpenAPI.
type description struct {
	Info       struct{ Description string }
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

type operation struct {
	OperationID, Summary, Description string
	Tags                              []string
	Parameters                        []struct {
		Name, In, Description string
		Required              bool
		Schema                schema
	}
	RequestBody *struct{ Content map[string]media }
	Responses   map[string]struct {
		Description string
		Content     map[string]media
	}
	Roles []string `json:"x-roles"`
	Codes []string `json:"x-codes"`

	method, path string
}

type media struct{ Schema schema }

type schema struct {
	Ref         string `json:"$ref"`
	Type        any
	Format      string
	Description string
	Enum        []any
	Items       *schema
	Properties  map[string]schema
	Required    []string
	Examples    []any
	Default     any
	Minimum     *float64
	Maximum     *float64
	MinLength   *int
	MaxLength   *int
	MaxItems    *int
	Additional  any `json:"additionalProperties"`
}

// page is docs/http-api.md.
func page(t *testing.T, openAPI []byte) string {
	t.Helper()
	var d description
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("\n## Codes\n\n| code | status | title |\n|---|---|---|\n")
	for _, c := range httpapi.Codes() {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", c.Code, c.Status, c.Title)
	}
	b.WriteString("\nAny operation may answer with `invalid`, `unauthorized`, `forbidden`, `too_many`, `unavailable` and `internal`; the others are listed with each. " +
		"With `invalid` the status is also 400, 408, 413 or 415 where the body cannot be read at all, and with `not_found` 405 where a path has no such method.\n")
	var tag string
	for _, o := range operations(d) {
		if o.Tags[0] != tag {
			tag = o.Tags[0]
			fmt.Fprintf(&b, "\n## %s\n", tag)
		}
		describe(&b, d, o)
	}
	b.WriteString("\n## Objects\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		if !strings.HasPrefix(name, "List") {
			object(&b, d, name)
		}
	}
	return b.String()
}

// intro is what is not in OpenAPI.
const intro = `# HTTP API

<!-- Made by go test ./internal/httpapi -update from what the program serves; TestDocs checks it. -->

` + "`firedrill serve`" + ` serves this under ` + "`/api/v1`" + `; [openapi.json](openapi.json), OpenAPI 3.1, is also at ` + "`/api/v1/openapi.json`" + `.

- **Tokens**: ` + "`Authorization: Bearer fd_…`" + `, made by ` + "`firedrill token create`" + `. The name of a facilitator's or player's token is its login. A
  plugin's token speaks for the player named in ` + "`X-Firedrill-User`" + `, which no other may send. Grafana's token opens the gateway alone.
- **JSON** only, in UTF-8, at most 64 KiB; keys that are not listed here are refused. Leaderboards are also CSV, debriefs also Markdown.
- **Times** are RFC 3339 in UTC with milliseconds, and left out where there is none. **Durations** are seconds. Whatever has a deadline has
  ` + "`serverTime`" + ` too: draw a countdown from the difference, not from a clock of your own.
- **Idempotency**: a POST or PATCH with an ` + "`Idempotency-Key`" + ` is done once for each caller and key, and answered alike when it is repeated within a day; submissions need one, and
  remember it for good. Another request with the same key is a ` + "`conflict`" + `.
- **Lists** have ` + "`items`" + ` and, unless it is the last page, ` + "`next`" + `, a cursor for the parameter ` + "`after`" + `.
- **Errors** are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problems, [Problem](#problem), with a ` + "`code`" + ` that never changes its meaning.
- **Limits**: 20 requests a second for a user (100 at once), 1000 for an address (2000 at once), 15 s for a request, 8 streams for a user.

An example, in which a player submits a suspect:

` + "```text" + `
curl -X POST https://firedrill.example/api/v1/sessions/s3f9c01d2a4b7/suspects \
  -H "Authorization: Bearer $FIREDRILL_SERVER_TOKEN" -H "Idempotency-Key: $(uuidgen)" -H "Content-Type: application/json" \
  -d '{"suspects": [{"component": "payment", "cause": "slow-dependency"}]}'
` + "```" + `
`

// operations lists them in the order in which they are registered: by their tags, then as the paths come.
func operations(d description) []operation {
	var all []operation
	for path, methods := range d.Paths {
		for method, o := range methods {
			o.method, o.path = strings.ToUpper(method), path
			all = append(all, o)
		}
	}
	tags := []string{"General", "Sessions", "Running a session", "Playing", "Leaderboards and debriefs", "Rounds", "Tokens"}
	methods := []string{"POST", "GET", "PATCH"}
	slices.SortFunc(all, func(a, b operation) int {
		if a.Tags[0] != b.Tags[0] {
			return slices.Index(tags, a.Tags[0]) - slices.Index(tags, b.Tags[0])
		}
		if a.path != b.path {
			return strings.Compare(a.path, b.path)
		}
		return slices.Index(methods, a.method) - slices.Index(methods, b.method)
	})
	return all
}

// describe writes the section of an operation.
func describe(b *strings.Builder, d description, o operation) {
	fmt.Fprintf(b, "\n### %s\n\n`%s /api/v1%s`", o.Summary, o.method, o.path)
	who := map[string]string{"facilitator": "facilitators", "player plugin": "players", "facilitator player plugin": "facilitators and players"}[strings.Join(o.Roles, " ")]
	fmt.Fprintf(b, "%s\n\n", strings.TrimSpace(", for "+who+". "+o.Description))
	if len(o.Parameters) > 0 {
		b.WriteString("| parameter | in | what it is |\n|---|---|---|\n")
		for _, p := range o.Parameters {
			fmt.Fprintf(b, "| `%s`%s | %s | %s |\n", p.Name, required(p.Required), p.In, about(p.Schema, p.Description))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "Example: `%s /api/v1%s`", o.method, samplePath(o))
	if o.RequestBody == nil {
		b.WriteString("\n\n")
	} else {
		s := o.RequestBody.Content["application/json"].Schema
		fmt.Fprintf(b, " with a %s:\n\n```json\n%s\n```\n\n", link(s), example(d, s))
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		if status == "default" {
			continue
		}
		var forms []string
		for _, name := range slices.Sorted(maps.Keys(o.Responses[status].Content)) {
			forms = append(forms, fmt.Sprintf("%s as `%s`", link(o.Responses[status].Content[name].Schema), name))
		}
		fmt.Fprintf(b, "Answer: %s, %s.", status, strings.Join(forms, ", "))
	}
	if own := o.Codes[6:]; len(own) > 0 {
		fmt.Fprintf(b, " Codes: `%s`.", strings.Join(own, "`, `"))
	}
	b.WriteString("\n")
}

// samplePath is the path with the examples of its parameters.
func samplePath(o operation) string {
	path := o.path
	for _, p := range o.Parameters {
		if p.In == "path" && len(p.Schema.Examples) > 0 {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", fmt.Sprint(p.Schema.Examples[0]))
		}
	}
	return path
}

func required(yes bool) string {
	if yes {
		return " (required)"
	}
	return ""
}

// about says what a value is and what it may be.
func about(s schema, text string) string {
	parts := []string{typeOf(s)}
	if s.Items != nil {
		s.Enum = append(s.Enum, s.Items.Enum...)
	}
	if len(s.Enum) > 0 {
		var list []string
		for _, v := range s.Enum {
			list = append(list, fmt.Sprintf("`%v`", v))
		}
		parts = append(parts, "one of "+strings.Join(list, ", "))
	}
	bound := func(name string, v *float64) {
		if v != nil {
			parts = append(parts, fmt.Sprintf("%s %g", name, *v))
		}
	}
	bound("at least", s.Minimum)
	bound("at most", s.Maximum)
	if s.MaxLength != nil {
		parts = append(parts, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	if s.MaxItems != nil {
		parts = append(parts, fmt.Sprintf("at most %d", *s.MaxItems))
	}
	if s.Default != nil {
		parts = append(parts, fmt.Sprintf("default %v", s.Default))
	}
	return strings.TrimSpace(text + " *" + strings.Join(parts, ", ") + "*")
}

// typeOf names a type as people do.
func typeOf(s schema) string {
	name := fmt.Sprint(s.Type)
	if types, ok := s.Type.([]any); ok {
		name = fmt.Sprint(types[0])
	}
	switch {
	case s.Ref != "":
		return link(s)
	case name == "array":
		return "list of " + typeOf(*s.Items)
	case s.Format == "date-time":
		return "time"
	case name == "object" && s.Additional != nil:
		return "object of values by name"
	}
	return name
}

// link names an object, and leads to it.
func link(s schema) string {
	name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
	switch {
	case name == "":
		return "text"
	case strings.HasPrefix(name, "List"):
		item := strings.TrimPrefix(name, "List")
		return fmt.Sprintf("list of [%s](#%s)", item, strings.ToLower(item))
	}
	return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
}

// object writes the table of an object.
func object(b *strings.Builder, d description, name string) {
	s := d.Components.Schemas[name]
	fmt.Fprintf(b, "\n### %s\n\n| key | what it is |\n|---|---|\n", name)
	for _, key := range keysOf(s) {
		p := s.Properties[key]
		optional := ""
		if !slices.Contains(s.Required, key) {
			optional = " (may be missing)"
		}
		fmt.Fprintf(b, "| `%s`%s | %s |\n", key, optional, about(p, p.Description))
	}
	if answered[name] {
		fmt.Fprintf(b, "\n```json\n%s\n```\n", example(d, s))
	}
}

// answered are the objects whose example is shown.
var answered = map[string]bool{"Session": true, "Round": true, "Submission": true, "Standing": true, "Rank": true, "Problem": true}

// keysOf are the required keys in the order of the program, then the others.
func keysOf(s schema) []string {
	keys := slices.Clone(s.Required)
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// example is an object with the examples of its schema, else with what its type suggests.
func example(d description, s schema) string {
	b, _ := json.MarshalIndent(sample(d, s), "", "  ")
	return string(b)
}

func sample(d description, s schema) any {
	if s.Ref != "" || s.Properties != nil {
		o, out := s, map[string]any{}
		if s.Ref != "" {
			o = d.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
		}
		for _, key := range keysOf(o) {
			if p := o.Properties[key]; len(p.Examples) > 0 || slices.Contains(o.Required, key) || p.Items != nil {
				out[key] = sample(d, p)
			}
		}
		return out
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Items != nil:
		return []any{sample(d, *s.Items)}
	case s.Format == "date-time":
		return "2026-11-24T12:00:00.000Z"
	case s.Type == "string":
		return "text"
	case s.Type == "boolean":
		return false
	}
	return 1
}
