package recording_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"firedrill/replay"
	"firedrill/replay/recording"
)

// copyDir copies a recording, so that the copy can be damaged.
func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// readEverything reads all signals and returns the first error.
func readEverything(dir string) error {
	r, err := recording.Open(dir)
	if err != nil {
		return err
	}
	defer r.Close()
	samples, err := r.Samples(time.Time{}, forever)
	if err := drain(samples, err); err != nil {
		return err
	}
	records, err := r.Records(time.Time{}, forever)
	if err := drain(records, err); err != nil {
		return err
	}
	spans, err := r.Spans(time.Time{}, forever)
	return drain(spans, err)
}

func drain[T replay.Item](r replay.Reader[T], err error) error {
	if err != nil {
		return err
	}
	defer r.Close()
	p := make([]T, 100)
	for {
		if _, err := r.Read(p); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Any byte of any file changed, with the manifest none the wiser: Verify finds it, and reading
// answers with an error in one line that names a file, or does not notice, but does not panic.
func TestChangedBytes(t *testing.T) {
	_, dir := mustRecord(t, randomInput(5, 300, 3*time.Hour), 5)
	for _, path := range filesOf(t, dir) {
		t.Run(path, func(t *testing.T) {
			bad := copyDir(t, dir)
			name := filepath.Join(bad, path)
			good, err := os.ReadFile(name)
			check(t, err)
			for i := 0; i < len(good); i += max(1, len(good)/20) {
				b := bytes.Clone(good)
				b[i] ^= 0x55
				check(t, os.WriteFile(name, b, 0o666))
				if err := readEverything(bad); err != nil {
					wantError(t, err, bad)
				}
			}
			if path == "manifest.json" {
				return
			}
			b := bytes.Clone(good)
			b[len(b)/2] ^= 0x55
			check(t, os.WriteFile(name, b, 0o666))
			ps, err := recording.Verify(context.Background(), bad)
			check(t, err)
			if !hasProblem(ps, filepath.ToSlash(path), "it was changed") {
				t.Errorf("verify finds %v, want that %s was changed", ps, path)
			}
		})
	}
}

func filesOf(t *testing.T, dir string) []string {
	var paths []string
	check(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if fi, _ := d.Info(); fi.Size() > 0 {
			paths = append(paths, rel)
		}
		return err
	}))
	return paths
}

func hasProblem(ps []recording.Problem, file, what string) bool {
	return slices.ContainsFunc(ps, func(p recording.Problem) bool {
		return p.Severity == recording.Broken && p.File == file && strings.Contains(p.What, what)
	})
}

func TestCutShort(t *testing.T) {
	_, dir := mustRecord(t, randomInput(5, 300, time.Hour), 5)
	for _, path := range filesOf(t, dir) {
		if path == "manifest.json" {
			continue
		}
		bad := copyDir(t, dir)
		name := filepath.Join(bad, path)
		fi, err := os.Stat(name)
		check(t, err)
		check(t, os.Truncate(name, fi.Size()-1))
		_, err = recording.Open(bad)
		wantError(t, err, fmt.Sprintf("%s: has %d bytes, the manifest says %d", name, fi.Size()-1, fi.Size()))
		check(t, os.Remove(name))
		_, err = recording.Open(bad)
		wantError(t, err, name+": the manifest lists it: no such file")
	}
}

// replaced replaces a file and its size in the manifest, so that only reading finds the damage.
func replaced(t *testing.T, dir, path string, b []byte) {
	t.Helper()
	check(t, os.WriteFile(filepath.Join(dir, path), b, 0o666))
	raw, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	check(t, err)
	var m recording.Manifest
	check(t, json.Unmarshal(raw, &m))
	for i := range m.Files {
		if m.Files[i].Path == path {
			m.Files[i].Size = int64(len(b))
		}
	}
	raw, err = json.Marshal(m)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "manifest.json"), raw, 0o666))
}

func zstdOf(t *testing.T, s string) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	check(t, err)
	return e.EncodeAll([]byte(s), nil)
}

