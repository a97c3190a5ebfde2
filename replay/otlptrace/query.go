package otlptrace

import (
	"context"
	"encoding/hex"
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

// notJSON is part of what Jaeger says, with status 500, when a float attribute of any trace asked for is
// NaN or infinite (encoding/json, UnsupportedValueError).
const notJSON = "json: unsupported value"

// Missing implements replay.Sink: a span is there when Jaeger has one of the same trace id, span id
// and start in microseconds, with the resource attributes of this Sink.
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
		if !known[keyOf(item.Span)] {
			missing = append(missing, item)
		}
	}
	return missing, nil
}

// StoredTraces implements replay.TraceCounter: it counts the spans that have the resource attributes
// of this Sink. An id given twice counts once.
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
	var path strings.Builder
	path.WriteString("/api/traces?raw=true")
	for _, id := range ids {
		path.WriteString("&traceID=" + hex.EncodeToString(id[:]))
	}
	p := parser{s.options.ResourceAttributes}
	keys, err := s.ask(ctx, path.String(), p.parseTraces)
	var refusal *replay.PushError
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Words, notJSON) {
		return keys, err
	}
	// One attribute spoils the answer for all: ask the newer API, which takes one trace at a time.
	keys = nil
	for _, id := range ids {
		found, err := s.ask(ctx, "/api/v3/traces/"+hex.EncodeToString(id[:])+"?raw_traces=true", p.parseTracesV3)
		if errors.As(err, &refusal) && strings.HasPrefix(refusal.Status, strconv.Itoa(http.StatusNotFound)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

// ask makes one request of Jaeger's API. A refusal is a *replay.PushError, so that the caller can tell
// what may pass later.
func (s *Sink) ask(ctx context.Context, path string, parse func([]byte) ([]spanKey, error)) ([]spanKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.options.Query.URL, "/")+path, nil)
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
		return nil, fmt.Errorf("get %s: answer is longer than %d bytes", req.URL.Path, maxTraces)
	}
	keys, err := parse(body)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", req.URL.Path, err)
	}
	return keys, nil
}
