package convert

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxRow limits one row of a CSV file, in bytes: well above Loki's and Docker's longest log line.
const maxRow = 1 << 20

// table reads a CSV file with a header.
type table struct {
	name   string
	f      io.Closer
	lim    *limitReader
	r      *csv.Reader
	header []string
	done   int64 // bytes reported
	j      *job
}

// openTable opens the file and checks that its header begins with the columns in want, whatever their case.
func (j *job) openTable(name string, want ...string) (*table, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	t, err := j.newTable(name, f, want)
	if err != nil {
		f.Close()
		return nil, err
	}
	t.f = f
	return t, nil
}

func (j *job) newTable(name string, r io.Reader, want []string) (*table, error) {
	t := &table{name: name, j: j}
	t.lim = &limitReader{r: r, max: maxRow, err: fmt.Errorf("a row is longer than %d bytes (an open quote?)", maxRow)}
	t.lim.reset()
	t.r = csv.NewReader(t.lim)
	t.r.ReuseRecord = true
	row, err := t.next()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: empty, want a header with %s", name, strings.Join(want, ","))
	}
	if err != nil {
		return nil, err
	}
	t.header = slices.Clone(row)
	t.header[0] = strings.TrimPrefix(t.header[0], "\ufeff")
	if len(row) < len(want) {
		return nil, fmt.Errorf("%s:1: header %q, want it to begin with %s", name, strings.Join(row, ","), strings.Join(want, ","))
	}
	for i, w := range want {
		if !strings.EqualFold(t.header[i], w) {
			return nil, fmt.Errorf("%s:1: column %d is %q, want %q", name, i+1, t.header[i], w)
		}
	}
	return t, nil
}

// next returns the next row, which is valid until the following call, or io.EOF.
func (t *table) next() ([]string, error) {
	t.lim.reset()
	row, err := t.r.Read()
	if err == io.EOF {
		return nil, io.EOF
	}
	var pe *csv.ParseError
	switch {
	case errors.As(err, &pe):
		return nil, fmt.Errorf("%s:%d: column %d: %w", t.name, pe.Line, pe.Column, pe.Err)
	case err != nil:
		line, _ := t.r.FieldPos(0)
		return nil, fmt.Errorf("%s: after line %d: %w", t.name, line, err)
	}
	for i, v := range row {
		if !utf8.ValidString(v) {
			return nil, t.errorf("column %d is not UTF-8", i+1)
		}
	}
	if n := t.r.InputOffset() - t.done; n > 1<<16 {
		t.done += n
		t.j.advance(n)
		if err := t.j.ctx.Err(); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// place names the current row.
func (t *table) place() string {
	line, _ := t.r.FieldPos(0)
	return fmt.Sprintf("%s:%d", t.name, line)
}

func (t *table) errorf(format string, a ...any) error {
	return fmt.Errorf("%s: %w", t.place(), fmt.Errorf(format, a...))
}

func (t *table) close() {
	t.j.advance(t.r.InputOffset() - t.done)
	t.done = t.r.InputOffset()
	t.f.Close()
}
