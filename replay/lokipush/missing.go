package lokipush

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"

	"firedrill/replay"
)

const (
	// maxPage is how many lines are asked for at once: Loki's default max_entries_limit_per_query.
	maxPage = 5000
	// pageBytes is how many bytes of lines a page aims at, below the 4 MiB that Loki's processes pass
	// to each other by default (grpc_server_max_recv_msg_size).
	pageBytes = 2 << 20
)

// tooMany is how Loki refuses a page that is longer than its limit (pkg/querier/http.go).
var tooMany = regexp.MustCompile(`limit > max_entries_limit_per_query \(\d+ > (\d+)\)`)

// Missing implements replay.Sink: a record is there when Loki has a line of the same stream, time and
// text, once for each of them. Structured metadata is not compared. Of equal lines at one time only as
// many can be found as Loki returns at once (max_entries_limit_per_query).
func (s *Sink) Missing(ctx context.Context, items []replay.Record) ([]replay.Record, error) {
	w := newSearch(items)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, b := range w.batches(s.labels.nameSets()) {
		g.Go(func() error { return s.searchBatch(gctx, w, b) })
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("read lines back: %w", err)
	}
	missing := items[:0]
	for i := range items {
		if !w.found[i] {
			missing = append(missing, items[i])
		}
	}
	return missing, nil
}

// search holds what is looked for. Streams are disjoint, so that batches may run at the same time.
type search struct {
	items   []replay.Record
	found   []bool // by index of items
	streams []*wantedStream
}

// wantedStream is one stream of a search; index holds its items by time, equal times in their order.
type wantedStream struct {
	labels labels.Labels
	names  []string
	index  []int
	bytes  int
}

func newSearch(items []replay.Record) *search {
	w := &search{items: items, found: make([]bool, len(items))}
	byPointer := map[*replay.Stream]*wantedStream{}
	byLabels := map[string]*wantedStream{}
	for i := range items {
		ws, ok := byPointer[items[i].Stream]
		if !ok {
			ls := items[i].Stream.Labels.WithoutEmpty()
			key := ls.String()
			if ws, ok = byLabels[key]; !ok {
				ws = &wantedStream{labels: ls, names: labelNames(ls)}
				byLabels[key] = ws
				w.streams = append(w.streams, ws)
			}
			byPointer[items[i].Stream] = ws
		}
		ws.index = append(ws.index, i)
		ws.bytes += len(items[i].Line)
	}
	for _, ws := range w.streams {
		slices.SortStableFunc(ws.index, func(a, b int) int {
			switch ta, tb := items[a].T, items[b].T; {
			case ta < tb:
				return -1
			case ta > tb:
				return 1
			}
			return 0
		})
	}
	return w
}

// from and to bound the times of a stream's items, [from, to).
func (w *search) from(ws *wantedStream) int64 { return w.items[ws.index[0]].T }
func (w *search) to(ws *wantedStream) int64   { return w.items[ws.index[len(ws.index)-1]].T + 1 }

// mark notes that a line was found; false when nobody looks for it (any more).
func (w *search) mark(ws *wantedStream, line foundLine) bool {
	at, _ := slices.BinarySearchFunc(ws.index, line.t, func(i int, t int64) int {
		if w.items[i].T < t {
			return -1
		}
		return 1 // never equal, so that the first of equal times is found
	})
	for ; at < len(ws.index); at++ {
		i := ws.index[at]
		if w.items[i].T != line.t {
			return false
		}
		if !w.found[i] && sameLine(line.text, w.items[i].Line) {
			w.found[i] = true
			return true
		}
	}
	return false
}

// sameLine compares what Loki's API returned with what was pushed. The API puts U+FFFD for each byte that
// is no UTF-8.
func sameLine(stored string, line []byte) bool {
	if stored == string(line) {
		return true
	}
	return !utf8.Valid(line) && stored == string([]rune(string(line)))
}

