package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// exemplarsWriter sorts exemplars by time. The record of an exemplar is its time, the id of its
// series, and the rest of its line, ready to be written.
type exemplarsWriter struct {
	sort *sorter
	rec  []byte
	n    int64
}

func (w *exemplarsWriter) add(s *writeSeries, e replay.Exemplar) error {
	if e.T < 0 || e.T > maxSampleTime {
		return fmt.Errorf("exemplar of %s: time %d ms is before 1970 or absurdly late", s.labels, e.T)
	}
	if err := checkMetricLabels(e.Labels); err != nil {
		return fmt.Errorf("exemplar of %s: %w", s.labels, err)
	}
	b := putTime(w.rec[:0], e.T)
	b = binary.BigEndian.AppendUint32(b, s.id)
	b = append(b, `,"exemplars":[{"labels":`...)
	b = appendLabels(b, e.Labels)
	b = append(b, `,"value":"`...)
	b = strconv.AppendFloat(b, e.V, 'g', -1, 64)
	b = append(b, `","timestamp":`...)
	b = appendSeconds(b, e.T)
	b = append(b, "}]}\n"...)
	w.rec = b
	return w.sort.add(b)
}

// write merges the exemplars into one file. It drops exact duplicates, which are equal in time, and
// counts those that no sample can carry.
func (w *exemplarsWriter) write(root string, series []*writeSeries, changed *Changed) (_ File, err error) {
	m, err := w.sort.merge()
	if err != nil {
		return File{}, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	out, err := createFile(root, exemplarsName)
	if err != nil {
		return File{}, err
	}
	z, err := newEncoder(out)
	if err != nil {
		return File{}, err
	}
	err = w.writeLines(m, z, series, changed)
	err = errors.Join(err, z.Close())
	f, cerr := out.close()
	return f, errors.Join(err, cerr)
}

func (w *exemplarsWriter) writeLines(m *merger, z *zstd.Encoder, series []*writeSeries, changed *Changed) error {
	var line []byte
	var now int64
	seen := map[string]struct{}{} // records of the current time
	for {
		rec, err := m.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if t := getTime(rec); t != now {
			now = t
			clear(seen)
		}
		if _, ok := seen[string(rec)]; ok {
			changed.DuplicateExemplars++
			continue
		}
		seen[string(rec)] = struct{}{}
		s := series[binary.BigEndian.Uint32(rec[8:])]
		if !s.any || s.t < now {
			changed.UndeliverableExemplars++
		}
		line = append(line[:0], `{"seriesLabels":`...)
		line = appendLabels(line, s.labels)
		line = append(line, rec[12:]...)
		if _, err := z.Write(line); err != nil {
			return err
		}
		w.n++
	}
}

// appendLabels appends l as a JSON object.
func appendLabels(b []byte, l labels.Labels) []byte {
	b = append(b, '{')
	first := true
	l.Range(func(l labels.Label) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendJSONString(b, l.Name)
		b = append(b, ':')
		b = appendJSONString(b, l.Value)
	})
	return append(b, '}')
}

// appendSeconds appends a time in ms as seconds, the way Prometheus's API does (util/jsonutil).
func appendSeconds(b []byte, t int64) []byte {
	b = strconv.AppendInt(b, t/1000, 10)
	if ms := t % 1000; ms != 0 {
		b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s, which must be UTF-8, as a JSON string. Unlike encoding/json it leaves
// <, > and & as they are.
func appendJSONString[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
