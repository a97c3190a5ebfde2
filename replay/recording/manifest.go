package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names inside a recording.
const (
	manifestName  = "manifest.json"
	metadataName  = "metrics/metadata.json"
	exemplarsName = "metrics/exemplars.jsonl.zst"
	walName       = "metrics/wal/00000000"
	traceIDsName  = "traces/ids"
	metricsDir    = "metrics"
	logsDir       = "logs"
	tracesDir     = "traces"
)

// FormatVersion is the version of the format that this package writes, and the only one it reads.
const FormatVersion = 1

// maxManifest limits the size of manifest.json, in bytes: about 200,000 files.
const maxManifest = 64 << 20

// maxFiles limits how many files a manifest may list.
const maxFiles = 1 << 20

// Manifest says what a recording holds. It is written last.
type Manifest struct {
	Version   int    `json:"version"`
	CreatedBy string `json:"created_by"`
	Source    string `json:"source,omitempty"` // where the data comes from, for people
	// Start is the earliest due time, End the instant after the latest. Both are zero when the
	// recording holds nothing.
	Start   time.Time     `json:"start"`
	End     time.Time     `json:"end"`
	Metrics MetricsCounts `json:"metrics"`
	Logs    LogsCounts    `json:"logs"`
	Traces  TracesCounts  `json:"traces"`
	Changed Changed       `json:"changed"`
	Files   []File        `json:"files"` // all files but the manifest, by path
}

// MetricsCounts counts what a recording holds of metrics.
type MetricsCounts struct {
	Series    int64 `json:"series"`
	Samples   int64 `json:"samples"` // with stale markers
	Exemplars int64 `json:"exemplars"`
}

// LogsCounts counts what a recording holds of logs.
type LogsCounts struct {
	Streams int64 `json:"streams"`
	Lines   int64 `json:"lines"`
}

// TracesCounts counts what a recording holds of traces.
type TracesCounts struct {
	Traces int64 `json:"traces"`
	Spans  int64 `json:"spans"`
}

// Changed counts what the Writer left out or altered.
type Changed struct {
	// Duplicates are equal in everything; one of them is kept.
	DuplicateSamples   int64 `json:"duplicate_samples"`
	DuplicateExemplars int64 `json:"duplicate_exemplars"`
	DuplicateLines     int64 `json:"duplicate_lines"`
	DuplicateSpans     int64 `json:"duplicate_spans"`
	// Conflicts have the same identity and other content; the first is kept.
	ConflictingSamples int64 `json:"conflicting_samples"`
	ConflictingSpans   int64 `json:"conflicting_spans"`
	// MovedLines were equal in stream, time and line but not in metadata, and were moved later by
	// nanoseconds, since Loki would keep only one of them.
	MovedLines int64 `json:"moved_lines"`
	// RepairedLines had bytes that are not UTF-8, which JSON cannot carry; U+FFFD stands for them.
	RepairedLines int64 `json:"repaired_lines"`
	// UndeliverableExemplars are kept, but have no sample of their series at or after them.
	UndeliverableExemplars int64 `json:"undeliverable_exemplars"`
}

// File is one file of a recording.
type File struct {
	Path   string `json:"path"` // relative to the recording, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	// First and Last are the earliest and latest due time in the file, in nanoseconds since the
	// epoch; only log and span files have them.
	First *int64 `json:"first_ns,omitempty"`
	Last  *int64 `json:"last_ns,omitempty"`
}

// readManifest reads and checks the manifest of the recording in dir.
func readManifest(dir string) (Manifest, error) {
	name := filepath.Join(dir, manifestName)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s is not a recording: it has no %s", dir, manifestName)
	}
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return Manifest{}, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxManifest {
		return Manifest{}, in(name, "", fmt.Errorf("larger than %d bytes", maxManifest))
	}
	m, err := parseManifest(b)
	if err != nil {
		return Manifest{}, in(name, "", err)
	}
	return m, nil
}

func parseManifest(b []byte) (Manifest, error) {
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return Manifest{}, jsonPlace(b, err)
	}
	if v.Version != FormatVersion {
		return Manifest{}, fmt.Errorf("format version %d, this firedrill reads version %d", v.Version, FormatVersion)
	}
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, jsonPlace(b, err)
	}
	if m.End.Before(m.Start) {
		return Manifest{}, errors.New("end is before start")
	}
	if len(m.Files) > maxFiles {
		return Manifest{}, fmt.Errorf("lists %d files, more than %d", len(m.Files), maxFiles)
	}
	prev := ""
	for _, f := range m.Files {
		switch {
		case !filepath.IsLocal(f.Path) || strings.Contains(f.Path, "\\"):
			return Manifest{}, fmt.Errorf("file %q is not inside the recording", f.Path)
		case f.Path <= prev:
			return Manifest{}, fmt.Errorf("file %q is listed after %q, want them sorted and once each", f.Path, prev)
		case f.Size < 0:
			return Manifest{}, fmt.Errorf("file %q has size %d", f.Path, f.Size)
		case len(f.SHA256) != 64:
			return Manifest{}, fmt.Errorf("file %q has no SHA-256", f.Path)
		case (f.First == nil) != (f.Last == nil):
			return Manifest{}, fmt.Errorf("file %q has only one of first_ns and last_ns", f.Path)
		}
		prev = f.Path
	}
	return m, nil
}

// jsonPlace adds the line to an error of encoding/json, which knows only the offset.
func jsonPlace(b []byte, err error) error {
	off := int64(-1)
	var se *json.SyntaxError
	var te *json.UnmarshalTypeError
	if errors.As(err, &se) {
		off = se.Offset
	} else if errors.As(err, &te) {
		off = te.Offset
	}
	if off < 0 || off > int64(len(b)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(b[:off], []byte("\n")), err)
}

// under returns the files under the folder dir whose names end in suffix, in order.
func (m *Manifest) under(dir, suffix string) []File {
	var fs []File
	for _, f := range m.Files {
		if strings.HasPrefix(f.Path, dir+"/") && strings.HasSuffix(f.Path, suffix) {
			fs = append(fs, f)
		}
	}
	return fs
}
