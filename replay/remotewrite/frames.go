package remotewrite

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// maxFrame limits a frame of a streamed answer, in bytes. Prometheus fills frames of 1 MiB and
// exceeds that by a chunk at most (storage.remote.read-max-bytes-in-frame); its own client takes
// this much (config.DefaultChunkedReadLimit).
const maxFrame = 50_000_000

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frames reads the frames of a STREAMED_XOR_CHUNKS answer: a uvarint with the length of the data, 4
// bytes of its CRC-32 (Castagnoli, big-endian), the data (storage/remote/chunked.go).
type frames struct {
	r      *bufio.Reader
	buf    bytes.Buffer
	offset int64 // of the next frame
}

func newFrames(r io.Reader) *frames { return &frames{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the data of the next frame, valid until the following call, or io.EOF after the
// last one. A stream that ends within a frame is io.ErrUnexpectedEOF.
func (f *frames) next() ([]byte, error) {
	length, err := binary.ReadUvarint(f.r)
	if err != nil {
		if err == io.EOF {
			return nil, io.EOF
		}
		return nil, f.wrong(err)
	}
	if length > maxFrame {
		return nil, f.wrong(fmt.Errorf("it has %d bytes, at most %d are allowed", length, maxFrame))
	}
	var sum [4]byte
	if _, err := io.ReadFull(f.r, sum[:]); err != nil {
		return nil, f.wrong(short(err))
	}
	// The buffer grows with what arrives, not with what the length claims.
	f.buf.Reset()
	if _, err := io.CopyN(&f.buf, f.r, int64(length)); err != nil {
		return nil, f.wrong(short(err))
	}
	data := f.buf.Bytes()
	if crc32.Checksum(data, castagnoli) != binary.BigEndian.Uint32(sum[:]) {
		return nil, f.wrong(errors.New("its checksum is wrong"))
	}
	f.offset += int64(len(binary.AppendUvarint(nil, length))) + 4 + int64(length)
	return data, nil
}

func (f *frames) wrong(err error) error {
	return fmt.Errorf("remote read frame at byte %d: %w", f.offset, err)
}

// short turns the end of the stream into an unexpected one.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