// searchBatch pages through the lines of a batch and marks what it finds.
func (s *Sink) searchBatch(ctx context.Context, w *search, b *batch) error {
	for from := b.from; from < b.to; {
		streams, last, whole, err := s.lines(ctx, b, b.selector, from, b.to)
		if err != nil {
			return err
		}
		if !whole && last == from {
			if err := s.searchInstant(ctx, w, b, from); err != nil {
				return err
			}
			from++
			continue
		}
		// The last instant of a page may be incomplete: the next page begins with it.
		for _, fs := range streams {
			if ws := b.stream(fs.labels); ws != nil {
				for _, line := range fs.lines {
					if whole || line.t < last {
						w.mark(ws, line)
					}
				}
			}
		}
		if whole {
			return nil
		}
		from = last
	}
	return nil
}

// searchInstant marks the lines of one instant that has more of them than a page: stream by stream,
// and where that is not enough, line by line.
func (s *Sink) searchInstant(ctx context.Context, w *search, b *batch, t int64) error {
	for _, ws := range b.streams {
		wanted := map[string]int{} // copies by text
		for _, i := range ws.index {
			if w.items[i].T == t {
				wanted[string(w.items[i].Line)]++
			}
		}
		if len(wanted) == 0 {
			continue
		}
		own := &batch{selector: selector([]*wantedStream{ws}, b.known), streams: b.streams, page: b.page}
		streams, _, whole, err := s.lines(ctx, own, own.selector, t, t+1)
		if err != nil {
			return err
		}
		if whole {
			w.markAll(b, ws, streams, nil)
			continue
		}
		for text, copies := range wanted {
			own.page = copies
			if streams, _, _, err = s.lines(ctx, own, own.selector+equals(text), t, t+1); err != nil {
				return err
			}
			w.markAll(b, ws, streams, &text)
		}
	}
	return nil
}

// equals is a filter for lines that are text; just contain it, when it is no UTF-8, which no regular
// expression can hold.
func equals(text string) string {
	if !utf8.ValidString(text) {
		return " |= " + strconv.Quote(text)
	}
	return " |~ " + strconv.Quote("^"+regexp.QuoteMeta(text)+"$")
}

// markAll marks the lines of one stream, only those equal to text when it is given.
func (w *search) markAll(b *batch, ws *wantedStream, streams []foundStream, text *string) {
	for _, fs := range streams {
		if b.stream(fs.labels) != ws {
			continue
		}
		for _, line := range fs.lines {
			if text == nil || sameLine(line.text, []byte(*text)) {
				w.mark(ws, line)
			}
		}
	}
}

// lines returns one page of lines in [from, to), oldest first, the time of its last line, and whether
// it is all there is. It shrinks the page until Loki agrees to its size.
func (s *Sink) lines(ctx context.Context, b *batch, query string, from, to int64) (streams []foundStream, last int64, whole bool, err error) {
	for {
		limit := min(b.page, int(s.page.Load()))
		streams, err = get(ctx, s, "/loki/api/v1/query_range", url.Values{
			"query":     {query},
			"start":     {nanos(from)},
			"end":       {nanos(to)},
			"limit":     {strconv.Itoa(limit)},
			"direction": {"forward"},
		}, parseLines)
		if err == nil {
			n := 0
			for _, fs := range streams {
				n += len(fs.lines)
				for _, line := range fs.lines {
					last = max(last, line.t)
				}
			}
			return streams, last, n < limit, nil
		}
		if !s.shrink(b, limit, err) {
			return nil, 0, false, err
		}
	}
}

// shrink lowers the size of a page when that is what an error asks for.
func (s *Sink) shrink(b *batch, limit int, err error) bool {
	var refusal *replay.PushError
	if !errors.As(err, &refusal) || limit == 1 {
		return false
	}
	if m := tooMany.FindStringSubmatch(refusal.Words); m != nil {
		if most, err := strconv.Atoi(m[1]); err == nil && 0 < most && most < limit {
			s.page.Store(int64(most))
			return true
		}
		return false
	}
	// "received message larger than max": too many bytes between Loki's own processes.
	if strings.Contains(refusal.Words, "larger than max") {
		b.page = max(1, limit/2)
		return true
	}
	return false
}
