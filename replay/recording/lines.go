package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

const (
	// lineBlock is how much is decompressed into one piece of memory, in bytes. The lines of a block
	// share it, so a held line keeps this much alive.
	lineBlock = 256 << 10
	// maxEncodedLine limits one line of a file, in bytes. A log line and its metadata of the greatest
	// size, all of it control characters, take less.
	maxEncodedLine = 64 << 20
)

// lineFile reads the lines of a zstd file.
type lineFile struct {
	name  string
	f     *os.File
	z     *zstd.Decoder
	block []byte
	pos   int   // in block, of the next line
	line  int64 // number of the last line, from 1
	eof   bool
}

func openLines(name string) (*lineFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	z, err := newDecoder(f, maxEncodedLine*2)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &lineFile{name: name, f: f, z: z}, nil
}

// next returns the next line without its end. It belongs to the caller. io.EOF ends the file.
func (l *lineFile) next() ([]byte, error) {
	searched := l.pos
	for {
		if i := bytes.IndexByte(l.block[searched:], '\n'); i >= 0 {
			line := l.block[l.pos : searched+i : searched+i]
			l.pos = searched + i + 1
			l.line++
			return line, nil
		}
		searched = len(l.block) - l.pos
		if l.eof {
			if searched > 0 {
				return nil, in(l.name, lineNo(l.line+1), errors.New("is cut short"))
			}
			return nil, io.EOF
		}
		if searched > maxEncodedLine {
			return nil, in(l.name, lineNo(l.line+1), fmt.Errorf("is longer than %d bytes", maxEncodedLine))
		}
		if err := l.fill(searched); err != nil {
			return nil, err
		}
	}
}

// fill begins a new block with the rest of the old one, which is the start of a line.
func (l *lineFile) fill(rest int) error {
	size := lineBlock
	for size < 2*rest {
		size *= 2
	}
	block := make([]byte, size)
	n := copy(block, l.block[l.pos:])
	m, err := io.ReadFull(l.z, block[n:])
	l.block, l.pos = block[:n+m], 0
	switch err {
	case nil:
		return nil
	case io.EOF:
		l.eof = true
		return nil
	}
	// ReadFull says ErrUnexpectedEOF for the end of the file, and the decoder for a file cut short:
	// asking again tells them apart.
	if err == io.ErrUnexpectedEOF {
		if _, again := l.z.Read(block[n+m:]); again == io.EOF {
			l.eof = true
			return nil
		}
	}
	whole := l.line + int64(bytes.Count(l.block, []byte("\n")))
	return in(l.name, "after "+lineNo(whole), fmt.Errorf("decompress: %w", err))
}

func (l *lineFile) close() error {
	l.z.Close()
	return l.f.Close()
}

func lineNo(n int64) string { return fmt.Sprintf("line %d", n) }
