package convert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
	"github.com/prometheus/prometheus/tsdb/tombstones"

	"firedrill/replay"
)

// block reads one immutable block.
type block struct {
	*job
	dir    string
	index  *index.Reader
	chunks *chunks.Reader
	stones tombstones.Reader
	win    map[int64]bool
	size   int64
}

var _ tsdbSource = (*block)(nil)

// openBlock opens the block and reads its index once.
func (j *job) openBlock(m blockMeta) (_ *block, err error) {
	defer guard(&err)
	b := &block{job: j, dir: m.dir, win: map[int64]bool{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.size, err = sizeOf(filepath.Join(m.dir, "chunks")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if b.index, err = index.NewFileReader(filepath.Join(m.dir, "index"), index.DecodePostingsRaw); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if b.chunks, err = chunks.NewDirReader(filepath.Join(m.dir, "chunks"), nil); err != nil {
		return nil, fmt.Errorf("chunks: %w", err)
	}
	// Without the file there are no deletions.
	if b.stones, _, err = tombstones.ReadTombstones(m.dir); err != nil {
		return nil, fmt.Errorf("tombstones: %w", err)
	}
	c, err := b.cursor(j.ctx, 0)
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		ok, err := c.advance()
		if err != nil {
			return nil, err
		}
		if !ok {
			return b, nil
		}
		if n%10000 == 0 && j.ctx.Err() != nil {
			return nil, j.ctx.Err()
		}
		for _, m := range c.metas {
			if err := markWindows(b.win, m.MinTime, m.MaxTime); err != nil {
				return nil, fmt.Errorf("index: series %s: %w", c.lset, err)
			}
		}
	}
}

func (b *block) windows() map[int64]bool { return b.win }
func (b *block) bytes() int64            { return b.size }

func (b *block) close() error {
	var err error
	if b.chunks != nil {
		err = b.chunks.Close()
	}
	if b.stones != nil {
		err = errors.Join(err, b.stones.Close())
	}
	if b.index != nil {
		err = errors.Join(err, b.index.Close())
	}
	return err
}

func (b *block) open(ctx context.Context, from int64) (tsdbCursor, error) { return b.cursor(ctx, from) }

func (b *block) cursor(ctx context.Context, from int64) (_ *blockCursor, err error) {
	defer guard(&err)
	name, value := index.AllPostingsKey()
	p, err := b.index.Postings(ctx, name, value)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return &blockCursor{block: b, postings: p, from: from, to: from + window}, nil
}

// blockCursor goes through the series of a block that have chunks in [from, to).
type blockCursor struct {
	*block
	postings index.Postings
	builder  labels.ScratchBuilder
	lset     labels.Labels
	metas    []chunks.Meta
	any      bool
	from, to int64
}

// advance goes to the next series whatever its time.
func (c *blockCursor) advance() (ok bool, err error) {
	defer guard(&err)
	if !c.postings.Next() {
		if err := c.postings.Err(); err != nil {
			return false, fmt.Errorf("index: %w", err)
		}
		return false, nil
	}
	prev := c.lset
	if err := c.index.Series(c.postings.At(), &c.builder, &c.metas); err != nil {
		return false, fmt.Errorf("index: series %d: %w", c.postings.At(), err)
	}
	c.lset = c.builder.Labels()
	if c.any && labels.Compare(prev, c.lset) >= 0 {
		return false, fmt.Errorf("index: series %s comes after %s: the index is damaged", c.lset, prev)
	}
	c.any = true
	return true, nil
}

func (c *blockCursor) next() (bool, error) {
	for {
		ok, err := c.advance()
		if err != nil {
			return false, fmt.Errorf("block %s: %w", c.dir, err)
		}
		if !ok {
			return false, nil
		}
		for _, m := range c.metas {
			if m.MinTime < c.to && m.MaxTime >= c.from {
				return true, nil
			}
		}
	}
}

func (c *blockCursor) labels() labels.Labels        { return c.lset }
func (c *blockCursor) exemplars() []replay.Exemplar { return nil } // blocks have none

func (c *blockCursor) points(dst []point) (_ []point, err error) {
	defer guard(&err)
	deleted, err := c.stones.Get(c.postings.At())
	if err != nil {
		return nil, fmt.Errorf("block %s: tombstones: %w", c.dir, err)
	}
	for _, m := range c.metas {
		if m.MinTime >= c.to || m.MaxTime < c.from {
			continue
		}
		if dst, err = c.chunk(dst, m, deleted); err != nil {
			segment, offset := chunks.BlockChunkRef(m.Ref).Unpack()
			return nil, fmt.Errorf("%s: offset %d: chunk of %s: %w",
				filepath.Join(c.dir, "chunks", fmt.Sprintf("%06d", segment+1)), offset, c.lset, err)
		}
	}
	return dst, nil
}

// chunk appends the chunk's samples in [from, to) that are not deleted.
func (c *blockCursor) chunk(dst []point, m chunks.Meta, deleted tombstones.Intervals) ([]point, error) {
	chk, iterable, err := c.block.chunks.ChunkOrIterable(m)
	if err != nil {
		return nil, err
	}
	if chk == nil {
		return nil, fmt.Errorf("unexpected kind %T", iterable)
	}
	it := chk.Iterator(nil)
	last := m.MinTime - 1
	for {
		var p point
		switch kind := it.Next(); kind {
		case chunkenc.ValNone:
			return dst, it.Err()
		case chunkenc.ValFloat:
			p.t, p.v = it.At()
		case chunkenc.ValHistogram:
			p.t, p.h = it.AtHistogram(nil)
		case chunkenc.ValFloatHistogram:
			p.t, p.fh = it.AtFloatHistogram(nil)
		default:
			return nil, fmt.Errorf("unknown kind of sample %d", kind)
		}
		if p.t <= last || p.t > m.MaxTime {
			return nil, fmt.Errorf("sample at %d ms is out of order or outside the chunk's %d to %d ms", p.t, m.MinTime, m.MaxTime)
		}
		last = p.t
		switch {
		case p.t < c.from || p.t >= c.to:
		case isDeleted(deleted, p.t):
			c.skip("sample that was deleted (tombstone)", c.dir)
		default:
			dst = append(dst, p)
		}
	}
}

func isDeleted(iv tombstones.Intervals, t int64) bool {
	for _, i := range iv {
		if i.InBounds(t) {
			return true
		}
	}
	return false
}

// guard turns a panic into an error. The readers of Prometheus's packages index into the mapped file
// with lengths that they read from it, so that a damaged one may make them panic.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("damaged data: %v", r)
	}
}
