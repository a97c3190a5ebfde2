package cli

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"firedrill/replay/distort"
	"firedrill/replay/recording"
	"firedrill/scenarios"
)

// A session that is resumed finds the difficulty it began with, and is not resumed with another.
func TestDifficultyIsKept(t *testing.T) {
	checkpoint := filepath.Join(t.TempDir(), "checkpoint.json")
	if d, err := keptDifficulty(checkpoint); err != nil || d.Name != distort.Clean || d.Distortions != nil {
		t.Errorf("of a session from before there was any: %+v, %v", d, err)
	}
	a := &app{State: &State{}, config: settings(t, map[string]string{"difficulty": "hard"})}
	d, err := a.newDifficulty(nil)
	if err != nil || len(d.Distortions) == 0 {
		t.Fatalf("hard is %+v, %v", d, err)
	}
	d.Seed = 1 << 63
	if err := keepDifficulty(d, checkpoint); err != nil {
		t.Fatal(err)
	}
	got, err := keptDifficulty(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got); diff != "" {
		t.Errorf("(-kept +read):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, d := range []difficulty{{Name: distort.Clean}, d, {Name: d.Name, Distortions: d.Distortions}, {Name: d.Name, Seed: d.Seed, Distortions: d.Distortions[1:]}} {
		seen[fingerprint(recording.Manifest{}, d)] = true
	}
	if len(seen) != 4 {
		t.Errorf("4 difficulties have %d fingerprints", len(seen))
	}
	if fingerprint(recording.Manifest{}, difficulty{Name: distort.Normal}) != fingerprint(recording.Manifest{}, difficulty{Name: distort.Clean}) {
		t.Error("two ways of distorting nothing have two fingerprints")
	}
}

func TestDifficultyOfAScenario(t *testing.T) {
	s := &scenarios.Scenario{Seed: 7, Distortions: []distort.Distortion{{Kind: distort.LogLoss, Share: 0.25}}}
	for name, want := range map[string]float64{"clean": 0, "normal": 0.25, "hard": 0.5} {
		a := &app{State: &State{}, config: settings(t, map[string]string{"difficulty": name})}
		d, err := a.newDifficulty(s)
		if err != nil || d.Name != name || d.Seed != 7 || (want > 0) != (len(d.Distortions) > 0) || want > 0 && d.Distortions[0].Share != want {
			t.Errorf("%s: %+v, %v; want a share of %v", name, d, err, want)
		}
	}
}
