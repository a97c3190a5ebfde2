package convert

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// An archive may unpack to maxUnpackRatio times its size and maxUnpackBase bytes more. Blocks and
	// WAL segments are compressed in themselves, but small and empty pages compress well.
	maxUnpackRatio = 100
	maxUnpackBase  = 64 << 20
	// maxEntries limits how many files and directories an archive holds.
	maxEntries = 1 << 20
)

// notNeeded are parts of a data directory that are never read.
var notNeeded = []string{"chunks_head", "queries.active", "lock"}

// unpack extracts the .tar.gz file name into the empty directory dir. Entries outside it, links and
// devices are refused or left out.
func (j *job) unpack(name, dir string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("not a .tar.gz: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	limit := maxUnpackBase + maxUnpackRatio*info.Size()
	in := &limitReader{r: z, max: limit, err: fmt.Errorf("unpacks to more than %d bytes, %d times its own size: not real metrics", limit, maxUnpackRatio)}
	in.reset()
	t := tar.NewReader(in)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("archive entry %d: %w", n+1, err)
		}
		if n >= maxEntries {
			return fmt.Errorf("more than %d entries", maxEntries)
		}
		if err := j.ctx.Err(); err != nil {
			return err
		}
		p := path.Clean(h.Name)
		if !filepath.IsLocal(p) {
			return fmt.Errorf("archive entry %q lies outside the archive", h.Name)
		}
		if slices.ContainsFunc(strings.Split(p, "/"), func(s string) bool { return slices.Contains(notNeeded, s) }) {
			continue
		}
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(p, 0o700)
		case tar.TypeReg:
			err = extract(root, p, t)
		default:
			j.skip("archive entry that is neither file nor directory", h.Name)
		}
		if err != nil {
			return fmt.Errorf("archive entry %q: %w", h.Name, err)
		}
	}
}

func extract(root *os.Root, p string, r io.Reader) (err error) {
	if err := root.MkdirAll(path.Dir(p), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.Copy(f, r)
	return err
}
