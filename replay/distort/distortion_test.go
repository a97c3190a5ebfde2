package distort_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"firedrill/replay"
	"firedrill/replay/distort"
)

func TestYAML(t *testing.T) {
	const text = `
- kind: ingestion-lag
  signal: logs
  delay: 5s
  jitter: 1m30s
  from: 10m
- kind: clock-skew
  host: node-3
  skew: -1500ms
- kind: decoy-alert
  alert: DiskFull
  labels: {node: node-9}
  to: 1h
`
	want := []distort.Distortion{
		{Kind: distort.IngestionLag, Signal: replay.Logs, Delay: seconds(5), Jitter: seconds(90), From: seconds(600)},
		{Kind: distort.ClockSkew, Host: "node-3", Skew: distort.Duration(-1500 * time.Millisecond)},
		{Kind: distort.DecoyAlert, Alert: "DiskFull", Labels: map[string]string{"node": "node-9"}, To: seconds(3600)},
	}
	var got []distort.Distortion
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again []distort.Distortion
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, again); d != "" {
		t.Errorf("there and back by JSON, %s (-want +got):\n%s", b, d)
	}
	for i := range got {
		if err := got[i].Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		d    distort.Distortion
		want string
	}{
		{distort.Distortion{}, `kind "" is not known: expected one of broken-propagation, clock-skew`},
		{distort.Distortion{Kind: distort.LogLoss}, "log-loss: share is missing"},
		{distort.Distortion{Kind: distort.LogLoss, Share: 1.5}, "share is 1.5"},
		{distort.Distortion{Kind: distort.LogLoss, Share: -1}, "share is -1"},
		{distort.Distortion{Kind: distort.LogLoss, Share: 0.5, Keep: 0.5}, "log-loss: keep does not belong here"},
		{distort.Distortion{Kind: distort.TraceSampling, Keep: 1}, "keep is 1, expected more than 0 and less than 1"},
		{distort.Distortion{Kind: distort.TraceSampling, Keep: 0.5, Service: "cart"}, "service does not belong here"},
		{distort.Distortion{Kind: distort.ScrapeGap, From: seconds(5)}, "to is missing"},
		{distort.Distortion{Kind: distort.ScrapeGap, From: seconds(5), To: seconds(5)}, "no stretch of time"},
		{distort.Distortion{Kind: distort.SpansMissing, From: -1}, "no stretch of time"},
		{distort.Distortion{Kind: distort.LogRateLimit, Rate: -2}, "rate is -2"},
		{distort.Distortion{Kind: distort.TruncatedLines, MaxBytes: 10}, "max_bytes is 10, expected at least 64"},
		{distort.Distortion{Kind: distort.IngestionLag, Signal: "profiles", Delay: 1}, `signal is "profiles"`},
		{distort.Distortion{Kind: distort.IngestionLag, Signal: replay.Logs}, "delay is 0s and jitter 0s"},
		{distort.Distortion{Kind: distort.IngestionLag, Signal: replay.Logs, Delay: seconds(599), Jitter: seconds(2)}, "at most 10m0s together"},
		{distort.Distortion{Kind: distort.IngestionLag, Signal: replay.Logs, Delay: seconds(9), Jitter: -1}, "jitter -1ns"},
		{distort.Distortion{Kind: distort.ClockSkew, Skew: seconds(601)}, "skew is 10m1s"},
		{distort.Distortion{Kind: distort.BrokenPropagation, Service: "a", Downstream: []string{""}}, "without a name"},
		{distort.Distortion{Kind: distort.DecoyAlert, Alert: "A", Interval: 1}, "interval is 1ns"},
		{distort.Distortion{Kind: distort.DecoyAlert, Alert: "A", Labels: map[string]string{"alertname": "B"}}, "alertname is not the scenario's to set"},
		{distort.Distortion{Kind: distort.DecoyAlert, Alert: "A", Labels: map[string]string{"a-b": "B"}}, `"a-b" is no name of a label`},
		{distort.Distortion{Kind: distort.DecoyAlert, Alert: "A", Labels: map[string]string{"a": ""}}, "a has no value"},
	} {
		if err := c.d.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.d, err, c.want)
		}
	}
}

