package convert

// A Prometheus data directory (blocks, WAL, out-of-order WBL), a snapshot, one block, or a .tar.gz of
// any of these. Only the format packages of Prometheus are used, never its database: nothing is
// locked, repaired or written, and a directory of a running server may be read.
//
// What Prometheus itself would not serve is not imported: deleted samples, blocks that a compaction
// has replaced, WAL samples from before the end of the newest block, and out-of-order samples that the
// head refused. chunks_head is not read: the WAL holds all that it holds.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

const (
	// window is the stretch in which series are handed on one after another, in ms: the Writer's block.
	window = 2 * 60 * 60 * 1000
	// maxWindows limits how many windows hold samples: 45 years without a gap.
	maxWindows = 200_000
	// maxMeta limits meta.json, in bytes. A block that came from very many others has a long one.
	maxMeta = 16 << 20
)

// point is one sample of a series.
type point struct {
	t  int64
	v  float64
	h  *histogram.Histogram
	fh *histogram.FloatHistogram
}

// tsdbSource is a block or a head.
type tsdbSource interface {
	// windows says in which windows there may be samples, by start.
	windows() map[int64]bool
	// open starts reading the series that may have samples in [from, from+window).
	open(ctx context.Context, from int64) (tsdbCursor, error)
	// bytes is how much input the source is.
	bytes() int64
	close() error
}

// tsdbCursor goes through series in the order of their labels.
type tsdbCursor interface {
	next() (bool, error)
	labels() labels.Labels
	// points appends the samples of the current series, in order of time.
	points([]point) ([]point, error)
	exemplars() []replay.Exemplar
}

// blockMeta is the part of a block's meta.json that matters here.
type blockMeta struct {
	ULID       ulid.ULID `json:"ulid"`
	MinTime    int64     `json:"minTime"`
	MaxTime    int64     `json:"maxTime"` // exclusive
	Version    int       `json:"version"`
	Compaction struct {
		Parents []struct {
			ULID ulid.ULID `json:"ulid"`
		} `json:"parents"`
		Hints []string `json:"hints"`
	} `json:"compaction"`

	dir string
}

