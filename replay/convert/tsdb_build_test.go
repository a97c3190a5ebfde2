package convert_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
	"github.com/prometheus/prometheus/tsdb/tombstones"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

// sample is one float or, with h, histogram sample of a test's block.
type sample struct {
	t int64
	v float64
	h *histogram.Histogram
}

// blockSpec is a block of a test. Keys of series are metric names.
type blockSpec struct {
	ulid    string
	series  map[string][]sample
	deleted map[string]tombstones.Interval
	parents []string
}

// writeBlock writes the block into dir, as Prometheus would.
func writeBlock(t *testing.T, dir string, b blockSpec) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir = filepath.Join(dir, b.ulid)
	must(os.MkdirAll(dir, 0o755))
	cw, err := chunks.NewWriter(filepath.Join(dir, "chunks"))
	must(err)
	iw, err := index.NewWriter(t.Context(), filepath.Join(dir, "index"))
	must(err)
	names := slices.Sorted(maps.Keys(b.series))
	symbols := append([]string{model.MetricNameLabel, "job", "test"}, names...)
	slices.Sort(symbols)
	for _, s := range symbols {
		must(iw.AddSymbol(s))
	}
	var mint, maxt int64 = 1 << 62, 0
	stones := tombstones.NewMemTombstones()
	for i, n := range names {
		var c chunkenc.Chunk = chunkenc.NewXORChunk()
		if b.series[n][0].h != nil {
			c = chunkenc.NewHistogramChunk()
		}
		app, err := c.Appender()
		must(err)
		for _, s := range b.series[n] {
			if s.h == nil {
				app.Append(0, s.t, s.v)
			} else if _, _, _, err := app.AppendHistogram(nil, 0, s.t, s.h.Copy(), true); err != nil {
				t.Fatal(err)
			}
			mint, maxt = min(mint, s.t), max(maxt, s.t+1)
		}
		metas := []chunks.Meta{{Chunk: c, MinTime: b.series[n][0].t, MaxTime: b.series[n][len(b.series[n])-1].t}}
		must(cw.WriteChunks(metas...))
		must(iw.AddSeries(storage.SeriesRef(i), labels.FromStrings(model.MetricNameLabel, n, "job", "test"), metas...))
	}
	must(cw.Close())
	must(iw.Close())
	// A stone names the series as the index does: find the reference by reading.
	ir, err := index.NewFileReader(filepath.Join(dir, "index"), index.DecodePostingsRaw)
	must(err)
	for n, iv := range b.deleted {
		p, err := ir.Postings(t.Context(), model.MetricNameLabel, n)
		must(err)
		for p.Next() {
			stones.AddInterval(p.At(), iv)
		}
	}
	must(ir.Close())
	_, err = tombstones.WriteFile(slog.New(slog.DiscardHandler), dir, stones)
	must(err)
	type parent struct {
		ULID string `json:"ulid"`
	}
	var parents []parent
	for _, p := range b.parents {
		parents = append(parents, parent{p})
	}
	meta, err := json.Marshal(map[string]any{"ulid": b.ulid, "minTime": mint, "maxTime": maxt, "version": 1, "compaction": map[string]any{"parents": parents}})
	must(err)
	must(os.WriteFile(filepath.Join(dir, "meta.json"), meta, 0o644))
}

// writeLog appends the records to the WAL or WBL in dir as a segment of its own.
func writeLog(t *testing.T, dir string, records ...[]byte) {
	t.Helper()
	w, err := wlog.NewSize(slog.New(slog.DiscardHandler), nil, dir, wlog.DefaultSegmentSize, compression.Snappy)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Log(records...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// archive packs dir under the folder inside into a .tar.gz.
func archive(t *testing.T, dir, inside string, more ...tar.Header) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "data.tar.gz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(filepath.Join(inside, rel)), Mode: 0o644, Size: int64(len(b))}); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range more {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}
