package recording

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
	"github.com/prometheus/prometheus/tsdb/tombstones"
)

// blockMeta is meta.json of a Prometheus block (tsdb.BlockMeta).
type blockMeta struct {
	ULID       ulid.ULID       `json:"ulid"`
	MinTime    int64           `json:"minTime"` // ms, of the first sample
	MaxTime    int64           `json:"maxTime"` // ms, after the last sample
	Stats      blockStats      `json:"stats"`
	Compaction blockCompaction `json:"compaction"`
	Version    int             `json:"version"`
}

type blockStats struct {
	NumSamples          uint64 `json:"numSamples,omitempty"`
	NumFloatSamples     uint64 `json:"numFloatSamples,omitempty"`
	NumHistogramSamples uint64 `json:"numHistogramSamples,omitempty"`
	NumSeries           uint64 `json:"numSeries,omitempty"`
	NumChunks           uint64 `json:"numChunks,omitempty"`
}

type blockCompaction struct {
	Level   int         `json:"level"`
	Sources []ulid.ULID `json:"sources,omitempty"`
}

// blockSeries is one series of a block about to be written.
type blockSeries struct {
	labels labels.Labels
	chunks []chunks.Meta
}

// writeBlock writes one block under root/metrics and returns its files. The name depends on the
// contents alone: the block's first time and a hash, in place of a clock and random bytes.
func writeBlock(root string, series []blockSeries, meta blockMeta) (_ []File, err error) {
	tmp := filepath.Join(root, metricsDir, "block.tmp")
	if err := os.MkdirAll(tmp, 0o777); err != nil {
		return nil, err
	}
	slices.SortFunc(series, func(a, b blockSeries) int { return labels.Compare(a.labels, b.labels) })
	if err := writeChunks(filepath.Join(tmp, "chunks"), series); err != nil {
		return nil, fmt.Errorf("write chunks: %w", err)
	}
	if err := writeIndex(filepath.Join(tmp, "index"), series); err != nil {
		return nil, fmt.Errorf("write index: %w", err)
	}
	if err := os.WriteFile(filepath.Join(tmp, tombstones.TombstonesFilename), noTombstones(), 0o666); err != nil {
		return nil, err
	}
	segments, err := filepath.Glob(filepath.Join(tmp, "chunks", "*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(segments)
	var names []string
	for _, s := range segments {
		names = append(names, "chunks/"+filepath.Base(s))
	}
	names = append(names, "index", tombstones.TombstonesFilename)

	var files []File
	sum := sha256.New()
	for _, name := range names {
		f, err := hashFile(tmp, name)
		if err != nil {
			return nil, err
		}
		sum.Write([]byte(f.SHA256))
		files = append(files, f)
	}
	if err := meta.ULID.SetTime(uint64(meta.MinTime)); err != nil {
		return nil, err
	}
	if err := meta.ULID.SetEntropy(sum.Sum(nil)[:10]); err != nil {
		return nil, err
	}
	meta.Version = 1
	meta.Compaction = blockCompaction{Level: 1, Sources: []ulid.ULID{meta.ULID}}
	meta.Stats.NumSeries = uint64(len(series))
	b, err := json.MarshalIndent(meta, "", "\t")
	if err != nil {
		return nil, err
	}
	f, err := writeFile(tmp, "meta.json", b)
	if err != nil {
		return nil, err
	}
	files = append(files, f)
	dir := metricsDir + "/" + meta.ULID.String()
	for i := range files {
		files[i].Path = dir + "/" + files[i].Path
	}
	return files, os.Rename(tmp, filepath.Join(root, dir))
}

// writeChunks writes the chunks of all series and notes in them where they went.
func writeChunks(dir string, series []blockSeries) error {
	// The writer reserves a whole segment on disk; ask for no more than needed.
	size := int64(chunks.SegmentHeaderSize)
	for _, s := range series {
		for _, c := range s.chunks {
			size += int64(len(c.Chunk.Bytes())) + chunks.MaxChunkLengthFieldSize + chunks.ChunkEncodingSize + crc32.Size
		}
	}
	w, err := chunks.NewWriter(dir, chunks.WithSegmentSize(min(size, chunks.DefaultChunkSegmentSize)))
	if err != nil {
		return err
	}
	for _, s := range series {
		if err := w.WriteChunks(s.chunks...); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

func writeIndex(path string, series []blockSeries) error {
	w, err := index.NewWriter(context.Background(), path)
	if err != nil {
		return err
	}
	symbols := map[string]struct{}{"": {}}
	for _, s := range series {
		s.labels.Range(func(l labels.Label) {
			symbols[l.Name] = struct{}{}
			symbols[l.Value] = struct{}{}
		})
	}
	sorted := make([]string, 0, len(symbols))
	for s := range symbols {
		sorted = append(sorted, s)
	}
	slices.Sort(sorted)
	for _, s := range sorted {
		if err := w.AddSymbol(s); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	for i, s := range series {
		if err := w.AddSeries(storage.SeriesRef(i), s.labels, s.chunks...); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

// noTombstones is a tombstones file without entries: magic, version, and the CRC-32C of nothing
// (Prometheus, tsdb/docs/format/tombstones.md).
func noTombstones() []byte {
	return []byte{0x01, 0x30, 0xBA, 0x30, 1, 0, 0, 0, 0}
}
