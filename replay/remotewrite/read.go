package remotewrite

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"firedrill/replay/endpoint"
)

// readSlice is how much time one remote read covers, in milliseconds: that of a TSDB block, so that the
// server opens few blocks for each.
const readSlice = 2 * int64(time.Hour/time.Millisecond)

// maxNames limits the metric names in one matcher. Longer expressions are slower than reading more.
const maxNames = 100

// point is a stored sample. H and FH are used again after the callback has returned.
type point struct {
	t  int64
	v  float64
	h  *histogram.Histogram
	fh *histogram.FloatHistogram
}

// matchers returns what selects the sink's series, limited to names unless these are none or many.
func (s *Sink) matchers(names []string) []*prompb.LabelMatcher {
	ms := make([]*prompb.LabelMatcher, 0, 1+len(s.extra))
	for _, l := range s.extra {
		ms = append(ms, &prompb.LabelMatcher{Type: prompb.LabelMatcher_EQ, Name: l.Name, Value: l.Value})
	}
	name := &prompb.LabelMatcher{Type: prompb.LabelMatcher_RE, Name: model.MetricNameLabel, Value: ".+"}
	switch {
	case len(names) == 1:
		name.Type, name.Value = prompb.LabelMatcher_EQ, names[0]
	case len(names) > 0 && len(names) <= maxNames:
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = regexp.QuoteMeta(n)
		}
		name.Value = strings.Join(quoted, "|")
	}
	return append(ms, name)
}

// read calls series for each stored series that matches and has chunks in [from, to], milliseconds
// and both inclusive, with an iterator that yields its samples. The labels are in the order of the
// server. A series may come in several parts, and parts may overlap. The iterator is valid during
// the call.
func (s *Sink) read(ctx context.Context, from, to int64, ms []*prompb.LabelMatcher, series func(ls []prompb.Label, points pointIterator) error) error {
	req := prompb.ReadRequest{
		Queries:               []*prompb.Query{{StartTimestampMs: from, EndTimestampMs: to, Matchers: ms}},
		AcceptedResponseTypes: []prompb.ReadRequest_ResponseType{prompb.ReadRequest_STREAMED_XOR_CHUNKS},
	}
	body, err := req.Marshal()
	if err != nil {
		return fmt.Errorf("remote read: %w", err)
	}
	hr, err := http.NewRequestWithContext(ctx, http.MethodPost, s.readURL, bytes.NewReader(snappy.Encode(nil, body)))
	if err != nil {
		return fmt.Errorf("remote read: %w", err)
	}
	hr.Header.Set("Content-Type", "application/x-protobuf")
	hr.Header.Set("Content-Encoding", "snappy")
	hr.Header.Set("X-Prometheus-Remote-Read-Version", "0.1.0")
	resp, err := s.reader.Do(hr)
	if err != nil {
		return fmt.Errorf("remote read: %w", endpoint.Lost(hr, err, false))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("remote read: %w", endpoint.Refusal(resp, time.Now()))
	}
	if mt, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); mt != "application/x-streamed-protobuf" {
		return fmt.Errorf("remote read: the server answered %q, but streamed remote read (application/x-streamed-protobuf) is needed", mt)
	}

	var (
		fs     = newFrames(resp.Body)
		answer prompb.ChunkedReadResponse
		points = pointIterator{from: from, to: to}
	)
	for {
		data, err := fs.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		answer.Reset()
		if err := answer.Unmarshal(data); err != nil {
			return fs.wrong(err)
		}
		for _, cs := range answer.ChunkedSeries {
			points.chunks = cs.Chunks
			if err := series(cs.Labels, points); err != nil {
				return err
			}
		}
	}
}

// pointIterator yields the samples of chunks that are in [from, to].
type pointIterator struct {
	from, to int64
	chunks   []prompb.Chunk
}

// each calls f for each sample, in order within a chunk.
func (p pointIterator) each(f func(point)) error {
	var (
		it chunkenc.Iterator
		h  histogram.Histogram
		fh histogram.FloatHistogram
	)
	for _, c := range p.chunks {
		chunk, err := chunkenc.FromData(chunkenc.Encoding(c.Type), c.Data)
		if err != nil {
			return fmt.Errorf("remote read: chunk from %d ms: %w", c.MinTimeMs, err)
		}
		it = chunk.Iterator(it)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			at := point{t: it.AtT()}
			if at.t < p.from || at.t > p.to {
				continue
			}
			switch kind {
			case chunkenc.ValFloat:
				_, at.v = it.At()
			case chunkenc.ValHistogram:
				_, at.h = it.AtHistogram(&h)
			case chunkenc.ValFloatHistogram:
				_, at.fh = it.AtFloatHistogram(&fh)
			}
			f(at)
		}
		if err := it.Err(); err != nil {
			return fmt.Errorf("remote read: chunk from %d ms: %w", c.MinTimeMs, err)
		}
	}
	return nil
}

// eachSlice calls f for consecutive parts, both ends inclusive, of [from, to].
func eachSlice(from, to int64, f func(from, to int64) error) error {
	for from <= to {
		end := min(to, from-mod(from, readSlice)+readSlice-1)
		if err := f(from, end); err != nil {
			return err
		}
		from = end + 1
	}
	return nil
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

// sortedLabels makes labels of an answer, with b.
func sortedLabels(b *labels.ScratchBuilder, ls []prompb.Label) labels.Labels {
	b.Reset()
	for _, l := range ls {
		b.Add(l.Name, l.Value)
	}
	if !slices.IsSortedFunc(ls, func(a, b prompb.Label) int { return strings.Compare(a.Name, b.Name) }) {
		b.Sort()
	}
	return b.Labels()
}
