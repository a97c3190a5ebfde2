package recording

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/s2"
)

const (
	// sortMemory is how much a sorter holds before it spills a run to a file, in bytes.
	sortMemory = 32 << 20
	// sortFanIn is how many runs are merged at a time; it bounds open files and buffers.
	sortFanIn = 64
	// sortBlock is the buffer of each run that is being merged, in bytes.
	sortBlock = 64 << 10
)

// sorter sorts records of a key of fixed length and a value by their keys, in bounded memory: sorted
// runs go to files under dir and are merged in the end. Records with equal keys keep their order.
type sorter struct {
	dir    string
	name   string // prefix of the run files
	keyLen int
	limit  int // bytes in memory

	buf    []byte
	recs   []sortRec
	sorted bool         // recs are in order as they came
	levels [][]*sortRun // runs that merged 1, fanIn, fanIn² ... spills; the oldest are in the last
	runs   int          // ever made, for the names
	broken error        // records may be lost to it; nothing can be added any more
}

// sortRec is one record in memory: its place in buf, and the start of its key for quick comparison.
type sortRec struct {
	prefix   uint64
	off, len int
}

type sortRun struct{ path string }

func newSorter(dir, name string, keyLen, limit int) *sorter {
	return &sorter{dir: dir, name: name, keyLen: keyLen, limit: limit, sorted: true}
}

// add appends a record; rec is the key followed by the value, and is copied.
func (s *sorter) add(rec []byte) error {
	if s.broken == nil && len(s.buf)+len(rec) > s.limit && len(s.recs) > 0 {
		s.broken = s.spill()
	}
	if s.broken != nil {
		return s.broken
	}
	r := sortRec{prefix: binary.BigEndian.Uint64(rec), off: len(s.buf), len: len(rec)}
	if need := len(s.buf) + len(rec); need > cap(s.buf) { // twice as much, where append adds a quarter
		s.buf = append(make([]byte, 0, max(need, min(2*cap(s.buf), s.limit), 4<<10)), s.buf...)
	}
	s.buf = append(s.buf, rec...)
	if n := len(s.recs); s.sorted && n > 0 && s.compare(s.recs[n-1], r) > 0 {
		s.sorted = false
	}
	s.recs = append(s.recs, r)
	return nil
}

func (s *sorter) compare(a, b sortRec) int {
	switch {
	case a.prefix < b.prefix:
		return -1
	case a.prefix > b.prefix:
		return 1
	case s.keyLen == 8:
		return 0
	}
	return bytes.Compare(s.buf[a.off+8:a.off+s.keyLen], s.buf[b.off+8:b.off+s.keyLen])
}

func (s *sorter) sort() {
	if !s.sorted {
		slices.SortStableFunc(s.recs, s.compare)
	}
}

// spill writes what is in memory as a run, and merges runs when there are many of one size.
func (s *sorter) spill() error {
	s.sort()
	run, err := s.writeRun(&memRun{s: s})
	if err != nil {
		return err
	}
	s.buf, s.recs, s.sorted = s.buf[:0], s.recs[:0], true
	for level := 0; ; level++ {
		if level == len(s.levels) {
			s.levels = append(s.levels, nil)
		}
		s.levels[level] = append(s.levels[level], run)
		if len(s.levels[level]) < sortFanIn {
			return nil
		}
		m, err := s.mergeRuns(s.levels[level], false)
		if err != nil {
			return err
		}
		run, err = s.writeRun(m)
		if err = errors.Join(err, m.close()); err != nil {
			return err
		}
		for _, r := range s.levels[level] {
			if err := os.Remove(r.path); err != nil {
				return err
			}
		}
		s.levels[level] = nil
	}
}

// recSource yields records in order; a record is valid until the next call. io.EOF ends it.
type recSource interface{ next() ([]byte, error) }

func (s *sorter) writeRun(src recSource) (*sortRun, error) {
	s.runs++
	path := filepath.Join(s.dir, fmt.Sprintf("%s-%06d.run", s.name, s.runs))
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := s2.NewWriter(f, s2.WriterBlockSize(sortBlock), s2.WriterConcurrency(1))
	var n [binary.MaxVarintLen64]byte
	for {
		rec, err := src.next()
		if err == io.EOF {
			break
		}
		if err == nil {
			_, err = w.Write(n[:binary.PutUvarint(n[:], uint64(len(rec)))])
		}
		if err == nil {
			_, err = w.Write(rec)
		}
		if err != nil {
			return nil, errors.Join(err, w.Close(), f.Close())
		}
	}
	return &sortRun{path: path}, errors.Join(w.Close(), f.Close())
}

