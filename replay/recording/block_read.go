package recording

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

const (
	// maxIndex limits the index of one block, in bytes. It is read whole; 100,000 series take about 15 MB.
	maxIndex = 512 << 20
	// maxBlockMeta limits meta.json, in bytes.
	maxBlockMeta = 1 << 20
	// maxChunk limits one chunk, in bytes. Chunks of large native histograms pass Prometheus's aim of 1 KiB.
	maxChunk = 16 << 20
	// chunkGuess is how much is read at first for a chunk: float chunks of Prometheus are smaller.
	chunkGuess = chunkenc.MaxBytesPerXORChunk + 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// block is one TSDB block of a recording.
type block struct {
	dir  string
	meta blockMeta
}

// openBlocks reads the meta files of all blocks and sorts them by time.
func openBlocks(dir string, m Manifest) ([]block, error) {
	var bs []block
	for _, f := range m.under(metricsDir, "/meta.json") {
		b := block{dir: filepath.Join(dir, filepath.Dir(filepath.FromSlash(f.Path)))}
		name := filepath.Join(b.dir, "meta.json")
		raw, err := readLimited(name, maxBlockMeta)
		if err != nil {
			return nil, err
		}
		if b.meta, err = parseBlockMeta(raw); err != nil {
			return nil, in(name, "", err)
		}
		tomb, err := readLimited(filepath.Join(b.dir, "tombstones"), maxBlockMeta)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err == nil && !bytes.Equal(tomb, noTombstones()) {
			return nil, in(filepath.Join(b.dir, "tombstones"), "", errors.New("holds deletions: bring the block in with firedrill import tsdb"))
		}
		bs = append(bs, b)
	}
	slices.SortFunc(bs, func(a, b block) int {
		if a.meta.MinTime < b.meta.MinTime {
			return -1
		} else if a.meta.MinTime > b.meta.MinTime {
			return 1
		}
		return strings.Compare(a.dir, b.dir)
	})
	for i := 1; i < len(bs); i++ {
		if bs[i].meta.MinTime < bs[i-1].meta.MaxTime {
			return nil, in(bs[i].dir, "", fmt.Errorf("overlaps block %s: bring the blocks in with firedrill import tsdb", bs[i-1].meta.ULID))
		}
	}
	return bs, nil
}

func parseBlockMeta(raw []byte) (blockMeta, error) {
	var m blockMeta
	if err := json.Unmarshal(raw, &m); err != nil {
		return blockMeta{}, jsonPlace(raw, err)
	}
	switch {
	case m.Version != 1:
		return blockMeta{}, fmt.Errorf("block version %d, want 1", m.Version)
	case m.ULID == ulid.ULID{}:
		return blockMeta{}, errors.New("no ulid")
	case m.MinTime >= m.MaxTime || m.MinTime < 0 || m.MaxTime > maxSampleTime+1:
		return blockMeta{}, fmt.Errorf("times from %d to %d ms are impossible", m.MinTime, m.MaxTime)
	case m.MaxTime-m.MinTime > blockWindow: // what bounds a reader's memory
		return blockMeta{}, errors.New("the block is longer than two hours: bring it in with firedrill import tsdb")
	}
	return m, nil
}

// blockBytes gives Prometheus's index reader its bytes.
type blockBytes []byte

func (b blockBytes) Len() int                    { return len(b) }
func (b blockBytes) Range(start, end int) []byte { return b[start:end] }

// chunkPlace is where a chunk is and what time it covers, both ends included.
type chunkPlace struct {
	ref      uint64
	min, max int64 // ms
}

// eachSeries reads the index of the block and calls f with each series in order of labels. Both
// arguments are reused.
func (b *block) eachSeries(f func(l labels.Labels, cs []chunks.Meta) error) (err error) {
	name := filepath.Join(b.dir, "index")
	raw, err := readLimited(name, maxIndex)
	if err != nil {
		return err
	}
	return readIndex(name, raw, f)
}

// callError marks errors of a callback, so that they are not taken for errors in the file.
type callError struct{ error }

func readIndex(name string, raw []byte, f func(l labels.Labels, cs []chunks.Meta) error) (err error) {
	defer func() {
		var ce callError
		if errors.As(err, &ce) {
			err = ce.error
		} else {
			err = in(name, "", err)
		}
	}()
	defer recovered(name, &err)
	r, err := index.NewReader(blockBytes(raw), index.DecodePostingsRaw)
	if err != nil {
		return err
	}
	key, value := index.AllPostingsKey()
	ps, err := r.Postings(context.Background(), key, value)
	if err != nil {
		return err
	}
	var builder labels.ScratchBuilder
	var l labels.Labels
	var cs []chunks.Meta
	for ps.Next() {
		if err := r.Series(ps.At(), &builder, &cs); err != nil {
			return fmt.Errorf("series at %d: %w", ps.At()*16, err)
		}
		builder.Overwrite(&l)
		for i, c := range cs {
			if c.MinTime > c.MaxTime || i > 0 && c.MinTime <= cs[i-1].MaxTime {
				return fmt.Errorf("series at %d: chunk %d is out of order", ps.At()*16, i)
			}
		}
		if err := f(l, cs); err != nil {
			return callError{err}
		}
	}
	return ps.Err()
}

// segments are the open chunk files of a block.
type segments struct {
	names []string
	files []*os.File
}

func (b *block) openSegments() (*segments, error) {
	s := &segments{}
	for i := 1; ; i++ {
		name := filepath.Join(b.dir, "chunks", fmt.Sprintf("%06d", i))
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) && i > 1 {
			return s, nil
		}
		if err == nil {
			s.names, s.files = append(s.names, name), append(s.files, f)
			err = checkSegment(f, name)
		}
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
}

func checkSegment(f *os.File, name string) error {
	var head [chunks.SegmentHeaderSize]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return in(name, "", fmt.Errorf("read the header: %w", err))
	}
	if binary.BigEndian.Uint32(head[:]) != chunks.MagicChunks || head[chunks.MagicChunksSize] != 1 {
		return in(name, "", errors.New("not a chunks file of version 1"))
	}
	return nil
}