func TestForeignContents(t *testing.T) {
	_, dir := mustRecord(t, randomInput(5, 300, time.Hour), 5)
	var block string
	for _, p := range filesOf(t, dir) {
		if strings.HasSuffix(p, "meta.json") {
			block = filepath.Dir(p)
		}
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, path))
		check(t, err)
		return b
	}
	const line = `{"timestamp":"2024-03-01T14:00:00Z","labels":{"app":"a"},"line":"x"}` + "\n"
	logs, traces, exemplars := "logs/000001.jsonl.zst", "traces/000001.otlp", "metrics/exemplars.jsonl.zst"
	for name, c := range map[string]struct {
		path string
		b    []byte
		want string
	}{
		"not zstd":           {logs, []byte("plain text"), "after line 0: decompress: "},
		"zstd cut short":     {logs, read(logs)[:1000], "decompress: unexpected EOF"},
		"not JSON":           {logs, zstdOf(t, line+"{\n"), "line 2: unexpected EOF"},
		"line cut short":     {logs, zstdOf(t, line+line[:20]), "line 2: is cut short"},
		"unknown name":       {logs, zstdOf(t, `{"ts":"1"}`+"\n"), `line 1: json: unknown field "ts"`},
		"no time":            {logs, zstdOf(t, `{"labels":{"a":"b"},"line":"x"}`+"\n"), "line 1: timestamp, labels or line is missing"},
		"bad time":           {logs, zstdOf(t, strings.Replace(line, "T14", "T25", 1)), "line 1: parsing time"},
		"order":              {logs, zstdOf(t, line+strings.Replace(line, "T14", "T13", 1)), "line 2: time 2024-03-01T13:00:00Z is before that of the line above"},
		"stream label":       {logs, zstdOf(t, strings.Replace(line, `"app"`, `"a.b"`, 1)), `line 1: log stream {"a.b"="a"}: invalid label name "a.b"`},
		"label not a string": {logs, zstdOf(t, strings.Replace(line, `"a"}`, `1}`, 1)), "line 1: labels: json: cannot unmarshal number"},
		"exemplar":           {exemplars, zstdOf(t, `{"seriesLabels":{"__name__":"a"},"exemplars":[{"labels":{},"value":"1","timestamp":-1}]}`+"\n"), `line 1: timestamp "-1" is not a time`},
		"exemplar's value":   {exemplars, zstdOf(t, `{"seriesLabels":{"__name__":"a"},"exemplars":[{"labels":{},"value":"x","timestamp":1}]}`+"\n"), `line 1: exemplar value "x" is not a number`},
		"frame size":         {traces, []byte("\xff\xff\xff\xff1234"), "message at 0: size 4294967295 is impossible"},
		"frame cut short":    {traces, read(traces)[:200], "message at 0: has "},
		"size cut short":     {traces, append(bytes.Clone(read(traces)), 0, 0), "the size is cut short"},
		"frame not zstd":     {traces, []byte("\x00\x00\x00\x04abcd"), "message at 0: decompress: "},
		"frame not OTLP":     {traces, append([]byte{0, 0, 0, byte(len(zstdOf(t, "hello")))}, zstdOf(t, "hello")...), "message at 0: not OTLP traces: "},
		"metadata":           {"metrics/metadata.json", []byte("{\n\n]"), "metadata.json: line 3: invalid character"},
		"trace ids":          {"traces/ids", []byte("x"), "traces/ids: size 1 is not a multiple of 16"},
		"block meta":         {block + "/meta.json", []byte(`{"version":2}`), "meta.json: block version 2, want 1"},
		"deletions":          {block + "/tombstones", []byte("xx"), "holds deletions: bring the block in with firedrill import tsdb"},
		"index":              {block + "/index", []byte("short"), "index: "},
		"chunks":             {block + "/chunks/000001", []byte("not chunks at all"), "chunks/000001: not a chunks file of version 1"},
		"chunks cut short":   {block + "/chunks/000001", read(block + "/chunks/000001")[:100], "chunks/000001: chunk at "},
	} {
		t.Run(name, func(t *testing.T) {
			bad := copyDir(t, dir)
			replaced(t, bad, c.path, c.b)
			err := readEverything(bad)
			wantError(t, err, c.want)
			wantError(t, err, filepath.Join(bad, filepath.FromSlash(c.path)))
			ps, err := recording.Verify(context.Background(), bad)
			check(t, err)
			if !slices.ContainsFunc(ps, func(p recording.Problem) bool {
				return p.Severity == recording.Broken && p.File == c.path && strings.Contains(p.String(), c.want)
			}) && !strings.Contains(c.want, c.path) && !strings.Contains(c.want, "json: ") && !strings.Contains(c.want, "index") {
				t.Errorf("verify finds %v, want %q in %s", ps, c.want, c.path)
			}
		})
	}
}

func TestManifestIsChecked(t *testing.T) {
	_, dir := mustRecord(t, randomInput(5, 100, time.Hour), 5)
	good, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	check(t, err)
	edit := func(old, new string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("%q is not in the manifest", old)
		}
		return strings.Replace(string(good), old, new, 1)
	}
	for name, c := range map[string]struct{ manifest, want string }{
		"empty":    {"", "manifest.json: line 1: unexpected end of JSON input"},
		"not JSON": {"{\n\"version\": 1,,", "manifest.json: line 2: invalid character"},
		"version":  {edit(`"version": 1`, `"version": 9`), "format version 9, this firedrill reads version 1"},
		"unknown":  {edit(`"source"`, `"sauce"`), `unknown field "sauce"`},
		"outside":  {edit(`"path": "logs/`, `"path": "../logs/`), "is not inside the recording"},
		"no hash":  {edit(`"sha256": "`, `"sha256": "x`), "has no SHA-256"},
		"negative": {edit(`"size": `, `"size": -`), "has size -"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := copyDir(t, dir)
			check(t, os.WriteFile(filepath.Join(bad, "manifest.json"), []byte(c.manifest), 0o666))
			_, err := recording.Open(bad)
			wantError(t, err, c.want)
			_, err = recording.Verify(context.Background(), bad)
			wantError(t, err, c.want)
		})
	}
	for old, new := range map[string]string{
		`"samples": `: `"samples": 1`, `"series": `: `"series": 1`, `"exemplars": `: `"exemplars": 1`, `"lines": `: `"lines": 1`,
		`"streams": `: `"streams": 1`, `"spans": `: `"spans": 1`, `"traces": `: `"traces": 1`, `"first_ns": 17`: `"first_ns": 16`,
		`"start": "2024`: `"start": "2023`,
	} {
		t.Run("wrong "+strings.Trim(old, `":; `), func(t *testing.T) {
			bad := copyDir(t, dir)
			manifest := edit(old, new)
			if old == `"traces": ` { // the first is the object
				i := strings.Index(string(good), old) + 5
				manifest = string(good[:i]) + strings.Replace(string(good[i:]), old, new, 1)
			}
			check(t, os.WriteFile(filepath.Join(bad, "manifest.json"), []byte(manifest), 0o666))
			ps, err := recording.Verify(context.Background(), bad)
			check(t, err)
			if !slices.ContainsFunc(ps, func(p recording.Problem) bool { return p.Severity == recording.Broken }) {
				t.Errorf("verify finds nothing broken, only %v", ps)
			}
		})
	}
}
