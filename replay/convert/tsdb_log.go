package convert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// log is a write-ahead or write-behind log: a checkpoint, if any, and the segments after it.
type log struct {
	dir        string
	checkpoint string // empty when there is none
	first      int    // segment to begin with; -1 for all
	last       int    // segment; -1 when there is none
	lastSize   int64  // of the last segment, bytes
	size       int64  // of what is read, bytes
}

func openLog(dir string, checkpoints bool) (*log, error) {
	l := &log{dir: dir, first: -1}
	var err error
	if checkpoints {
		var at int
		switch l.checkpoint, at, err = wlog.LastCheckpoint(dir); {
		case errors.Is(err, record.ErrNotFound):
		case err != nil:
			return nil, fmt.Errorf("%s: %w", dir, err)
		default:
			l.first = at + 1
			if l.size, err = sizeOf(l.checkpoint); err != nil {
				return nil, err
			}
		}
	}
	first, last, err := wlog.Segments(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	l.last = last
	if last < 0 || last < l.first {
		l.last = -1
		return l, nil
	}
	for i := max(first, l.first); i <= last; i++ {
		s, err := os.Stat(wlog.SegmentName(dir, i))
		if err != nil {
			return nil, err
		}
		l.lastSize = s.Size()
		l.size += s.Size()
	}
	if l.first > 0 && first > l.first {
		return nil, fmt.Errorf("%s: segments %d to %d are missing after %s: copy the whole directory", dir, l.first, first-1, filepath.Base(l.checkpoint))
	}
	return l, nil
}

// each calls do with every record, oldest first. It reports whether the last record is torn, as a
// crash or a copy of a running server leaves it.
func (l *log) each(ctx context.Context, do func(*record.Decoder, []byte) error) (torn bool, err error) {
	if l.checkpoint != "" {
		if _, err := l.read(ctx, wlog.SegmentRange{Dir: l.checkpoint, First: -1, Last: -1}, -1, do); err != nil {
			return false, err
		}
	}
	if l.last < 0 {
		return false, nil
	}
	return l.read(ctx, wlog.SegmentRange{Dir: l.dir, First: l.first, Last: l.last}, l.last, do)
}

// read goes through one range of segments. Only a record that the end of segment mayTear cuts off is torn.
func (l *log) read(ctx context.Context, sr wlog.SegmentRange, mayTear int, do func(*record.Decoder, []byte) error) (torn bool, err error) {
	rc, err := wlog.NewSegmentsRangeReader(sr)
	if err != nil {
		return false, err
	}
	defer rc.Close()
	r := wlog.NewReader(rc)
	dec := record.NewDecoder(labels.NewSymbolTable(), slog.New(slog.DiscardHandler))
	for n := 0; r.Next(); n++ {
		// The reader pads a short segment with zeros, so that a lone first byte of a header looks like
		// an empty record with a right checksum.
		if len(r.Record()) == 0 && r.Segment() == mayTear && r.Offset() > l.lastSize {
			return true, nil
		}
		if len(r.Record()) == 0 {
			return false, fmt.Errorf("%s: before offset %d: empty record", wlog.SegmentName(sr.Dir, r.Segment()), r.Offset())
		}
		if err := decode(&dec, r.Record(), do); err != nil {
			return false, fmt.Errorf("%s: before offset %d: %w", wlog.SegmentName(sr.Dir, r.Segment()), r.Offset(), err)
		}
		if n%1000 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	err = r.Err()
	var ce *wlog.CorruptionErr
	if !errors.As(err, &ce) {
		return false, err
	}
	if ce.Segment == mayTear && ce.Offset >= l.lastSize {
		return true, nil
	}
	return false, fmt.Errorf("%s: offset %d: %w: the log is damaged there; let Prometheus repair a copy, or remove the wal to import only the blocks",
		wlog.SegmentName(sr.Dir, ce.Segment), ce.Offset, ce.Err)
}

func decode(dec *record.Decoder, rec []byte, do func(*record.Decoder, []byte) error) (err error) {
	defer guard(&err)
	if err := plausible(record.Type(rec[0]), rec); err != nil {
		return err
	}
	return do(dec, rec)
}
