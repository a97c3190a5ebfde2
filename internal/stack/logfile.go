package stack

import (
	"bytes"
	"io"
	"os"
)

const (
	// tailBytes is how much of a log goes into an error: the last lines of a server that gave up.
	tailBytes = 2048
	// rotateAt is the size at which a log is moved aside when its server starts.
	rotateAt = 16 << 20
)

// openLog opens a log for appending. One that has grown large is kept once, as NAME.log.old.
func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > rotateAt {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// tail returns the last whole lines of what was written to a log since offset from.
func tail(path string, from int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < from {
		return ""
	}
	start := max(from, info.Size()-tailBytes)
	b, err := io.ReadAll(io.NewSectionReader(f, start, info.Size()-start))
	if err != nil {
		return ""
	}
	if start > from {
		if _, rest, found := bytes.Cut(b, []byte("\n")); found {
			b = rest
		}
	}
	return string(bytes.TrimSpace(b))
}