func (s *segments) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// read reads the chunk at ref into buf, growing it as needed, and returns its encoding and data. It
// reads instead of mapping the file, because mapped pages count as memory in use.
func (s *segments) read(ref uint64, scratch *[]byte, buf []byte) (chunkenc.Encoding, []byte, error) {
	seg, off := chunks.BlockChunkRef(ref).Unpack()
	if seg < 0 || seg >= len(s.files) {
		return 0, nil, in(filepath.Dir(s.names[0]), "", fmt.Errorf("a chunk in segment %d, which does not exist", seg+1))
	}
	enc, data, err := readChunk(s.files[seg], int64(off), scratch, buf)
	if err != nil {
		return 0, nil, in(s.names[seg], fmt.Sprintf("chunk at %d", off), err)
	}
	return enc, data, nil
}

func readChunk(f interface {
	ReadAt([]byte, int64) (int, error)
}, off int64, scratch *[]byte, buf []byte) (chunkenc.Encoding, []byte, error) {
	if cap(*scratch) < chunkGuess {
		*scratch = make([]byte, chunkGuess)
	}
	b := (*scratch)[:chunkGuess]
	n, err := f.ReadAt(b, off)
	b = b[:n]
	size, k := binary.Uvarint(b[:min(n, chunks.MaxChunkLengthFieldSize)])
	switch {
	case k <= 0 && err != nil:
		return 0, nil, fmt.Errorf("read its length: %w", err)
	case k <= 0:
		return 0, nil, errors.New("its length is not a number")
	case size == 0 || size > maxChunk:
		return 0, nil, fmt.Errorf("length %d is impossible", size)
	}
	whole := k + chunks.ChunkEncodingSize + int(size) + crc32.Size
	if whole > n {
		if err != nil { // the guess has met the end of the file
			return 0, nil, fmt.Errorf("has %d bytes, the file ends after %d", whole, n)
		}
		*scratch = slices.Grow((*scratch)[:0], whole)
		b = (*scratch)[:whole]
		if m, err := f.ReadAt(b, off); m < whole {
			return 0, nil, fmt.Errorf("has %d bytes, the file ends after %d: %w", whole, m, err)
		}
	}
	body, sum := b[k:whole-crc32.Size], b[whole-crc32.Size:whole]
	if got, want := crc32.Checksum(body, castagnoli), binary.BigEndian.Uint32(sum); got != want {
		return 0, nil, fmt.Errorf("checksum is %08x, want %08x", got, want)
	}
	enc := chunkenc.Encoding(body[0])
	if !chunkenc.IsValidEncoding(enc) {
		return 0, nil, fmt.Errorf("unknown encoding %d", body[0])
	}
	return enc, append(buf[:0], body[1:]...), nil
}
