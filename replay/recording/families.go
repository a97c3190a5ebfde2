package recording

import (
	"bytes"
	"encoding/json"
	"strings"

	"firedrill/replay"
)

// maxMetadata limits the size of metadata.json, in bytes.
const maxMetadata = 64 << 20

// family is one entry of Prometheus's /api/v1/metadata, which answers with a list for each name.
type family struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

func encodeFamilies(fs map[string]replay.Family) []byte {
	m := make(map[string][]family, len(fs))
	for name, f := range fs {
		m[name] = []family{family(f)}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	// Strings in maps cannot fail to encode, nor can a bytes.Buffer.
	_ = enc.Encode(m)
	return b.Bytes()
}

// Families returns what the metric families say of themselves, by name.
func (r *Recording) Families() map[string]replay.Family {
	out := make(map[string]replay.Family, len(r.families))
	for name, f := range r.families {
		out[name] = *f
	}
	return out
}

// parseFamilies takes the first entry of each name.
func parseFamilies(b []byte) (map[string]*replay.Family, error) {
	var m map[string][]family
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, jsonPlace(b, err)
	}
	fs := make(map[string]*replay.Family, len(m))
	for name, list := range m {
		if len(list) > 0 {
			f := replay.Family(list[0])
			fs[name] = &f
		}
	}
	return fs, nil
}

// familySuffixes are what the names of series carry beyond the name of their family.
var familySuffixes = []string{"_bucket", "_sum", "_count", "_total", "_created", "_gsum", "_gcount", "_info"}

// findFamily returns the family of the metric name, nil when it is unknown.
func findFamily(fs map[string]*replay.Family, name string) *replay.Family {
	if f := fs[name]; f != nil {
		return f
	}
	for _, suffix := range familySuffixes {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			return fs[base]
		}
	}
	return nil
}