func importTSDB(j *job, paths []string) (err error) {
	var sources []tsdbSource
	var tmp []string
	defer func() {
		for _, s := range sources {
			err = errors.Join(err, s.close())
		}
		for _, d := range tmp {
			err = errors.Join(err, os.RemoveAll(d))
		}
	}()
	for _, p := range paths {
		dir := p
		if isFile(p) {
			if dir, err = os.MkdirTemp("", "firedrill-tsdb-"); err != nil {
				return err
			}
			tmp = append(tmp, dir)
			if err := j.unpack(p, dir); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
		}
		data, err := findData(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		ss, err := j.openData(data)
		sources = append(sources, ss...)
		if err != nil {
			return err
		}
	}
	for _, s := range sources {
		j.total += s.bytes()
	}
	return j.mergeSources(sources)
}

// findData returns dir, or the one directory below it, up to three deep, that is a block or holds
// blocks or a WAL: archives often have a folder around them.
func findData(dir string) (string, error) {
	level := []string{dir}
	for range 4 {
		var found, below []string
		for _, d := range level {
			entries, err := os.ReadDir(d)
			if err != nil {
				return "", err
			}
			is := isFile(filepath.Join(d, "meta.json"))
			for _, e := range entries {
				if !e.IsDir() {
					continue
				}
				sub := filepath.Join(d, e.Name())
				is = is || e.Name() == "wal" || isFile(filepath.Join(sub, "meta.json"))
				below = append(below, sub)
			}
			if is {
				found = append(found, d)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return "", fmt.Errorf("holds several Prometheus data directories (%s, %s): name one of them", found[0], found[1])
		}
		level = below
	}
	return "", errors.New("no Prometheus data here: want a directory with blocks (meta.json, index, chunks) or a wal")
}

// openData opens the blocks and the head of a data directory, or the one block that dir is.
func (j *job) openData(dir string) (sources []tsdbSource, err error) {
	var dirs []string
	if isFile(filepath.Join(dir, "meta.json")) {
		dirs = []string{dir}
	} else {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if _, err := ulid.ParseStrict(e.Name()); err == nil && e.IsDir() {
				dirs = append(dirs, filepath.Join(dir, e.Name()))
			} else if strings.Contains(e.Name(), ".tmp") {
				j.skip("block that was being written or deleted", e.Name())
			}
		}
	}
	metas, err := j.readMetas(dirs)
	if err != nil {
		return nil, err
	}
	// In-order blocks end where the head begins.
	minValid := int64(math.MinInt64)
	for _, m := range metas {
		if !slices.Contains(m.Compaction.Hints, "from-out-of-order") {
			minValid = max(minValid, m.MaxTime)
		}
		b, err := j.openBlock(m)
		if err != nil {
			return sources, fmt.Errorf("block %s: %w", m.dir, err)
		}
		sources = append(sources, b)
	}
	if isDir(filepath.Join(dir, "wal")) {
		h, err := j.openHead(dir, minValid)
		if err != nil {
			return sources, err
		}
		sources = append(sources, h)
	}
	return sources, nil
}

// readMetas returns the blocks to read in order of time, which is not that of their names, without
// those that a later compaction replaced.
func (j *job) readMetas(dirs []string) ([]blockMeta, error) {
	var metas []blockMeta
	replaced := map[ulid.ULID]bool{}
	for _, d := range dirs {
		m, err := readMeta(filepath.Join(d, "meta.json"))
		if errors.Is(err, os.ErrNotExist) {
			j.skip("block without meta.json, which was being written or deleted", d)
			continue
		}
		if err != nil {
			return nil, err
		}
		m.dir = d
		metas = append(metas, m)
		for _, p := range m.Compaction.Parents {
			if p.ULID != m.ULID {
				replaced[p.ULID] = true
			}
		}
	}
	metas = slices.DeleteFunc(metas, func(m blockMeta) bool {
		if replaced[m.ULID] {
			j.skip("block that a compaction has replaced", m.dir)
		}
		return replaced[m.ULID]
	})
	slices.SortFunc(metas, func(a, b blockMeta) int {
		return cmp.Or(cmp.Compare(a.MinTime, b.MinTime), a.ULID.Compare(b.ULID))
	})
	return metas, nil
}

func readMeta(name string) (m blockMeta, err error) {
	f, err := os.Open(name)
	if err != nil {
		return m, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMeta+1))
	if err != nil {
		return m, err
	}
	if len(b) > maxMeta {
		return m, fmt.Errorf("%s: larger than %d bytes", name, maxMeta)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	if m.Version != 1 {
		return m, fmt.Errorf("%s: block version %d, want 1", name, m.Version)
	}
	if m.MaxTime < m.MinTime {
		return m, fmt.Errorf("%s: maxTime %d is before minTime %d", name, m.MaxTime, m.MinTime)
	}
	return m, nil
}

// markWindows adds the windows that [mint, maxt] touches.
func markWindows(w map[int64]bool, mint, maxt int64) error {
	if maxt < mint || mint < 0 || (maxt-mint)/window > maxWindows {
		return fmt.Errorf("samples from %d to %d ms: not a sensible stretch of time since 1970", mint, maxt)
	}
	for s := windowOf(mint); s <= maxt; s += window {
		w[s] = true
		if len(w) > maxWindows {
			return fmt.Errorf("samples in more than %d windows of 2h", maxWindows)
		}
	}
	return nil
}

func windowOf(t int64) int64 { return t / window * window }

// mergeSources hands on everything, window by window, and in each series by series.
func (j *job) mergeSources(sources []tsdbSource) error {
	count := map[int64]int{} // sources by window
	share := make([]int64, len(sources))
	for i, s := range sources {
		ws := s.windows()
		share[i] = s.bytes() / int64(max(len(ws), 1))
		for w := range ws {
			count[w]++
		}
	}
	starts := make([]int64, 0, len(count))
	for w := range count {
		starts = append(starts, w)
	}
	slices.Sort(starts)
	for _, from := range starts {
		var cursors []tsdbCursor
		for i, s := range sources {
			if !s.windows()[from] {
				continue
			}
			c, err := s.open(j.ctx, from)
			if err != nil {
				return err
			}
			cursors = append(cursors, c)
			j.advance(share[i])
		}
		if err := j.mergeWindow(cursors); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) mergeWindow(cursors []tsdbCursor) error {
	var live []tsdbCursor
	step := func(c tsdbCursor) error {
		ok, err := c.next()
		if ok && err == nil {
			live = append(live, c)
		}
		return err
	}
	for _, c := range cursors {
		if err := step(c); err != nil {
			return err
		}
	}
	var points []point
	for n := 0; len(live) > 0; n++ {
		if n%1000 == 0 {
			if err := j.ctx.Err(); err != nil {
				return err
			}
		}
		l := live[0].labels()
		for _, c := range live[1:] {
			if labels.Compare(c.labels(), l) < 0 {
				l = c.labels()
			}
		}
		// Those with the smallest labels hold parts of one series. Of samples with one time the
		// Writer keeps the first: older blocks come before newer ones, the head is last.
		var same []tsdbCursor
		live = slices.DeleteFunc(live, func(c tsdbCursor) bool {
			if labels.Equal(c.labels(), l) {
				same = append(same, c)
				return true
			}
			return false
		})
		var exemplars []replay.Exemplar
		points = points[:0]
		for _, c := range same {
			var err error
			if points, err = c.points(points); err != nil {
				return err
			}
			exemplars = append(exemplars, c.exemplars()...)
		}
		if len(same) > 1 {
			slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.t, b.t) })
		}
		if err := j.series(l, points, exemplars); err != nil {
			return err
		}
		for _, c := range same {
			if err := step(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// series hands on a stretch of one series.
func (j *job) series(l labels.Labels, points []point, exemplars []replay.Exemplar) error {
	for _, p := range points {
		var err error
		switch {
		case p.h != nil:
			err = j.histogram(l, p.t, p.h)
		case p.fh != nil:
			err = j.floatHistogram(l, p.t, p.fh)
		default:
			err = j.sample(l, p.t, p.v)
		}
		if err != nil {
			return err
		}
	}
	for _, e := range exemplars {
		if err := j.exemplar(l, e); err != nil {
			return err
		}
	}
	return nil
}
