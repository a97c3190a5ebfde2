package rebase_test

import (
	"testing"
	"time"

	"firedrill/replay/rebase"
)

// nezhaLine is what the recommendation service of the Online Boutique writes, as Docker stores it.
const nezhaLine = `{"log":"{\"timestamp\": \"2022-08-22T05:18:42.894734Z\", \"severity\": \"INFO\", \"name\": \"recommendationservice-server\", \"message\": \"TraceID: 04c87ec97bae041b1b15b3c7676a43cc SpanID: e4006dce6700e903 Query Recommendations\"}\n","stream":"stdout"}`

func BenchmarkLine(b *testing.B) {
	text := &rebase.Text{IDs: rebase.NewIDs([32]byte{1})}
	at := time.Date(2022, 8, 22, 5, 18, 42, 894734000, time.UTC).UnixNano()
	line := []byte(nezhaLine)
	buf := make([]byte, 0, 512)
	b.Logf("%d bytes: %s", len(line), text.Line(append(buf, line...), at, 1000*time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		buf = text.Line(append(buf[:0], line...), at, 1000*time.Hour)
	}
}
