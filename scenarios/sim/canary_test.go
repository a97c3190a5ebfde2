package sim_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"firedrill/scenarios/sim/model"
)

// TestCanary: a service behind another's name is known by its pods, its deployment and its version, and by nothing else.
func TestCanary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	faults := []model.Fault{{At: model.Dur(time.Minute), Set: []model.Setting{{Service: "offers-canary", Parameter: model.Kill, To: "1"}}}}
	if err := build(dir, "canary.yaml", faults, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{"pod": true, "deployment": true, "created_by_name": true, "owner_name": true, "service_instance_id": true, "id": true, "replicaset": true}
	pods := map[string]bool{}
	for _, x := range s.series {
		x.labels.Range(func(l labels.Label) {
			if strings.Contains(l.Value, "canary") && !own[l.Name] {
				t.Errorf("%v has %s=%q", x.labels, l.Name, l.Value)
			}
		})
		if x.labels.Get("job") == "offers" && x.labels.Get(labels.MetricName) == "http_server_request_duration_seconds_count" {
			pods[x.labels.Get("pod")] = true
		}
	}
	if len(pods) != 2 {
		t.Errorf("requests are counted by the pods %v, want one of each deployment", pods)
	}
	for _, r := range s.records {
		if line := string(r.Line); strings.Contains(strings.ToLower(line), "canary") {
			t.Fatalf("a line gives the deployment away: %s", line)
		}
	}
	versions := map[string]bool{}
	for _, x := range s.find("target_info") {
		versions[x.labels.Get("service_version")] = true
	}
	if !versions["1.0.0"] || !versions["1.1.0"] {
		t.Errorf("versions %v, want both", versions)
	}
}
