package recording

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow is the window of everything written here, in bytes. It bounds what a reader needs.
const zstdWindow = 1 << 20

// newEncoder returns an encoder whose output depends on nothing but its input.
func newEncoder(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithZeroFrames(true))
}

// newDecoder returns a decoder that works without goroutines and refuses unreasonable frames:
// windows over 64 MiB, or, in DecodeAll, more than maxDecoded bytes.
func newDecoder(r io.Reader, maxDecoded uint64) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(64<<20), zstd.WithDecoderMaxMemory(maxDecoded))
}

// outFile writes one file of a recording and hashes it on the way.
type outFile struct {
	path string // relative to the recording
	f    *os.File
	buf  *bufio.Writer
	sum  hash.Hash
	n    int64
}

func createFile(root, path string) (*outFile, error) {
	name := filepath.Join(root, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return &outFile{path: path, f: f, buf: bufio.NewWriterSize(f, 256<<10), sum: sha256.New()}, nil
}

func (o *outFile) Write(p []byte) (int, error) {
	n, err := o.buf.Write(p)
	o.sum.Write(p[:n])
	o.n += int64(n)
	return n, err
}

// close makes the file durable and returns its entry for the manifest.
func (o *outFile) close() (File, error) {
	err := o.buf.Flush()
	if err == nil {
		err = o.f.Sync()
	}
	err = errors.Join(err, o.f.Close())
	return File{Path: o.path, Size: o.n, SHA256: hex.EncodeToString(o.sum.Sum(nil))}, err
}

// writeFile writes a small file whole.
func writeFile(root, path string, b []byte) (File, error) {
	o, err := createFile(root, path)
	if err != nil {
		return File{}, err
	}
	_, err = o.Write(b)
	f, cerr := o.close()
	return f, errors.Join(err, cerr)
}

// hashFile returns the manifest entry of a file that exists already.
func hashFile(root, path string) (File, error) {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return File{}, err
	}
	return File{Path: path, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// syncDirs makes the entries of root and of all directories below it durable.
func syncDirs(root string) error {
	return filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