func TestNewChecksTheList(t *testing.T) {
	m := incident(1, time.Minute)
	lag := distort.Distortion{Kind: distort.IngestionLag, Signal: replay.Logs, Delay: seconds(600)}
	decoy := distort.Distortion{Kind: distort.DecoyAlert, Alert: "A"}
	for _, c := range []struct {
		spec []distort.Distortion
		want string
	}{
		{[]distort.Distortion{decoy, {Kind: "x"}}, "distortion 2: kind"},
		{[]distort.Distortion{lag, lag, lag, {Kind: distort.ClockSkew, Skew: -1}}, "logs add up to 30m0"},
		{[]distort.Distortion{decoy, decoy}, "two series"},
		{make([]distort.Distortion, 65), "at most 64"},
	} {
		if _, err := distort.New(m, c.spec, 1, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestPreset(t *testing.T) {
	declared := []distort.Distortion{
		{Kind: distort.TraceSampling, Keep: 0.5},
		{Kind: distort.LogLoss, Share: 0.4, Service: "cart"},
		{Kind: distort.IngestionLag, Signal: replay.Logs, Delay: seconds(20)},
		{Kind: distort.IngestionLag, Signal: replay.Metrics, Delay: seconds(400)},
		{Kind: distort.LogRateLimit, Rate: 1},
		{Kind: distort.TruncatedLines, MaxBytes: 100, Share: 0.9},
		{Kind: distort.ScrapeGap, From: seconds(60), To: seconds(120), Job: "cart"},
	}
	hard := []distort.Distortion{
		{Kind: distort.TraceSampling, Keep: 0.25},
		{Kind: distort.LogLoss, Share: 0.5, Service: "cart"},
		{Kind: distort.IngestionLag, Signal: replay.Logs, Delay: seconds(40)},
		{Kind: distort.IngestionLag, Signal: replay.Metrics, Delay: seconds(400)},
		{Kind: distort.LogRateLimit, Rate: 1},
		{Kind: distort.TruncatedLines, MaxBytes: 64, Share: 0.9},
		{Kind: distort.ScrapeGap, From: seconds(60), To: seconds(120), Job: "cart"},
		{Kind: distort.MissedScrapes, Share: 0.05},
		{Kind: distort.IngestionLag, Signal: replay.Traces, Delay: seconds(10), Jitter: seconds(20)},
	}
	for name, want := range map[string][]distort.Distortion{distort.Clean: nil, distort.Normal: declared, distort.Hard: hard} {
		got, err := distort.Preset(name, declared)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if _, err := distort.New(incident(1, time.Minute), got, 1, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bare, err := distort.Preset(distort.Hard, nil)
	if err != nil || len(bare) != 6 {
		t.Errorf("hard for a bare recording: %v, %v", bare, err)
	}
	if _, err := distort.Preset("brutal", nil); err == nil || !strings.Contains(err.Error(), "clean, normal, hard") {
		t.Errorf("an unknown preset: %v", err)
	}
}

// docs/distortions.md has each kind with an example that is valid, and the set that hard adds.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/distortions.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, kind := range distort.Kinds() {
		_, section, ok := strings.Cut(text, "\n### "+kind+"\n")
		if !ok {
			t.Errorf("kind %s has no section", kind)
			continue
		}
		section, _, _ = strings.Cut(section, "\n### ")
		_, example, _ := strings.Cut(section, "Example: `")
		example, _, _ = strings.Cut(example, "`")
		var d distort.Distortion
		dec := yaml.NewDecoder(strings.NewReader(example))
		dec.KnownFields(true)
		if err := dec.Decode(&d); err != nil {
			t.Errorf("%s: example %q: %v", kind, example, err)
			continue
		}
		if err := d.Validate(); err != nil || string(d.Kind) != kind {
			t.Errorf("%s: example %q: %v", kind, example, err)
		}
	}
	_, set, _ := strings.Cut(text, "<!-- begin hard -->\n```yaml\n")
	set, _, _ = strings.Cut(set, "```")
	var got []distort.Distortion
	if err := yaml.Unmarshal([]byte(set), &got); err != nil {
		t.Fatal(err)
	}
	want, err := distort.Preset(distort.Hard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the set of hard (-code +docs):\n%s", d)
	}
}
