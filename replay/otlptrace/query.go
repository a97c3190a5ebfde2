package otlptrace

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/sync/errgroup"

	"firedrill/replay"
	"firedrill/replay/endpoint"
)

const (
	// tracesPerQuery is how many traces one request asks for: 42 bytes of URL each, and servers and
	// proxies take about 8 KiB.
	tracesPerQuery = 100
	// concurrency is how many queries are under way at once.
	concurrency = 4
	// maxTraces limits the answer to one query, in bytes.
	maxTraces = 1 << 30
)

// notFound is what Jaeger says of a trace that it does not hold (internal/storage/v1/api/spanstore).
const notFound = "trace not found"

// spanKey is what makes a span one and the same to Jaeger: start is in microseconds.
type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
	start uint64
}

// Missing implements replay.Sink: a span is there when Jaeger has one of the same trace id, span id
// and start in microseconds.
func (s *Sink) Missing(ctx context.Context, items []replay.Span) ([]replay.Span, error) {
	ids := make([]pcommon.TraceID, len(items))
	for i := range items {
		ids[i] = items[i].Span.TraceID()
	}
	var mu sync.Mutex
	known := make(map[spanKey]bool, len(items))
	err := s.eachAnswer(ctx, ids, func(keys []spanKey) {
		mu.Lock()
		defer mu.Unlock()
		for _, k := range keys {
			known[k] = true
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read spans back: %w", err)
	}
	missing := items[:0]
	for _, item := range items {
		key := spanKey{item.Span.TraceID(), item.Span.SpanID(), uint64(item.Span.StartTimestamp()) / 1000}
		if !known[key] {
			missing = append(missing, item)
		}
	}
	return missing, nil
}

// StoredTraces implements replay.TraceCounter. An id given twice counts once.
func (s *Sink) StoredTraces(ctx context.Context, ids []pcommon.TraceID) (replay.Stored, error) {
	var spans atomic.Int64
	err := s.eachAnswer(ctx, ids, func(keys []spanKey) { spans.Add(int64(len(keys))) })
	if err != nil {
		return replay.Stored{}, fmt.Errorf("count spans: %w", err)
	}
	return replay.Stored{Items: spans.Load()}, nil
}

// eachAnswer asks for the traces of ids and calls f, from several goroutines, with the spans found.
func (s *Sink) eachAnswer(ctx context.Context, ids []pcommon.TraceID, f func([]spanKey)) error {
	if s.query == nil {
		return errors.New("no address of Jaeger's query API was given")
	}
	seen := make(map[pcommon.TraceID]bool, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	var query []pcommon.TraceID
	ask := func() {
		batch := query
		query = nil
		g.Go(func() error {
			keys, err := s.traces(ctx, batch)
			if err == nil {
				f(keys)
			}
			return err
		})
	}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		if query = append(query, id); len(query) == tracesPerQuery {
			ask()
		}
	}
	if len(query) > 0 {
		ask()
	}
	return g.Wait()
}

// traces asks for some traces as they are stored (raw): the default view drops duplicates and adjusts
// times.
func (s *Sink) traces(ctx context.Context, ids []pcommon.TraceID) ([]spanKey, error) {
	var target strings.Builder
	target.WriteString(strings.TrimSuffix(s.options.Query.URL, "/") + "/api/traces?raw=true")
	for _, id := range ids {
		target.WriteString("&traceID=" + id.String())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.query.Do(req)
	if err != nil {
		return nil, endpoint.Lost(req, err, false)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, endpoint.Refusal(resp, time.Now())
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTraces+1))
	if err != nil {
		return nil, endpoint.Lost(req, err, false)
	}
	if len(body) > maxTraces {
		return nil, fmt.Errorf("get /api/traces: answer is longer than %d bytes", maxTraces)
	}
	keys, err := parseTraces(body)
	if err != nil {
		return nil, fmt.Errorf("get /api/traces: %w", err)
	}
	return keys, nil
}

// parseTraces reads the spans of an answer (internal/uimodel). A trace that is not found is named among
// its errors; any other error makes the answer useless.
func parseTraces(body []byte) ([]spanKey, error) {
	var answer struct {
		Data []struct {
			Spans []struct {
				TraceID   string `json:"traceID"`
				SpanID    string `json:"spanID"`
				StartTime uint64 `json:"startTime"` // microseconds since the epoch
			} `json:"spans"`
		} `json:"data"`
		Errors []struct {
			Message string `json:"msg"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("parse answer: %w", err)
	}
	for _, e := range answer.Errors {
		if e.Message != notFound {
			return nil, fmt.Errorf("server answered: %s", cutWords(e.Message))
		}
	}
	var keys []spanKey
	for _, trace := range answer.Data {
		for _, span := range trace.Spans {
			key := spanKey{start: span.StartTime}
			var err error
			if key.trace, err = parseTraceID(span.TraceID); err != nil {
				return nil, fmt.Errorf("parse answer: %w", err)
			}
			id, err := strconv.ParseUint(span.SpanID, 16, 64)
			if err != nil {
				return nil, fmt.Errorf("parse answer: span id %.40q is not hexadecimal", span.SpanID)
			}
			binary.BigEndian.PutUint64(key.span[:], id)
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// parseTraceID reads an id as Jaeger writes it: 32 hexadecimal digits, or 16 when the first half is 0.
func parseTraceID(s string) (id pcommon.TraceID, err error) {
	high, low := "0", s
	if len(s) > 16 {
		high, low = s[:len(s)-16], s[len(s)-16:]
	}
	h, err1 := strconv.ParseUint(high, 16, 64)
	l, err2 := strconv.ParseUint(low, 16, 64)
	if err1 != nil || err2 != nil {
		return id, fmt.Errorf("trace id %.40q is not hexadecimal", s)
	}
	binary.BigEndian.PutUint64(id[:8], h)
	binary.BigEndian.PutUint64(id[8:], l)
	return id, nil
}
