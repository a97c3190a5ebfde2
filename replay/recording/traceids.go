package recording

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// traceIDs is the file of sorted trace ids. It is searched on disk: memory does not grow with it.
type traceIDs struct {
	name string
	f    *os.File
	n    int64 // ids
}

// idPage is how many ids the last step of a search reads at once: one page of 4 KiB.
const idPage = 256

func openTraceIDs(name string) (*traceIDs, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && fi.Size()%16 != 0 {
		err = in(name, "", fmt.Errorf("size %d is not a multiple of 16", fi.Size()))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &traceIDs{name: name, f: f, n: fi.Size() / 16}, nil
}

func (t *traceIDs) close() error { return t.f.Close() }

func (t *traceIDs) has(id pcommon.TraceID) (bool, error) {
	var probe [16]byte
	lo, hi := int64(0), t.n // id is in [lo, hi), if anywhere
	for hi-lo > idPage {
		mid := lo + (hi-lo)/2
		if _, err := t.f.ReadAt(probe[:], mid*16); err != nil {
			return false, err
		}
		if bytes.Compare(probe[:], id[:]) <= 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	page := make([]byte, (hi-lo)*16)
	if _, err := t.f.ReadAt(page, lo*16); err != nil {
		return false, err
	}
	for ; len(page) > 0; page = page[16:] {
		if bytes.Equal(page[:16], id[:]) {
			return true, nil
		}
	}
	return false, nil
}

// each calls f with every id in the order of the file, until f returns false.
func (t *traceIDs) each(f func(pcommon.TraceID) bool) error {
	r := bufio.NewReaderSize(io.NewSectionReader(t.f, 0, t.n*16), 64<<10)
	for range t.n {
		var id pcommon.TraceID
		if _, err := io.ReadFull(r, id[:]); err != nil {
			return in(t.name, "", err)
		}
		if !f(id) {
			return nil
		}
	}
	return nil
}
