package rebase_test

import (
	"testing"
	"time"

	"firedrill/replay/rebase"
)

// nezhaLine is what the recommendation service of the Online Boutique writes, as Docker stores it.
const nezhaLine = `{"log":"{\"timestamp\": \"2022-08-22T05:18:42.894734Z\", \"severity\": \"INFO\", \"name\": \"recommendationservice-server\", \"message\": \"TraceID: 04c87ec97bae041b1b15b3c7676a43cc SpanID: e4006dce6700e903 Query Recommendations\"}\n","stream":"stdout"}`

// go test -run '^$' -bench Line -benchmem ./replay/rebase
func BenchmarkLine(b *testing.B) {
	at := recordedAt.UnixNano()
	for _, c := range []struct{ name, line string }{
		{"json", nezhaLine},
		{"clf", `10.0.0.1 - - [22/Aug/2022:05:18:42 +0000] "GET /product/OLJCESPC7Z HTTP/1.1" 200 1234 "-" "Mozilla/5.0"`},
		{"plain", `get results: {OLJCESPC7Z Vintage Typewriter This typewriter looks good in your living room. /static/img}`},
	} {
		b.Run("line="+c.name, func(b *testing.B) {
			text := &rebase.Text{IDs: rebase.NewIDs(sequentialKey())}
			buf := make([]byte, 0, 512)
			b.SetBytes(int64(len(c.line)))
			b.ReportAllocs()
			for b.Loop() {
				buf = text.Line(append(buf[:0], c.line...), at, 1000*time.Hour)
			}
		})
	}
}
