package stack_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	config "firedrill/grafana/stack"
)

const root = "../.."

// loadCompose reads docker-compose.yml as docker compose does: against the schema of the Compose
// specification, with variables filled in and with references between services and volumes checked.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "docker-compose.yml")
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: file}},
		Environment: types.Mapping{}, // defaults only
	}, loader.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestComposePublishesOnLoopback(t *testing.T) {
	for name, s := range loadCompose(t).Services {
		for _, port := range s.Ports {
			if ip := net.ParseIP(port.HostIP); ip == nil || !ip.IsLoopback() {
				t.Errorf("%s publishes port %s on %q, want a loopback address", name, port.Published, port.HostIP)
			}
		}
		if s.NetworkMode != "" {
			t.Errorf("%s has network_mode %q: its ports are then not limited to loopback", name, s.NetworkMode)
		}
	}
}

func TestComposeMounts(t *testing.T) {
	p := loadCompose(t)
	var mounted []string
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if !v.ReadOnly {
				t.Errorf("%s can write to %s", name, v.Source)
			}
			rel, err := filepath.Rel(p.WorkingDir, v.Source)
			if err != nil {
				t.Fatal(err)
			}
			if rel == "recordings" {
				continue // the user's own
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts %s, which is not there", name, rel)
			}
			if filepath.Dir(rel) == "grafana/stack" {
				mounted = append(mounted, filepath.Base(rel))
			}
		}
	}
	slices.Sort(mounted)
	var embedded []string
	entries, err := config.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		embedded = append(embedded, e.Name())
	}
	if !slices.Equal(mounted, embedded) {
		t.Errorf("docker-compose.yml mounts %q, the local stack uses %q", mounted, embedded)
	}
}

// TestComposeVersions wants the images to be of the versions that `make stack` builds.
func TestComposeVersions(t *testing.T) {
	p := loadCompose(t)
	for _, c := range []struct {
		service, image, module string
		tag                    func(string) string // from the module's version
	}{
		// Prometheus v3.13.5 is module v0.313.5: Go modules cannot be 3.x without /v3 in their path.
		{"prometheus", "prom/prometheus", "github.com/prometheus/prometheus", func(v string) string {
			m := regexp.MustCompile(`^v0\.3(\d\d)\.(\d+)$`).FindStringSubmatch(v)
			if m == nil {
				t.Fatalf("version %q of Prometheus is not of the form v0.3MM.P", v)
			}
			return "v3." + strings.TrimPrefix(m[1], "0") + "." + m[2]
		}},
		{"loki", "grafana/loki", "github.com/grafana/loki/v3", func(v string) string { return strings.TrimPrefix(v, "v") }},
		// The title of the release in Jaeger's CHANGELOG.md: v1.76.0 / v2.13.0.
		{"jaeger", "jaegertracing/jaeger", "github.com/jaegertracing/jaeger", func(v string) string {
			return map[string]string{"v1.76.0": "2.13.0"}[v]
		}},
	} {
		b, err := os.ReadFile(filepath.Join(root, "tools", c.service, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(c.module) + ` (v\S+)`).FindSubmatch(b)
		if m == nil {
			t.Fatalf("tools/%s/go.mod does not require %s", c.service, c.module)
		}
		if got, want := p.Services[c.service].Image, c.image+":"+c.tag(string(m[1])); got != want {
			t.Errorf("image of %s = %q, want %q as in tools/%s/go.mod", c.service, got, want, c.service)
		}
	}
	for name, s := range p.Services {
		if _, tag, _ := strings.Cut(s.Image, ":"); tag == "" || tag == "latest" {
			t.Errorf("image %q of %s has no pinned tag", s.Image, name)
		}
	}
}

// TestComposeStartsAsTheLocalStackDoes compares the flags of Prometheus, the one server that is
// configured by flags; the other two differ in variables only.
func TestComposeStartsAsTheLocalStackDoes(t *testing.T) {
	src, err := os.ReadFile("servers.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, arg := range loadCompose(t).Services["prometheus"].Command {
		flag, _, _ := strings.Cut(arg, "=")
		if !strings.Contains(string(src), `"`+flag) {
			t.Errorf("docker-compose.yml starts Prometheus with %s, the local stack does not", flag)
		}
	}
}

// TestProvisionedLinks wants every data source that a link names to exist, and no variable of
// Grafana's to be taken for one of the environment.
func TestProvisionedLinks(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "grafana/provisioning/datasources/datasources.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	uids := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^    uid: (\S+)$`).FindAllSubmatch(b, -1) {
		uids[string(m[1])] = true
	}
	if len(uids) != 3 {
		t.Fatalf("data sources = %v, want 3", uids)
	}
	for _, m := range regexp.MustCompile(`datasourceUid: (\S+)`).FindAllSubmatch(b, -1) {
		if !uids[string(m[1])] {
			t.Errorf("a link names the data source %q, which is not provisioned", m[1])
		}
	}
	env := loadCompose(t).Services["grafana"].Environment
	for _, m := range regexp.MustCompile(`(\$+)\{?(\w+)`).FindAllSubmatch(b, -1) {
		if string(m[1]) == "$$" {
			continue
		}
		if _, ok := env[string(m[2])]; !ok {
			t.Errorf("$%s is not a variable that docker-compose.yml gives to Grafana", m[2])
		}
	}
}