// merge returns all records in order. Nothing may be added afterwards.
func (s *sorter) merge() (*merger, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	s.sort()
	var runs []*sortRun
	for _, l := range slices.Backward(s.levels) {
		runs = append(runs, l...)
	}
	return s.mergeRuns(runs, true)
}

func (s *sorter) mergeRuns(runs []*sortRun, withMemory bool) (*merger, error) {
	m := &merger{keyLen: s.keyLen}
	var srcs []recSource
	for _, r := range runs {
		f, err := os.Open(r.path)
		if err != nil {
			return nil, errors.Join(err, m.close())
		}
		m.files = append(m.files, f)
		srcs = append(srcs, &fileRun{r: bufio.NewReader(s2.NewReader(f, s2.ReaderMaxBlockSize(sortBlock)))})
	}
	if withMemory {
		srcs = append(srcs, &memRun{s: s})
	}
	for i, src := range srcs {
		h := &mergeHead{src: src, order: i}
		ok, err := h.advance()
		if err != nil {
			return nil, errors.Join(err, m.close())
		}
		if ok {
			m.heads = append(m.heads, h)
		}
	}
	for i := len(m.heads)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return m, nil
}

type memRun struct {
	s *sorter
	i int
}

func (r *memRun) next() ([]byte, error) {
	if r.i == len(r.s.recs) {
		return nil, io.EOF
	}
	rec := r.s.recs[r.i]
	r.i++
	return r.s.buf[rec.off : rec.off+rec.len], nil
}

type fileRun struct {
	r   *bufio.Reader
	rec []byte
}

func (r *fileRun) next() ([]byte, error) {
	n, err := binary.ReadUvarint(r.r)
	if err != nil {
		return nil, err
	}
	r.rec = slices.Grow(r.rec[:0], int(n))[:n]
	_, err = io.ReadFull(r.r, r.rec)
	return r.rec, err
}

// merger yields the records of several sources in order.
type merger struct {
	keyLen int
	files  []*os.File
	heads  []*mergeHead // a heap
	popped bool         // the first head has been handed out
}

type mergeHead struct {
	src    recSource
	order  int
	prefix uint64
	rec    []byte
}

func (h *mergeHead) advance() (bool, error) {
	rec, err := h.src.next()
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	h.rec, h.prefix = rec, binary.BigEndian.Uint64(rec)
	return true, nil
}

func (m *merger) less(a, b *mergeHead) bool {
	if a.prefix != b.prefix {
		return a.prefix < b.prefix
	}
	if c := bytes.Compare(a.rec[8:m.keyLen], b.rec[8:m.keyLen]); c != 0 {
		return c < 0
	}
	return a.order < b.order
}

func (m *merger) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(m.heads) {
			return
		}
		if c+1 < len(m.heads) && m.less(m.heads[c+1], m.heads[c]) {
			c++
		}
		if !m.less(m.heads[c], m.heads[i]) {
			return
		}
		m.heads[i], m.heads[c] = m.heads[c], m.heads[i]
		i = c
	}
}

func (m *merger) next() ([]byte, error) {
	if m.popped {
		ok, err := m.heads[0].advance()
		if err != nil {
			return nil, fmt.Errorf("read back a sorted run: %w", err)
		}
		if !ok {
			m.heads[0] = m.heads[len(m.heads)-1]
			m.heads = m.heads[:len(m.heads)-1]
		}
		m.down(0)
	}
	m.popped = len(m.heads) > 0
	if !m.popped {
		return nil, io.EOF
	}
	return m.heads[0].rec, nil
}

func (m *merger) close() error {
	var errs []error
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	m.files = nil
	return errors.Join(errs...)
}

// putTime appends t so that byte order is time order.
func putTime(b []byte, t int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(t)^(1<<63)) }

func getTime(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ (1 << 63)) }
