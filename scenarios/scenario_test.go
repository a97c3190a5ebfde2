package scenarios_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firedrill/scenarios"
)

const sound = `version: 1
id: lab
title: Lab
brief: Something is slow.
page:
  at: 2026-03-01T14:05:00Z
  alert: LatencyHigh
timebox: 10m
recording: rec
`

// write puts text into a folder called lab and returns the folder.
func write(tb testing.TB, text string) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "lab")
	if err := os.Mkdir(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, scenarios.File), []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	return dir
}

func TestLoad(t *testing.T) {
	dir := write(t, sound)
	s, err := scenarios.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Dir() != dir || s.ID != "lab" || s.Recording != "rec" || time.Duration(s.Timebox) != 10*time.Minute {
		t.Errorf("got %+v", s)
	}
	if got, want := s.Page.At.In(time.Unix(0, 0)), time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("page at %s, want %s", got, want)
	}
}

func TestMomentIn(t *testing.T) {
	start := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	s, err := scenarios.Load(write(t, strings.Replace(sound, "2026-03-01T14:05:00Z", "7m", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Page.At.In(start), start.Add(7*time.Minute); !got.Equal(want) {
		t.Errorf("page at %s, want %s", got, want)
	}
}

// TestLoadErrors checks that each fault is named with its place.
func TestLoadErrors(t *testing.T) {
	replace := func(old, new string) string {
		if !strings.Contains(sound, old) {
			t.Fatalf("the sound scenario has no %q", old)
		}
		return strings.Replace(sound, old, new, 1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":        {replace("  alert:", "  alarm:"), `scenario.yaml:7: unknown key "alarm"`},
		"unknown top key":    {sound + "answer: cart\n", `scenario.yaml:10: unknown key "answer"`},
		"bad duration":       {replace("10m", "soon"), `scenario.yaml:8: "soon": expected a duration such as 90s or 45m`},
		"negative duration":  {replace("10m", "-10m"), `scenario.yaml:8: "-10m": expected a duration such as 90s or 45m`},
		"bad moment":         {replace("2026-03-01T14:05:00Z", "noon"), `scenario.yaml:6: "noon": expected RFC 3339, or a duration from the recording's start such as 30m`},
		"not yaml":           {"version: [", "scenario.yaml:"},
		"empty":              {"", "scenario.yaml: the file is empty"},
		"two documents":      {sound + "---\nversion: 1\n", "scenario.yaml: more than one YAML document"},
		"other version":      {replace("version: 1", "version: 2"), "scenario.yaml:1: version is 2, expected 1"},
		"other folder":       {replace("id: lab", "id: den"), `scenario.yaml:2: id is "den", expected the folder's name "lab"`},
		"no id":              {replace("id: lab\n", ""), "scenario.yaml:1: id is missing"},
		"no title":           {replace("title: Lab\n", ""), "scenario.yaml:1: title is missing"},
		"no brief":           {replace("brief: Something is slow.\n", ""), "scenario.yaml:1: brief is missing"},
		"no page":            {replace("  at: 2026-03-01T14:05:00Z\n", ""), "scenario.yaml:5: page.at is missing"},
		"no alert":           {replace("  alert: LatencyHigh\n", ""), "scenario.yaml:5: page.alert is missing"},
		"no timebox":         {replace("timebox: 10m\n", ""), "scenario.yaml:1: timebox is missing"},
		"no recording":       {replace("recording: rec\n", ""), "scenario.yaml:1: expected one of recording and system"},
		"recording twice":    {sound + "system: system.yaml\n", "scenario.yaml:9: expected one of recording and system"},
		"two notations":      {sound + "services: [{name: a, description: b, owner: c}]\nchanges: [{at: 5m, kind: flag, service: a, summary: s, author: d}]\n", "scenario.yaml:11: expected the notation of page.at"},
		"recording far away": {replace("recording: rec", "recording: ../rec"), `scenario.yaml:9: recording "../rec" lies outside the scenario's folder`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Load(write(t, c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
			if s != nil {
				t.Errorf("got a scenario with an error: %+v", s)
			}
		})
	}
	if _, err := scenarios.Load(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty folder: got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestOpen checks that each scenario of the program loads, from the program and from its folder.
func TestOpen(t *testing.T) {
	lib, err := scenarios.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if len(lib.IDs()) == 0 {
		t.Fatal("the program has no scenario")
	}
	for _, id := range lib.IDs() {
		if _, err := lib.Load(id); err != nil {
			t.Error(err)
		}
		if _, err := scenarios.Load(id); err != nil {
			t.Error(err)
		}
	}
	if _, err := lib.Load("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestOpenDirectory checks that scenarios of a directory sit beside those of the program.
func TestOpenDirectory(t *testing.T) {
	dir := filepath.Dir(write(t, sound))
	lib, err := scenarios.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := lib.Load("lab")
	if err != nil || s.Dir() != filepath.Join(dir, "lab") {
		t.Errorf("got %v, %v, want the scenario of the directory", s, err)
	}
	own := lib.IDs()[0]
	if err := os.Rename(filepath.Join(dir, "lab"), filepath.Join(dir, own)); err != nil {
		t.Fatal(err)
	}
	_, err = scenarios.Open(dir)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, own)) || !strings.Contains(err.Error(), "scenarios/"+own) {
		t.Errorf("got %v, want an error that names both folders", err)
	}
	if _, err := scenarios.Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte("version: 1\npage: {at: 30m}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 {
			t.Skip("longer than any fault needs")
		}
		s, err := scenarios.Load(write(t, string(text)))
		if (s == nil) != (err != nil) {
			t.Errorf("got scenario %v with error %v", s, err)
		}
	})
}
