package lokipush

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/prometheus/model/labels"

	"firedrill/replay"
)

// makeRecords returns n records of lines of about lineBytes over some streams, with 2 or 3 pairs of
// metadata, one each millisecond from start on.
func makeRecords(n, streams, lineBytes int, start int64) []replay.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([]*replay.Stream, streams)
	for i := range all {
		all[i] = &replay.Stream{ID: uint32(i), Labels: labels.FromStrings(
			"namespace", "shop", "service_name", fmt.Sprintf("service-%d", i), "pod", fmt.Sprintf("service-%d-7f9c-%d", i, i*7))}
	}
	words := strings.Fields("GET POST /api/cart/checkout status=200 took=13ms user order currency conversion failed ok retry upstream connection reset by peer")
	records := make([]replay.Record, n)
	for i := range records {
		line := fmt.Appendf(nil, "level=info seq=%d", i)
		for len(line) < lineBytes {
			line = append(append(line, ' '), words[rng.IntN(len(words))]...)
		}
		records[i] = replay.Record{
			Stream: all[rng.IntN(streams)],
			T:      start + int64(i)*1e6,
			Line:   line,
			Metadata: []replay.Pair{
				{Name: "trace_id", Value: fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())},
				{Name: "span_id", Value: fmt.Sprintf("%016x", rng.Uint64())},
			},
		}
		if i%2 == 0 {
			records[i].Metadata = append(records[i].Metadata, replay.Pair{Name: "node", Value: "node-a"})
		}
	}
	return records
}

// BenchmarkEncode measures encoding with compression on one core, by hand and with the generated types
// as their users fill them:
//
//	go test -run '^$' -bench Encode -benchmem -cpu 1 ./replay/lokipush
func BenchmarkEncode(b *testing.B) {
	items := makeRecords(4096, 20, 200, 1700000000e9)
	b.Run("by=hand", func(b *testing.B) {
		var (
			cache labelCache
			e     = newEncoder()
			lines int
			bytes int
		)
		b.ReportAllocs()
		for b.Loop() {
			for rest := items; len(rest) > 0; {
				n := e.gather(rest, &cache, DefaultMaxBytes, 0)
				bytes += len(e.compress(rest[:n]))
				rest, lines = rest[n:], lines+n
			}
		}
		b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
		b.ReportMetric(float64(bytes)/float64(lines), "bytes/line")
	})
	b.Run("by=generated", func(b *testing.B) {
		var (
			e     = newEncoder()
			lines int
		)
		b.ReportAllocs()
		for b.Loop() {
			raw, err := generated(items).Marshal()
			if err != nil {
				b.Fatal(err)
			}
			e.raw = raw
			e.zip()
			lines += len(items)
		}
		b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
	})
}

// generated builds the request of items from the generated types.
func generated(items []replay.Record) *push.PushRequest {
	var (
		request push.PushRequest
		slots   = map[*replay.Stream]int{}
	)
	for _, r := range items {
		slot, ok := slots[r.Stream]
		if !ok {
			slot = len(request.Streams)
			slots[r.Stream] = slot
			request.Streams = append(request.Streams, push.Stream{Labels: r.Stream.Labels.String()})
		}
		entry := push.Entry{Timestamp: unixNano(r.T), Line: string(r.Line)}
		for _, m := range r.Metadata {
			entry.StructuredMetadata = append(entry.StructuredMetadata, push.LabelAdapter{Name: m.Name, Value: m.Value})
		}
		request.Streams[slot].Entries = append(request.Streams[slot].Entries, entry)
	}
	return &request
}
